"""Renewal theory of populations against mpmath, quadrature, delay equations and the reference values of its literature.

Reference values are given there in ms; they are converted here.
"""

from itertools import pairwise

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import lambertw
from ssnbrian.analysis import renewal
from ssnbrian.analysis.renewal import (
    AgeGrid,
    DeadTimeIntervals,
    EscapeNoiseIntervals,
    GaussianIntervals,
    InverseGaussianIntervals,
    ModeTable,
    RefractoryDensity,
    WhiteNoiseLIFIntervals,
    adjoint_eigenfunction,
    couplings,
    current_response,
    dead_time_coupling,
    dead_time_eigenvalue_slope,
    dead_time_response,
    density_eigenfunction,
    eigenmode_activity,
    eigenmodes,
    hazard_response,
    integral_equation_spectrum,
    langevin_spectrum,
    mode_coefficients,
    naive_spectrum,
    overlap,
    renewal_spectrum,
    stationary_mode,
)

from ssnbrian.circuit import InvalidInputError

pytestmark = pytest.mark.xdist_group("renewal")

ESCAPE = EscapeNoiseIntervals(20.0, 0.02, 10.0, 0.0, 1.0, 10.0)
GIF = EscapeNoiseIntervals(24.0, 0.02, 15.0, 0.0, 2.5, 10.0, 0.004)
NOISE_DRIVEN = EscapeNoiseIntervals(13.0, 0.02, 15.0, 0.0, 2.5, 100.0, 0.004)
DEAD_TIME = DeadTimeIntervals(100.0, 0.01)
LIF = WhiteNoiseLIFIntervals.dimensionless(1.2, 0.01)
FAMILIES = {
    "dead time": DEAD_TIME,
    "Gaussian": GaussianIntervals(0.05, 0.2),
    "inverse Gaussian": InverseGaussianIntervals(0.05, 0.25),
    "escape noise": ESCAPE,
    "escape noise, dead time": GIF,
    "escape noise, noise-driven": NOISE_DRIVEN,
    "LIF": LIF,
    "LIF, subthreshold": WhiteNoiseLIFIntervals.dimensionless(0.8, 0.1),
}
HZ = 1e3


@pytest.mark.parametrize("name", FAMILIES)
def test_density_survivor_transform_and_moments_belong_together(name):
    """By adaptive quadrature of the density; 1e-6 is the error of the densities that come from splines."""
    family = FAMILIES[name]
    mean, width = family.mean, family.standard_deviation
    points = [family.kink, *np.clip(mean + width * np.array([-4, -1, 1, 4, 12]), family.kink, family.longest)]
    edges = sorted({*points, family.longest, 0.0 if name != "Gaussian" else mean - 8 * width})

    def total(function):
        return sum(
            quad(lambda t: function(t) * float(family.density(np.array(t))), a, b, epsabs=1e-9, limit=200)[0]
            for a, b in pairwise(edges)
        )

    argument = complex(0.5, 4.0) / mean
    assert total(lambda t: 1.0) == pytest.approx(1, abs=1e-6)
    assert total(lambda t: t) == pytest.approx(mean, rel=1e-6)
    assert total(lambda t: (t - mean) ** 2) == pytest.approx(width**2, rel=1e-5)
    transform = total(lambda t: np.exp(-argument * t).real) + 1j * total(lambda t: np.exp(-argument * t).imag)
    assert abs(transform - family.laplace(argument)) < 1e-6
    change = 1e-4 / mean
    slope = (family.laplace(argument + change) - family.laplace(argument - change)) / (2 * change)
    assert abs(slope - family.laplace_derivative(argument)) < 1e-6 * mean
    age = mean + 0.5 * width
    assert float(family.survivor(np.array(age))) == pytest.approx(
        quad(lambda t: float(family.density(np.array(t))), age, family.longest, points=[mean + 2 * width])[0], abs=1e-6
    )
    assert float(family.hazard(np.array(age)) * family.survivor(np.array(age))) == pytest.approx(
        float(family.density(np.array(age)))
    )


def test_every_family_is_tested():
    classes = {getattr(renewal, name) for name in renewal.__all__ if name.endswith("Intervals")} - {renewal.Intervals}
    assert classes == {type(family) for family in FAMILIES.values()}


