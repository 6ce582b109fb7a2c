"""Theories of circuits with input populations, against circuits whose external input has the same mean and noise."""

import numpy as np
import pytest
from ssnbrian.analysis import SSN, SelfConsistent, compare
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import Course, InvalidInputError, Population, Recording
from ssnbrian.engine.simulate import simulate

MEAN, VARIANCE = 2.5, 2.5 * 0.0025  # of one input population per Hz, mV and mV²


def with_noise(circuit, variance):
    """The circuit with more external noise, mV²/s."""
    sigma = float(np.sqrt(9 + variance))
    populations = tuple(
        Population(one.name, one.size, one.neuron, one.kind, {**one.parameters, "sigma": f"{sigma!r} mV/sqrt(s)"})
        for one in circuit.populations
    )
    return circuit.replace(populations=populations)


@pytest.mark.parametrize(("first", "second"), [(0.0, 0.0), (10.0, 0.0), (3.0, 7.5)])
def test_inputs_add_their_mean_and_their_noise(first, second):
    gate, plain = ekelmans2023.xor_gate(), ekelmans2023.supersaturating()
    given = {"E": 1.0, "I": 1.5, "X1": first, "X2": second}
    mean = MEAN * (first + second)
    external = {"E": 1.0 + mean, "I": 1.5 + mean}
    ssn = SSN.from_circuit(gate).steady_states(given)
    expected = SSN.from_circuit(plain).steady_states(external)
    assert [one.rates for one in ssn] == [pytest.approx(one.rates, rel=1e-12) for one in expected]
    noisy = with_noise(plain, VARIANCE * (first + second))
    found = SelfConsistent.from_circuit(gate).steady_states(given)
    expected = SelfConsistent.from_circuit(noisy).steady_states(external)
    assert [one.rates for one in found] == [pytest.approx(one.rates, rel=1e-11) for one in expected]


def test_without_rates_the_inputs_fire_at_their_own():
    theory = SelfConsistent.from_circuit(ekelmans2023.xor_gate())
    assert theory.steady_states(2.0)[0].rates == theory.steady_states({"E": 2, "I": 2, "X1": 5, "X2": 5})[0].rates


def test_negative_rates_are_refused():
    with pytest.raises(InvalidInputError, match="rate of X1: must not be negative"):
        SSN.from_circuit(ekelmans2023.xor_gate()).steady_states({"E": 0, "I": 0, "X1": -1})


def recording_of(gate, **changes):
    """What a run without spikes would leave: drives, input rates and counts, 2 s long."""
    fields = {
        "sizes": {"E": 3000, "I": 1000},
        "bin_width": 0.01,
        "counts": {name: np.ones(200, dtype=np.int64) for name in "EI"},
        "neuron_counts": {"E": np.zeros(3000, dtype=np.int64), "I": np.zeros(1000, dtype=np.int64)},
        "drives": {name: (np.array([0.0]), np.array([0.0])) for name in "EI"},
        "input_rates": {"X1": (np.array([0.0]), np.array([10.0])), "X2": (np.array([0.0]), np.array([0.0]))},
        "metadata": {"content_hash": gate.content_hash, "duration": 2.0, "status": "completed", "dt": 0.1},
    }
    return Recording(**fields | changes)


def test_a_comparison_follows_the_input_rates_of_the_recording():
    gate = ekelmans2023.xor_gate()
    theory = SSN.from_circuit(gate)
    row = compare(gate, recording_of(gate), theory).rows[0]
    expected = theory.steady_states({"E": 0, "I": 0, "X1": 10, "X2": 0})[0]
    assert row.states["ssn"].rates == pytest.approx(expected.rates, rel=1e-12)


def test_a_recording_with_changing_weights_is_not_compared():
    gate = ekelmans2023.xor_gate()
    changed = recording_of(gate, weights={"E->E": (np.array([0.0]), np.array([0.01]))})
    with pytest.raises(InvalidInputError, match="the weights of E->E changed"):
        compare(gate, changed, SSN.from_circuit(gate))


def test_simulate_names_an_input_it_does_not_know():
    with pytest.raises(InvalidInputError, match="'X3' is not an input population"):
        simulate(ekelmans2023.xor_gate(), duration=1, input_rates={"X3": Course([0], [1], "Hz")})
