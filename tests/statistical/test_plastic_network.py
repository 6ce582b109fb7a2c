"""A spiking network with short-term plasticity beside the self-consistent theory: recurrent and input synapses."""

import numpy as np
import pytest
from ssnbrian.analysis import SelfConsistent
from ssnbrian.analysis.statistics import binned_rates
from ssnbrian.models.library import PLASTICITY
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.synapses.current import DELTA

from ssnbrian import simulate
from ssnbrian.circuit import Circuit, Constant, FixedInDegree, InputPopulation, Population, Projection

DEPRESSED = {"U": 0.5, "tau_depression": "200 ms"}
FACILITATED = {"U": 0.3, "tau_facilitation": "500 ms"}


def network(plastic):
    """An E-I pair of 1000 and 500 neurons with an input population, or the same with constant weights."""
    depressing, facilitating = (
        (DELTA + PLASTICITY[name], given) if plastic else (DELTA, {})
        for name, given in (("depression", DEPRESSED), ("facilitation", FACILITATED))
    )
    plain = (DELTA, {})
    totals = (
        ("E", "E", 10.0, depressing),
        ("E", "I", 12.0, facilitating),
        ("I", "E", 10.0, plain),
        ("I", "I", 8.0, plain),
        ("X", "E", 4.0, depressing),
    )
    projections = tuple(
        Projection(source, target, f"{total / 100} mV", FixedInDegree(100), synapse, given)
        for source, target, total, (synapse, given) in totals
    )
    populations = (Population("E", 1000, LIF), Population("I", 500, LIF, "inhibitory", {"tau": "10 ms"}))
    inputs = (InputPopulation("X", 1000, "8 Hz"),)
    return Circuit("plastic", populations, projections, Constant(10, duration=7), inputs=inputs)


def test_rates_of_the_network(build_cache):
    """Seed 3, 6 s after 1 s: within 2 % of the theory; the standard errors, from the 6 bins, are below 1 %."""
    circuit = network(plastic=True)
    recording = simulate(circuit, seed=3, cache=build_cache)
    found = SelfConsistent.from_circuit(circuit).steady_states(10.0)
    assert found.complete
    assert len(found) == 1
    constant = SelfConsistent.from_circuit(network(plastic=False)).steady_states(10.0)
    for name, one in binned_rates(recording, 1.0).items():
        measured, error = one.rates[1:].mean(), one.rates[1:].std(ddof=1) / np.sqrt(6)
        assert error < 0.01 * measured
        assert found[0].rates[name] == pytest.approx(measured, rel=0.02)
        assert all(abs(state.rates[name] - measured) > 0.3 * measured for state in constant)
