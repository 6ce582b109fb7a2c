"""One step of the finite-size population model: known limits, both code paths, continuation, bad input.

Published numbers: the demonstrations of Schwalger, Deger & Gerstner 2017 (rates by quadrature of the survivor).
"""

import sys
from dataclasses import replace

import numpy as np
import pytest
from mpmath import exp, expm1, mpf, workdps
from scipy.integrate import quad
from ssnbrian.analysis.mesoscopic import EscapeNeuron, MesoscopicNetwork, network_rates, simulate, stationary_rate, step
from ssnbrian.analysis.mesoscopic.exponential import polynomial_expm1, split_exponent, to_powers_of_two

from ssnbrian.circuit import InvalidInputError

pytestmark = pytest.mark.xdist_group("mesoscopic")

LIF = EscapeNeuron(tau=0.02, threshold=10.0, reset=0.0, escape_rate=10.0, escape_width=1.0)
GIF = EscapeNeuron(tau=0.02, threshold=15.0, reset=0.0, escape_rate=10.0, escape_width=2.5, refractory=0.004)
ADAPTING = replace(GIF, adaptation_amplitudes=(1.0, 1.0), adaptation_times=(0.1, 1.0), history=0.2)
DT = 1e-3


def alone(neuron, size=200):
    return MesoscopicNetwork(["A"], [size], [neuron])


def pair(neuron=GIF, tau_synapse=((0.003, 0.006), (0.003, 0.0))):
    weights = [[0.06, -0.3], [0.06, -0.3]]
    delays = [[1e-3, 2e-3], [1e-3, 3e-3]]
    return MesoscopicNetwork(["E", "I"], [800, 200], [neuron, neuron], weights, delays, tau_synapse)


