"""The power law and its fit against published coefficients and against another minimiser."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.optimize import minimize
from ssnbrian.analysis.power_law import PowerLaw, fit_power_law, fit_transfer
from ssnbrian.analysis.transfer import rate

PAPER_INPUTS = np.linspace(-50, 150, 401)

# (σ, τ): (a, b, n) as published with five digits, and the largest difference of the curves allowed, Hz. The
# last digits of a, b and n alone move the curves by this much.
PUBLISHED = {
    (3.0, 0.020): (1.0792e-4, -11.1425, 3.0814, 2e-3),
    (3.0, 0.010): (2.2099e-6, 4.7670, 3.8150, 2e-3),
    (3.0, 0.018): (7.8904e-5, -9.4929, 3.1357, 2e-3),
    (3.0, 0.022): (1.5997e-4, -12.121, 3.0053, 2e-3),
    (3.0, 0.015): (3.234e-5, -6.3806, 3.3066, 5e-3),
    (1.0, 0.020): (0.039147, 31.630, 2.1534, 2e-3),
}


def used_points(sigma, tau):
    rates = rate(PAPER_INPUTS, sigma, tau)
    return PAPER_INPUTS[rates < 10], rates[rates < 10]


@pytest.mark.parametrize(("sigma", "tau"), PUBLISHED)
def test_fit_reproduces_the_published_curves(sigma, tau):
    a, b, n, tolerance = PUBLISHED[sigma, tau]
    published, ours = PowerLaw(a, b, n), fit_transfer(sigma, tau)
    mu, rates = used_points(sigma, tau)
    published_rmse = np.sqrt(np.mean((published(mu) - rates) ** 2))
    assert np.abs(ours(mu) - published(mu)).max() < tolerance
    assert ours.rmse <= published_rmse * (1 + 1e-12)
    assert ours.rmse == pytest.approx(np.sqrt(np.mean((ours(mu) - rates) ** 2)), rel=1e-9)


def test_published_errors_of_the_fit():
    assert fit_transfer(1.0, 0.02).rmse == pytest.approx(0.028, abs=5e-4)
    assert fit_transfer(3.0, 0.015).rmse == pytest.approx(0.027, abs=5e-4)


def test_exponents_over_the_published_grid():
    """Over σ 1…5 mV/√s and τ 7…23 ms the published exponents run from 1.96 to 4.61."""
    exponents = [fit_transfer(s, t).n for s in (1.0, 2.0, 3.0, 4.0, 5.0) for t in (0.007, 0.011, 0.017, 0.023)]
    assert min(exponents) == pytest.approx(1.96, abs=0.15)
    assert max(exponents) == pytest.approx(4.61, abs=0.15)


@pytest.mark.parametrize(("sigma", "tau"), [(3.0, 0.02), (1.0, 0.007), (5.0, 0.02)])
def test_no_other_minimiser_does_better(sigma, tau):
    ours = fit_transfer(sigma, tau)
    mu, rates = used_points(sigma, tau)

    def mean_square(parameters):
        log_a, b, n = parameters
        return np.mean((np.exp(log_a) * np.maximum(mu - b, 0) ** n - rates) ** 2)

    start = np.array([np.log(ours.a), ours.b, ours.n])
    rng = np.random.default_rng(0)
    for _ in range(3):
        shifted = start + rng.normal(0, 0.05, 3) * [1, 10, 1]
        other = minimize(mean_square, shifted, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-9})
        assert ours.rmse <= np.sqrt(other.fun) * (1 + 1e-7)


def test_recovers_an_exact_power_law():
    truth = PowerLaw(2e-4, -7.0, 2.7)
    mu = np.linspace(-60, 80, 120)
    fitted = fit_power_law(mu, truth(mu))
    assert (fitted.a, fitted.b, fitted.n) == pytest.approx((truth.a, truth.b, truth.n), rel=1e-6)
    assert fitted.rmse < 1e-9
    assert fitted.rate_range == (0.0, 10.0)
    # With noise the truth lies within a few standard errors, which shrink with the number of points.
    rng = np.random.default_rng(1)
    noisy = fit_power_law(mu, np.maximum(truth(mu) + rng.normal(0, 0.05, mu.size), 0.0))
    deviation = np.array([np.log(noisy.a / truth.a), noisy.b - truth.b, noisy.n - truth.n])
    assert (np.abs(deviation) < 5 * np.array(noisy.standard_errors)).all()
    assert 1e-3 < noisy.standard_errors[2] < 1


def test_points_at_or_above_the_maximum_rate_are_left_out():
    truth = PowerLaw(2e-4, -7.0, 2.7)
    mu = np.linspace(-60, 52, 120)
    rates = truth(mu)
    rates[rates >= 10] = 10.0
    assert fit_power_law(mu, rates).n == pytest.approx(2.7, rel=1e-6)
    assert fit_power_law(mu, rates, maximum_rate=11.0).rmse > 0.01


def test_other_thresholds_are_the_same_neuron_in_other_units():
    ours, scaled = fit_transfer(3.0, 0.02), fit_transfer(60.0, 0.02, 20.0, 0.0)
    assert scaled.n == pytest.approx(ours.n, rel=1e-7)
    assert scaled.b == pytest.approx(20 * ours.b, rel=1e-6)
    shifted = fit_transfer(3.0, 0.02, -49.0, -50.0)
    assert shifted.n == pytest.approx(ours.n, rel=1e-6)
    assert shifted.b == pytest.approx(ours.b - 2500, rel=1e-6)


@pytest.mark.parametrize(
    "arguments", [(3.0, 0.001), (0.2, 0.02), (30.0, 0.02), (3.0, 0.2), (10.0, 0.01, 5, 4.9, 0.002)]
)
def test_every_neuron_gets_a_fit_of_its_firing_range(arguments):
    fitted = fit_transfer(*arguments)
    low, high = fitted.inverse(1.0), fitted.inverse(9.0)
    assert rate(low, *arguments) == pytest.approx(1.0, abs=0.5)
    assert rate(high, *arguments) == pytest.approx(9.0, abs=0.5)


def test_value_inverse_gain_and_derivative_agree():
    law = PowerLaw(1.0792e-4, -11.1425, 3.0814)
    rates = np.array([1e-6, 0.1, 5.0, 40.0])
    np.testing.assert_allclose(law(law.inverse(rates)), rates, rtol=1e-12)
    np.testing.assert_allclose(law.gain(rates), law.derivative(law.inverse(rates)), rtol=1e-12)
    step = 1e-4
    assert law.derivative(10.0) == pytest.approx((law(10 + step) - law(10 - step)) / (2 * step), rel=1e-8)
    assert law(-20.0) == 0.0 == law.derivative(-20.0) == law.gain(0.0)
    assert law.inverse(0.0) == law.b
    assert law(17.654) == pytest.approx(1.0792e-4 * 28.7965**3.0814, rel=1e-12)
    with pytest.raises(ValueError, match="rates"):
        law.inverse(-1.0)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0.0, 1.0, 2.0), "a"),
        ((1.0, np.nan, 2.0), "b"),
        ((1.0, 1.0, 1.0), "n"),
        ((1.0, 1.0, 2.0, (5, 1)), "range"),
    ],
)
def test_impossible_coefficients(arguments, name):
    with pytest.raises(ValueError, match=name):
        PowerLaw(*arguments)


def test_bad_data_are_explained():
    mu = np.linspace(0, 10, 20)
    with pytest.raises(ValueError, match="only 0 inputs"):
        fit_power_law(mu, np.full(20, 50.0))
    with pytest.raises(ValueError, match="only 0 inputs"):
        fit_power_law(mu, np.zeros(20))
    with pytest.raises(ValueError, match="finite"):
        fit_power_law(mu, np.where(mu > 5, np.nan, mu))
    with pytest.raises(ValueError, match="shape"):
        fit_power_law(mu, mu[:3])
    with pytest.raises(ValueError, match="no supralinear"):
        fit_power_law(mu, np.sqrt(mu))
    with pytest.raises(ValueError, match="1/refractory"):
        fit_transfer(3.0, 0.02, refractory=0.2)


def test_fit_is_fast():
    fit_transfer(3.0, 0.02)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        fit_transfer(3.0, 0.02)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05
