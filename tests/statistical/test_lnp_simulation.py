"""Simulated LNP networks against their theory. Bounds are in standard errors (s.e.) of the stated seeds.

Systematic errors stand apart: the stepped methods are of first order in the step, which is 0.5 % of tau or less here.
"""

import math

import numpy as np
import pytest
from ssnbrian.analysis.lnp import (
    ExponentialTransfer,
    LinearTransfer,
    LNPNetwork,
    SigmoidTransfer,
    dominance,
    dwell_statistics,
    escapes,
    fluctuations,
    mean_first_passage,
    simulate,
    simulated_first_passage,
)
from ssnbrian.analysis.renewal import estimated_spectrum, expected_spectrum
from ssnbrian.analysis.switching import Thresholds, classify, dwells

pytestmark = pytest.mark.xdist_group("lnp")

BISTABLE = LNPNetwork.single(size=20, tau=0.02, mu=0.5, weight=5.0, transfer=SigmoidTransfer(100, 5, 1.5))
LINEAR = LNPNetwork.single(size=20, tau=0.02, mu=1.0, weight=3.0, transfer=LinearTransfer(5.0, 10.0))
PAIR = LNPNetwork(
    sizes=(30, 10),
    tau=(0.02, 0.01),
    mu=(6.0, 3.0),
    weights=((2.0, -4.0), (3.0, -1.0)),
    transfers=(SigmoidTransfer(80, 6, 2, base=1), ExponentialTransfer(10, 4, 3)),
)


def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / math.sqrt(len(values))


def binned(spectrum, width, constant):
    """Spectrum of the activity in bins: the filter of a bin, and the aliases, of which only the flat part goes far."""

    def density(frequencies):
        aliases = frequencies[:, None] + np.arange(-40, 41) / width
        excess = spectrum(aliases.ravel()).reshape(aliases.shape) - constant
        return constant + np.sum(excess * np.sinc(aliases * width) ** 2, axis=1)

    return density


@pytest.mark.parametrize(
    ("method", "step", "seed"),
    [("exact", None, 11), ("microscopic", 1e-4, 12), ("mesoscopic", 1e-4, 13), ("diffusion", 1e-4, 14)],
)
def test_a_linear_population_has_the_mean_variance_and_spectrum_of_the_theory(method, step, seed):
    """60 realisations of 6 s (microscopic: 20 of 4 s): mean rate, mean and variance of h within 4 s.e. + 1 %; the mean
    squared deviation of the spectrum at 49 frequencies is that of its s.e. within 5 of its own."""
    theory = fluctuations(LINEAR)
    assert theory.exact
    number, seconds = (20, 4.0) if method == "microscopic" else (60, 6.0)
    run = simulate(
        LINEAR, seconds + 0.5, bin_width=0.005, seed=seed, method=method, step=step, realisations=number,
        initial=theory.potential,
    )  # fmt: skip
    activity, h = run.activity[:, 0, 100:], run.potential[:, 0, 100:]
    variance = theory.covariance[0, 0]
    deviation = (h - theory.potential[0]) ** 2
    for values, expected in (
        (activity.mean(axis=1), theory.rates[0]),
        (h.mean(axis=1), theory.potential[0]),
        (deviation.mean(axis=1), variance),
    ):
        mean, error = mean_and_error(values)
        systematic = 0.0 if method == "exact" else 0.01 * expected
        assert abs(mean - expected) < 4 * error + systematic
    found = estimated_spectrum(activity, 0.005, 0.5)
    shot = theory.rates[0] / 20
    expected = expected_spectrum(binned(lambda f: theory.spectrum(f)[:, 0, 0].real, 0.005, shot), 0.005, 0.5)
    scores = (found.spectrum - expected) / (expected / math.sqrt(found.segments))
    assert len(scores) == 49
    # Periodograms with a Hann window at neighbouring frequencies correlate: a third as many independent ones.
    assert abs(np.mean(scores**2) - 1) < 5 * math.sqrt(2 / (len(scores) / 3))
    assert abs(np.mean(scores[:10])) < 4 / math.sqrt(10 / 3)
    # The spectrum rises towards low frequencies by the factor of the theory, here 6: a flat one is excluded.
    assert found.spectrum[0] > 4 * shot