def test_published_rates_and_variabilities():
    """Reference values to the digits they are given with."""
    assert ESCAPE.rate == pytest.approx(46.570, abs=5e-4)
    assert ESCAPE.cv == pytest.approx(0.14539, abs=5e-6)
    assert ESCAPE.integral_equation_correction_rate == pytest.approx(287.6, abs=0.05)
    assert ESCAPE.langevin_correction_rate == pytest.approx(320.3, abs=0.05)
    assert GIF.rate == pytest.approx(24.527, abs=5e-4)
    assert LIF.mean == pytest.approx(1.6983204, abs=5e-8)


def test_the_two_corrections_differ_except_with_dead_time():
    gaussian = FAMILIES["Gaussian"]
    ratio = gaussian.integral_equation_correction_rate / gaussian.langevin_correction_rate
    assert ratio == pytest.approx(np.sqrt(np.pi) / 2, rel=1e-5)
    assert DEAD_TIME.integral_equation_correction_rate == pytest.approx(DEAD_TIME.langevin_correction_rate, rel=1e-9)


def bounded(order, z, extra):
    """e^(z^2/4) D_order(z) by Kummer's series with ``extra`` digits for its cancellation, mpmath complex."""
    with mpmath.workdps(30 + extra):
        a, y, z = -mpmath.mpmathify(order) / 2, mpmath.mpf(z) ** 2 / 2, mpmath.mpf(z)
        even = mpmath.hyp1f1(a, 0.5, y) * mpmath.rgamma(a + 0.5)
        odd = mpmath.hyp1f1(a + 0.5, 1.5, y) * mpmath.rgamma(a)
        return mpmath.mpf(2) ** (-a) * mpmath.sqrt(mpmath.pi) * (even - mpmath.sqrt(2) * z * odd)


def cylinder_transform(argument, mean, diffusion):
    """P_L of the LIF neuron in parabolic cylinder functions; e^delta is in the factors e^(z^2/4)."""
    scale = np.sqrt(diffusion)
    extra = int(max(mean**2, 1) / diffusion / 2)
    return bounded(-argument, mean / scale, extra) / bounded(-argument, (mean - 1) / scale, extra)


@pytest.mark.parametrize(("mean", "diffusion"), [(1.2, 0.01), (0.8, 0.1), (1.5, 0.2), (0.3, 0.2)])
def test_the_white_noise_transform_is_that_of_parabolic_cylinder_functions(mean, diffusion):
    family = WhiteNoiseLIFIntervals.dimensionless(mean, diffusion)
    arguments = np.array([0.7, 2 + 3j, 6j, -0.3 + 4j, -1.5 + 6j])
    found = family.laplace(arguments)
    for value, argument in zip(found, arguments, strict=True):
        expected = complex(cylinder_transform(complex(argument), mean, diffusion))
        assert abs(value - expected) < 1e-8 * abs(expected)
    direct = mpmath.pcfd(-2 - 3j, 1.5 / np.sqrt(0.2)) / mpmath.pcfd(-2 - 3j, 0.5 / np.sqrt(0.2))
    delta = (2 * 1.5 - 1) / (4 * 0.2)
    assert abs(complex(mpmath.exp(delta) * direct) - complex(cylinder_transform(2 + 3j, 1.5, 0.2))) < 1e-12


def continued_escape_noise_transform(argument, family):
    """P_L continued to the left of its poles, -(R + n)/tau_m, in y = e^(-t/tau_m), t the age after the dead time.

    S = exp(-R (E_1(kappa y) - E_1(kappa))): a quadrature from y = .1 to 1, and below it the power series of S/y^R
    integrated term by term.
    """
    with mpmath.workdps(40):
        kappa = mpmath.mpf(family.mu - family.reset) / family.softness
        limit = family.threshold_hazard * mpmath.exp((mpmath.mpf(family.mu) - family.threshold) / family.softness)
        limit *= family.tau_m
        near = mpmath.mpf("0.1")

        def survivor(y):
            return mpmath.exp(-limit * (mpmath.e1(kappa * y) - mpmath.e1(kappa)))

        growth = [limit * (-kappa) ** k / mpmath.factorial(k) for k in range(100)]
        powers = [mpmath.mpf(1)]
        for n in range(1, 100):
            powers.append(sum(growth[k] * powers[n - k] for k in range(1, n + 1)) / n)
        scaled = mpmath.mpmathify(argument) * family.tau_m
        weights = [one * near**n for n, one in enumerate(powers)]
        far = sum(one / (scaled + limit + n) for n, one in enumerate(weights)) / sum(weights)
        total = mpmath.quad(lambda y: y ** (scaled - 1) * survivor(y), [near, 0.3, 1])
        total += survivor(near) * near**scaled * far
        delayed = mpmath.exp(-argument * family.dead_time)
        return complex(delayed * (1 - argument * family.tau_m * total))


