"""The event-driven network of kicks: seeds, standard errors (s.e.) and tolerances are stated with each test."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import gamma, kstest
from ssnbrian.analysis.markov.kick_equations import KickState
from ssnbrian.analysis.markov.kick_network import simulate_network
from ssnbrian.analysis.markov.parameters import MarkovNetwork

from ssnbrian.circuit import InvalidInputError, SsnbrianError

pytestmark = pytest.mark.xdist_group("markov")

def published(tau_EE=4.0, tau_IE=1.2):
    """Li, Chariker & Young 2019; times in ms."""
    return MarkovNetwork(
        ("E", "I"),
        (False, True),
        (300, 100),
        weights=((5, 4.91), (2, 4.91)),
        probabilities=((0.15, 0.5), (0.5, 0.4)),
        decay_times=((tau_EE / 1e3, 4.5e-3), (tau_IE / 1e3, 4.5e-3)),
        drive=7000,
        refractory=2.5e-3,
    )


def one_population(size=200, **changes):
    alone = MarkovNetwork(("A",), (False,), size, 0, 0, 1e-3, 7000, 2.5e-3)
    return replace(alone, **changes)


def mean_and_error(values):
    """Over the first axis."""
    values = np.asarray(values)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def batches(run, start, length):
    """Rates (batches, n) in stretches of ``length`` (s) of all realisations from ``start`` on."""
    each = [one.after(start).rates for one in run.realisations]
    per = round(length / run.dt)
    return np.concatenate([one.reshape(len(one), -1, per).mean(axis=2).T for one in each])


def test_a_neuron_alone_has_intervals_of_a_hundred_kicks_and_a_refractory_period():
    """Interval: Gamma(100, 7/ms) + Exp(2.5 ms). Seed 1, 200 neurons, their first 200 intervals each.

    Mean and variance within 4 s.e., the distribution of 2000 of them by a Kolmogorov-Smirnov test at p > .001.
    """
    run = simulate_network(one_population(), 4.5, 1, spike_times=True)
    spikes = run.spikes[0]
    trains = [spikes.times[spikes.neurons == neuron][:201] for neuron in range(200)]
    intervals = np.diff(trains, axis=1).ravel() * 1e3
    assert len(intervals) == 40_000
    mean, variance = 100 / 7 + 2.5, 100 / 49 + 2.5**2
    found, error = mean_and_error(intervals)
    assert abs(found - mean) < 4 * error
    assert error < 0.001 * mean
    found, error = mean_and_error((intervals - mean) ** 2)
    assert abs(found - variance) < 4 * error

    def law(t):
        rest = 7 - 1 / 2.5
        return gamma.cdf(t, 100, scale=1 / 7) - np.exp(-t / 2.5 + 100 * np.log(7 / rest)) * gamma.cdf(
            t, 100, scale=1 / rest
        )

    assert kstest(intervals[::20], law).pvalue > 1e-3
    assert np.sum(run.counts) == pytest.approx(len(spikes.times), abs=1e-6)
    assert np.all(np.diff(spikes.times) >= 0)


def test_a_kick_is_delivered_after_an_exponential_time():
    """A spikes every 2 s or so, its only target spikes at the delivery: tau = 20 ms, seed 2, some 1500 delays.

    Mean within 4 s.e., Kolmogorov-Smirnov at p > .001.
    """
    network = MarkovNetwork(
        ("A", "B"), (False, False), 1, ((0, 0), (1e9, 0)), ((0, 0), (1, 0)), 0.02, (50, 0), 0.0, reversal=-1
    )
    spikes = simulate_network(network, 3000.0, 2, bin=1.0, spike_times=True).spikes[0]
    sent, arrived = (spikes.times[spikes.neurons == neuron] for neuron in range(2))
    delays = arrived - sent[: len(arrived)]
    assert len(sent) - len(arrived) <= 1
    assert len(delays) > 1400
    assert abs(delays.mean() - 0.02) < 4 * 0.02 / np.sqrt(len(delays))
    assert kstest(delays, lambda t: -np.expm1(-t / 0.02)).pvalue > 1e-3


@pytest.mark.parametrize("probability", [0.3, 1.0])
def test_the_targets_of_a_spike_are_a_binomial_number_of_different_neurons(probability):
    """Nothing is delivered (tau = 1e9 s): the kicks stand in the order of the spikes. Seed 3, some 500 spikes, N = 40.

    Numbers per spike and per neuron are binomial: mean and dispersion (chi-squared) within 4 standard deviations.
    """
    n, p = 40, probability
    network = MarkovNetwork(
        ("A", "B"), (False, False), (1, n), 0, ((0, 0), (p, 0)), 1e9, (500, 0), 0.0, threshold=1, reversal=-1
    )
    run = simulate_network(network, 1.0, 3, bin=1e-5)
    pending = run.states[0].pending[2]
    ends = np.round(run.pending[1, 0] * n).astype(int)
    spikes = np.round(run.counts[0]).astype(int)
    single = np.flatnonzero(spikes == 1)
    targets = [pending[ends[index - 1] : ends[index]] for index in single]
    assert len(targets) > 400
    assert all(len(set(one)) == len(one) for one in targets)
    assert set(pending) == set(range(1, n + 1))
    per_spike = np.array([len(one) for one in targets])
    per_neuron = np.bincount(np.concatenate(targets), minlength=n + 1)[1:]
    if p == 1:
        assert np.all(per_spike == n)
        assert np.all(per_neuron == len(targets))
        return
    for found, trials in ((per_spike, n), (per_neuron, len(targets))):
        spread = trials * p * (1 - p)
        assert abs(found.mean() - trials * p) < 4 * np.sqrt(spread / len(found))
        dispersion = np.sum((found - trials * p) ** 2) / spread
        assert abs(dispersion - len(found)) < 4 * np.sqrt(2 * len(found))


KICKED = MarkovNetwork(
    ("sources", "target", "inhibition"),
    (False, False, True),
    (1000, 200, 600),
    weights=((0, 0, 0), (2.6, 0, 6.3), (0, 0, 0)),
    probabilities=((0, 0, 0), (0.01, 0, 0.02), (0, 0, 0)),
    decay_times=((1, 1, 1), (0.003, 1, 0.005), (1, 1, 1)),
    drive=(20, 250, 15),
    refractory=(0, 0.002, 0),
    threshold=12,
    reset=11,
    reversal=-8,
)


def stationary_target():
    """Rate (Hz) and distribution over potentials of a target of ``KICKED``, by a linear solve.

    The sources spike at each external kick, so that the kicks of a target are Poisson: 1000 20 .01 and 600 15 .02 Hz.
    """
    levels, reset, refractory = 20, 19, 20
    rates = np.zeros((21, 21))
    for v in range(levels):
        for rate, size in ((250, 1.0), (200, 2.6), (180, -6.3 * v / levels)):
            low = int(np.floor(abs(size)))
            for step, chance in ((low, 1 - abs(size) + low), (low + 1, abs(size) - low)):
                after = v + step * (1 if size > 0 else -1)
                rates[min(after, refractory), v] += rate * chance
    rates[reset, refractory] += 500
    generator = rates - np.diag(rates.sum(axis=0))
    generator[0] = 1.0
    p = np.linalg.solve(generator, np.eye(21)[0])
    return p[refractory] * 500, p[:levels]


def test_a_kicked_neuron_has_the_rate_and_the_potentials_of_its_master_equation():
    """Seed 5, 24 realisations of 1 s after .05 s; rate within 4 s.e., occupancy of 20 potentials within 4.5 s.e."""
    start = simulate_network(KICKED, 0.05, 5, realisations=24)
    runs = [simulate_network(KICKED, 1.0, None, initial=[state]) for state in start.states]
    rate, occupancy = stationary_target()
    found, error = mean_and_error([one.rates[1].mean() for one in runs])
    assert abs(found - rate) < 4 * error
    assert error < 0.01 * rate
    found, error = mean_and_error([one.occupancy[1] for one in runs])
    assert np.all(np.abs(found - occupancy) < 4.5 * error)
    assert np.all(error < 0.05 * occupancy + 1e-4)
    refractory = 1 - occupancy.sum()
    assert abs(1 - found.sum() - refractory) < 0.02 * refractory


def test_pending_kicks_are_shot_noise_of_binomial_volleys():
    """Total S of pending kicks of population N from a Poisson stream of rate nu, each spike a binomial number of kicks:

    E S = nu N P tau, Var S = nu tau (N P + N (N - 1) P^2/2). Seed 8, 40 realisations of 1 s, within 4 s.e.
    """
    run = simulate_network(KICKED, 1.05, 8, realisations=40)
    for source, nu, p, tau in ((0, 20_000, 0.01, 0.003), (2, 9000, 0.02, 0.005)):
        total = np.array([200 * one.after(0.05).pending[1, source] for one in run.realisations])
        mean, variance = nu * 200 * p * tau, nu * tau * (200 * p + 200 * 199 * p**2 / 2)
        found, error = mean_and_error(total.mean(axis=1))
        assert abs(found - mean) < 4 * error
        found, error = mean_and_error(((total - mean) ** 2).mean(axis=1))
        assert abs(found - variance) < 4 * error
        assert error < 0.05 * variance


def clocked_rates(network, dt, duration, copies, seed):
    """(copies, n) Hz: the same network in steps of ``dt``, all kicks of a step taken at its beginning's potential."""
    random = np.random.default_rng(seed)
    sizes = network.sizes.astype(int)
    n, first = len(sizes), np.concatenate([[0], np.cumsum(sizes)])
    population = np.repeat(np.arange(n), sizes)
    span = network.threshold - network.reversal
    V = random.integers(0, network.threshold, (copies, len(population)))
    pending = np.zeros((n, copies, len(population)), np.int64)
    resting = np.zeros(V.shape, bool)
    spikes = np.zeros((copies, n))
    steps, warm = round(duration / dt), round(0.1 / dt)
    for step in range(steps + warm):
        change = random.poisson(network.drive[population] * dt, V.shape).astype(float)
        for source in range(n):
            tau = network.decay_times[population, source]
            kicks = random.binomial(pending[source], dt / tau)
            pending[source] -= kicks
            size = network.weights[population, source]
            change += -size * (V - network.reversal) / span * kicks if network.inhibitory[source] else size * kicks
        whole = np.floor(change)
        after = V + whole + (random.random(V.shape) < change - whole)
        V = np.where(resting, V, np.maximum(after, network.reversal)).astype(int)
        fired = ~resting & (network.threshold <= V)
        over = resting & (random.random(V.shape) < dt / network.refractory[population])
        V[fired | over] = network.reset
        resting = (resting & ~over) | fired
        counts = np.add.reduceat(fired, first[:-1], axis=1)
        for source in range(n):
            sent = counts[:, source, None]
            pending[source] += random.binomial(sent, network.probabilities[population, source])
        if step >= warm:
            spikes += counts
    return spikes / (steps * dt * sizes)