def same(first, second):
    """Every recorded number and every number of the final states is the same to the last bit."""
    for name in ("counts", "expected", "mass_mean", "mass_deviation", "clips"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for one, other in zip(first.state.populations, second.state.populations, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert first.state.generators == second.state.generators


@pytest.mark.parametrize(("neuron", "drive", "rate"), [(LIF, 1000.0, 46.570), (GIF, 1200.0, 24.527)])
def test_the_stationary_rate_is_the_published_one_and_steps_converge_to_it_at_first_order(neuron, drive, rate):
    exact = stationary_rate(neuron, drive)
    assert exact == pytest.approx(rate, abs=5e-4)
    errors = [exact - network_rates(alone(neuron), [drive], dt)[0] for dt in (2e-4, 1e-4)]
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.02)
    assert 0 < errors[0] < 0.01 * exact


def test_the_stationary_rate_with_adaptation_satisfies_its_equation():
    neuron = EscapeNeuron(0.02, 15.0, 0.0, 10.0, 2.5, 0.004, (0.3,), (0.1,))
    rate, jump, time = stationary_rate(neuron, 1200.0), 0.3, 0.1
    ages = np.linspace(0.0, 2.0, 400_001)
    theta = jump / time * np.exp(-ages / time)
    renewal = 2.5 * (1 - np.exp(-theta / 2.5))
    step = ages[1]
    integral = np.concatenate([[0.0], np.cumsum(renewal[1:] + renewal[:-1]) * step / 2])
    u = 24.0 * (1 - np.exp(-np.maximum(ages - 0.004, 0) / 0.02))
    hazard = np.where(ages < 0.004, 0.0, 10 * np.exp((u - 15.0 - theta - rate * (integral[-1] - integral)) / 2.5))
    survivor = np.exp(-np.concatenate([[0.0], np.cumsum(hazard[1:] + hazard[:-1]) * step / 2]))
    assert rate == pytest.approx(1 / np.trapezoid(survivor, ages), rel=1e-5)
    assert rate < 0.9 * stationary_rate(GIF, 1200.0)


@pytest.mark.parametrize("draws", ["binomial", "poisson", "gaussian"])
@pytest.mark.parametrize("neuron", [GIF, ADAPTING], ids=["plain", "adapting"])
def test_compiled_and_uncompiled_steps_agree_to_the_last_bit(neuron, draws):
    drive = np.array([[1200.0], [1100.0]]) * np.linspace(0.8, 1.5, 30)
    runs = [
        simulate(pair(neuron), 0.03, DT, 7, draws=draws, drive=drive, initial="synchronous", compiled=compiled)
        for compiled in (True, False)
    ]
    same(*runs)
    assert runs[0].counts[:, :, 10:].sum() > 0


def test_without_numba_the_plain_function_runs_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.warns(UserWarning, match="numba is not installed"):
        assert step._compiled.__wrapped__() is None


def test_the_exponential_of_the_steps_is_the_exponential():
    for x in (*np.linspace(-600.0, 600.0, 997), *np.linspace(-1.0, 1.0, 101), 1e-12, -1e-12):
        power, rest = split_exponent(x)
        scale = np.array([power])
        to_powers_of_two(scale.view(np.int64))
        assert abs(rest) <= 0.34658
        with workdps(40):
            assert float(scale[0] * (1 + mpf(polynomial_expm1(rest)))) == pytest.approx(float(exp(mpf(x))), rel=1e-13)
            if abs(x) < 0.3:
                assert polynomial_expm1(rest) == pytest.approx(float(expm1(mpf(x))), rel=1e-13)


def test_macro_mass_stays_and_the_macro_rate_is_stationary():
    run = simulate(pair(), 0.4, DT, model="macro", drive=[1200.0, 1200.0])
    np.testing.assert_allclose(run.mass_mean, 1.0, atol=1e-12)
    np.testing.assert_allclose(run.mass_deviation, 0.0, atol=1e-12)
    np.testing.assert_allclose(run.activity[0, :, 0], network_rates(pair(), [1200.0, 1200.0], DT), rtol=1e-9)
    relaxed = simulate(alone(GIF), 2.0, DT, model="macro", drive=[1200.0], initial="synchronous")
    np.testing.assert_allclose(relaxed.activity[0, 0, -1], network_rates(alone(GIF), [1200.0], DT), rtol=1e-9)


def test_a_constant_hazard_makes_the_corrected_model_poisson_and_the_naive_one_not():
    constant = replace(LIF, escape_width=np.inf)
    p = -np.expm1(-10.0 * DT)
    sie = simulate(alone(constant), 0.5, DT, 3)
    np.testing.assert_allclose(sie.expected, 200 * p, rtol=1e-12)
    assert sie.counts.std() > 0
    assert np.std(simulate(alone(constant), 0.5, DT, 3, model="naive").expected) > 0.01 * 200 * p


def test_an_exponential_synapse_moves_the_membrane_by_its_integral():
    """One volley of the source, against quadrature of the filtered current; reset 0, the target never fires."""
    silent = EscapeNeuron(0.02, 1000.0, 0.0, 1e-30, 1.0)
    source = replace(silent, escape_rate=1.0)
    end = 0.02

    def current(t, start, tau_s):
        return np.exp(-(t - start) / tau_s) / tau_s * np.exp(-(end - t) / 0.02)

    def moved(start, tau_s):
        """mV that 1 mV s/s of current, begun at ``start``, has moved the membrane by at the end."""
        if tau_s == 0:
            return np.exp(-(end - start) / 0.02)
        return quad(current, start, end, (start, tau_s), epsabs=0, epsrel=1e-12)[0]

    for tau_s in (0.003, 0.02, 0.0200001, 0.05, 0.0):
        net = MesoscopicNetwork(["S", "T"], [10, 10], [source, silent], [[0, 0], [0.5, 0]], 2 * DT, tau_s)
        run = simulate(net, end, DT, model="macro", initial=[[10.0], [0.0]])
        # The volley of the last step before the start arrives two steps later, spread over [1, 2] ms.
        expected = 5.0 * quad(moved, DT, 2 * DT, (tau_s,), epsabs=0, epsrel=1e-11)[0] / DT
        assert run.state.populations[0].pool[1, 2] == pytest.approx(expected, rel=1e-9)


def test_a_synapse_as_slow_as_the_membrane_is_the_limit_of_its_neighbours():
    networks = [pair(tau_synapse=0.02 * (1 + shift)) for shift in (-1e-7, 0.0, 1e-7)]
    rates = [simulate(one, 0.3, DT, model="macro", drive=[1200, 1200], initial="synchronous") for one in networks]
    middle = rates[1].counts
    assert np.all(np.isfinite(middle))
    np.testing.assert_allclose(rates[0].counts, middle, rtol=1e-4)
    np.testing.assert_allclose((rates[0].counts + rates[2].counts) / 2, middle, rtol=1e-8)


def test_adaptation_without_amplitude_is_the_plain_model_to_the_last_bit():
    none = replace(GIF, adaptation_amplitudes=(0.0,), adaptation_times=(0.5,))
    runs = [simulate(pair(neuron), 0.3, DT, 5, drive=[1200.0, 1200.0]) for neuron in (GIF, none)]
    np.testing.assert_array_equal(runs[0].counts, runs[1].counts)
    np.testing.assert_array_equal(runs[0].expected, runs[1].expected)


def test_the_quasi_renewal_threshold_is_the_one_of_the_equation():
    """Expected counts from the equations typed with whole histories instead of rings and running sums."""
    neuron, steps, size = replace(ADAPTING, history=0.03), 60, 200
    run = simulate(alone(neuron, size), steps * DT, DT, 11, drive=[1200.0], initial="synchronous")
    counts = np.concatenate([[size], run.counts[0, 0]])
    K, decay = 30, np.exp(-DT / 0.02)

    def theta(s):
        return np.exp(-s / 0.1) / 0.1 + np.exp(-s / 1.0)

    def hazard(u, th):
        return 10 * np.exp((u - th) / 2.5)

    mass, variance, u = counts.copy() * 1.0, np.zeros(steps + 1), np.zeros(steps + 1)
    lam = np.full(steps + 1, hazard(0.0, 15.0))
    h, lam_free, x, z = 24.0, hazard(24.0, 15.0), 0.0, 0.0
    for t in range(steps):
        free, W, X, Z, Y = 15.0, 0.0, x, z, 0.0
        for tau in (0.1, 1.0):
            older = counts[: max(t + 1 - K, 0)]
            weights = np.exp(-(np.arange(len(older))[::-1]) * DT / tau) * -np.expm1(-DT / tau)
            free += np.exp(-K * DT / tau) * (weights * older).sum() / (size * DT)
        new = hazard(h, free)
        p = -np.expm1(-DT * (lam_free + new) / 2)
        W, Y, lam_free, x, z = p * x, p * z, new, (1 - p) * x, (1 - p) ** 2 * z + p * x
        for born in range(max(t + 1 - K, 0), t + 1):
            age = t - born
            X += mass[born]
            if age >= 4:
                before = np.arange(max(t + 1 - K, 0), born)
                effect = 2.5 * (1 - np.exp(-theta((t - before) * DT) / 2.5))
                u[born] = 24.0 + (u[born] - 24.0) * decay
                new = hazard(u[born], free + theta(age * DT) + (counts[before] * effect).sum() / size)
                p = -np.expm1(-DT * (lam[born] + new) / 2)
                lam[born] = new
                W, Z, Y = W + p * mass[born], Z + variance[born], Y + p * variance[born]
                variance[born] = (1 - p) ** 2 * variance[born] + p * mass[born]
                mass[born] *= 1 - p
        if t + 1 - K >= 0:
            x, z = x + mass[t + 1 - K], z + variance[t + 1 - K]
        nbar = W + (Y / Z if Z > 0 else 0.0) * (size - X)
        assert run.expected[0, 0, t] == pytest.approx(min(max(nbar, 0.0), size), rel=1e-9, abs=1e-12)


def test_twice_the_history_changes_no_rate():
    base = simulate(pair(), 1.0, DT, model="macro", drive=[1200.0, 1200.0], initial="synchronous")
    longer = replace(GIF, history=2 * base.state.bins[0] * DT)
    twice = simulate(pair(longer), 1.0, DT, model="macro", drive=[1200.0, 1200.0], initial="synchronous")
    assert twice.state.bins[0] == 2 * base.state.bins[0]
    np.testing.assert_allclose(twice.rates, base.rates, rtol=1e-4)


@pytest.mark.parametrize("neuron", [GIF, ADAPTING], ids=["plain", "adapting"])
def test_a_run_in_two_pieces_is_the_run_in_one(neuron):
    drive = np.full((2, 200), 1200.0) + 100 * np.sin(np.arange(200) / 5)
    whole = simulate(pair(neuron), 0.2, DT, 9, drive=drive, realisations=2)
    first = simulate(pair(neuron), 0.13, DT, 9, drive=drive[:, :130], realisations=2)
    second = simulate(pair(neuron), 0.07, DT, drive=drive[:, 130:], state=first.state)
    again = simulate(pair(neuron), 0.07, DT, drive=drive[:, 130:], state=first.state)
    np.testing.assert_array_equal(np.concatenate([first.counts, second.counts], axis=2), whole.counts)
    same(second, again)


def test_a_changed_parameter_keeps_the_state():
    first = simulate(pair(), 0.2, DT, 9, drive=[1200.0, 1200.0])
    changed = MesoscopicNetwork(
        ["E", "I"], [800, 200], [replace(GIF, tau=0.03, escape_width=2.0)] * 2, pair().weights, 2e-3, 0.004
    )
    after = simulate(changed, DT, DT, drive=[1200.0, 1200.0], state=first.state)
    unchanged = simulate(pair(), DT, DT, drive=[1200.0, 1200.0], state=first.state)
    assert np.all(after.expected != unchanged.expected)
    np.testing.assert_array_equal(after.mass_mean, unchanged.mass_mean)
    with pytest.raises(InvalidInputError, match="start a new run"):
        simulate(MesoscopicNetwork(["E", "I"], [8, 2], [GIF, GIF], 0.0, 1.0), DT, DT, state=first.state)


def test_a_realisation_depends_on_its_number_alone():
    three, one = (simulate(pair(), 0.05, DT, 4, drive=[1200.0, 1200.0], realisations=count) for count in (3, 1))
    np.testing.assert_array_equal(three.counts[0], one.counts[0])
    assert np.any(three.counts[1] != three.counts[0]) and np.any(three.counts[2] != three.counts[1])


@pytest.mark.parametrize("draws", ["binomial", "poisson", "gaussian"])
@pytest.mark.parametrize("model", ["sie", "naive"])
def test_a_single_neuron_stays_finite(model, draws):
    run = simulate(alone(GIF, 1), 2.0, DT, 2, model=model, draws=draws, drive=[1200.0], realisations=3)
    assert np.all(np.isfinite(run.expected)) and np.all((run.expected >= 0) & (run.expected <= 1))
    assert run.counts.sum() > 0


def test_a_population_that_cannot_fire_is_silent():
    assert stationary_rate(GIF, -1e5) == 0
    run = simulate(alone(GIF), 0.05, DT, 2, drive=[-1e5])
    assert run.counts.sum() == 0 and np.all(run.mass_mean == 1)


def test_a_very_high_hazard_fires_everybody_in_every_step():
    run = simulate(alone(replace(LIF, escape_width=1e-3)), 0.01, DT, 2, drive=[1e6])
    np.testing.assert_array_equal(run.counts, 200)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"tau": 0.0}, "tau must be positive"),
        ({"escape_width": -1.0}, "escape_width"),
        ({"refractory": -1e-3}, "refractory"),
        ({"history": 0.004}, "longer than the refractory period"),
        ({"adaptation_times": (0.1,)}, "one time for each amplitude"),
        ({"adaptation_times": (-0.1,), "adaptation_amplitudes": (1.0,)}, "adaptation_times must be positive"),
    ],
)
def test_impossible_neurons_are_refused(arguments, text):
    with pytest.raises(InvalidInputError, match=text):
        replace(GIF, **arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"sizes": [0, 5]}, "at least 1"),
        ({"sizes": [1.5, 5]}, "whole numbers"),
        ({"weights": np.zeros((2, 3))}, "shape"),
        ({"delays": -1e-3}, "delays must not be negative"),
        ({"delays": 0.3, "neurons": [replace(GIF, history=0.2)] * 2}, "longer than the delay"),
        ({"names": ["E", "E"]}, "different"),
    ],
)
def test_impossible_networks_are_refused(arguments, text):
    with pytest.raises(InvalidInputError, match=text):
        MesoscopicNetwork(**({"names": ["E", "I"], "sizes": [8, 2], "neurons": [GIF, GIF]} | arguments))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"model": "meso"}, "model is"),
        ({"draws": "normal"}, "draws is"),
        ({"seed": None}, "seed is needed"),
        ({"seed": -1}, "not negative"),
        ({"duration": 0.0105}, "whole number of steps"),
        ({"drive": [1.0, 2.0]}, "drive has shape"),
        ({"drive": [np.nan]}, "drive must be finite"),
        ({"initial": "resting"}, "initial is"),
        ({"initial": [np.full(3, 100.0)]}, "holds 300 of 200"),
        ({"realisations": 0}, "realisations"),
    ],
)
def test_impossible_runs_are_refused(arguments, text):
    given = {"network": alone(GIF), "duration": 0.01, "dt": DT, "seed": 1} | arguments
    with pytest.raises(InvalidInputError, match=text):
        simulate(**given)