def test_the_escape_noise_transform_left_of_its_pole():
    """Noise-driven firing, where the modes lie left of the abscissa, -45/s, and of further poles, 1/tau_m apart."""
    for argument in (3 + 20j, -40 + 60j, -80 + 90j):
        expected = continued_escape_noise_transform(argument, NOISE_DRIVEN)
        assert abs(complex(NOISE_DRIVEN.laplace(argument)) - expected) < 1e-6 * max(abs(expected), 1)
    mode = eigenmodes(NOISE_DRIVEN, 1)[0]
    assert not mode.converges
    assert abs(continued_escape_noise_transform(mode.eigenvalue, NOISE_DRIVEN) - 1) < 1e-6


@pytest.mark.parametrize(("mean", "diffusion"), [(1.2, 0.01), (0.8, 0.1)])
def test_the_pole_of_the_white_noise_transform_is_a_zero_of_the_cylinder_function(mean, diffusion):
    family = WhiteNoiseLIFIntervals.dimensionless(mean, diffusion)
    extra = int(max(mean**2, 1) / diffusion / 2)
    zero = mpmath.findroot(
        lambda x: mpmath.re(bounded(-x, (mean - 1) / np.sqrt(diffusion), extra)), family.abscissa, tol=1e-18
    )
    assert family.abscissa == pytest.approx(float(zero), rel=1e-8)


@pytest.mark.parametrize(("mean", "diffusion"), [(1.2, 0.01), (0.8, 0.1)])
def test_moments_of_the_white_noise_neuron_are_derivatives_of_cylinder_functions(mean, diffusion):
    """Mean and variance of the interval, -d and d^2 of ln P_L at 0, with 60 digits for the differences."""
    family = WhiteNoiseLIFIntervals.dimensionless(mean, diffusion)
    with mpmath.workdps(60):

        def logarithm(argument):
            scale = mpmath.sqrt(mpmath.mpf(diffusion))
            above, below = (bounded(-argument, one / scale, 100) for one in (mpmath.mpf(mean), mpmath.mpf(mean) - 1))
            return mpmath.log(above / below)

        first = -mpmath.diff(logarithm, 0, 1, h=mpmath.mpf(10) ** -15)
        second = mpmath.diff(logarithm, 0, 2, h=mpmath.mpf(10) ** -12)
    assert family.mean == pytest.approx(float(first), rel=1e-9)
    assert family.standard_deviation == pytest.approx(float(mpmath.sqrt(second)), rel=1e-8)


def test_units_of_the_white_noise_neuron():
    """The same neuron in mV and s: times in units of tau_m, potentials in units of threshold minus reset."""
    family = WhiteNoiseLIFIntervals(1250.0, 20.0, 0.02, 20.0, 10.0, 0.002)
    plain = WhiteNoiseLIFIntervals.dimensionless(1.5, 20.0**2 * 0.02 / 2 / 10.0**2, 0.02)
    assert family.mean == pytest.approx(plain.mean + 0.002)
    assert family.standard_deviation == pytest.approx(plain.standard_deviation)
    argument = 30.0 + 100.0j
    assert abs(family.laplace(argument) - plain.laplace(argument) * np.exp(-argument * 0.002)) < 1e-9
    assert float(family.survivor(np.array(0.025))) == pytest.approx(float(plain.survivor(np.array(0.023))), abs=1e-6)


