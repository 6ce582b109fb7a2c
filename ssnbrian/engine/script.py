"""The Brian2 script of a circuit: plain Brian2 that runs by itself and gives the same network."""

from __future__ import annotations

from typing import Any

from ssnbrian.circuit import Circuit, Drive, InvalidInputError, Population, Value
from ssnbrian.circuit.drive import SineDrive, resolve_drives
from ssnbrian.engine.names import group_name, shared_parameters, synapses_name
from ssnbrian.engine.network import (
    brian_unit,
    connection_arguments,
    crossing_of,
    neuron_equations,
    synapse_texts,
)
from ssnbrian.engine.options import BuildOptions
from ssnbrian.engine.state_updaters import state_updater

MOST_KNOTS = 200


def drive_expression(drive: Drive, time: str) -> str:
    """A drive as a Brian2 expression of ``time``, in volt/second; of a sine the sine itself, not its chords."""
    if isinstance(drive, SineDrive):
        angle = f"2*pi*{drive.frequency!r}*{time}/second + {drive.phase!r}"
        return f"({drive.mean!r} + {drive.amplitude!r}*sin({angle}))*mvolt/second"
    if len(drive.times) > MOST_KNOTS:
        raise InvalidInputError(
            f"a drive of {len(drive.times)} knots does not fit into a readable script (at most {MOST_KNOTS})"
        )
    terms = [f"{drive.values[0]!r}"]
    for left, right, low, high in zip(drive.times, drive.times[1:], drive.values, drive.values[1:], strict=False):
        if low == high:
            continue
        if right == left:
            terms.append(f"{high - low!r}*int({time} >= {left!r}*second)")
        else:
            terms.append(f"{(high - low) / (right - left)!r}*clip({time}/second - {left!r}, 0, {right - left!r})")
    return f"({' + '.join(terms)})*mvolt/second"


def _step_code(circuit: Circuit, population: Population, options: BuildOptions, method: Any) -> str:
    """Abstract code of one step of a population's equations by a state updater."""
    import brian2

    equations = neuron_equations(circuit, population, options).replace("mu_drive(t + 0.5*dt)", "0*volt/second")
    refractory = crossing_of(population, options).refractory or False
    texts = {"threshold": population.neuron.threshold, "refractory": refractory} if refractory else {}
    group = brian2.NeuronGroup(1, equations, method=method, namespace={}, name="probe*", **texts)
    # Brian2 warns of groups that belong to no network when they go.
    group._network = "probe"
    return method(group.equations, group.variables)


def _quoted(text: str) -> str:
    return f'"""\n{text}\n"""' if "\n" in text else repr(text)


def _brian2_value(value: Value) -> str:
    unit = brian_unit(value.natural_unit())
    return f"{value.si!r}" if unit == "1" else f"{value.si!r}*{unit}"


def _group_lines(circuit: Circuit, population: Population, options: BuildOptions, drive: Drive) -> list[str]:
    name, crossing = group_name(population.name), crossing_of(population, options)
    expression = drive_expression(drive, "(t + 0.5*dt)")
    equations = neuron_equations(circuit, population, options).replace("mu_drive(t + 0.5*dt)", expression)
    equations = "\n".join(line for line in equations.splitlines() if not line.startswith("counted"))
    lines = [f"# {population.name}: {population.neuron.explanation}"]
    method = repr(population.neuron.method)
    updater = state_updater(population.neuron)
    if not isinstance(updater, str):
        method = f"{population.neuron.method}_step_{population.name}"
        code = _step_code(circuit, population, options, updater).replace("\n", "\n    ")
        lines += [
            f"def {method}(equations, variables=None, method_options=None):",
            "    # One step of the equations below.",
            f'    return """\n    {code}\n    """.replace("\\n    ", "\\n")',
            "",
        ]
    refractory = f", refractory={crossing.refractory!r}" if crossing.refractory else ""
    return [
        *lines,
        f"{name} = NeuronGroup({population.size}, {_quoted(equations)},",
        f"    threshold={crossing.threshold!r},",
        f"    reset={crossing.reset!r}{refractory}, method={method}, name={name!r})",
    ]


def brian2_script(circuit: Circuit, options: BuildOptions | None = None) -> str:
    """Python text that needs Brian2 alone.

    Raises :class:`InvalidInputError` when the circuit has no default drive or one of very many knots.
    """
    options = options or BuildOptions()
    if circuit.drive is None:
        raise InvalidInputError(
            f"circuit {circuit.name} has no default drive, so its script would have no input; add a [drive] to its file"
        )
    kinds = [(population.name, population.kind) for population in circuit.populations]
    length = circuit.drive.duration or 20.0
    drives, duration = resolve_drives(kinds, circuit.drive, circuit.ratio, length)
    title = f"{circuit.name}: {circuit.description}".rstrip(": ")
    lines = [f'"""{title}', *(["", circuit.source] if circuit.source else []), '"""', ""]
    lines += ["from brian2 import *", "", "set_device('cpp_standalone')  # leave out to run without a compiler"]
    lines += ["defaultclock.dt = 0.1*ms", "seed(1)", ""]
    for population in circuit.populations:
        lines += [*_group_lines(circuit, population, options, drives[population.name]), ""]
    for one in circuit.inputs:
        name = group_name(one.name)
        lines += [f"{name} = PoissonGroup({one.size}, {one.rate.to('Hz')!r}*Hz, name={name!r})", ""]
    for projection in circuit.projections:
        name = synapses_name(projection)
        equations, on_pre, on_post = synapse_texts(projection)
        ends = f"{group_name(projection.source)}, {group_name(projection.target)}"
        arguments = ", ".join(f"{key}={value!r}" for key, value in connection_arguments(projection).items())
        texts = f"on_pre={_quoted(on_pre)}" + (f", on_post={_quoted(on_post)}" if on_post else "")
        method = ", method='exponential_euler'" if projection.synapse.equations else ""
        lines.append(f"{name} = Synapses({ends}, {_quoted(equations)}, {texts}{method}, name={name!r})")
        lines.append(f"{name}.connect({arguments})")
    lines.append("")
    for (owner, parameter), value in shared_parameters(circuit).items():
        lines.append(f"{owner}.{parameter} = {_brian2_value(value)}")
    for projection in circuit.projections:
        if projection.synapse.delay is not None:
            lines.append(f"{synapses_name(projection)}.delay = {projection.synapse.delay!r}")
        for variable, expression in projection.synapse.initial:
            lines.append(f"{synapses_name(projection)}.{variable} = {expression!r}")
    for population in circuit.populations:
        for variable, expression in population.neuron.initial:
            lines.append(f"{group_name(population.name)}.{variable} = {expression!r}")
    lines.append("")
    for name, _ in kinds:
        lines.append(f"rate_{name} = PopulationRateMonitor({group_name(name)})")
    lines += [f"run({duration!r}*second, report='text')", ""]
    for name, _ in kinds:
        lines.append(f"print('{name}', mean(rate_{name}.rate))")
    return "\n".join(lines) + "\n"
