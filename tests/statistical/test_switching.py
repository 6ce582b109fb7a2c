"""Two-state switching: telegraph processes with known rates, and escape under a sweep, against closed forms.

Seeds and tolerances are stated at every test.
"""

import numpy as np
import pytest
from scipy.stats import poisson
from ssnbrian.analysis.power_law import PowerLaw
from ssnbrian.analysis.ssn import SSN
from ssnbrian.analysis.switching import (
    Dwell,
    Thresholds,
    classify,
    dwells,
    predicted_switch,
    smoothed_rate,
    thresholds_from_histogram,
    thresholds_from_states,
    transition_rate,
    transition_rates,
)
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import InvalidInputError, Recording

LEAVE_UP, LEAVE_DOWN = 0.05, 0.1
LEVELS = np.array([1.0, 5.0])
WIDTH = 0.05


def telegraph(rng, duration, start=None):
    """States (0, 1) in bins of WIDTH of a process that leaves up and down at the rates above, stationary at first."""
    up_at_first = rng.random() < LEAVE_DOWN / (LEAVE_UP + LEAVE_DOWN) if start is None else start
    number = int(duration * max(LEAVE_UP, LEAVE_DOWN) * 3) + 50
    parity = (np.arange(number) + up_at_first) % 2
    switches = np.cumsum(rng.exponential(1 / np.where(parity == 1, LEAVE_UP, LEAVE_DOWN)))
    assert switches[-1] > duration
    times = (np.arange(round(duration / WIDTH)) + 0.5) * WIDTH
    return parity[np.searchsorted(switches, times)]


def recorded(rng, states, neurons=100):
    counts = rng.poisson(LEVELS[states] * WIDTH * neurons)
    metadata = {"duration": len(states) * WIDTH, "status": "completed"}
    return Recording({"E": neurons}, WIDTH, {"E": counts}, {}, {}, metadata)


@pytest.mark.parametrize("window", [0.3, 0.5])
def test_rates_of_a_noisy_telegraph_process(window):
    """Seed 1: 30 000 s, 100 Poisson neurons of 1 and 5 Hz; the rates within four standard errors (k/T/sqrt(k), 3 %).

    Stays shorter than the window are missed, a fraction of some k·window of them: 2.5 to 5 %, less than four errors.
    """
    rng = np.random.default_rng(1)
    states = telegraph(rng, 30_000.0)
    rates = smoothed_rate(recorded(rng, states), "E", window)
    thresholds = thresholds_from_histogram(rates)
    assert 1.0 < thresholds.low < 3.2 < thresholds.high < 5.0
    found = classify(rates, thresholds)
    assert np.mean(found != states) < 0.01
    measured = transition_rates(dwells(found, WIDTH))
    for name, expected in (("up->down", LEAVE_UP), ("down->up", LEAVE_DOWN)):
        one = measured[name]
        assert abs(one.rate - expected) < 4 * one.rate / np.sqrt(one.transitions)
        assert one.mean_dwell == pytest.approx(one.exposure / one.transitions, rel=1e-12)


def test_intervals_cover_and_censoring_is_no_bias():
    """Seed 2: 1500 recordings of 30 s; 95 % intervals cover at least 95 % (less 3 s.e.), the pooled rate is exact.

    Without the censored stays the rate would come out far too high.
    """
    rng = np.random.default_rng(2)
    covered, exposure, transitions, naive = 0, 0.0, 0, []
    for _ in range(1500):
        stays = dwells(telegraph(rng, 30.0), WIDTH)
        one = transition_rates(stays)["up->down"]
        naive += [each.duration for each in stays if each.state == "up" and each.starts_inside and each.ends_inside]
        if one.rate is None:
            assert one.exposure == 0
            covered += 1
            continue
        covered += one.low <= LEAVE_UP <= one.high
        exposure, transitions = exposure + one.exposure, transitions + one.transitions
    assert covered / 1500 > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 1500)
    assert abs(transitions / exposure - LEAVE_UP) < 4 * LEAVE_UP / np.sqrt(transitions)
    assert 1 / np.mean(naive) > 1.5 * LEAVE_UP


@pytest.mark.parametrize("transitions", [0, 1, 7, 200])
def test_interval_is_the_exact_poisson_one(transitions):
    """The ends leave 2.5 % of a Poisson count beyond the one that was seen."""
    one = transition_rate(transitions, 40.0)
    assert poisson.cdf(transitions, one.high * 40) == pytest.approx(0.025, rel=1e-9)
    if transitions:
        assert poisson.sf(transitions - 1, one.low * 40) == pytest.approx(0.025, rel=1e-9)
    else:
        assert (one.rate, one.low, one.mean_dwell) == (0.0, 0.0, None)


