"""Brian2 objects brought in as models and circuits: the inverse of the script, and networks written by hand."""

import dataclasses
import logging
import re

import brian2
import numpy as np
import pytest
import sympy
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, SpikeMonitor, Synapses, ms, mV, second
from brian2.parsing.sympytools import str_to_sympy
from children import run_python
from ssnbrian.models.adaptation import SPIKE_ADAPTATION
from ssnbrian.models.neurons.integrate_and_fire import ADEX, LEAKY
from ssnbrian.models.neurons.lif import LIF_REFRACTORY
from ssnbrian.models.noise import WHITE_NOISE
from ssnbrian.models.plasticity.short_term import DEPRESSION, TSODYKS_MARKRAM
from ssnbrian.models.plasticity.spike_timing import PAIR_STDP
from ssnbrian.models.synapses.conductance import CONDUCTANCE_EXCITATORY, CONDUCTANCE_INHIBITORY, NMDA
from ssnbrian.models.synapses.current import ALPHA, DELTA, EXPONENTIAL

from ssnbrian.circuit import (
    AllToAll,
    Bernoulli,
    Circuit,
    Constant,
    FixedInDegree,
    InputPopulation,
    InvalidInputError,
    Population,
    Projection,
    load_circuit,
)
from ssnbrian.circuit.equations import parse_equations
from ssnbrian.engine.bring_in import Choices, circuit_from_brian2, neuron_from_brian2, synapse_from_brian2
from ssnbrian.engine.script import brian2_script
from ssnbrian.engine.simulate import check_models, simulate

pytestmark = pytest.mark.xdist_group("bring-in")


# Most objects here are brought in without having run.
brian2.BrianLogger.suppress_name("unused_brian_object")


@pytest.fixture(autouse=True)
def quiet_brian2():
    previous = logging.root.manager.disable
    brian2.prefs.codegen.target = "numpy"
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(previous)
    brian2.prefs.codegen.target = "auto"


def library_circuit():
    """Noise with the bridge, adaptation, AdEx, conductances, NMDA, delays, inputs and plasticity."""
    rest = (("v", "rest"),)
    adapting = dataclasses.replace(LEAKY, initial=rest) + SPIKE_ADAPTATION
    noisy_adex = dataclasses.replace(ADEX + WHITE_NOISE, initial=(("v", "reset"),))
    adex = dataclasses.replace(ADEX, initial=(("v", "reset"),))
    noisy = dataclasses.replace(LIF_REFRACTORY, initial=(("v", "0.5*threshold"),)) + SPIKE_ADAPTATION
    populations = (
        Population("A", 3, adapting),
        Population("B", 3, dataclasses.replace(LEAKY, name="lif_b", initial=rest), "inhibitory"),
        Population("C", 3, adex, parameters={"a": "5 nS"}),
        Population("L", 30, noisy),
        Population("D", 2, noisy_adex),
    )
    projections = (
        Projection("A", "B", "0.3 mV", AllToAll(), NMDA + DEPRESSION),
        Projection("A", "C", "0.2 mV", FixedInDegree(2), CONDUCTANCE_EXCITATORY + PAIR_STDP),
        Projection("A", "A", "0.2 mV", AllToAll(), ALPHA),
        Projection("B", "A", "0.3 mV", AllToAll(), CONDUCTANCE_INHIBITORY),
        Projection("B", "C", "0.3 mV", AllToAll(), EXPONENTIAL, {"delay_low": "1 ms", "delay_high": "1 ms"}),
        Projection("B", "L", "0.01 mV", AllToAll(), DELTA + TSODYKS_MARKRAM),
        Projection("X", "L", "0.01 mV", FixedInDegree(20), DELTA),
    )
    inputs = (InputPopulation("X", 50, "8 Hz"),)
    return Circuit("library", populations, projections, Constant(1000), inputs=inputs)


