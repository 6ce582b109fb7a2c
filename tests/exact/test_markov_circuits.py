"""Circuits whose Markov network is known by what their equations are, and those that are refused."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from ssnbrian.analysis import markov
from ssnbrian.analysis.markov.circuits import family_of, markov_refusal, network_of
from ssnbrian.analysis.markov.kick_forms import neuron_form, synapse_form
from ssnbrian.analysis.reduction import NotApplicableError
from ssnbrian.models.library import CIRCUITS
from ssnbrian.models.neurons.kicks import INTEGER_KICKS, KICK_CONDUCTANCE
from ssnbrian.models.synapses.kicks import (
    PENDING_CONDUCTANCE,
    PENDING_CONDUCTANCE_INHIBITORY,
    PENDING_KICKS,
    PENDING_KICKS_INHIBITORY,
)

from ssnbrian.circuit import (
    AllToAll,
    Annealed,
    Bernoulli,
    Circuit,
    Constant,
    InputPopulation,
    InvalidInputError,
    NeuronModel,
    Parameter,
    Population,
    Projection,
    Ramp,
    SynapseModel,
    circuit_from_toml,
    circuit_to_toml,
)

MS = 1e-3
REGIMES = {"kicks": (4.0, 1.2), "kicks_regular": (2.0, 1.2), "kicks_synchronous": (1.3, 0.95)}


def same(one, other) -> bool:
    return all(
        np.allclose(getattr(one, field.name), getattr(other, field.name), rtol=1e-12)
        for field in dataclasses.fields(one)
        if field.name != "names"
    )


@pytest.mark.parametrize("name", REGIMES)
def test_published_kicks(name) -> None:
    network = network_of(CIRCUITS[name]())
    tau_EE, tau_IE = REGIMES[name]
    assert family_of(CIRCUITS[name]()) == "kicks"
    assert network.names == ("E", "I") and network.inhibitory == (False, True)
    assert network.sizes.tolist() == [300, 100]
    assert network.weights == pytest.approx(np.array([[5, 4.91], [2, 4.91]]), rel=1e-12)
    assert network.probabilities == pytest.approx(np.array([[0.15, 0.5], [0.5, 0.4]]), rel=1e-12)
    assert network.decay_times == pytest.approx(np.array([[tau_EE, 4.5], [tau_IE, 4.5]]) * MS, rel=1e-12)
    assert network.drive == pytest.approx([7000, 7000]) and network.refractory == pytest.approx([2.5 * MS] * 2)
    assert (network.threshold, network.reset, network.reversal) == pytest.approx((100, 0, -66))
    assert network.leak_time == np.inf


def test_published_conductance() -> None:
    circuit = CIRCUITS["conductance"]()
    network = network_of(circuit)
    assert family_of(circuit) == "conductance"
    assert network.weights == pytest.approx(np.array([[0.95, 2.71], [1.25, 2.45]]), rel=1e-12)
    assert network.probabilities == pytest.approx(np.full((2, 2), 0.8))
    assert network.decay_times == pytest.approx(np.array([[1.4, 4.5], [1.2, 4.5]]) * MS, rel=1e-12)
    assert network.drive == pytest.approx([7000, 7000]) and network.refractory == pytest.approx([4 * MS] * 2)
    assert (network.threshold, network.reset, network.reversal) == pytest.approx((100, 0, -66))


@pytest.mark.parametrize("name", [*REGIMES, "conductance"])
def test_from_a_file(name) -> None:
    circuit = CIRCUITS[name]()
    assert same(network_of(circuit_from_toml(circuit_to_toml(circuit))), network_of(circuit))


# The same models in other words: other names, orders and units, draws within other expressions, no clip of the rate.
OWN_NEURON = NeuronModel(
    name="mine",
    equations="""
arrived = poisson((mu_ext/mV + lam)*dt) : 1 (constant over dt)
du/dt = mV*floor(rand() + arrived + dt*mu_synaptic/mV)/dt : volt (unless refractory)
silent : second""",
    threshold="u >= top",
    reset="silent = -rest_time*log(rand())\nu = bottom",
    refractory="silent",
    membrane="u",
    method="euler",
    parameters=(
        Parameter("lam", "Hz", "7000 Hz", "external"),
        Parameter("top", "mV", "100 mV", "threshold"),
        Parameter("bottom", "mV", "0 mV", "reset"),
        Parameter("rest_time", "ms", "2.5 ms", "refractory"),
    ),
    initial=(),
    explanation="mine",
    source="mine",
)
OWN_CONDUCTANCE = NeuronModel(
    name="mine_too",
    equations="""
