"""Reductions built from circuits, against the published reference values (digits as given there)."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from ssnbrian.analysis import SSN, BalancedLimit, PowerLaw, SelfConsistent
from ssnbrian.analysis.reduction import NotApplicableError
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import Circuit, InvalidInputError, Population
from ssnbrian.circuit.units import Value

FIVE_DIGITS = {"E": PowerLaw(1.0792e-4, -11.1425, 3.0814), "I": PowerLaw(2.2099e-6, 4.7670, 3.8150)}
ROUNDED = {"E": PowerLaw(1.079e-4, -11.14, 3.081), "I": PowerLaw(2.210e-6, 4.77, 3.815)}
BOTH = pytest.mark.parametrize(("laws", "column"), [(FIVE_DIGITS, 0), (ROUNDED, 1)])


def only_rates(states):
    assert states.complete
    assert len(states) == 1
    return states[0].rates


@BOTH
def test_fig_2a_excitatory_rates(laws, column):
    ssn = SSN.from_circuit(ekelmans2023.supersaturating(), transfer=laws)
    table = {
        5: (0.7464, 0.7446),
        10: (1.8711, 1.8676),
        20: (2.4439, 2.4425),
        30: (1.9461, 1.9454),
        40: (1.1870, 1.1867),
    }
    for mu, expected in table.items():
        assert only_rates(ssn.steady_states(mu, 1))["E"] == pytest.approx(expected[column], abs=6e-5)


@BOTH
@pytest.mark.parametrize(
    ("factor", "peaks"), [(1.0, ((2.4725, 17.654), (2.4708, 17.666))), (1.25, ((3.3475, 20.526), (3.3455, 20.541)))]
)
def test_fig_2b_peaks(laws, column, factor, peaks):
    circuit = ekelmans2023.supersaturating(factor)
    ssn = SSN.from_circuit(circuit, transfer=laws)
    found = minimize_scalar(
        lambda mu: -ssn.steady_states(mu, circuit.ratio)[0].rates["E"], bounds=(12, 28), options={"xatol": 1e-6}
    )
    height, place = peaks[column]
    assert -found.fun == pytest.approx(height, abs=6e-5)
    assert found.x == pytest.approx(place, abs=6e-4)
    inhibitory = ssn.steady_states(found.x, circuit.ratio)[0].rates["I"]
    assert inhibitory == pytest.approx(ssn.conditions(circuit.ratio)["supersaturation"]["threshold_rate_I"], rel=1e-4)


@BOTH
def test_isn_thresholds(laws, column):
    cases = (
        (ekelmans2023.supersaturating(), (5.4533, 5.4585), 6e-5),
        (ekelmans2023.bistable(), (1.40452, 1.40574), 6e-6),
    )
    for circuit, expected, tolerance in (*cases, (ekelmans2023.mouse_v1(), (27.41, 27.44), 6e-3)):
        threshold = SSN.from_circuit(circuit, transfer=laws).conditions()["isn"]["threshold_rate_E"]
        assert threshold == pytest.approx(expected[column], abs=tolerance)


@BOTH
def test_fig_4_states_and_folds(laws, column):
    ssn = SSN.from_circuit(ekelmans2023.bistable(), transfer=laws)
    states = ssn.steady_states(3, 1)
    expected = ((0.8511, 2.7125, 6.1399), (0.8460, 2.7387, 6.1031))[column]
    assert [one.rates["E"] for one in states] == pytest.approx(expected, abs=6e-5)
    assert [one.stable for one in states] == [True, False, True]
    assert states[2].inhibition_stabilized
    assert states.complete
    folds = ssn.folds(1.0)
    assert folds.complete
    assert folds.mu_ext == pytest.approx(((2.1634, 3.5700), (2.1924, 3.5833))[column], abs=6e-5)


def test_the_narrow_window_at_18_ms_is_found():
    circuit = ekelmans2023.bistable()
    E, I = circuit.populations
    faster = Population("E", E.size, E.neuron, E.kind, {**E.parameters, "tau": "18 ms"})
    laws = {"E": PowerLaw(7.8904e-5, -9.4929, 3.1357), "I": FIVE_DIGITS["I"]}
    ssn = SSN.from_circuit(circuit.replace(populations=(faster, I)), transfer=laws)
    low, high = ssn.folds(1.0).mu_ext
    assert (low, high) == (pytest.approx(6.571, abs=6e-4), pytest.approx(6.579, abs=6e-4))
    middle = ssn.steady_states((low + high) / 2, 1)
    assert len(middle) == 3
    assert middle.complete


@BOTH
def test_mouse_v1(laws, column):
    ssn = SSN.from_circuit(ekelmans2023.mouse_v1(), transfer=laws)
    rates = only_rates(ssn.steady_states(100, 1))
    expected = ((1.5177, 6.8300), (1.5173, 6.8292))[column]
    assert (rates["E"], rates["I"]) == pytest.approx(expected, abs=6e-5)
    limit = brentq(lambda r: ssn.conditions(r)["balanced"]["exists"] - 0.5, 0.5, 1.2, xtol=1e-6)
    assert limit == pytest.approx(0.8993, abs=6e-5)
    onset = brentq(lambda mu: ssn.steady_states(mu, 1)[0].supersaturating - 0.5, 140, 180, xtol=1e-4)
    assert onset == pytest.approx(159.6, abs=0.1)


@BOTH
def test_negative_determinant(laws, column):
    ssn = SSN.from_circuit(ekelmans2023.negative_determinant(), transfer=laws)
    states = ssn.steady_states(10, 3)
    low, high = (((1.6015, 0.5634), (45.242, 10.916)), ((1.5977, 0.5629), (45.350, 10.957)))[column]
    assert tuple(states[0].rates.values()) == pytest.approx(low, abs=6e-5)
    assert tuple(states[1].rates.values()) == pytest.approx(high, abs=6e-4)
    assert [one.extrapolated for one in states] == [False, True]
    last = max(ssn.folds(1.0).mu_ext)
    assert last == pytest.approx((17.703, 17.730)[column], abs=6e-4)
    none = ssn.steady_states(last + 1e-6, 1)
    assert none.complete
    assert len(none) == 0


def test_own_fit_gives_the_published_peak():
    """Our least-squares coefficients differ in the flat valley; the peak of the circuit moves by under 0.1 %."""
    own = SSN.from_circuit(ekelmans2023.supersaturating())
    published = SSN.from_circuit(ekelmans2023.supersaturating(), transfer=FIVE_DIGITS)
    for mu in (5, 10, 20, 30, 40):
        assert own.steady_states(mu)[0].rates["E"] == pytest.approx(published.steady_states(mu)[0].rates["E"], rel=2e-3)


def test_self_consistent_rates_of_fig_2a():
    theory = SelfConsistent.from_circuit(ekelmans2023.supersaturating())
    table = {
        5: (0.7098, 0.0174),
        10: (1.7388, 0.1245),
        20: (2.5553, 0.9401),
        30: (2.1145, 1.9468),
        40: (1.3917, 3.0682),
    }
    for mu, expected in table.items():
        states = theory.steady_states(mu, 1)
        assert tuple(only_rates(states).values()) == pytest.approx(expected, abs=6e-5)
        assert states[0].residual < 1e-9


@pytest.mark.parametrize(
    ("neurons", "peak"), [(4_000, 2.5640), (10_000, 1.6100), (20_000, 1.1295), (40_000, 0.7908), (100_000, 0.4921)]
)
def test_self_consistent_peaks_over_size(neurons, peak):
    """j scales with 1/sqrt(N) at constant p, so J grows with sqrt(N)."""
    from dataclasses import replace as changed

    from ssnbrian.circuit import FixedInDegree

    circuit, scale = ekelmans2023.supersaturating(), neurons / 4000
    populations = tuple(changed(one, size=round(one.size * scale)) for one in circuit.populations)
    projections = []
    for one in circuit.projections:
        probability = ekelmans2023.PROBABILITIES[one.target + one.source]
        rule = FixedInDegree.from_probability(probability, round(ekelmans2023.SIZES[one.source] * scale))
        total = circuit.weight_total(one)
        weight = Value(total.si * scale**0.5 / rule.in_degree, total.dimension)
        projections.append(changed(one, rule=rule, weight=weight))
    projections = tuple(projections)
    theory = SelfConsistent.from_circuit(circuit.replace(populations=populations, projections=projections))
    found = minimize_scalar(
        lambda mu: -theory.steady_states(mu, 1)[0].rates["E"], bounds=(5, 30), method="bounded", options={"xatol": 1e-3}
    )
    assert -found.fun == pytest.approx(peak, abs=6e-5)
    if neurons == 4000:
        assert found.x == pytest.approx(18.745, abs=2e-3)


def test_inverse_inputs_are_inverse():
    ssn = SSN.from_circuit(ekelmans2023.bistable(), transfer=FIVE_DIGITS)
    inputs = ssn.required_inputs({"E": 4.0, "I": 1.5})
    states = ssn.steady_states(inputs)
    assert any(one.rates["E"] == pytest.approx(4.0) and one.rates["I"] == pytest.approx(1.5) for one in states)


def test_balanced_limit_of_the_bistable_network():
    """S1 with J = 5, 10, 7, 11, r = 1: nu_E = mu (11 - 10)/15, nu_I = mu (7 - 5)/15."""
    states = BalancedLimit.from_circuit(ekelmans2023.bistable()).steady_states(30.0, 1)
    assert tuple(states[0].rates.values()) == pytest.approx((2.0, 4.0))
    assert states[0].stable
    assert len(BalancedLimit.from_circuit(ekelmans2023.supersaturating()).steady_states(30.0, 1)) == 0


def test_units_are_taken_at_the_border():
    from brian2 import mV, second

    ssn = SSN.from_circuit(ekelmans2023.bistable(), transfer=FIVE_DIGITS)
    assert ssn.steady_states(3 * mV / second)[0].rates == ssn.steady_states(3.0)[0].rates
    with pytest.raises(InvalidInputError, match="expected mV/s"):
        ssn.steady_states(3 * mV)
    with pytest.raises(InvalidInputError, match="finite"):
        ssn.steady_states(np.nan)


def test_refusals_say_why():
    alone = Circuit("alone", (Population("E", 10, LIF),))
    with pytest.raises(NotApplicableError, match="one excitatory and one inhibitory"):
        BalancedLimit.from_circuit(alone)
    with pytest.raises(NotApplicableError, match=r"one excitatory and one inhibitory.* E \(excitatory\)"):
        SSN.from_circuit(alone).folds()
    assert SSN.applies_to(alone)
    assert SelfConsistent.applies_to(alone)
    from dataclasses import replace as changed

    other = changed(LIF, name="odd", equations="dv/dt = -v/tau + 2*mu_ext + mu_synaptic + sigma*xi : volt")
    circuit = Circuit("odd", (Population("E", 10, other),))
    assert "not leaky integrate-and-fire" in SelfConsistent.refusal(circuit)


def test_uncoupled_self_consistent_is_the_ricciardi_rate():
    from ssnbrian.analysis import transfer

    theory = SelfConsistent.from_circuit(Circuit("alone", (Population("E", 10, LIF),)))
    assert theory.steady_states(10.0)[0].rates["E"] == pytest.approx(transfer.rate(10, 3, 0.02), rel=1e-10)


def test_compare_refuses_what_does_not_belong_together():
    from ssnbrian.analysis import compare

    circuit = ekelmans2023.bistable()
    with pytest.raises(InvalidInputError, match="expects a circuit, its recording"):
        compare(circuit, None, [SSN.from_circuit(circuit)])


def test_inputs_of_opposite_sign_have_states():
    """A mapping may give inhibition a negative input; then nothing saturates and there is no balanced limit."""
    circuit = ekelmans2023.supersaturating()
    states = SSN.from_circuit(circuit).steady_states({"E": 10.0, "I": -5.0})
    assert len(states) == 1
    assert not states[0].supersaturating
    assert len(BalancedLimit.from_circuit(circuit).steady_states({"E": 10.0, "I": -5.0})) == 0