BRING = """
import sys
import brian2
import script
from ssnbrian.circuit import circuit_to_toml
from ssnbrian.engine.bring_in import circuit_from_brian2
kinds = (brian2.NeuronGroup, brian2.PoissonGroup, brian2.Synapses, brian2.PopulationRateMonitor)
objects = [one for one in vars(script).values() if isinstance(one, kinds)]
circuit = circuit_from_brian2(objects, "brought", namespace=vars(script))
open("brought.toml", "w", encoding="utf-8").write(circuit_to_toml(circuit))
"""


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """The library's circuit, as its script and Brian2 give it back."""
    folder = tmp_path_factory.mktemp("brought")
    lines = brian2_script(library_circuit()).splitlines()
    assert "set_device('cpp_standalone')" in "\n".join(lines)
    lines = ["prefs.codegen.target = 'numpy'" if one.startswith("set_device") else one for one in lines]
    lines = [one for one in lines if not one.startswith(("run(", "print("))]
    (folder / "script.py").write_text("\n".join(lines), encoding="utf-8")
    (folder / "bring.py").write_text(BRING, encoding="utf-8")
    run_python([folder / "bring.py"], folder)
    return load_circuit(folder / "brought.toml")


def same(first, second):
    return sympy.simplify(str_to_sympy(first) - str_to_sympy(second)) == 0


def assert_same_equations(ours, theirs):
    first = {one.name: one for one in parse_equations(ours, "ours")}
    second = {one.name: one for one in parse_equations(theirs, "theirs")}
    assert set(first) == set(second)
    for name, one in first.items():
        assert (one.kind, one.flags) == (second[name].kind, second[name].flags)
        assert one.expression is None or same(one.expression, second[name].expression), name


def assert_same_on_pre(ours, theirs, values):
    """The statements are the same, or the one with the weight has the same value."""
    for first, other in zip(ours.splitlines(), theirs.splitlines(), strict=True):
        if re.search(r"\bweight\b", first):
            (target, right), (same_target, left) = (line.split("+=") for line in (first, other))
            assert target.removesuffix("_post ") == same_target.removesuffix("_post ")
            ratio = sympy.simplify(str_to_sympy(right) / str_to_sympy(left))
            values = values | {"mV": 1e-3}
            numbers = {symbol: values[symbol.name] for symbol in ratio.free_symbols if symbol.name in values}
            assert float(ratio.subs(numbers)) == pytest.approx(1, rel=1e-12)
        else:
            assert first == other


def test_the_script_comes_back_as_the_circuit(brought):
    original = library_circuit()
    check_models(brought)
    assert [one.name for one in brought.populations] == [one.name for one in original.populations]
    assert brought.inputs == original.inputs
    for ours, theirs in zip(original.populations, brought.populations, strict=True):
        assert (ours.size, ours.kind) == (theirs.size, theirs.kind)
        assert dict(ours.parameters) == dict(theirs.parameters)
        for field in ("threshold", "reset", "refractory", "noise", "method", "membrane"):
            assert getattr(ours.neuron, field) == getattr(theirs.neuron, field), (ours.name, field)
        assert_same_equations(ours.neuron.equations, theirs.neuron.equations)
    assert {one.name for one in brought.projections} == {one.name for one in original.projections}
    for ours in original.projections:
        theirs = brought.projection(ours.source, ours.target)
        assert ours.rule == theirs.rule
        assert theirs.weight.si == pytest.approx(ours.weight.si, rel=1e-12)
        assert (ours.synapse.current is None) == (theirs.synapse.current is None)
        added = theirs.synapse.target_equations.replace(str(theirs.synapse.current), str(ours.synapse.current))
        assert_same_equations(ours.synapse.target_equations, added)
        assert_same_equations(ours.synapse.equations, theirs.synapse.equations)
        values = {name: value.si for name, value in ours.parameters.items()}
        assert_same_on_pre(ours.synapse.on_pre, theirs.synapse.on_pre, values)
        assert ours.synapse.on_post == theirs.synapse.on_post
        given = {name: value for name, value in theirs.parameters.items() if name != "delay_time"}
        assert given.items() <= dict(ours.parameters).items()


def among(circuit, names):
    """The populations named and what connects them."""
    return circuit.replace(
        populations=tuple(one for one in circuit.populations if one.name in names),
        projections=tuple(one for one in circuit.projections if {one.source, one.target} <= set(names)),
        inputs=(),
    )


def test_the_script_comes_back_with_the_same_traces(brought):
    traces = []
    for circuit in (library_circuit(), brought):
        settings = {"target": "numpy", "runaway_rate": None, "variables": {f"{name}.v": [0, 1, 2] for name in "ABC"}}
        recording = simulate(among(circuit, "ABC"), Constant(1000), duration=0.03, seed=1, **settings)
        traces.append(recording.variables)
    for name in "ABC":
        ours, theirs = (one[f"{name}.v"] for one in traces)
        assert np.ptp(ours) > 5e-3
        # The draws of C's sources are the same for the same seed.
        np.testing.assert_allclose(theirs, ours, rtol=1e-6, atol=1e-9, err_msg=name)