def test_published_eigenvalues():
    """Reference values to the digits they are given with; here Im > 0, of each conjugate pair."""
    first, second = eigenmodes(DEAD_TIME, 2)
    assert first.eigenvalue / HZ == pytest.approx(-0.153209 + 0.459716j, abs=1e-6)
    assert second.eigenvalue / HZ == pytest.approx(-0.239398 + 1.086801j, abs=1e-6)
    assert eigenmodes(LIF, 1)[0].eigenvalue == pytest.approx(-0.608873 + 3.780963j, abs=1e-6)


def test_eigenvalues_in_closed_form():
    for n, mode in enumerate(eigenmodes(DEAD_TIME, 3), 1):
        nu, dead_time = DEAD_TIME.hazard_rate, DEAD_TIME.dead_time
        expected = lambertw(nu * dead_time * np.exp(nu * dead_time), n) / dead_time - nu
        assert abs(mode.eigenvalue - expected) < 1e-9 * abs(expected)
        assert abs(mode.activity - (nu + expected) / (1 + dead_time * (nu + expected))) < 1e-9 * nu
    integrator = FAMILIES["inverse Gaussian"]
    for n, mode in enumerate(eigenmodes(integrator, 3), 1):
        expected = -integrator.rate * (2 * (np.pi * integrator.cv * n) ** 2 - 2j * np.pi * n)
        assert abs(mode.eigenvalue - expected) < 1e-9 * abs(expected)
        assert abs(mode.activity - integrator.rate * (1 + 2j * np.pi * n * integrator.cv**2)) < 1e-9 * integrator.rate


@pytest.mark.parametrize("name", FAMILIES)
def test_eigenmodes_solve_their_equation(name):
    """P_L = 1, by another way for those families whose roots are in closed form, and all roots are different."""
    family = FAMILIES[name]
    modes = eigenmodes(family, 2)
    for mode in modes:
        assert abs(family.laplace(mode.eigenvalue) - 1) < 1e-7
        assert abs(mode.activity * family.laplace_derivative(mode.eigenvalue) + 1) < 1e-6
        assert mode.eigenvalue.real < 0 < mode.eigenvalue.imag
    imaginary = [mode.eigenvalue.imag * family.mean / (2 * np.pi) for mode in modes]
    assert np.all(np.diff(imaginary) > 0.1), imaginary


def test_continuation_finds_the_branches_of_lamberts_function_for_irregular_firing():
    """The same code that serves families without closed form, on intervals with dead time of CV .5, .8 and .95."""

    class Followed(DeadTimeIntervals):
        def eigenvalue(self, number):
            return None

    for product in (1.0, 0.25, 0.05):
        followed, closed = (eigenmodes(one(product / 0.01, 0.01), 3) for one in (Followed, DeadTimeIntervals))
        for one, other in zip(followed, closed, strict=True):
            assert abs(one.eigenvalue - other.eigenvalue) < 1e-7 * abs(other.eigenvalue)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("dead time", 1e-7),
        ("Gaussian", 1e-6),
        ("escape noise", 1e-6),
        ("escape noise, dead time", 1e-5),
        ("escape noise, noise-driven", 1e-4),
        ("LIF", 3e-3),
    ],
)
def test_eigenfunctions_are_biorthogonal(name, tolerance):
    """<psi_n, phi_m> by Simpson's rule over the age; the hazard of the LIF neuron is a spline with a fitted tail."""
    family = FAMILIES[name]
    grid = AgeGrid.of(family)
    modes = [stationary_mode(family), *eigenmodes(family, 2)]
    modes.append(modes[1].conjugate)
    table = [[overlap(family, adjoint_eigenfunction(family, n, grid), m, grid) for m in modes] for n in modes]
    assert np.abs(np.array(table) - np.eye(4)).max() < tolerance
    for mode in modes:
        assert adjoint_eigenfunction(family, mode, grid)[0] == pytest.approx(1, abs=tolerance)
        start = density_eigenfunction(family, mode, grid.ages[:1])[0]
        assert start == pytest.approx(mode.activity, rel=1e-6)


