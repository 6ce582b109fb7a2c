"""From a circuit to an explicit Brian2 network; the same assembly serves the C++ and the numpy target."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import brian2

from ssnbrian.circuit import (
    AllToAll,
    Annealed,
    Bernoulli,
    Circuit,
    FixedInDegree,
    InputPopulation,
    Population,
    Projection,
)
from ssnbrian.circuit.composition import declared
from ssnbrian.circuit.equations import parse_statements
from ssnbrian.circuit.units import DIMENSIONLESS, parse_unit
from ssnbrian.engine.crossing import Crossing, bridge_crossing, bridge_refusal, grid_crossing
from ssnbrian.engine.names import group_name, rename, renamed_in_target, shared_parameters, synapses_name
from ssnbrian.engine.options import BuildOptions
from ssnbrian.engine.state_updaters import state_updater

#: Name of the draw, in generated code, of whether a spike reaches a target.
_REACHES = "spike_reaches_target"


def brian_unit(unit: str) -> str:
    """A unit of the description as Brian2 text in base units."""
    _, dimension = parse_unit(unit)
    names = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candle")
    volt = parse_unit("V")[1]
    for text, factor in (("volt", volt), ("1", DIMENSIONLESS)):
        rest = [float(a - b) for a, b in zip(dimension, factor, strict=True)]
        if not any(rest[:2]) and not any(rest[3:]):
            power = f"second**{rest[2]:g}".removesuffix("**1") if rest[2] else "1"
            return power if text == "1" else text if power == "1" else f"{text}*{power}"
    return "*".join(f"{name}**{float(e):g}" for name, e in zip(names, dimension, strict=True) if e)


def _synaptic_equations(incoming: list[Projection]) -> Iterator[str]:
    currents = []
    for projection in incoming:
        names = renamed_in_target(projection)
        if projection.synapse.current is not None:
            currents.append(names[projection.synapse.current])
            yield rename(projection.synapse.target_equations, names)
            for parameter in projection.synapse.parameters:
                if parameter.name in names:
                    yield f"{names[parameter.name]} : {brian_unit(parameter.unit)} (shared, constant)"
            if "weight" in names:
                yield f"{names['weight']} : volt (shared, constant)"
    total = " + ".join(currents) if currents else "0*volt/second"
    yield f"mu_synaptic = {total} : volt/second"


def crossing_of(population: Population, options: BuildOptions) -> Crossing:
    """The bridge where it is valid and wanted, the grid otherwise."""
    if options.grid_threshold or bridge_refusal(population.neuron) is not None:
        return grid_crossing(population.neuron)
    return bridge_crossing(population.neuron)


def neuron_equations(circuit: Circuit, population: Population, options: BuildOptions) -> str:
    """Full Brian2 equations of one population in its circuit."""
    incoming = [projection for projection in circuit.projections if projection.target == population.name]
    lines = [population.neuron.equations.strip()]
    lines.append("mu_ext = mu_drive(t + 0.5*dt) : volt/second (shared, constant over dt)")
    lines += _synaptic_equations(incoming)
    lines += [f"{p.name} : {brian_unit(p.unit)} (shared, constant)" for p in population.neuron.parameters]
    lines.append("counted : 1 (shared)")
    lines.append(crossing_of(population, options).equations)
    return "\n".join(line for line in lines if line)


@contextmanager
def _naming(what: str) -> Iterator[None]:
    """Say where Brian2 found an error; its own message often does not."""
    try:
        yield
    except Exception as error:
        raise RuntimeError(f"{what}:") from error


@dataclass(frozen=True)
class AssembledNetwork:
    """A Brian2 network with its objects by name."""

    network: Any
    groups: dict[str, Any]
    spike_monitors: dict[str, Any]
    state_monitors: dict[str, Any]


def _neuron_group(circuit: Circuit, population: Population, options: BuildOptions, drive: Any, tally: Any) -> Any:
    crossing = crossing_of(population, options)
    model = population.neuron
    group = brian2.NeuronGroup(
        population.size,
        neuron_equations(circuit, population, options),
        threshold=crossing.threshold,
        reset=crossing.reset,
        refractory=crossing.refractory or False,
        method=state_updater(model),
        name=group_name(population.name),
        namespace={"mu_drive": drive, "tally": tally},
    )
    if tally is not None:
        group.run_regularly("counted = tally(t)", when="after_thresholds", name=f"tally_{population.name}")
    return group


def connection_arguments(projection: Projection) -> dict[str, Any]:
    """Arguments of Brian2's ``connect`` for a projection's connection rule."""
    rule, recurrent = projection.rule, projection.source == projection.target
    if isinstance(rule, FixedInDegree):
        if rule.in_degree == 0:
            return {"condition": False}
        if recurrent:
            return {"i": f"k + int(k >= j) for k in sample(N_pre - 1, size={rule.in_degree})"}
        return {"i": f"k for k in sample(N_pre, size={rule.in_degree})"}
    if isinstance(rule, Annealed):
        return {"condition": True}
    if isinstance(rule, AllToAll):
        return {"condition": "i != j" if recurrent and not rule.autapses else True}
    assert isinstance(rule, Bernoulli)
    return {"condition": "i != j" if recurrent else True, "p": rule.probability}


def annealed(on_pre: str) -> str:
    """The statements of a spike, which only add, as they act where a fresh draw says that it reaches the target."""
    lines = [f"{_REACHES} = int(rand() < probability)"]
    for one in parse_statements(on_pre, "on_pre"):
        added = one.expression if one.expression.isalnum() else f"({one.expression})"
        lines.append(f"{one.target} {one.operator} {added}*{_REACHES}")
    return "\n".join(lines)


def synapse_texts(projection: Projection, changing: bool = False) -> tuple[str, str, str]:
    """Equations, on_pre and on_post of a projection as Brian2 text; a ``changing`` weight is ``weight_course(t)``."""
    model = projection.synapse
    parameters = [f"{p.name} : {brian_unit(p.unit)} (shared, constant)" for p in model.parameters]
    names = renamed_in_target(projection)
    targets = {name: names[name] for name in declared(model.target_equations)}
    weight = "weight = weight_course(t) : volt (shared)" if changing else "weight : volt (shared, constant)"
    equations = [model.equations] if model.equations else []
    on_pre = rename(model.on_pre, targets)
    if isinstance(projection.rule, Annealed):
        equations, on_pre = ["probability : 1 (shared, constant)"], annealed(on_pre)
    return "\n".join([weight, *parameters, *equations]), on_pre, rename(model.on_post, targets)


def _synapses(projection: Projection, groups: Mapping[str, Any], course: Any) -> Any:
    equations, on_pre, on_post = synapse_texts(projection, changing=course is not None)
    source, target = groups[projection.source], groups[projection.target]
    name = synapses_name(projection)
    namespace = {} if course is None else {"weight_course": course}
    texts = {"on_pre": on_pre} | ({"on_post": on_post} if on_post else {})
    options = {"name": name, "namespace": namespace, "method": "exponential_euler"}
    return brian2.Synapses(source, target, equations, **options, **texts)


def _input_group(population: InputPopulation, course: Any) -> Any:
    return brian2.NeuronGroup(
        population.size,
        "rate = rate_course(t + 0.5*dt) : hertz (shared, constant over dt)",
        threshold="rand() < rate*dt",
        name=group_name(population.name),
        namespace={"rate_course": course},
    )


def assemble(
    circuit: Circuit,
    options: BuildOptions,
    drives: Mapping[str, Any],
    tallies: Mapping[str, Any],
    courses: Mapping[str, Any],
    after_parameters: Callable[[], None] = lambda: None,
) -> AssembledNetwork:
    """Build the Brian2 objects on the active device.

    ``drives`` and ``tallies`` map populations to Brian2 functions (a tally of None counts nothing), ``courses`` the
    input populations and the projections of changing weight.
    ``after_parameters`` is called when the shared parameters are set and before delays and initial values.
    """
    groups, synapses, inputs = {}, {}, {}
    for one in circuit.inputs:
        inputs[one.name] = _input_group(one, courses[one.name])
    for population in circuit.populations:
        name = population.name
        with _naming(f"population {name}"):
            groups[name] = _neuron_group(circuit, population, options, drives[name], tallies[name])
    for projection in circuit.projections:
        with _naming(f"projection {projection.name}"):
            synapses[projection.name] = _synapses(projection, groups | inputs, courses.get(projection.name))
            synapses[projection.name].connect(**connection_arguments(projection))
    owners = {brian_object.name: brian_object for brian_object in [*groups.values(), *synapses.values()]}
    for (owner, name), value in shared_parameters(circuit, options.changing_weights).items():
        setattr(owners[owner], name, value.quantity)
    after_parameters()
    for projection in circuit.projections:
        if projection.synapse.delay is not None:
            synapses[projection.name].delay = projection.synapse.delay
        for variable, expression in projection.synapse.initial:
            setattr(synapses[projection.name], variable, expression)
    for population in circuit.populations:
        for variable, expression in population.neuron.initial:
            setattr(groups[population.name], variable, expression)
    spikes = {
        name: brian2.SpikeMonitor(group, record=options.spikes, name=f"spikes_{name}") for name, group in groups.items()
    }
    states = {
        f"{name}.{variable}": brian2.StateMonitor(
            groups[name], variable, record=list(indices), name=f"recorded_{name}_{variable}"
        )
        for name, variable, indices in options.variables
    }
    objects = (group.values() for group in (groups, inputs, synapses, spikes, states))
    network = brian2.Network(*itertools.chain.from_iterable(objects), name="network")
    return AssembledNetwork(network, groups, spikes, states)