def test_micro_and_meso_have_one_law_beyond_linear_theory():
    """Two nonlinear populations with inhibition, N = 30 and 10, the same step: means, variances, covariance and the
    spectrum of either activity differ by less than 4.5 s.e. (105 comparisons); the exact run too, + 1 %."""
    runs = {
        method: simulate(PAIR, 2.5, bin_width=0.01, seed=21, method=method, step=step, realisations=60)
        for method, step in (("microscopic", 5e-4), ("mesoscopic", 5e-4), ("exact", None))
    }
    statistics = {}
    for method, run in runs.items():
        h, activity = run.potential[:, :, 50:], run.activity[:, :, 50:]
        means = h.mean(axis=(0, 2), keepdims=True)
        moments = [h.mean(axis=2), h.var(axis=2), activity.mean(axis=2)]
        joint = ((h - means)[:, 0] * (h - means)[:, 1]).mean(axis=1)
        values = np.column_stack([*moments, joint])
        spectra = [estimated_spectrum(activity[:, x], 0.01, 0.5) for x in range(2)]
        center = np.concatenate([values.mean(axis=0), *(one.spectrum for one in spectra)])
        errors = np.concatenate([values.std(axis=0, ddof=1) / math.sqrt(60), *(one.standard_errors for one in spectra)])
        statistics[method] = center, errors
    for other, systematic in (("mesoscopic", 0.0), ("exact", 0.01)):
        (one, error), (two, error_two) = statistics["microscopic"], statistics[other]
        assert np.all(np.abs(one - two) < 4.5 * np.hypot(error, error_two) + systematic * np.abs(one))
    assert np.all(statistics["exact"][1][:7] < 0.2 * np.abs(statistics["exact"][0][:7]))


def test_simulated_passages_take_the_time_of_the_backward_equation():
    """Both ways over the saddle, 800 passages each of N = 6 and 10: within 4 s.e. of the mean."""
    for size, start, target in ((10, 1.27, 8.0), (6, 1.27, 5.0), (6, 10.2, 4.0), (10, 6.0, 2.0)):
        network = BISTABLE.resized([size])
        found = simulated_first_passage(network, (start,), target, limit=1e6, realisations=800, seed=31)
        assert abs(found.mean - mean_first_passage(network, start, target).time) < 4 * found.mean_error


def test_the_dwell_time_grows_with_the_size_as_the_jump_action_says_and_the_diffusion_limit_does_not():
    """ln of the mean time to leave the lower state, 600 passages each at N = 16, 24, 32: slope within 3 s.e. of the
    jump action (finite N takes 0.0030 from the slope, by the backward equation, less than one s.e.), and more than
    5 s.e. from that of the diffusion limit."""
    up = escapes(BISTABLE)[0]
    sizes = np.array([16, 24, 32])
    runs = [
        simulated_first_passage(BISTABLE.resized([N]), up.start.potential, 8.0, limit=1e6, realisations=600, seed=41)
        for N in sizes
    ]
    logs = np.log([one.mean for one in runs])
    errors = np.array([one.mean_error / one.mean for one in runs])
    weights = (sizes - sizes.mean()) / np.sum((sizes - sizes.mean()) ** 2)
    slope, error = float(weights @ logs), float(np.sqrt(np.sum((weights * errors) ** 2)))
    assert abs(slope - up.jump_action) < 3 * error
    assert up.diffusion_action - slope > 5 * error


def test_dwell_times_without_adaptation_are_exponential_and_have_the_mean_of_theory():
    """2000 s, N = 10, in bins of 1 ms. A stay in the lower state begins when h decays to the lower threshold, and ends
    at the upper one, so that its mean is a mean first passage time: within 4 s.e. + the bin; CV between 0.9 and 1.1 or
    within 4 s.e. of 1 (relaxation makes it a little smaller than 1)."""
    network = BISTABLE.resized([10])
    low, high = 2.0, 8.0
    run = simulate(network, 2000.0, bin_width=0.001, seed=51)
    states = classify(run.potential[0, 0], Thresholds(low, high, "mV"))
    found = dwell_statistics(dwells(states, 0.001))
    down = found["down"]
    assert down.complete > 250
    assert abs(down.mean - mean_first_passage(network, low, high).time) < 4 * down.mean_error + 0.001
    for one in found.values():
        assert abs(one.cv - 1) < max(0.1, 4 * one.cv_error)
        assert one.leaving.mean_dwell == pytest.approx(one.mean, rel=0.05)


def test_two_equal_rivals_win_for_equally_long():
    """2000 s of two populations that inhibit each other, N = 6: both dominate for many tau (0.02 s) at a time, and by
    symmetry for the same mean time, within 4 s.e."""
    f = SigmoidTransfer(50, 5, 1)
    network = LNPNetwork((6, 6), (0.02, 0.02), (6.0, 6.0), ((4.0, -8.0), (-8.0, 4.0)), (f, f))
    first, second = simulate(network, 2000.0, bin_width=0.01, seed=61).potential[0]
    found = dwell_statistics(dwells(dominance(f(first), f(second), 0.25, 0.75), 0.01))
    up, down = found["up"], found["down"]
    assert min(up.complete, down.complete) > 100
    assert min(up.mean, down.mean) > 1.0
    assert abs(up.mean - down.mean) < 4 * math.hypot(up.mean_error, down.mean_error)