def vogels_abbott(conductances, size, p):
    """Vogels and Abbott's network (2005) as users write it, with currents or conductances, four fifths excitatory."""
    taum, taue, taui, Vt, Vr, El = 20 * ms, 5 * ms, 10 * ms, -50 * mV, -60 * mV, -45 * mV
    if conductances:
        Ee, Ei, we, wi = 0 * mV, -80 * mV, 0.02, 0.06
        membrane, unit = "(ge*(Ee - v) + gi*(Ei - v) - (v - El))/taum", "1"
    else:
        we, wi = 0.3 * mV, -1 * mV
        membrane, unit = "(ge + gi - (v - El))/taum", "volt"
    equations = f"""
    dv/dt = {membrane} : volt (unless refractory)
    dge/dt = -ge*(1./taue) : {unit}   # excitation
    dgi/dt = -gi*(1./taui) : {unit}   # inhibition
    """
    group = NeuronGroup(
        size, equations, threshold="v>Vt", reset="v = Vr", refractory=5 * ms, method="exponential_euler", name="cells"
    )
    first = 4 * size // 5
    excitation = Synapses(group[:first], group, on_pre="ge += we", name="excitation", delay=1 * ms)
    inhibition = Synapses(group[first:], group, on_pre="gi += wi", name="inhibition")
    excitation.connect("i != j", p=p)
    inhibition.connect(f"i + {first} != j", p=p)
    group.v = "Vr + (Vt - Vr)*i/N"
    # The values are the local variables of this function, as for a user's own run().
    choices = Choices(
        initial={"cells": {"v": "Vr + (Vt - Vr)*i/N"}},
        rules={"excitation": Bernoulli(p), "inhibition": Bernoulli(p)} if p < 1 else {},
    )
    objects = [group, excitation, inhibition]
    return objects, circuit_from_brian2(objects, "brought", choices=choices), dict(locals())


@pytest.mark.parametrize("conductances", [False, True])
def test_a_network_written_by_hand_fires_as_in_brian2_spike_by_spike(conductances):
    """50 neurons, all to all, from the same state: every spike is at the same time."""
    brian2.defaultclock.dt = 0.1 * ms
    objects, circuit, namespace = vogels_abbott(conductances, 50, 1)
    assert [(one.size, one.kind) for one in circuit.populations] == [(40, "excitatory"), (10, "inhibitory")]
    assert {one.rule for one in circuit.projections} == {AllToAll()}
    monitor = SpikeMonitor(objects[0])
    Network(*objects, monitor).run(0.15 * second, namespace=namespace)
    start = -60 + 10 * np.arange(50) / 50
    initial = {"cells_0.v": start[:40] * mV, "cells_1.v": start[40:] * mV}
    settings = {"initial": initial, "spikes": True, "target": "numpy", "runaway_rate": None}
    recording = simulate(circuit, Constant(0), duration=0.15, seed=4, **settings)
    ours = set()
    for first, name in ((0, "cells_0"), (40, "cells_1")):
        times, neurons = recording.spikes[name]
        ours |= {(round(time * 1e4), first + int(i)) for time, i in zip(times, neurons, strict=True)}
    theirs = {(round(float(time) * 1e4), int(i)) for time, i in zip(monitor.t / second, monitor.i, strict=True)}
    assert len(theirs) > 100
    assert ours == theirs


@pytest.mark.parametrize("conductances", [False, True])
def test_a_sparse_network_written_by_hand_has_the_weights_of_its_inputs(conductances):
    brian2.seed(3)
    _, circuit, _ = vogels_abbott(conductances, 400, 0.1)
    # Area of the input of one spike: w taue/taum for currents, w taue/taum (E - reference) for conductances.
    areas = (0.02 * 60 * 5 / 20, 0.06 * 20 * 10 / 20) if conductances else (0.3 * 5 / 20, 1 * 10 / 20)
    for one, area in zip(circuit.projections, np.repeat(areas, 2), strict=True):
        assert one.weight.to("mV") == pytest.approx(area, rel=1e-12)
        assert one.rule == Bernoulli(0.1)
    check_models(circuit)


LINES = "dv/dt = (-v + drive + x)/tau : volt\ndx/dt = -x/tau : volt\ndrive : volt\n"


