"""Escape rates in place of white noise: the fit against quadrature typed here, the networks against their theory."""

from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfcx
from ssnbrian.analysis.mesoscopic import network_rates, simulate, stationary_rate
from ssnbrian.analysis.mesoscopic.fitted_escape import fit_escape, fitted_network_of, fitted_refusal, working_rates
from ssnbrian.analysis.reduction import NotApplicableError
from ssnbrian.analysis.self_consistent import SelfConsistent
from ssnbrian.analysis.statistics import batch_means
from ssnbrian.models.circuits.finite_size import escape_ei
from ssnbrian.models.papers import ekelmans2023
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import InvalidInputError

pytestmark = pytest.mark.xdist_group("mesoscopic")

# Rate, sigma, tau, threshold, reset, refractory: driven by noise, by the mean input, strongly inhibited.
NEURONS = {
    "noise": (2.5, 3.1, 0.02, 1.0, 0.0, 0.0),
    "noise, refractory": (8.0, 20.0, 0.01, 20.0, 10.0, 0.002),
    "mean": (60.0, 3.0, 0.02, 1.0, 0.0, 0.0),
    "held below the reset": (0.5, 4.0, 0.02, 1.0, 0.0, 0.0),
}
each_neuron = pytest.mark.parametrize("given", NEURONS.values(), ids=list(NEURONS))


@cache
def fitted(given):
    return fit_escape(*given)


def ricciardi(drive, sigma, tau, threshold, reset, refractory):
    """Siegert's integral by adaptive quadrature."""
    ends = [(one - drive * tau) / (sigma * np.sqrt(tau)) for one in (reset, threshold)]
    passage = quad(lambda z: erfcx(-z), *ends, epsabs=0, epsrel=1e-12)[0]
    return 1 / (refractory + tau * np.sqrt(np.pi) * passage)


@cache
def drives_of(given):
    """Nine drives (mV/s) from half to twice the working rate, evenly in the logarithm of the rate, and the rates."""
    rates = given[0] * np.geomspace(0.5, 2, 9)
    return [brentq(lambda mu, rate=rate: np.log(ricciardi(mu, *given[1:]) / rate), -300, 3000) for rate in rates], rates


def white_noise_cv(drive, rate, sigma, tau, threshold, reset):
    """CV² = 2 pi (nu tau)² int_reset^threshold e^(x²) int_-inf^x e^(y²) erfc(-y)² dy dx, potentials over sigma √tau."""
    low, high = ((one - drive * tau) / (sigma * np.sqrt(tau)) for one in (reset, threshold))
    # e^(y²) erfc(-y)² = e^(-y²) erfcx(-y)²
    inner = [quad(lambda y: np.exp(-y * y) * erfcx(-y) ** 2, -np.inf, low, epsrel=1e-11)[0]]

    def outer(x):
        return np.exp(x * x) * (inner[0] + quad(lambda y: np.exp(-y * y) * erfcx(-y) ** 2, low, x, epsrel=1e-11)[0])

    return float(np.sqrt(2 * np.pi * (rate * tau) ** 2 * quad(outer, low, high, epsrel=1e-9)[0]))


def escape(drive, tau, threshold, reset, width, refractory, points=40_000):
    """Rate (Hz) and CV of the escape-noise neuron, c = 10 Hz, by the trapezoidal rule on a dense grid of ages."""
    ages = 30 * tau * np.linspace(0, 1, points + 1) ** 2
    hazard = 10 * np.exp((drive * tau + (reset - drive * tau) * np.exp(-ages / tau) - threshold) / width)
    passed = np.concatenate([[0.0], np.cumsum((hazard[1:] + hazard[:-1]) / 2 * np.diff(ages))])
    survivor, last = np.exp(-passed), hazard[-1]
    mean = np.trapezoid(survivor, ages) + survivor[-1] / last
    square = 2 * (np.trapezoid(ages * survivor, ages) + survivor[-1] / last * (ages[-1] + 1 / last))
    return 1 / (refractory + mean), np.sqrt(square - mean**2) / (refractory + mean)