SMALL = MarkovNetwork(
    ("E", "I"),
    (False, True),
    (100, 50),
    weights=((1, 4), (1, 4)),
    probabilities=0.1,
    decay_times=((0.003, 0.005), (0.003, 0.005)),
    drive=1000,
    refractory=0.004,
    threshold=20,
    reversal=-10,
)


def test_a_clocked_network_tends_to_the_one_without_a_step_at_first_order():
    """Mean rate of both populations in steps of 2, 1 and .5 ms, seeds 11-13, 30 copies of 1.2 s, beside the network
    without a step, seed 10, 50 s. The order of the error between 2 and .5 ms is 1 within .2 (the next order of the
    error) + 2 s.e., and 4 s.e. from 1/2; the parabola through the three rates ends within 4 s.e. of the limit.
    """
    exact = simulate_network(SMALL, 10.1, 10, realisations=5, initial="spread")
    rate, error = mean_and_error(batches(exact, 0.1, 0.1).mean(axis=1))
    runs = [clocked_rates(SMALL, dt, 1.2, 30, seed).mean(axis=1) for dt, seed in ((2e-3, 11), (1e-3, 12), (5e-4, 13))]
    rates, errors = np.transpose([mean_and_error(one) for one in runs])
    bias, own = rate - rates, np.hypot(errors, error)
    order = np.log(bias[0] / bias[2]) / np.log(4)
    order_error = np.hypot(own[0] / bias[0], own[2] / bias[2]) / np.log(4)
    assert abs(order - 1) < 0.2 + 2 * order_error
    assert order - 0.5 > 4 * order_error
    parabola = np.array([1 / 3, -2, 8 / 3])
    assert abs(parabola @ rates - rate) < 4 * np.sqrt(np.sum((parabola * errors) ** 2) + error**2)