def group_of(equations=LINES, **changes):
    texts = {"threshold": "v > 10*mV", "reset": "v = 0*mV", "method": "euler", "namespace": {"tau": 20 * ms}} | changes
    return NeuronGroup(4, equations, **texts)


def test_constants_become_parameters_from_the_group_or_the_caller():
    tau, peak = 25 * ms, 12 * mV
    group = NeuronGroup(
        4,
        "dv/dt = (-v + current)/tau + 2*strength*xi : volt\ncurrent : volt (shared)\ngain : 1",
        threshold="v > peak",
        reset="v = 0*mV",
        refractory=3 * ms,
        method="euler",
        namespace={"strength": 0.25 * mV / ms**0.5},
    )
    group.current, group.v = 8 * mV, 2 * mV
    model = neuron_from_brian2(group, "mine")
    defaults = {one.name: one.default for one in model.parameters}
    assert {
        "tau": "25.0 ms",
        "peak": "12.0 mV",
        "current": "8.0 mV",
        "refractory_period": "3.0 ms",
    }.items() <= defaults.items()
    # 2*0.25 mV/sqrt(ms) in mV/sqrt(s)
    assert float(defaults["noise_amplitude"].split()[0]) == pytest.approx(0.5 * 1000**0.5, rel=1e-12)
    assert (model.name, model.noise, model.method) == ("mine", "noise_amplitude", "euler")
    assert (model.refractory, model.initial) == ("refractory_period", (("v", "0.002*volt"),))
    membrane = parse_equations(model.equations, "")[0]
    assert same(membrane.expression, "(current - v)/tau + noise_amplitude*xi + mu_ext + mu_synaptic")
    assert (tau, peak) == (25 * ms, 12 * mV)


def test_plasticity_and_delays_are_kept():
    group = group_of()
    synapses = Synapses(
        group,
        group,
        "w : volt\nshare : 1 (shared, constant)\ndR/dt = (1 - R)/(100*ms) : 1 (event-driven)",
        on_pre="x_post += w*R\nR -= share*R",
        delay=2 * ms,
    )
    synapses.connect("i != j")
    synapses.w, synapses.share, synapses.R = 3 * mV, 0.4, 1
    model = synapse_from_brian2(synapses, "link")
    assert model.on_pre.splitlines()[1] == "R -= share*R"
    assert (model.delay, model.initial) == ("delay_time", (("R", "1.0"),))
    assert {one.name: one.default for one in model.parameters}["delay_time"] == "2.0 ms"
    circuit = circuit_from_brian2([group, synapses], "one")
    projection = circuit.projections[0]
    # The area of x/tau is w, as x decays with tau, too.
    assert (projection.rule, projection.weight.to("mV")) == (AllToAll(), pytest.approx(3, rel=1e-12))
    check_models(circuit)


def linked(on_pre="x_post += w", connect="i != j", **changes):
    group = group_of()
    synapses = Synapses(group, group, changes.pop("model", "w : volt"), on_pre=on_pre, name="link*", **changes)
    synapses.connect(connect)
    if "w" in synapses.equations:
        synapses.w = 1 * mV
    return [group, synapses]


def test_all_pairs_with_those_of_a_neuron_to_itself():
    brought = circuit_from_brian2(linked(connect=None), "c")
    assert [one.rule for one in brought.projections] == [AllToAll(autapses=True)]


def unequal(objects, variable):
    setattr(objects[-1], variable, np.arange(len(getattr(objects[-1], variable))) * (mV if variable == "w" else 1))
    return objects


