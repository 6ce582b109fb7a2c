"""Simulated spectra of finite populations against their formulas.

Spectra are compared by z = (estimate - expectation)/standard error at all frequencies. The expectation is the formula
at the time step of the simulation, smoothed by the window of the estimate, so that sampling is the only error. For k
frequencies the mean of z^2 is 1 with a standard deviation of about sqrt(3/k) (neighbours are correlated by the window).
Standard errors come from the scatter over segments; seeds are stated at every test.
"""

import numpy as np
import pytest
from ssnbrian.analysis.renewal import (
    DeadTimeIntervals,
    EscapeNoiseIntervals,
    ModeTable,
    estimated_spectrum,
    expected_spectrum,
    integral_equation_spectrum,
    langevin,
    langevin_spectrum,
    naive_spectrum,
    renewal_spectrum,
)
from ssnbrian.analysis.renewal.langevin_equation import TRUNCATIONS
from ssnbrian.analysis.renewal.mode_table import CORRECTIONS

from ssnbrian.circuit import InvalidInputError

pytestmark = pytest.mark.xdist_group("renewal")

ESCAPE = EscapeNoiseIntervals(20.0, 0.02, 10.0, 0.0, 1.0, 10.0)
SIZE = 200


def escape(mu):
    return EscapeNoiseIntervals(mu, 0.02, 10.0, 0.0, 1.0, 10.0)


def compare(activity, step, segment, formula):
    """z at all frequencies, and that they are what sampling gives: mean square within 4 standard deviations of 1."""
    measured = estimated_spectrum(activity, step, segment)
    z = (measured.spectrum - expected_spectrum(formula, step, segment)) / measured.standard_errors
    assert measured.segments > 100
    assert abs(np.mean(z**2) - 1) < 4 * np.sqrt(3 / len(z)), (np.mean(z**2), len(z))
    assert np.abs(z).max() < 5.5
    return measured, z


@pytest.fixture(scope="module")
def tables():
    return {
        "escape": ModeTable(escape, [20.0], 2),
        "dead time": ModeTable(lambda nu: DeadTimeIntervals(nu, 0.01), [100.0], 2),
    }


@pytest.mark.parametrize("truncation", TRUNCATIONS)
@pytest.mark.parametrize("which", ["escape", "dead time"])
@pytest.mark.parametrize("correction", CORRECTIONS)
def test_spectrum_of_the_langevin_equation(tables, which, truncation, correction):
    """Seed 11, 120 realisations of 2 s, steps of .5 ms; N = 20 000, where the noise that depends on r is small."""
    table, step = tables[which], 5e-4
    h, size = table.grid[0], 20_000
    options = {"truncation": truncation, "correction": correction}
    run = langevin(table, np.full(4400, h), size=size, step=step, seed=11, realisations=120, **options)
    assert run.clipped == 0
    assert not run.outside

    def formula(frequencies):
        return langevin_spectrum(table.at(np.array([h])), frequencies, size, step=step, **options)

    compare(run.activity[:, 400:], step, 1.0, formula)


def test_the_zero_frequency_power_is_that_of_renewal_firing(tables):
    """Seed 12, N = 200: variance of the mean rate over 20 s, from 400 realisations, is CV^2 r/(N T) within 4 s.e.

    The standard error of a variance from n normal values is sqrt(2/(n - 1)) of it, 7 %. Windows of 20 s see S(0) to
    better than 1 %. r/N, which an equation without a_0 would give, is 47 times as large.
    """
    step, duration = 1e-3, 20.0
    run = langevin(tables["escape"], np.full(20_400, 20.0), size=SIZE, step=step, seed=12, realisations=400)
    mean = run.activity[:, 400:].mean(axis=1)
    power = mean.var(ddof=1) * duration
    expected = ESCAPE.cv**2 * ESCAPE.rate / SIZE
    assert power == pytest.approx(expected, rel=4 * np.sqrt(2 / 399))
    assert mean.mean() == pytest.approx(ESCAPE.rate, abs=4 * np.sqrt(power / duration / 400) + 1e-3 * ESCAPE.rate)


def test_the_mass_fluctuates_as_an_ornstein_uhlenbeck_process(tables):
    """Seed 13: sd of a_0 is sqrt(F_0/(2 Lambda N)), .0201 for N = 200 with the Lambda of the integral equation.

    120 realisations of 2 s hold some 120·2·Lambda = 69 000 independent values, whose sd has a standard error of .3 %;
    the step of .5 ms (held noise) lowers the variance by (Lambda step)^2/12 = .2 %. Tolerance 2 %.
    """
    run = langevin(
        tables["escape"], np.full(4200, 20.0), size=SIZE, step=5e-4, seed=13, realisations=120,
        correction="integral equation",
    )  # fmt: skip
    expected = np.sqrt(ESCAPE.rate / (2 * ESCAPE.integral_equation_correction_rate * SIZE))
    assert expected == pytest.approx(0.0201, abs=5e-5)
    assert run.mass[:, 200:].std() == pytest.approx(expected, rel=0.02)
    assert run.mass[:, 200:].mean() == pytest.approx(1, abs=5 * expected / np.sqrt(69_000))