dv/dt = mu_synaptic + lam*mV + mu_ext - v/tau_leak + spread*randn() : volt (unless refractory)
spread = mV*sqrt(lam + mu_ext/mV)/sqrt(dt) : volt/second
silent : second""",
    threshold="v > top",
    reset="v = bottom\nsilent = dt - rest_time*log(1 - rand())",
    refractory="silent",
    method="euler",
    parameters=(*OWN_NEURON.parameters, Parameter("tau_leak", "ms", "20 ms", "leak")),
    initial=(),
    explanation="mine",
    source="mine",
)
OWN_SYNAPSE = SynapseModel(
    name="mine",
    target_equations="""
gone = clip(poisson(waiting*dt/decay), 0, waiting) : 1 (constant over dt)
dwaiting/dt = -gone/dt : 1
mu_mine = gone*weight*(v + 66*mV)/(dt*166*mV) : volt/second""",
    current="mu_mine",
    on_pre="waiting_post += 1",
    parameters=(Parameter("decay", "ms", "4.5 ms", "decay"),),
    explanation="mine",
    source="mine",
)


HALF = Annealed(0.5)


def pair(neuron, excitatory, inhibitory, rule=HALF, **more) -> Circuit:
    populations = (Population("A", 30, neuron), Population("B", 10, neuron, "inhibitory"))
    synapses = {"A": excitatory, "B": inhibitory}
    projections = tuple(
        Projection(source, target, "4 mV", rule, synapses[source]) for source in "AB" for target in "AB"
    )
    return Circuit("pair", populations, projections, more.pop("drive", None), 1.0, "", "", **more)


def test_other_words_for_the_same() -> None:
    own = network_of(pair(OWN_NEURON, PENDING_KICKS, OWN_SYNAPSE))
    assert own.names == ("A", "B")
    assert same(own, network_of(pair(INTEGER_KICKS, PENDING_KICKS, PENDING_KICKS_INHIBITORY)))


def test_leak() -> None:
    own = network_of(pair(OWN_CONDUCTANCE, PENDING_CONDUCTANCE, PENDING_CONDUCTANCE_INHIBITORY))
    assert own.leak_time == pytest.approx(0.02)
    circuit = pair(KICK_CONDUCTANCE, PENDING_CONDUCTANCE, PENDING_CONDUCTANCE_INHIBITORY)
    assert network_of(circuit).leak_time == np.inf
    leaky = {"leak_rate": "50 Hz", "tau_refractory": "2.5 ms"}
    populations = tuple(dataclasses.replace(one, parameters=leaky) for one in circuit.populations)
    assert same(own, network_of(circuit.replace(populations=populations)))


def test_weights_are_those_at_the_threshold() -> None:
    """A reference of 34 mV: the weight is the effect at 100 mV above the reversal, 1.66 times as much at threshold."""
    circuit = pair(INTEGER_KICKS, PENDING_KICKS, PENDING_KICKS_INHIBITORY)
    changed = tuple(
        dataclasses.replace(one, parameters={"reference": "34 mV"}) if one.source == "B" else one
        for one in circuit.projections
    )
    assert network_of(circuit.replace(projections=changed)).weights == pytest.approx(np.array([[4, 6.64], [4, 6.64]]))


def test_whole_thresholds() -> None:
    """v > 99.5 mV, v >= 99.5 mV and v >= 100 mV are one for whole potentials; v > 100 mV is 101."""
    for text, known in (("v > 99.5*mV", 100), ("v >= 99.5*mV", 100), ("v >= 100*mV", 100), ("v > 100*mV", 101)):
        model = dataclasses.replace(INTEGER_KICKS, threshold=text)
        assert network_of(pair(model, PENDING_KICKS, PENDING_KICKS_INHIBITORY)).threshold == known


def test_drive() -> None:
    """mu_ext in mV/s is a rate of kicks of 1 mV in Hz, and the rate does not fall below 0."""
    circuit = pair(INTEGER_KICKS, PENDING_KICKS, PENDING_KICKS_INHIBITORY, drive=Constant(500))
    assert network_of(circuit).drive == pytest.approx([7500, 7500])
    assert network_of(circuit, {"A": -100.0, "B": -8000.0}).drive == pytest.approx([6900, 0])
    with pytest.raises(InvalidInputError, match="no entry for B"):
        network_of(circuit, {"A": 1.0})
    with pytest.raises(InvalidInputError, match="changes in time"):
        network_of(circuit.replace(drive=Ramp(0, 5, duration=1)))


def test_missing_projections_and_all_to_all() -> None:
    circuit = pair(INTEGER_KICKS, PENDING_KICKS, PENDING_KICKS_INHIBITORY)
    first = dataclasses.replace(circuit.projections[1], rule=AllToAll())
    network = network_of(circuit.replace(projections=(first,)))
    assert network.probabilities.tolist() == [[0, 0], [1, 0]]
    assert network.weights.tolist() == [[0, 0], [4, 0]]


WORDS = "poisson(pending*dt/tau_synapse)"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" (constant over dt)", ""),  # the draw that ends kicks would not be the one that moves the membrane
        (WORDS, "poisson(pending*dt/tau_synapse + 1)"),
        (WORDS, "(pending*dt/tau_synapse)"),
        (f"clip({WORDS}, 0, pending)", WORDS),
        ("weight/dt", "weight/tau_synapse"),
        ("ended*weight", "ended*weight*v/mV*v/mV"),
        ("ended*weight", "ended*ended*weight"),
    ],
)
def test_other_synapses(old, new) -> None:
    assert synapse_form(PENDING_KICKS) is not None
    assert old in PENDING_KICKS.target_equations
    changed = dataclasses.replace(PENDING_KICKS, target_equations=PENDING_KICKS.target_equations.replace(old, new))
    assert synapse_form(changed) is None


@pytest.mark.parametrize(
    ("model", "old", "new"),
    [
        (INTEGER_KICKS, "poisson(", "2*poisson("),
        (INTEGER_KICKS, "+ rand()", ""),
        (INTEGER_KICKS, "+ rand()", "+ rand() + rand()"),
        (INTEGER_KICKS, "mu_synaptic*dt", "2*mu_synaptic*dt"),
        (INTEGER_KICKS, "+ mu_ext/mV", "+ 2*mu_ext/mV"),
        (INTEGER_KICKS, " (unless refractory)", ""),
        (KICK_CONDUCTANCE, "sqrt(rate*dt)", "2*sqrt(rate*dt)"),
        (KICK_CONDUCTANCE, "leak_rate*v", "leak_rate*(v - 1*mV)"),
        (KICK_CONDUCTANCE, "leak_rate*v", "leak_rate*v*v/mV"),
        (KICK_CONDUCTANCE, " + sqrt(rate*dt)*randn()", ""),
    ],
)
def test_other_neurons(model, old, new) -> None:
    assert neuron_form(model) is not None
    assert old in model.equations
    assert neuron_form(dataclasses.replace(model, equations=model.equations.replace(old, new))) is None


def test_other_refractory_periods() -> None:
    for reset in ("v = reset\npause = tau_refractory", "v = reset\npause = -tau_refractory*log(1 - rand())*rand()"):
        assert neuron_form(dataclasses.replace(INTEGER_KICKS, reset=reset)) is None
    without = dataclasses.replace(
        INTEGER_KICKS,
        equations=INTEGER_KICKS.equations.replace(" (unless refractory)", "").replace("pause : second", ""),
        reset="v = reset",
        refractory=None,
        initial=INTEGER_KICKS.initial[:1],
    )
    form = neuron_form(without)
    assert form is not None and form.refractory == 0


def test_refusals() -> None:
    kicks = (INTEGER_KICKS, PENDING_KICKS, PENDING_KICKS_INHIBITORY)
    circuit = pair(*kicks)
    assert markov_refusal(circuit) is None
    for name in ("supersaturating", "escape_ei"):
        assert "do not collect kicks" in (markov_refusal(CIRCUITS[name]()) or "")
        with pytest.raises(NotApplicableError, match="do not collect kicks"):
            network_of(CIRCUITS[name]())
    for other, words in (
        (pair(*kicks, rule=Bernoulli(0.5)), "the rule 'annealed'"),
        (pair(*kicks, rule=AllToAll()), "the rule 'annealed'"),
        (pair(INTEGER_KICKS, PENDING_CONDUCTANCE, PENDING_KICKS_INHIBITORY), "the model 'conductance'"),
        (pair(INTEGER_KICKS, PENDING_KICKS_INHIBITORY, PENDING_KICKS_INHIBITORY), "alike at all potentials"),
        (pair(INTEGER_KICKS, PENDING_KICKS, PENDING_KICKS), "reversal potential"),
        (circuit.replace(inputs=(InputPopulation("X", 5, "10 Hz"),)), "input population"),
    ):
        assert words in (markov_refusal(other) or "")
    first, second = circuit.populations
    other = dataclasses.replace(second, parameters={"threshold": "90 mV"})
    assert "thresholds must be the same" in (markov_refusal(circuit.replace(populations=(first, other))) or "")
    other = dataclasses.replace(second, neuron=KICK_CONDUCTANCE)
    alone = circuit.replace(populations=(first, other), projections=())
    assert "some populations move" in (markov_refusal(alone) or "")


def test_the_package_offers_what_it_names():
    for module in pkgutil.iter_modules(markov.__path__):
        importlib.import_module(f"{markov.__name__}.{module.name}")
    for name in markov.__all__:
        assert not inspect.ismodule(getattr(markov, name)), name
    with pytest.raises(AttributeError, match="simulate_everything"):
        _ = markov.simulate_everything
