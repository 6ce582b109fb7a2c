"""The transfer function against its definition, integrated by mpmath with 50 digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from ssnbrian.analysis.erfcx_integral import log_remainder
from ssnbrian.analysis.transfer import (
    CHUNK,
    log_rate,
    mean_input,
    rate,
    rate_and_derivatives,
    rate_derivatives,
)


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mp.workdps(50):
        yield


def exact_log_rate(mu, sigma, tau, threshold=1.0, reset=0.0, refractory=0.0):
    """ln Φ from Eq 9 by quadrature of its integrand, for exactly the given floats."""
    mu, sigma, tau, threshold, reset = (mp.mpf(float(x)) for x in (mu, sigma, tau, threshold, reset))
    scale = sigma * mp.sqrt(tau)
    bound, width = (threshold - mu * tau) / scale, (threshold - reset) / scale
    # The variable u, z = bound - length (exp(u) - 1), follows both the decay like exp(z²) and that like 1/z.
    length = 1 - bound if bound <= 0 else 1 / (1 + 2 * bound)

    def integrand(u):
        z = bound - length * mp.expm1(u)
        return mp.exp(z * z - exponent) * mp.erfc(-z) * length * mp.exp(u)

    exponent = bound * bound if bound > 0 else mp.mpf(0)
    end = mp.log1p(width / length)
    panels = max(1, int(mp.ceil(end)))
    integral = mp.quad(integrand, [end * i / panels for i in range(panels + 1)])
    passage = tau * mp.sqrt(mp.pi) * integral
    return -exponent - mp.log(mp.mpf(float(refractory)) * mp.exp(-exponent) + passage)


def random_point(rng):
    """A parameter set whose bound and width lie anywhere, from noise-free to noise-dominated."""
    tau = 10 ** rng.uniform(-4, 0)
    threshold = rng.choice([1.0, 20.0, -50.0, 1e-3, 1e4])
    reset = threshold - abs(threshold) * 10 ** rng.uniform(-9, 1)
    bound = (rng.uniform(-30, 26), rng.uniform(-1, 1), -(10 ** rng.uniform(-6, 10)), rng.uniform(0, 26))[
        rng.integers(4)
    ]
    sigma = (threshold - reset) / (10 ** rng.uniform(-4, 4) * np.sqrt(tau))
    mu = (threshold - bound * sigma * np.sqrt(tau)) / tau
    return mu, sigma, tau, threshold, reset, rng.choice([0.0, 0.002, 1e-4])


def relative_error(value, exact_log):
    return abs(float(mp.mpf(value) / mp.exp(exact_log) - 1))


@pytest.mark.parametrize("seed", range(8))
def test_rate_over_the_whole_plane(seed):
    rng = np.random.default_rng(seed)
    points = [random_point(rng) for _ in range(14)]
    exact = [exact_log_rate(*point) for point in points]
    arrays = rate(*np.transpose(points))
    logarithms = log_rate(*np.transpose(points))
    for point, reference, value, logarithm in zip(points, exact, arrays, logarithms, strict=True):
        assert float(reference) > -690  # the points are chosen so; every one is then tested
        assert relative_error(rate(*point), reference) < 1e-12, point
        assert relative_error(value, reference) < 1e-12, point
        assert abs(logarithm - reference) <= 2e-15 * max(1.0, abs(reference)), point


EDGES = {
    "rate near 1e-300": (-515.0, 3.0, 0.0192),
    "just below threshold, little noise": (np.nextafter(50.0, 0), 1e-12, 0.02),
    "just above threshold, little noise": (np.nextafter(50.0, 99), 1e-12, 0.02),
    "threshold equals mu tau exactly": (2.0, 1e-7, 0.5),
    "threshold equals mu tau, wide": (2.0, 3.0, 0.5),
    "large cancellation": (1e12, 1e-3, 0.0009765625, 976562500.0001, 976562499.0, 0.001),
    "threshold hardly above reset": (10.0, 3.0, 0.02, 1.0, 1.0 - 2.0**-53),
    "threshold hardly above reset, far below": (-100.0, 3.0, 0.02, 1.0, 1.0 - 2.0**-53),
    "huge noise": (10.0, 1e100, 0.02),
    "reset far below": (10.0, 3.0, 0.02, 1.0, -1e9, 0.002),
    "strongly driven": (1e9, 3.0, 0.02, 1.0, 0.0, 0.002),
    "strongly driven, no refractory period": (1e9, 3.0, 0.02),
    "bound zero and narrow": (2.0, 100.0, 0.5, 1.0, 0.99),
    "boundary of quadrature and closed form": (2.0, 4.0 * np.sqrt(2.0), 0.5),
    "everything small": (1e-120, 1e-121, 0.02, 1e-121, 0.0),
}


@pytest.mark.parametrize("name", EDGES)
def test_rate_at_edges(name):
    exact = exact_log_rate(*EDGES[name])
    assert -690 < exact < 700
    assert relative_error(rate(*EDGES[name]), exact) < 1e-12
    assert relative_error(rate([EDGES[name][0]], *EDGES[name][1:])[0], exact) < 1e-12


def test_log_rate_where_the_rate_underflows():
    for point in ((-600.0, 3.0, 0.02), (-1e4, 1.0, 0.02), (0.0, 1e-3, 0.02), (0.0, 1.5, 0.02, 25.0, 24.999)):
        exact = exact_log_rate(*point)
        assert exact < -750
        assert rate(*point) == 0.0
        assert log_rate(*point) == pytest.approx(float(exact), rel=4e-16)
    assert log_rate(-1e100, 3.0, 0.02) == pytest.approx(-2e198 / 9, rel=1e-14)
    assert log_rate(-1e300, 3.0, 0.02) == -np.inf


def test_noiseless_limit():
    assert rate(60.0, 0.0, 0.02) == pytest.approx(27.90553132756236, rel=1e-14)
    assert rate([40.0, 60.0], 0.0, 0.02, 1.0, 0.0, [0.002])[1] == pytest.approx(
        1 / (0.002 + 0.02 * np.log(6.0)), rel=1e-13
    )
    assert rate(40.0, 0.0, 0.02) == 0.0
    assert rate(2.0, 0.0, 0.5) == 0.0
    assert log_rate(2.0, 0.0, 0.5) == -np.inf
    # Continuous in σ → 0, whichever formula is used for the small σ.
    for sigma in (1e-300, 1e-200, 1e-100, 1e-20, 1e-11, 1e-9):
        assert rate(60.0, sigma, 0.02) == pytest.approx(rate(60.0, 0.0, 0.02), rel=1e-14)
        assert rate(40.0, sigma, 0.02) == 0.0
    assert rate_derivatives(2.0, 0.0, 0.5) == (np.inf, np.inf)
    assert rate_derivatives(1.0, 0.0, 0.5) == (0.0, 0.0)
    assert rate_derivatives(1.0, [0.0], 0.5)[0][0] == 0.0
    slope, noise_slope = rate_derivatives(60.0, 0.0, 0.02)
    step = 1e-5
    assert slope == pytest.approx((rate(60 + step, 0.0, 0.02) - rate(60 - step, 0.0, 0.02)) / (2 * step), rel=1e-8)
    assert noise_slope == 0.0


def test_extreme_drive_gives_numbers():
    values = rate([-1e305, 1e305, -1e-305, 1.0], 3.0, 0.02)
    assert values[0] == 0.0
    assert values[1] == pytest.approx(1e305, rel=1e-12)
    assert values[2] == pytest.approx(rate(0.0, 3.0, 0.02), rel=1e-13)
    assert np.isfinite(values).all()


def test_reference_values():
    """The digits are those published with the reference network: Φ at σ = 3 mV/√s."""
    mu = [0.0, 10.0, 20.0, 30.0]
    np.testing.assert_allclose(rate(mu, 3.0, 0.02), [0.228177, 1.266620, 4.335952, 10.028505], atol=5e-7, rtol=0)
    expected = [0.00266867, 0.0195344, 0.112142, 0.500682]
    np.testing.assert_allclose(rate(mu, 3.0, 0.01), expected, rtol=3e-6)


@pytest.mark.parametrize("seed", range(6))
def test_derivatives(seed):
    rng = np.random.default_rng(100 + seed)
    mp.mp.dps = 40  # restored by the fixture; errors of the differences are then below 1e-15
    for _ in range(2):
        mu, sigma, tau, threshold, reset, refractory = point = random_point(rng)
        # Central differences, steps small against the length on which Φ changes.
        bound = (threshold - mu * tau) / (sigma * np.sqrt(tau))
        value, d_mu, d_sigma = rate_and_derivatives(*point)
        assert value == pytest.approx(rate(*point), rel=1e-14)
        exact = {}
        for name, size in (("mu", sigma / np.sqrt(tau)), ("sigma", sigma)):
            step = mp.mpf(size) * mp.mpf(10) ** -8 * (1 - bound if bound < 0 else 1 / (1 + bound))
            sides = []
            for sign in (1, -1):
                shifted = {"mu": mp.mpf(mu), "sigma": mp.mpf(sigma)}
                shifted[name] += sign * step
                sides.append(mp.exp(_exact_log_rate_mp(shifted, tau, threshold, reset, refractory)))
            exact[name] = (sides[0] - sides[1]) / (2 * step)
        assert abs(float(d_mu / exact["mu"] - 1)) < 1e-11, point
        assert abs(float(d_sigma / exact["sigma"] - 1)) < 1e-11, point
        arrays = rate_derivatives([mu, mu], sigma, tau, threshold, reset, refractory)
        np.testing.assert_allclose([arrays[0][1], arrays[1][1]], [d_mu, d_sigma], rtol=1e-12)


def _exact_log_rate_mp(shifted, tau, threshold, reset, refractory):
    """As exact_log_rate, with the precision of the context, at mpmath numbers."""
    root = mp.sqrt(mp.mpf(tau))
    scale = shifted["sigma"] * root
    bound, width = (threshold - shifted["mu"] * tau) / scale, (mp.mpf(threshold) - mp.mpf(reset)) / scale
    # T/(τ√π) = ∫ erfcx(-z) dz over [bound - width, bound].
    length = 1 - bound if bound <= 0 else 1 / (1 + 2 * bound)
    end = mp.log1p(width / length)
    panels = max(1, int(mp.ceil(end)))

    def integrand(u):
        z = bound - length * mp.expm1(u)
        return mp.exp(z * z) * mp.erfc(-z) * length * mp.exp(u)

    integral = mp.quad(integrand, [end * i / panels for i in range(panels + 1)])
    return -mp.log(refractory + tau * mp.sqrt(mp.pi) * integral)


def test_inverse_round_trip():
    rng = np.random.default_rng(5)
    count = 4000
    tau, sigma = 10 ** rng.uniform(-4, 0, count), 10 ** rng.uniform(-3, 3, count)
    refractory = rng.choice([0.0, 0.002], count)
    target = np.where(refractory > 0, rng.uniform(0, 499.9, count), 10 ** rng.uniform(-300, 4, count))
    mu = mean_input(target, sigma, tau, 1.0, 0.0, refractory)
    slope = rate_derivatives(mu, sigma, tau, 1.0, 0.0, refractory)[0]
    # What one unit in the last place of the quantities that make up μ does to the rate.
    rounding = slope * np.finfo(float).eps * (np.abs(mu) + 1 / tau + sigma / np.sqrt(tau)) + 4e-16 * target
    assert (np.abs(rate(mu, sigma, tau, 1.0, 0.0, refractory) - target) / rounding).max() < 4
    for i in range(5):
        single = mean_input(target[i], sigma[i], tau[i], 1.0, 0.0, refractory[i])
        assert single == pytest.approx(mu[i], rel=1e-13)


def test_inverse_at_the_ends():
    for target in (5e-324, 1e-308, 1e-100, 1e6, 1e300):
        mu = mean_input(target, 3.0, 0.02)
        assert log_rate(mu, 3.0, 0.02) == pytest.approx(np.log(target), rel=1e-12)
    assert mean_input(1 / (0.02 * np.log(6.0)), 0.0, 0.02) == pytest.approx(60.0, rel=1e-14)
    assert mean_input(1e-300, 0.0, 0.02) == 50.0
    nearly = np.nextafter(500.0, 0)
    assert rate(mean_input(nearly, 3.0, 0.02, refractory=0.002), 3.0, 0.02, refractory=0.002) == pytest.approx(
        nearly, rel=1e-15
    )
    for impossible in (500.0, 501.0, [10.0, 600.0]):
        with pytest.raises(ValueError, match=r"1/refractory = 500"):
            mean_input(impossible, 3.0, 0.02, refractory=0.002)
    for impossible in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="rate"):
            mean_input(impossible, 3.0, 0.02)


def test_monotone_in_mu_and_sigma():
    mu = np.linspace(-200, 400, 6001)
    for sigma, tau in ((0.1, 0.02), (3.0, 0.02), (3.0, 0.01), (30.0, 0.005)):
        logarithms = log_rate(mu, sigma, tau)
        assert (np.diff(logarithms) > 0).all()
    sigma = np.geomspace(0.5, 100, 4001)
    for drive in (-50.0, 0.0, 49.0, 50.0, 60.0):
        assert (np.diff(log_rate(drive, sigma, 0.02)) > 0).all()


def test_array_shapes_and_chunks():
    mu = np.linspace(-50, 150, 3 * CHUNK + 17)
    whole = rate(mu, 3.0, 0.02)
    assert whole[2 * CHUNK + 5] == pytest.approx(rate(mu[2 * CHUNK + 5], 3.0, 0.02), rel=1e-13)
    table = rate(mu[:5, None], [1.0, 3.0], 0.02)
    assert table.shape == (5, 2)
    assert table[4, 1] == pytest.approx(rate(mu[4], 3.0, 0.02), rel=1e-13)
    assert rate([], 3.0, 0.02).shape == (0,)
    assert rate(10, 3, [0.02, 0.01]).shape == (2,)  # an array in any single place
    assert rate(10, 3, 0.02, 1, [0.0, 0.5]).shape == (2,)
    assert rate(10, 3, 0.02, 1, 0, [0.0, 0.5])[1] == pytest.approx(1 / (0.5 + 1 / rate(10.0, 3.0, 0.02)), rel=1e-13)
    assert rate(60, [0.0, 1e-300, 3.0], 0.02)[0] == rate(60, 0.0, 0.02)
    assert isinstance(rate(10, 3, 0.02), float)


WRONG = {
    "mu": ({"mu": np.nan}, {"mu": [0.0, np.inf]}, {"mu": "ten"}),
    "sigma": ({"sigma": -1.0}, {"sigma": [1.0, -2.0]}, {"sigma": np.nan}),
    "tau": ({"tau": 0.0}, {"tau": -0.02}, {"tau": np.inf}),
    "reset": ({"reset": 1.0}, {"reset": 2.0}, {"threshold": [2.0, 0.0]}),
    "refractory": ({"refractory": -0.001},),
    "broadcast": ({"mu": [1.0, 2.0], "sigma": [1.0, 2.0, 3.0]},),
}


@pytest.mark.parametrize("function", [rate, log_rate, rate_derivatives])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_named(function, name):
    for change in WRONG[name]:
        with pytest.raises(ValueError, match=name):
            function(**({"mu": 10.0, "sigma": 3.0, "tau": 0.02} | change))


def test_errors_say_which_value_and_units_are_refused():
    with pytest.raises(ValueError, match=r"sigma=-2\.0 at index 1"):
        rate(10.0, [1.0, -2.0], 0.02)

    class Quantity(float):
        dim = "volt"
        is_dimensionless = False

    with pytest.raises(TypeError, match="unit"):
        rate(Quantity(10.0), 3.0, 0.02)


def test_polynomial_of_the_integral_of_erfcx():
    for x in (0.0, 1e-3, 0.3, 1.0, 2.25, 5.0, 30.0, 1e3):
        panels = [0, *(p for p in (0.5, 2, 5, 20, 100) if p < x), x]
        integral = mp.quad(lambda t: mp.exp(t * t) * mp.erfc(t), panels) if x else mp.mpf(0)
        exact = mp.sqrt(mp.pi) * integral - mp.log1p(x)
        assert abs(log_remainder(x) - float(exact)) < 4e-16
        assert abs(log_remainder(np.array([x]))[0] - float(exact)) < 4e-16
