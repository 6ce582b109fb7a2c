"""The clocked conductance network and its self-decorrelated form: moments of the kicks, many neurons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ssnbrian.analysis.markov.conductance_bins import initial_bins, simulate_bins
from ssnbrian.analysis.markov.conductance_network import (
    simulate_conductance_network,
    simulate_decorrelated_network,
    step_numbers,
)
from ssnbrian.analysis.markov.conductance_noise import stationary_pending
from ssnbrian.analysis.markov.conductance_step import deliver, step_moments
from ssnbrian.analysis.markov.parameters import MarkovNetwork

from ssnbrian.circuit import InvalidInputError

pytestmark = pytest.mark.xdist_group("markov")


def ei_network(p_ei: float = 0.8, strength: float = 1.0) -> MarkovNetwork:
    """The published network, all weights times ``strength``."""
    return MarkovNetwork(
        names=("E", "I"),
        inhibitory=(False, True),
        sizes=[300, 100],
        weights=strength * np.array([[0.95, 2.71], [1.25, 2.45]]),
        probabilities=[[0.8, p_ei], [0.8, 0.8]],
        decay_times=[[1.4e-3, 4.5e-3], [1.2e-3, 4.5e-3]],
        drive=7000.0,
        refractory=4e-3,
    )


def block_errors(rates: np.ndarray, blocks: int) -> np.ndarray:
    """Standard errors of the means of (n, T), from means over equal blocks, each many volleys long."""
    means = rates[:, : rates.shape[1] // blocks * blocks].reshape(len(rates), blocks, -1).mean(axis=2)
    return means.std(axis=1, ddof=1) / np.sqrt(blocks)


@pytest.mark.parametrize("simulate", [simulate_conductance_network, simulate_decorrelated_network])
def test_compiled_and_plain_networks_agree_to_the_last_bit(simulate) -> None:
    """And a realisation does not depend on how many there are."""
    network = ei_network()
    many = simulate(network, 0.02, 3, realisations=2)
    plain = simulate(network, 0.02, 3, compiled=False)
    assert np.array_equal(many.realisations[0].rates, plain.rates)
    assert np.array_equal(many.realisations[0].pending, plain.pending)
    assert plain.rates.min() >= 0.0
    assert plain.rates.max() > 0.0
    assert not np.array_equal(many.realisations[0].rates, many.realisations[1].rates)
    assert many.rates == pytest.approx(sum(one.rates for one in many.realisations) / 2.0)
    assert not np.array_equal(simulate(network, 0.02, 4).rates, plain.rates)


def kicked_neurons(p: float, spikes: int, steps: int, neurons: int, seed: int) -> tuple[np.ndarray, ...]:
    """Pending kicks of ``neurons`` after ``steps`` with ``spikes`` each; mean and variance of the theory."""
    network = MarkovNetwork(("E",), (False,), [neurons], 0.0, p, 1.4e-3, 7000.0, 4e-3)
    numbers = step_numbers(network, 1e-4, None)
    rng = np.random.default_rng(seed)
    pending = np.zeros((1, neurons), np.int64)
    mean, variance = np.zeros((2, 1, 1))
    for _ in range(steps):
        deliver(0, np.array([spikes]), pending, numbers, rng)
        step_moments(mean, variance, np.array([float(spikes)]), numbers)
    return pending[0], mean, variance


@pytest.mark.parametrize("p", [0.1, 0.8, 1.0])
def test_moments_of_the_pending_kicks(p: float) -> None:
    """Seed 5, 4000 neurons, 9 steps of 6 spikes, far from stationary: mean and variance within 4 s.e."""
    pending, mean, variance = kicked_neurons(p, round(8 / p), 9, 4000, 5)
    assert abs(pending.mean() - mean[0, 0]) < 4.0 * np.sqrt(variance[0, 0] / 4000)
    fourth = np.mean((pending - pending.mean()) ** 4)
    error = np.sqrt((fourth - pending.var() ** 2) / 4000)
    assert abs(pending.var() - variance[0, 0]) < 4.0 * error


def test_stationary_moments_of_the_pending_kicks() -> None:
    """mean tau p F and variance mean (2 - p)/(2 - dt/tau) in steps: the published mean (2 - p)/2 as dt tends to 0.

    Seed 6, 2000 neurons after 100 steps (7 decay times), 6 spikes per step, p .8: within 4 s.e.
    """
    pending, mean, variance = kicked_neurons(0.8, 6, 100, 2000, 6)
    e = 1e-4 / 1.4e-3
    assert mean[0, 0] == pytest.approx(0.8 * 6 / e * (1.0 - (1.0 - e) ** 100), rel=1e-12)
    assert variance[0, 0] == pytest.approx(mean[0, 0] * 1.2 / (2.0 - e), rel=2e-3)
    one = MarkovNetwork(("E",), (False,), [100], 0.0, 0.8, 1.4e-3, 7000.0, 4e-3)
    limits = [float(x[0, 0]) for x in stationary_pending(one, np.array([600.0]))]
    assert limits == pytest.approx([0.8 * 6 / e, 0.8 * 6 / e * 0.6], rel=1e-12)
    assert abs(pending.mean() - mean[0, 0]) < 4.0 * np.sqrt(variance[0, 0] / 2000)
    error = np.sqrt((np.mean((pending - pending.mean()) ** 4) - pending.var() ** 2) / 2000)
    assert abs(pending.var() - variance[0, 0]) < 4.0 * error


def test_many_self_decorrelated_neurons_follow_the_equations() -> None:
    """Weights a fifth (stable), 1600 neurons, seed 7, 0.5 s: rates within 4 s.e. (blocks of 50 ms) and 2 in 10 000.

    The latter is the error of the 140 bins. Expected s.e.: 0.1 Hz, 0.2 %.
    """
    network = ei_network(strength=0.2).scaled(4)
    expected = simulate_bins(network, 0.15, initial=initial_bins(network, 140)).rates[:, -10:].mean(axis=1)
    run = simulate_decorrelated_network(network, 0.65, 7).after(0.15)
    errors = block_errors(run.rates, 10)
    assert np.all(errors < 0.005 * expected)
    assert np.all(np.abs(run.rates.mean(axis=1) - expected) < 4.0 * errors + 2e-4 * expected)


def test_self_decorrelation_alone_keeps_the_rates_of_the_network() -> None:
    """p_EI .8, the same 400 neurons, seeds 12 and 13: rates within 3 % + 4 s.e.; the true white limit is far off."""
    network = ei_network()
    true = simulate_conductance_network(network, 2.2, 12).after(0.2).rates
    implied, white = (
        simulate_decorrelated_network(network, 2.2, 13, correlation_time=one).after(0.2).rates for one in (1e-3, None)
    )
    error = np.hypot(block_errors(true, 10), block_errors(implied, 10))
    difference = np.abs(implied.mean(axis=1) - true.mean(axis=1))
    assert np.all(difference < 0.03 * true.mean(axis=1) + 4.0 * error)
    assert np.all(white.mean(axis=1) > 1.05 * true.mean(axis=1))


@pytest.mark.parametrize("simulate", [simulate_conductance_network, simulate_decorrelated_network])
def test_a_lone_population_without_refractory_period(simulate) -> None:
    """Renewal at rate J/threshold, less the overshoot 0.5826 sqrt(J dt): seed 8, 300 neurons, 1 s, 4 s.e.

    The overshoot of a random walk of small steps is known (Siegmund 1985); its next order, 0.1 %, is allowed for.
    """
    network = MarkovNetwork(("E",), (False,), [300], 0.0, 0.0, 1e-3, 7000.0, 0.0)
    run = simulate(network, 1.1, 8).after(0.1)
    barrier = 100.0 + 0.5826 * np.sqrt(0.7)
    expected = 7000.0 / barrier
    # Intervals have the mean barrier/J and the variance barrier/J², so that counts have the variance J/barrier² per s.
    error = np.sqrt(7000.0 / 300.0) / barrier
    assert abs(run.rates.mean() - expected) < 4.0 * error + 1e-3 * expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "seed must be"),
        ({"realisations": 0}, "realisations must be"),
        ({"dt": 2e-3}, "shorter than every decay time"),
        ({"bin": 3e-3}, "whole number of times bin"),
    ],
)
def test_wrong_input_is_refused(change: dict[str, float], message: str) -> None:
    arguments = {"duration": 0.01, "seed": 1, **change}
    with pytest.raises(InvalidInputError, match=message):
        simulate_conductance_network(ei_network(), **arguments)
    with pytest.raises(InvalidInputError, match=message):
        simulate_decorrelated_network(ei_network(), **arguments)


def test_a_leak_holds_the_neurons_below_the_threshold() -> None:
    """J tau_leak = 35 mV is ten standard deviations of the membrane below the threshold: silence."""
    network = replace(ei_network(), weights=np.zeros((2, 2)), leak_time=5e-3)
    assert simulate_conductance_network(network, 0.2, 1).after(0.05).rates.max() == 0.0