def test_adjoint_eigenfunction_by_its_definition():
    """psi = (e^(lambda tau)/S)(1 - int_0^tau P e^(-lambda s) ds) at middle ages, by adaptive quadrature."""
    mode = eigenmodes(GIF, 1)[0]
    grid = AgeGrid.of(GIF)
    psi = adjoint_eigenfunction(GIF, mode, grid)
    for place in np.searchsorted(grid.ages, [0.002, 0.02, 0.04]):
        age = grid.ages[place]

        def part(t, take):
            return take(GIF.density(np.array(t)) * np.exp(-mode.eigenvalue * t))

        inner = sum(
            unit * quad(part, 0, age, args=(take,), points=[0.004] if age > 0.004 else None)[0]
            for unit, take in ((1, np.real), (1j, np.imag))
        )
        expected = np.exp(mode.eigenvalue * age) / GIF.survivor(age) * (1 - inner)
        assert abs(psi[place] - expected) < 1e-6


def test_modes_without_eigenfunction_are_refused():
    integrator = FAMILIES["inverse Gaussian"]
    resonance = eigenmodes(integrator, 3)[2]
    assert not resonance.converges
    with pytest.raises(InvalidInputError, match="does not converge"):
        adjoint_eigenfunction(integrator, resonance, AgeGrid.of(integrator))


def test_couplings_with_dead_time_by_quadrature():
    """Closed forms, n = m included, against <d psi_n/d nu, phi_m> by Simpson's rule and a central difference."""
    found = couplings(lambda nu: DeadTimeIntervals(nu, 0.01), 100.0, 2)
    modes = eigenmodes(DEAD_TIME, 2)
    columns = [stationary_mode(DEAD_TIME), *modes, *(mode.conjugate for mode in modes)]
    expected = [[dead_time_coupling(DEAD_TIME, n, m) for m in columns] for n in [columns[0], *modes]]
    assert np.abs(found - np.array(expected)).max() < 1e-8 * np.abs(found).max() + 1e-10
    for n, mode in enumerate(modes):
        upper, lower = (eigenmodes(DeadTimeIntervals(100.0 + d, 0.01), 2)[n].eigenvalue for d in (1e-3, -1e-3))
        assert abs((upper - lower) / 2e-3 - dead_time_eigenvalue_slope(DEAD_TIME, mode)) < 1e-6


@pytest.mark.parametrize("family", [GIF, NOISE_DRIVEN], ids=["mean-driven", "noise-driven"])
def test_couplings_of_escape_noise_by_their_definition(family):
    """C_nm = <d psi_n/dh, phi_m> off the diagonal too, where the library uses <d rho/dh (1 - psi_n), phi_m>."""

    def at(mu):
        return EscapeNoiseIntervals(
            mu, family.tau_m, family.threshold, family.reset, family.softness, family.threshold_hazard, family.dead_time
        )

    found, change = couplings(at, family.mu, 2), 1e-3
    grid, modes = AgeGrid.of(family), eigenmodes(family, 2)
    columns = [stationary_mode(family), *modes, *(mode.conjugate for mode in modes)]
    for n in (1, 2):
        upper, lower = (
            adjoint_eigenfunction(at(mu), eigenmodes(at(mu), 2)[n - 1], grid.of_other(at(mu)))
            for mu in (family.mu + change, family.mu - change)
        )
        moved = [overlap(family, (upper - lower) / (2 * change), one, grid) for one in columns]
        assert np.abs(found[n] - moved).max() < 2e-3 * np.abs(found[n]).max()


def test_couplings_that_the_quadrature_cannot_give_are_refused():
    with pytest.raises(ArithmeticError, match="quadrature"):
        couplings(gif, 16.0, 3)


def test_spectra_at_frequency_zero_and_of_poisson_like_firing():
    for family in (DEAD_TIME, ESCAPE, GIF):
        zero, near = renewal_spectrum(family, np.array([0.0, 0.02]), 200)
        assert zero == pytest.approx(family.cv**2 * family.rate / 200)
        assert near == pytest.approx(zero, rel=1e-3)
        coefficients = mode_coefficients(lambda _, family=family: family, 0.0, 1)
        assert langevin_spectrum(coefficients, np.zeros(1), 200)[0] == pytest.approx(zero, rel=1e-6)
        assert renewal_spectrum(family, np.array([3e3]), 200)[0] == pytest.approx(family.rate / 200, rel=0.02)