TWO = "dp/dt = -p/tau : volt\ndq/dt = -q/tau : volt"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: neuron_from_brian2(group_of(TWO, threshold="p + q > 1*mV", reset="p = 0*mV")), ["membrane", "p, q"]),
        (lambda: neuron_from_brian2(group_of(namespace={})), ["'tau' is declared nowhere", "namespace={'tau'"]),
        (lambda: neuron_from_brian2(unequal_parameter()), ["'drive' has different values", "split the group"]),
        (
            lambda: neuron_from_brian2(group_of("dv/dt = -v/tau : 1", threshold="v > 1", reset="v = 0")),
            ["in 1", "in volt"],
        ),
        (lambda: neuron_from_brian2(NeuronGroup(1, "dv/dt = -v/(5*ms) : volt")), ["no threshold"]),
        (lambda: neuron_from_brian2(group_of(method=lambda *_, **__: "v = v")), ["its method is a function"]),
        (lambda: neuron_from_brian2(timed()), ["a function or an array over time"]),
        (lambda: circuit_from_brian2(unequal(linked(), "w"), "c"), ["'w' has different values", "several Synapses"]),
        (lambda: circuit_from_brian2(linked(connect="i < j"), "c"), ["tell no rule", "Bernoulli(0.5)"]),
        (lambda: circuit_from_brian2(linked(connect="i <= j"), "c"), ["connect to themselves", "all to all"]),
        (lambda: circuit_from_brian2(linked("x_post = w"), "c"), ["one statement 'x += …'"]),
        (lambda: circuit_from_brian2(linked("drive_post += w"), "c"), ["'drive'", "no differential equation"]),
        (lambda: circuit_from_brian2(linked("x_post += w\nw += 1*mV"), "c"), ["'w' is changed by the synapse"]),
        (lambda: circuit_from_brian2(linked("x_post += mV*exp(w/mV)"), "c"), ["not proportional to 'w'"]),
        (lambda: circuit_from_brian2(summed(), "c"), ["'drive_post' is summed", "a spike starts"]),
        (lambda: circuit_from_brian2(poisson("10*Hz*i"), "c"), ["its rates are an expression"]),
        (lambda: circuit_from_brian2(poisson(np.arange(5) * Hz), "c"), ["'rates' has different values"]),
        (lambda: circuit_from_brian2(regular(), "c"), ["run_regularly", "cannot hold"]),
        (lambda: circuit_from_brian2(linked()[1:], "c"), ["is not among the objects"]),
        (lambda: circuit_from_brian2(linked(), "c", choices=Choices(weights={"lnk": "w"})), ["no object 'lnk'"]),
        (lambda: synapse_from_brian2(linked()[1], weight="u"), ["there is no 'u'"]),
    ],
)
def test_what_a_description_cannot_hold_is_refused_with_a_sentence(make, said):
    with pytest.raises(InvalidInputError) as caught:
        make()
    message = str(caught.value)
    assert all(part in message for part in said), message
    assert "\n" not in message


def unequal_parameter():
    group = group_of()
    group.drive = np.arange(4) * mV
    return group


def summed():
    model = "w : volt\nds/dt = -s/(5*ms) : volt (clock-driven)\ndrive_post = s : volt (summed)"
    return linked("s += w", model=model)


def poisson(rates):
    group, source = group_of(), PoissonGroup(5, rates)
    synapses = Synapses(source, group, on_pre="v += 1*mV")
    synapses.connect()
    return [group, source, synapses]


def regular():
    group = group_of()
    group.run_regularly("v = 0*mV")
    return [group]


def timed():
    course = brian2.TimedArray([0, 1] * mV, dt=1 * ms)
    return group_of("dv/dt = (course(t) - v)/tau : volt", namespace={"tau": 20 * ms, "course": course})


def test_a_poisson_group_becomes_an_input_with_the_sign_of_its_weight():
    group, source = group_of(), PoissonGroup(10, 20 * Hz, name="source*")
    synapses = Synapses(source, group, on_pre="v -= 0.5*mV")
    synapses.connect()
    circuit = circuit_from_brian2(Network(group, source, synapses), "inputs")
    assert [(one.size, one.rate.to("Hz"), one.kind) for one in circuit.inputs] == [(10, 20, "inhibitory")]
    assert circuit.projections[0].weight.to("mV") == pytest.approx(0.5)
    assert circuit.projections[0].rule == AllToAll()


def test_a_rule_that_is_named_is_checked_against_the_synapses():
    objects = linked(connect="i < j")
    name = objects[1].name
    with pytest.raises(InvalidInputError, match=r"in-degrees run from 0 to 3 with a mean of 1\.5"):
        circuit_from_brian2(objects, "c", choices=Choices(rules={name: FixedInDegree(2)}))
    circuit = circuit_from_brian2(objects, "c", choices=Choices(rules={name: Bernoulli(0.5)}))
    assert circuit.projections[0].rule == Bernoulli(0.5)
    dropped = circuit_from_brian2(linked(connect=None), "c", choices=Choices(drop_self_connections=True))
    assert dropped.projections[0].rule == AllToAll()
    twice = linked()
    twice[1].connect(i=[0], j=[1])
    twice[1].w = 1 * mV
    with pytest.raises(InvalidInputError, match="connected more than once"):
        circuit_from_brian2(twice, "c")