def same(first, second):
    """Every number of two runs is the same to the last bit."""
    for name in ("rates", "pending", "occupancy"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for one, other in zip(first.spikes, second.spikes, strict=True):
        np.testing.assert_array_equal(one.times, other.times)
        np.testing.assert_array_equal(one.neurons, other.neurons)
    for one, other in zip(first.states, second.states, strict=True):
        assert one.generator == other.generator
        np.testing.assert_array_equal(one.potentials, other.potentials)
        np.testing.assert_array_equal(one.order, other.order)
        for a, b in zip((*one.pending, *one.refractory), (*other.pending, *other.refractory), strict=True):
            np.testing.assert_array_equal(a, b)


def test_compiled_and_uncompiled_runs_are_the_same_to_the_last_bit():
    options = {"realisations": 2, "initial": "spread", "spike_times": True}
    network = published(1.3, 0.95)
    first, second = (simulate_network(network, 0.02, 4, compiled=one, **options) for one in (True, False))
    same(first, second)
    assert np.all(first.counts.sum(axis=1) > 50)
    assert max(len(one) for one in first.states[0].pending) > 0


def test_a_run_can_be_interrupted_and_goes_on_to_the_last_bit():
    network = published()
    whole = simulate_network(network, 0.08, 9, realisations=2, spike_times=True)
    start = simulate_network(network, 0.05, 9, realisations=2, spike_times=True)
    rest = simulate_network(network, 0.03, None, initial=start.states, spike_times=True)
    np.testing.assert_array_equal(whole.rates, np.concatenate([start.rates, rest.rates], axis=1))
    np.testing.assert_array_equal(whole.pending, np.concatenate([start.pending, rest.pending], axis=2))
    for one, other in zip(whole.states, rest.states, strict=True):
        np.testing.assert_array_equal(one.potentials, other.potentials)
        assert one.generator == other.generator
    alone = simulate_network(network, 0.08, 9)
    np.testing.assert_array_equal(alone.rates, whole.realisations[0].rates)
    assert not np.array_equal(whole.realisations[0].rates, whole.realisations[1].rates)
    other = simulate_network(network, 0.03, 10, initial=start.states)
    assert not np.array_equal(other.rates, rest.rates)
    changed = simulate_network(replace(network, drive=0), 0.03, 10, initial=start.states)
    assert changed.rates[:, 10:].sum() < 0.1 * other.rates[:, 10:].sum()


def test_a_run_begins_with_the_distributions_of_the_differential_equations():
    """Seed 6, 20 000 neurons of which a quarter is refractory, next to no time later: within 4 s.e."""
    potentials = np.zeros((1, 166))
    potentials[0, [0, 100]] = 0.25, 0.5
    network = one_population(20_000, drive=0)
    start = KickState(potentials, np.array([0.25]), np.array([[3.0]]))
    run = simulate_network(network, 1e-9, 6, bin=1e-9, initial=start)
    state = run.states[0]
    for part, expected in (
        (np.isnan(state.potentials), 0.25), (state.potentials == -66, 0.25), (state.potentials == 34, 0.5),
    ):  # fmt: skip
        assert abs(part.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000)
    kicks = np.bincount(state.pending[0], minlength=20_000)
    assert abs(kicks.mean() - 3) < 4 * np.sqrt(3 / 20_000)
    assert abs(kicks.var() - 3) < 4 * np.sqrt((3 + 2 * 9) / 20_000)


def test_bins_count_the_spikes_and_neurons_are_somewhere():
    run = simulate_network(published(), 0.1, 3, spike_times=True)
    times, neurons = run.spikes[0].times, run.spikes[0].neurons
    for x, (low, high) in enumerate(((0, 300), (300, 400))):
        counts = np.histogram(times[(neurons >= low) & (neurons < high)], 100, (0, 0.1))[0]
        np.testing.assert_allclose(run.counts[x], counts, atol=1e-9)
    assert np.all(run.occupancy >= 0)
    assert np.all((run.occupancy.sum(axis=1) > 0.8) & (run.occupancy.sum(axis=1) < 1))
    np.testing.assert_array_equal(run.potentials, np.arange(-66, 100))
    assert run.pending.shape == (2, 2, 100)
    assert not run.deterministic
    silent = simulate_network(one_population(drive=0), 0.1, 1)
    assert not np.any(silent.rates)


def test_a_network_that_runs_away_is_given_up():
    network = one_population(50, weights=1000, probabilities=1, decay_times=0.005, refractory=0)
    with pytest.raises(SsnbrianError, match="runs away"):
        simulate_network(network, 10.0, 1, initial="spread")


@pytest.mark.parametrize(
    ("network", "options", "text"),
    [
        ({"threshold": 99.5}, {}, "threshold is 99.5"),
        ({"leak_time": 0.02}, {}, "leak_time"),
        ({}, {"duration": 0.0105}, "whole number of times bin"),
        ({}, {"duration": np.nan}, "positive and finite"),
        ({}, {"bin": 0.0}, "positive and finite"),
        ({}, {"seed": None}, "seed"),
        ({}, {"seed": -1}, "seed"),
        ({}, {"seed": True}, "seed"),
        ({}, {"realisations": 0}, "realisations"),
        ({}, {"realisations": 1.5}, "realisations"),
        ({}, {"initial": "everywhere"}, "initial is 'everywhere'"),
        ({}, {"initial": None}, "initial must be"),
        ({}, {"initial": ()}, "0 states"),
        ({}, {"initial": KickState(np.ones((1, 3)), np.zeros(1), np.zeros((1, 1)))}, "shape"),
    ],
)
def test_bad_input_is_refused(network, options, text):
    arguments = {"duration": 0.01, "seed": 1} | options
    with pytest.raises(InvalidInputError, match=text):
        simulate_network(one_population(5, **network), **arguments)


def test_states_that_do_not_fit_are_refused():
    states = simulate_network(one_population(5), 0.1, 1).states
    resting = replace(states[0], potentials=np.full(5, np.nan), refractory=(np.arange(5),))
    for network, initial, realisations, text in (
        (one_population(6), states, 1, r"\(6,\)"),
        (one_population(5), states, 2, "1 states are given"),
        (one_population(5, threshold=10), states, 1, "potentials of the state"),
        (one_population(5, refractory=0), [resting], 1, "without a refractory time"),
        (one_population(5), [replace(resting, refractory=(np.arange(4),))], 1, "without a potential"),
    ):
        with pytest.raises(InvalidInputError, match=text):
            simulate_network(network, 0.01, 1, initial=initial, realisations=realisations)