def test_integral_equation_spectra():
    """With dead time the spectrum is that of renewal firing; else it deviates by the amounts known for CV .15."""
    frequencies = np.array([0.0, 1.0, 10.0, 50.0, 100.0])
    exact = renewal_spectrum(DEAD_TIME, frequencies, 50)
    assert integral_equation_spectrum(DEAD_TIME, frequencies, 50) == pytest.approx(exact, rel=1e-9)
    ratio = integral_equation_spectrum(ESCAPE, frequencies, 200) / renewal_spectrum(ESCAPE, frequencies, 200)
    assert 1.14 < ratio[1:3].min() < ratio[1:3].max() < 1.25
    assert 0.80 < ratio[3:].min() < 0.95
    fine = integral_equation_spectrum(ESCAPE, frequencies, 200, step=1e-6)
    assert fine == pytest.approx(integral_equation_spectrum(ESCAPE, frequencies, 200), rel=1e-3)
    naive = naive_spectrum(ESCAPE, frequencies[1:], 200)
    omega = 2 * np.pi * frequencies[1:]
    corrected = naive * omega**2 / (omega**2 + ESCAPE.integral_equation_correction_rate**2)
    assert integral_equation_spectrum(ESCAPE, frequencies, 200)[1:] == pytest.approx(corrected, rel=1e-12)
    with pytest.raises(InvalidInputError, match="infinite"):
        naive_spectrum(ESCAPE, frequencies, 200)


def test_the_modes_add_up_to_the_integral_equation():
    """With 300 modes and the closure the Langevin spectrum is that of the integral equation with the same Lambda."""
    frequencies = np.array([0.0, 5.0, 30.0, 75.0, 200.0])
    coefficients = mode_coefficients(lambda nu: DeadTimeIntervals(nu, 0.01), 100.0, 300)
    expected = integral_equation_spectrum(DEAD_TIME, frequencies, 50)
    assert coefficients.closure_weight == pytest.approx(0.5, abs=2e-3)
    found = langevin_spectrum(coefficients, frequencies, 50, truncation="closure")
    assert found == pytest.approx(expected, rel=1e-3)
    plain = langevin_spectrum(coefficients, frequencies, 50)
    assert plain[2] > 1.5 * expected[2], "truncation without closure adds a constant to the response"


def test_published_linear_response():
    frequencies = np.array([0.0, 10.0, 30.0, 200.0])
    found = dead_time_response(DEAD_TIME, frequencies)
    assert found[0] == pytest.approx(0.25)
    assert found[1:3] == pytest.approx(np.array([0.25211 + 0.03959j, 0.27396 + 0.12645j]), abs=6e-6)
    numerical = hazard_response(DEAD_TIME, lambda ages, _: np.where(ages < 0.01, 0.0, 1.0), frequencies)
    assert numerical == pytest.approx(found, abs=1e-6)


def test_linear_response_of_slow_neurons_to_fast_modulation():
    """2.96 Hz modulated at up to 150 Hz: the age must be resolved over 10 s."""
    slow, frequencies = DeadTimeIntervals(3.0, 0.004), np.array([0.0, 3.0, 150.0])
    numerical = hazard_response(slow, lambda ages, _: np.where(ages < 0.004, 0.0, 1.0), frequencies)
    assert numerical == pytest.approx(dead_time_response(slow, frequencies), abs=1e-6)


SLOW = EscapeNoiseIntervals(12.0, 0.02, 15.0, 0.0, 2.5, 10.0, 0.004)


@pytest.mark.parametrize("family", [ESCAPE, GIF, NOISE_DRIVEN, SLOW], ids=["regular", "gif", "noise-driven", "slow"])
def test_response_of_escape_noise_at_frequency_zero_is_the_slope_of_the_rate(family):
    upper, lower = (
        EscapeNoiseIntervals(
            family.mu + d, family.tau_m, family.threshold, family.reset, family.softness, family.threshold_hazard,
            family.dead_time,
        ).rate
        for d in (1e-3, -1e-3)
    )  # fmt: skip
    static = hazard_response(family, lambda ages, _: family.hazard_derivative(ages), np.zeros(1))[0]
    moving = hazard_response(family, family.hazard_response, np.zeros(1))[0]
    assert static == pytest.approx((upper - lower) / 2e-3, rel=1e-6)
    assert moving == pytest.approx(static, rel=1e-9)