def test_spectrum_of_independent_neurons():
    """Seed 14, 40 populations of 50 independent neurons for 10 s after .5 s: the renewal spectrum, in bins of 1 ms.

    Averaging over bins multiplies the spectrum by sinc^2 and folds it back above 500 Hz; it is r/N there (to e^-48),
    and the sinc^2 of all folds add up to 1.
    """
    random = np.random.default_rng(14)
    step, size, populations = 1e-3, 50, 40
    ages = np.linspace(0.0, ESCAPE.longest, 20_001)
    survivor = ESCAPE.survivor(ages)
    draws = np.interp(-random.random((populations, size, 640)), -survivor, ages)
    times = np.cumsum(draws, axis=2)
    assert times[..., -1].min() > 10.5
    counts = np.array([np.histogram(one, 10_000, (0.5, 10.5))[0] for one in times.reshape(populations, -1)])

    def binned(frequencies):
        poisson = ESCAPE.rate / size
        return poisson + (renewal_spectrum(ESCAPE, frequencies, size) - poisson) * np.sinc(frequencies * step) ** 2

    _, z = compare(counts / (size * step), step, 1.0, binned)
    assert np.abs(z[:5]).max() < 4, "low frequencies, where the power is CV^2 r/N"


def integral_equation_run(random, step, steps, realisations, *, corrected):
    """Spike counts of the integral equation at constant input, (realisations, steps), with binomial noise.

    Written from the equations: mass per age m, and v, from which Lambda would follow, replaced by its stationary value.
    """
    survivor = ESCAPE.survivor(np.arange(int(ESCAPE.longest / step) + 2) * step)
    fire = np.append(1 - survivor[1:] / survivor[:-1], 1.0)
    correction = -np.expm1(-ESCAPE.integral_equation_correction_rate * step) if corrected else 0.0
    mass = np.tile(SIZE * survivor / survivor.sum(), (realisations, 1))
    counts = np.empty((realisations, steps))
    for k in range(steps):
        expected = mass @ fire + correction * (SIZE - mass.sum(axis=1))
        mass *= 1 - fire
        mass[:, 1:] = mass[:, :-1]
        mass[:, 0] = counts[:, k] = random.binomial(SIZE, np.clip(expected / SIZE, 0, 1))
    return counts


def test_spectrum_of_the_stochastic_integral_equation():
    """Seed 15, 60 realisations of 2.4 s at .5 ms against the formula for this step, with constant Lambda.

    The noise depends on the state, which the linear formula leaves out: of the order of the variance of a_0, .04 %.
    """
    step = 5e-4
    counts = integral_equation_run(np.random.default_rng(15), step, 4800, 60, corrected=True)[:, 800:]

    def formula(frequencies):
        return integral_equation_spectrum(ESCAPE, frequencies, SIZE, step=step)

    measured, _ = compare(counts / (SIZE * step), step, 1.0, formula)
    naive = naive_spectrum(ESCAPE, measured.frequencies[:5], SIZE)
    assert np.all(measured.spectrum[:5] < naive / 50), "without correction the power grows as 1/f^2"


def test_feedback_through_h():
    """Seed 16, inhibition with tau_h 10 ms, N = 2000: mean activity and h are those of the self-consistent state.

    60 realisations of 1 s after .5 s; within 5 standard errors of the mean over realisations and .2 % for the curvature
    of F_0(h) under noise (F_0'' Var(h)/2 is below .01 Hz).
    """
    table = ModeTable(escape, np.linspace(17.0, 21.0, 9), 1)
    step, coupling = 5e-4, -0.02
    rest = table.resting(20.0, coupling)
    assert rest == pytest.approx(20.0 + coupling * escape(rest).rate, abs=1e-4)
    options = {"size": 2000, "step": step, "realisations": 60, "coupling": coupling, "tau_h": 0.01}
    run = langevin(table, np.full(3000, 20.0), seed=16, **options)
    activity = run.activity[:, 1000:].mean(axis=1)
    error = activity.std(ddof=1) / np.sqrt(len(activity))
    assert activity.mean() == pytest.approx(escape(rest).rate, abs=5 * error + 2e-3 * escape(rest).rate)
    assert run.potential[:, 1000:].mean() == pytest.approx(rest, abs=0.01)
    assert not run.outside


def test_realisations_are_reproducible_and_independent(tables):
    first, second, other = (
        langevin(tables["escape"], np.full(400, 20.0), size=SIZE, step=5e-4, seed=seed, realisations=3).activity
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert abs(np.corrcoef(first[0], first[1])[0, 1]) < 0.5
    assert not np.any(first == other)


def test_leaving_the_table_is_reported():
    """A drive beyond the grid uses its end, and says so."""
    table = ModeTable(lambda nu: DeadTimeIntervals(nu, 0.01), np.linspace(50.0, 100.0, 5), 1)
    drive = np.concatenate([np.full(100, 80.0), np.full(100, 120.0)])
    run = langevin(table, drive, size=10**9, step=1e-3, seed=1)
    assert run.outside == 0.5
    assert run.activity[0, -1] == pytest.approx(DeadTimeIntervals(100.0, 0.01).rate, rel=0.01)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"truncation": "none"}, "truncation must be one of"),
        ({"correction": "no"}, "correction must be"),
        ({"correction": -1.0}, "not negative"),
        ({"size": 0}, "above 0"),
        ({"coupling": 1.0}, "without tau_h|at one h"),
        ({"drive": np.array([20.0, 21.0])}, "at one h"),
        ({"drive": np.array([20.0, np.nan])}, "finite"),
    ],
)
def test_wrong_input_is_refused(tables, options, said):
    given = {"drive": np.full(10, 20.0), "size": 10, "step": 1e-3, "seed": 1, **options}
    with pytest.raises(InvalidInputError, match=said):
        langevin(tables["escape"], given.pop("drive"), **given)


def test_spectra_need_segments():
    with pytest.raises(InvalidInputError, match="two segments"):
        estimated_spectrum(np.ones(100), 1e-3, 0.1)