def of(fit):
    """The arguments of ``escape`` after the drive."""
    one = fit.neuron
    assert one.escape_rate == 10
    return one.tau, one.threshold, one.reset, one.escape_width, one.refractory


@each_neuron
def test_the_fit_has_the_rate_of_the_ricciardi_function_and_says_by_how_much_it_is_off_around(given):
    fit = fitted(given)
    drives, rates = drives_of(given)
    assert fit.rates == pytest.approx((given[0] / 2, given[0] * 2))
    assert fit.drives == pytest.approx((drives[0], drives[-1]), rel=1e-8)
    errors = np.array([escape(mu, *of(fit))[0] for mu in drives]) / rates - 1
    assert errors[4] == pytest.approx(0, abs=1e-6)
    assert fit.largest_error == pytest.approx(np.abs(errors).max(), abs=1e-6)
    assert fit.rms_error == pytest.approx(np.sqrt(np.mean(errors**2)), abs=1e-6)
    assert fit.cv == pytest.approx(escape(drives[4], *of(fit))[1], rel=1e-3)
    if not given[-1]:
        assert fit.white_noise_cv == pytest.approx(white_noise_cv(drives[4], *given[:-1]), rel=1e-6)


@each_neuron
def test_no_other_width_fits_better(given):
    fit = fitted(given)
    drives, rates = drives_of(given)
    tau, threshold, reset, width, refractory = of(fit)

    def cost(width):
        """Sum of squares with the threshold that gives the working rate."""
        ends = threshold - 2 * fit.neuron.escape_width, threshold + 2 * fit.neuron.escape_width

        def excess(level):
            return np.log(escape(drives[4], tau, level, reset, width, refractory, 8000)[0] / rates[4])

        level = brentq(excess, *ends, xtol=1e-7)
        found = [escape(mu, tau, level, reset, width, refractory, 8000) for mu in drives]
        errors = np.log([one[0] for one in found] / rates)
        return np.sum(errors**2) + np.log(found[4][1] / fit.white_noise_cv) ** 2

    assert cost(width) < min(cost(0.97 * width), cost(1.03 * width))


def test_the_fit_does_not_depend_on_the_units():
    fit, other = fitted(NEURONS["noise"]), fit_escape(2500.0, 3.1 * 7 * np.sqrt(1000), 2e-5, 7.0, 0.0)
    assert other.neuron.escape_width == pytest.approx(7 * fit.neuron.escape_width, rel=1e-4)
    assert other.largest_error == pytest.approx(fit.largest_error, rel=1e-3)


def test_rates_near_the_refractory_limit_are_left_out():
    fit = fit_escape(300.0, 3.0, 0.02, refractory=0.002)
    assert fit.rates == pytest.approx((150.0, np.sqrt(300 * 500)))


@cache
def network(name, mu):
    circuit = getattr(ekelmans2023, name)()
    rates = working_rates(circuit, mu, circuit.ratio)
    return circuit, rates, *fitted_network_of(circuit, rates)


@pytest.mark.parametrize(
    ("name", "mu"), [("supersaturating", 10.0), ("supersaturating", 40.0), ("mouse_v1", 60.0), ("mouse_v1_isn", 60.0)]
)
def test_populations_of_the_paper_are_fitted_within_five_percent(name, mu):
    for fit in network(name, mu)[3].values():
        assert 0.01 < fit.largest_error < 0.05
        assert fit.cv == pytest.approx(fit.white_noise_cv, rel=0.015)


def test_noise_and_weights_are_those_of_the_paper():
    """Fig 2A: J_EE, J_EI, J_IE, J_II = 2, 12, 6, 1 mV; K = 195, 200, 825, 100; sigma = 3 mV/sqrt(s)."""
    _, rates, found, fits = network("supersaturating", 20.0)
    np.testing.assert_allclose(found.weights * found.sizes, [[2, -12], [6, -1]], rtol=1e-12)
    assert fits["E"].sigma == pytest.approx(np.sqrt(9 + 2**2 / 195 * rates["E"] + 12**2 / 200 * rates["I"]), rel=1e-12)
    assert fits["I"].sigma == pytest.approx(np.sqrt(9 + 6**2 / 825 * rates["E"] + 1**2 / 100 * rates["I"]), rel=1e-12)
    assert found.names == ("E", "I") and found.sizes.tolist() == [3000, 1000]
    assert [one.tau for one in found.neurons] == [0.02, 0.01]
    assert not np.any(found.delays) and not np.any(found.tau_synapse)