def transported(hazard, step, longest, potential):
    density = RefractoryDensity(hazard, step, longest)
    density.rest(potential[0])
    activity = density.respond(potential)
    assert density.mass.sum() == pytest.approx(1, abs=1e-12)
    return activity


def test_linear_response_of_the_refractory_density():
    """The stepper, driven by a small sine, against the formula: with dead time, and escape noise with static h."""
    step, size = 1e-4, 1e-2

    for family, hazard, rest, change in (
        (DEAD_TIME, lambda nu, ages: np.where(ages < 0.01, 0.0, nu), 100.0, lambda a, _: np.where(a < 0.01, 0.0, 1.0)),
        (GIF, lambda mu, ages: gif(mu).hazard(ages), 24.0, lambda ages, _: GIF.hazard_derivative(ages)),
    ):
        times = np.arange(0.0, 0.5 + step / 2, step)
        turn = 2 * np.pi * 20.0
        activity = transported(hazard, step, 0.12, rest + size * np.sin(turn * times))
        late = slice(-1000, None)
        centre = (times[1:] - step / 2)[late]
        found = 2j * np.mean(activity[late] * np.exp(-1j * turn * centre)) / size
        expected = hazard_response(family, change, np.array([20.0]))[0]
        assert abs(found - expected) < 2e-3 * abs(expected)


def gif(mu):
    return EscapeNoiseIntervals(mu, 0.02, 15.0, 0.0, 2.5, 10.0, 0.004)


def test_the_refractory_density_at_rest_has_second_order():
    """Constant h: the rate tends to F_0 with four times less error at half the step."""
    errors = []
    for step in (4e-4, 2e-4, 1e-4):
        density = RefractoryDensity(lambda _, ages: ESCAPE.hazard(ages), step, 0.06)
        density.rest(0.0)
        errors.append(density.advance(0.0, 0.0) - ESCAPE.rate)
    assert abs(errors[-1]) < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)


def test_neurons_that_fire_twice_in_a_step_are_counted_twice():
    """Poisson firing of 100 Hz at 1 ms, a tenth of the mean interval: 5 % too low if counted once."""
    density = RefractoryDensity(lambda nu, ages: np.full_like(ages, nu), 1e-3, 0.05)
    density.rest(100.0)
    assert density.advance(100.0, 100.0) == pytest.approx(100, abs=0.3)


def test_a_synchronous_population_settles_at_its_stationary_rate():
    density = RefractoryDensity(lambda _, ages: GIF.hazard(ages), 2e-4, 0.15)
    density.synchronise()
    activity = density.respond(np.zeros(2501))
    assert activity[:19].max() < 1e-9 < activity[150:400].max()
    assert activity[-1] == pytest.approx(GIF.rate, rel=2e-4)


def ramp(t):
    """nu from 50 to 200 Hz between 20 and 24 ms."""
    return 50 + 150 * np.clip((t - 0.02) / 0.004, 0, 1)


@pytest.fixture(scope="module")
def delayed():
    """Activity in the ramp by the delay equation x' = A(t - Delta) - nu x, A = nu x, Heun's method, 5 us."""
    step, number, delay = 5e-6, 16_000, 2000
    activity = np.full(number + delay + 1, 50 / 1.5)
    free = 1 / 1.5
    for k in range(number):
        first = activity[k] - ramp(k * step) * free
        second = activity[k + 1] - ramp((k + 1) * step) * (free + step * first)
        free += step * (first + second) / 2
        activity[delay + k + 1] = ramp((k + 1) * step) * free
    return np.arange(number + 1) * step, activity[delay:]


def test_the_refractory_density_with_dead_time_is_a_delay_equation(delayed):
    times, expected = delayed
    step = 1e-4
    ends = np.arange(801) * step
    activity = transported(lambda nu, ages: np.where(ages < 0.01, 0.0, nu), step, 0.02, ramp(ends))
    found = np.interp(times, ends[1:] - step / 2, activity)
    smooth = (times > 0.0265) & (np.abs(times - 0.03) > 5e-4) & (np.abs(times - 0.034) > 5e-4) & (times < 0.0795)
    assert np.abs(found - expected)[smooth].max() < 0.02
    assert np.ptp(expected) > 50