def test_hysteresis_ignores_crossings_of_one_threshold():
    rates = np.array([3, 4, 2, 6, 3, 4, 2.5, 6, 1, 3, 5, 3, 0.5])
    assert classify(rates, Thresholds(2.0, 5.0)).tolist() == [-1, -1, -1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_dwells_know_how_they_began_and_ended():
    states = np.array([-1, -1, 1, 1, 1, 0, 0, 1])
    assert dwells(states, 0.5, start=10.0) == (
        Dwell("up", 11.0, 1.5, False, True),
        Dwell("down", 12.5, 1.0, True, True),
        Dwell("up", 13.5, 0.5, True, False),
    )
    assert dwells(np.full(4, -1), 0.5) == ()
    rates = transition_rates(dwells(np.ones(4, dtype=int), 0.5))
    assert rates["down->up"].rate is None
    assert (rates["up->down"].rate, rates["up->down"].exposure) == (0.0, 2.0)


@pytest.mark.parametrize("seed", range(5))
def test_one_state_is_not_taken_for_two(seed):
    """Seeds 0 to 4: the rates of a stationary process, with and without an outlier, are refused."""
    rng = np.random.default_rng(seed)
    rates = rng.poisson(200, 20_000) / 50
    for course in (rates, np.append(rates, 40.0)):
        with pytest.raises(InvalidInputError, match="no two separate modes"):
            thresholds_from_histogram(course)


def test_thresholds_from_the_states_of_a_theory():
    """Fig 4 at mu_ext = 3 with the published coefficients: .8511 stable, 2.7125 saddle, 6.1399 stable."""
    laws = ekelmans2023.PUBLISHED_POWER_LAWS
    transfer = {"E": PowerLaw(*laws[3.0, 20.0]), "I": PowerLaw(*laws[3.0, 10.0])}
    theory = SSN.from_circuit(ekelmans2023.bistable(), transfer=transfer)
    found = thresholds_from_states(theory.steady_states(3.0), "E")
    assert (found.low, found.high) == pytest.approx(((0.8511 + 2.7125) / 2, (2.7125 + 6.1399) / 2), abs=1e-4)
    with pytest.raises(InvalidInputError, match="1 states"):
        thresholds_from_states(theory.steady_states(1.0), "E")


def test_predicted_switch_in_closed_form():
    """Constant k: v ln 2/k; k = exp(g mu): ln(1 + g v ln 2)/g; linear k = mu: sqrt(2 v ln 2)."""
    grid, speed = np.linspace(0, 5, 11), 0.3
    assert predicted_switch(grid, np.full(11, 0.2), speed) == pytest.approx(speed * np.log(2) / 0.2, rel=1e-12)
    growth = 2.5
    expected = np.log1p(growth * speed * np.log(2)) / growth
    assert predicted_switch(grid, np.exp(growth * grid), speed) == pytest.approx(expected, rel=1e-12)
    assert predicted_switch([0, 5], [0, 5], speed) == pytest.approx(np.sqrt(2 * speed * np.log(2)), rel=1e-12)
    down = predicted_switch(grid[::-1], np.exp(-growth * grid[::-1] + 5 * growth), 0.3)
    assert down == pytest.approx(5 - np.log1p(growth * speed * np.log(2)) / growth, rel=1e-12)
    assert predicted_switch(grid, np.full(11, 1e-3), speed) is None
    assert predicted_switch([0, 1, 2], [0, 0, 1], 0.3) == pytest.approx(1 + np.sqrt(2 * 0.3 * np.log(2)), rel=1e-12)


def test_predicted_switch_against_simulated_escapes():
    """Seed 3: 20 000 sweeps through k = .001·exp(3 mu) in steps of 1 ms; the median within four of its errors."""
    rng, speed = np.random.default_rng(3), 0.5
    mu = np.arange(0, 6, 0.0005)
    survival = np.cumsum(1e-3 * np.exp(3 * mu)) * 0.0005 / speed
    switched = mu[np.searchsorted(survival, rng.exponential(size=20_000))]
    grid = np.arange(0, 6.1, 0.5)
    expected = predicted_switch(grid, 1e-3 * np.exp(3 * grid), speed)
    density = (3 * np.log(2) + 1e-3 / speed) / 2  # of the switch at its median: k/speed, and half survive
    assert abs(np.median(switched) - expected) < 4 / (2 * density * np.sqrt(20_000)) + 0.0005


@pytest.mark.parametrize(
    "call",
    [
        lambda: Thresholds(2.0, 1.0),
        lambda: Thresholds(1.0, float("nan")),
        lambda: classify(np.array([1.0, np.nan]), Thresholds(1.0, 2.0)),
        lambda: transition_rate(1, 0.0),
        lambda: predicted_switch([0, 1, 0.5], [1, 1, 1], 1.0),
        lambda: predicted_switch([0, 1], [1, -1], 1.0),
        lambda: predicted_switch([0, 1], [1, 1], 0.0),
        lambda: smoothed_rate(recorded(np.random.default_rng(0), np.zeros(100, dtype=int)), "E", 10.0),
        lambda: smoothed_rate(recorded(np.random.default_rng(0), np.zeros(100, dtype=int)), "X", 1.0),
    ],
)
def test_bad_input(call):
    with pytest.raises(InvalidInputError):
        call()