def test_the_self_consistent_state_is_the_stationary_one_of_the_network():
    circuit, rates, found, _ = network("supersaturating", 20.0)
    (state,) = SelfConsistent.from_circuit(circuit).steady_states(20.0)
    wanted = np.array(list(state.rates.values()))
    np.testing.assert_allclose(list(rates.values()), wanted, rtol=1e-9)
    inputs = 20.0 + np.array([[2, -12], [6, -1]]) @ wanted
    fired = [stationary_rate(neuron, mu) for neuron, mu in zip(found.neurons, inputs, strict=True)]
    np.testing.assert_allclose(fired, wanted, rtol=1e-7)
    # In steps, and with ages followed for five time constants.
    np.testing.assert_allclose(network_rates(found, np.full(2, 20.0), 1e-4), wanted, rtol=1e-3)


def test_finite_populations_fire_as_the_self_consistent_state_says():
    """Seed 5, 6 s after 1 s; four standard errors by batches, and 2.5 % for the fluctuations of finite populations."""
    _, rates, found, _ = network("supersaturating", 20.0)
    run = simulate(found, 7.0, 1e-4, 5, drive=np.full(2, 20.0))
    means, errors = batch_means(run.activity[0, :, 10_000:])
    wanted = np.array(list(rates.values()))
    assert np.all(errors < 0.01 * wanted)
    assert np.all(np.abs(means - wanted) < 4 * errors + 0.025 * wanted)


def instant(name):
    """A circuit of the paper with delta synapses, whose delays are not spread."""
    circuit = getattr(ekelmans2023, name)()
    kept = (type(one)(one.source, one.target, one.weight, one.rule, DELTA) for one in circuit.projections)
    return circuit.replace(projections=tuple(kept))


def test_of_several_stable_states_the_lowest_is_taken():
    circuit = instant("bistable")
    states = SelfConsistent.from_circuit(circuit).steady_states(3.0)
    stable = [dict(one.rates) for one in states if one.stable]
    assert len(stable) == 2
    assert working_rates(circuit, 3.0) == min(stable, key=lambda rates: rates["E"])


def test_a_circuit_without_a_stable_state_is_refused():
    with pytest.raises(NotApplicableError, match="no stable self-consistent state"):
        working_rates(instant("negative_determinant"), 50.0, 0.5)


def test_refusals_say_why():
    assert fitted_refusal(ekelmans2023.supersaturating()) is None
    assert "delays between 0 and 100 ms" in fitted_refusal(ekelmans2023.bistable())
    assert "X1 is an input population" in fitted_refusal(ekelmans2023.xor_gate())
    assert "not leaky integrate-and-fire neurons with white noise" in fitted_refusal(escape_ei())
    with pytest.raises(NotApplicableError, match="no mesoscopic model of 'bistable'"):
        fitted_network_of(ekelmans2023.bistable(), {"E": 1.0, "I": 1.0})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"working_rate": 0.0}, "working_rate must be positive"),
        ({"working_rate": np.nan}, "working_rate must be positive"),
        ({"sigma": 0.0}, "sigma must be positive"),
        ({"tau": -0.02}, "tau"),
        ({"reset": 2.0}, "reset must be below threshold"),
        ({"span": 1.0}, "span must be finite and above 1"),
        ({"refractory": 0.5}, "must be below 1/refractory"),
    ],
)
def test_impossible_fits_are_refused(changes, text):
    with pytest.raises(InvalidInputError, match=text):
        fit_escape(**({"working_rate": 2.5, "sigma": 3.0, "tau": 0.02} | changes))


def test_rates_are_needed_for_every_population():
    with pytest.raises(InvalidInputError, match="no entry for population 'I'"):
        fitted_network_of(ekelmans2023.supersaturating(), {"E": 1.0})