@pytest.mark.parametrize(("modes", "published"), [(1, 0.73), (2, 0.16), (4, 0.055)])
def test_a_few_eigenmodes_follow_a_step_of_the_rate(delayed, modes, published):
    """Root mean square error from 26 to 80 ms after the ramp: not above the published one."""
    times, expected = (one[::20] for one in delayed)
    table = ModeTable(lambda nu: DeadTimeIntervals(nu, 0.01), np.linspace(45, 205, 40), modes)
    found = eigenmode_activity(table, times, ramp, largest_step=1e-3)
    assert not found.outside
    late = times > 0.026
    error = np.sqrt(np.mean((found.activity - expected)[late] ** 2))
    assert error < published * 1.01
    if modes == 1:
        assert error == pytest.approx(published, abs=0.01)


def test_eigenmodes_of_escape_noise_follow_the_refractory_density_with_feedback():
    """Inhibitory feedback, a step of 1 mV in 10 ms: modes against exact transport, from the same rest.

    Two modes are compared with none, A = F_0(h): the errors of h and of the activity, root mean square over 150 ms.
    """
    coupling, tau_h, step = -0.02, 0.01, 1e-4
    table = ModeTable(gif, np.linspace(22.5, 25.0, 6), 2)
    times = np.arange(0.0, 0.1501, step)

    def drive(t):
        return 24.0 + float(np.clip(t / 0.01, 0, 1))

    found = eigenmode_activity(table, times, drive, coupling=coupling, tau_h=tau_h, largest_step=2e-3)
    assert not found.outside
    assert not found.negative
    density = RefractoryDensity(lambda mu, ages: gif(mu).hazard(ages), step, 0.12)
    density.rest(found.potential[0])
    inputs = np.array([drive(t + step / 2) for t in times[:-1]])
    activity, potential = density.feed_back(inputs, found.potential[0], coupling, tau_h)
    error = found.activity[1:] - activity
    without = table.at(potential).rate - activity
    assert np.ptp(activity) > 2
    assert np.abs(found.potential[1:] - potential).max() < 0.01
    assert np.sqrt(np.mean(error**2)) < 0.3 * np.sqrt(np.mean(without**2))
    assert np.abs(error)[times[1:] > 0.04].max() < 0.02 * np.ptp(activity)
    assert found.activity[-1] == pytest.approx(gif(found.potential[-1]).rate, rel=5e-3)


def test_current_response_with_feedback_at_frequency_zero():
    """Slope of the self-consistent rate: dA/dI = F' /(1 - J F'); and the low pass of h at 1/(2 pi tau_h)."""
    slope = np.array([0.8 + 0j])
    assert current_response(slope, np.zeros(1), 0.01, 0.5)[0] == pytest.approx(0.8 / (1 - 0.4))
    cut = np.array([1 / (2 * np.pi * 0.01)])
    assert abs(current_response(slope, cut, 0.01)[0]) == pytest.approx(0.8 / np.sqrt(2))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DeadTimeIntervals(-1.0, 0.01), "hazard rate must be"),
        (lambda: GaussianIntervals(1.0, float("nan")), "variation must be"),
        (lambda: EscapeNoiseIntervals(1e4, 0.02, 10.0, 0.0, 1.0, 10.0), "bring it to the threshold"),
        (lambda: WhiteNoiseLIFIntervals(1.0, 1.0, 0.02, 10.0, 10.0), "threshold minus reset"),
        (lambda: RefractoryDensity(lambda h, ages: ages, 1e-3, 1e-4), "below the longest age"),
        (lambda: eigenmodes(DEAD_TIME, 0), "at least 1"),
        (lambda: ModeTable(gif, [24.0, 23.0, 22.0, 21.0], 1), "must increase"),
        (lambda: current_response(np.ones(1), np.ones(1), -1.0), "tau_h"),
        (
            lambda: eigenmode_activity(ModeTable(gif, [24.0], 1), np.arange(3.0), lambda t: 24.0, coupling=1.0),
            "without tau_h",
        ),
    ],
)
def test_wrong_input_is_refused(make, said):
    with pytest.raises(InvalidInputError, match=said):
        make()
