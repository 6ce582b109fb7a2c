"""Coverage of the intervals of measured connectivity, and their Monte-Carlo errors. Seeds are fixed."""

import numpy as np
import pytest
from scipy import integrate, stats
from ssnbrian.analysis.connectivity_intervals import estimate_connectivity, mean_interval, proportion_interval
from ssnbrian.analysis.connectivity_regimes import regimes_of
from ssnbrian.analysis.measured_connectivity import (
    Measured,
    MeasuredConnectivity,
    MeasuredPopulation,
    MeasuredProjection,
)
from ssnbrian.analysis.ssn import SSN

from ssnbrian.workflow.connectivity import circuit_from_connectivity, find_connectivity

SIZE, TAU, DISTANCE, RISE = 1000, 20.0, 40.0, 4.0
TRUE = {"p": 0.12, "peak": 0.4, "decay": 25.0}
# Relative standard deviations over connections and cells, and the numbers of values behind the means.
SPREAD = {"peak": 0.5, "decay": 0.3, "tau": 0.2}
COUNT = {"peak": 20, "decay": 20, "tau": 30}


def sampled_mean(rng, true, spread, count):
    values = rng.normal(true, spread * true, count)
    return Measured.from_spread(float(values.mean()), float(values.std(ddof=1)), count)


def experiment(rng, probed):
    """One data set: binomial counts, PSPs and membranes with normal spread, two projections onto one target."""
    tau = sampled_mean(rng, TAU, SPREAD["tau"], COUNT["tau"])
    populations = (
        MeasuredPopulation("E", SIZE, tau, DISTANCE),
        MeasuredPopulation("I", SIZE, TAU, DISTANCE, "inhibitory"),
    )
    projections = tuple(
        MeasuredProjection(
            source,
            "E",
            int(rng.binomial(probed, TRUE["p"])),
            probed,
            sampled_mean(rng, TRUE["peak"], SPREAD["peak"], COUNT["peak"]),
            RISE,
            sampled_mean(rng, TRUE["decay"], SPREAD["decay"], COUNT["decay"]),
        )
        for source in "EI"
    )
    return MeasuredConnectivity(populations, projections)


def test_intervals_cover_the_true_values():
    """Seed 20: 1500 data sets of 150 pairs, p = 0.12, at 95 %.

    The intervals of j and J, which are not exact, must cover in 95 % of the sets within 3 binomial standard errors
    (1.7 %). Clopper-Pearson and the box must cover in at least 95 %, less 3 standard errors.
    """
    rng, sets = np.random.default_rng(20), 1500
    j = TRUE["peak"] * (RISE / 2 + TRUE["decay"]) / TAU / DISTANCE
    J = SIZE * TRUE["p"] * j
    counts = np.zeros(4)
    for seed in range(sets):
        found = estimate_connectivity(experiment(rng, 150), samples=1000, seed=seed).projections
        one = found[0]
        counts += (
            TRUE["p"] in one.probability,
            j in one.weight,
            J in one.J,
            all(each.box[0] <= J <= each.box[1] for each in found),
        )
    probability, weight, total, box = counts / sets
    error = np.sqrt(0.95 * 0.05 / sets)
    assert abs(weight - 0.95) < 3 * error, weight
    assert abs(total - 0.95) < 3 * error, total
    assert probability > 0.95 - 3 * error
    assert box > 0.95 - 3 * error


@pytest.mark.parametrize("probed", [20, 80, 607])
def test_clopper_pearson_never_covers_less_than_it_says(probed):
    """Exact coverage by summing the binomial distribution, at 99 proportions; no sampling."""
    ends = np.array([proportion_interval(found, probed, 0.95) for found in range(probed + 1)])
    for p in np.linspace(0.01, 0.99, 99):
        inside = (ends[:, 0] <= p) & (p <= ends[:, 1])
        assert stats.binom.pmf(np.arange(probed + 1), probed, p)[inside].sum() >= 0.95


def test_sampled_ends_of_one_uncertain_mean_are_the_computed_ones():
    """Only the PSP peak is uncertain (8 values): j lies within x exp(+-t s/x); 4 Monte-Carlo errors, seed 3."""
    peak = Measured(0.4, 0.06, 8)
    populations = (MeasuredPopulation("E", SIZE, TAU, DISTANCE),)
    measured = MeasuredConnectivity(populations, (MeasuredProjection("E", "E", 9, 90, peak, RISE, 25.0),))
    one = estimate_connectivity(measured, confidence=0.9, samples=40_000, seed=3).projections[0].weight
    scale = (RISE / 2 + 25.0) / TAU / DISTANCE
    low, high = mean_interval(peak, 0.9)
    assert one.monte_carlo_error < 0.02 * one.value
    assert abs(one.low - scale * low) < 4 * one.monte_carlo_error
    assert abs(one.high - scale * high) < 4 * one.monte_carlo_error
    reach = np.exp(stats.t(7).ppf(0.95) * 0.06 / 0.4)
    assert (low, high) == pytest.approx((0.4 / reach, 0.4 * reach))


def test_the_stated_monte_carlo_error_is_the_spread_over_seeds():
    """200 seeds: the standard deviation of the wider end of J, within 4 of its own standard errors (5 % each) + 15 %.

    The stated error is itself an estimate from one set of samples, hence the 15 %; its mean over the seeds is used.
    """
    measured = find_connectivity("allen_mouse_v1")
    found = [estimate_connectivity(measured, samples=2000, seed=seed).projections[0].J for seed in range(200)]
    spread = np.std([one.high for one in found], ddof=1)
    stated = np.mean([one.monte_carlo_error for one in found])
    assert abs(stated / spread - 1) < 4 * 0.05 + 0.15


def test_probability_of_a_regime_is_the_integral_over_the_two_proportions():
    """Eq 4 for the mouse data at r = 1, by quadrature over the Beta distributions; 4 standard errors, seed 5."""
    measured = find_connectivity("allen_mouse_v1")
    ssn = SSN.from_circuit(circuit_from_connectivity(measured))
    found = regimes_of(estimate_connectivity(measured, samples=3000, seed=5), ssn, 1.0, state_samples=10)
    one = found.regimes["supersaturation_possible"]
    weights = {projection.name: measured.weight(projection) for projection in measured.projections}
    J_EI = stats.beta(29.5, 121.5, scale=1000 * weights["I->E"])
    J_II = stats.beta(64.5, 543.5, scale=1000 * weights["I->I"])
    probability = integrate.quad(lambda J: J_EI.pdf(J) * J_II.cdf(J), 0, 40, points=(8, 13, 20), limit=200)[0]
    assert one.standard_error == pytest.approx(np.sqrt(probability * (1 - probability) / 3000), rel=0.05)
    assert abs(one.probability - probability) < 4 * one.standard_error
