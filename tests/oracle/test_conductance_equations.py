"""The equations of the conductance network against quadrature, dense grids, Monte Carlo and published figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import cumulative_simpson, quad, solve_ivp
from scipy.signal import find_peaks
from scipy.special import erfcx
from scipy.stats import norm
from ssnbrian.analysis.markov.conductance_bin_step import below
from ssnbrian.analysis.markov.conductance_bins import BinnedState, initial_bins, simulate_bins
from ssnbrian.analysis.markov.conductance_equations import ConductanceEquations
from ssnbrian.analysis.markov.conductance_noise import correlation_times, stationary_pending
from ssnbrian.analysis.markov.conductance_solutions import conductance_fixed_points, integrate_conductance
from ssnbrian.analysis.markov.parameters import MarkovNetwork

from ssnbrian.circuit import InvalidInputError, SsnbrianError

pytestmark = pytest.mark.xdist_group("markov")
STEP = 1e-4


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


def lone_neuron(leak_time: float = np.inf) -> MarkovNetwork:
    return MarkovNetwork(("E",), (False,), [100], 0.0, 0.0, 1e-3, 7000.0, 4e-3, leak_time=leak_time)


@pytest.mark.parametrize(
    ("a", "b", "s"),
    [
        (-3.0, 1.0, 0.8),
        (0.0, 4.0, 12.0),
        (0.0, 4.0, 0.05),
        (2.0, 2.003, 1.5),
        (2.0, 2.001, 2.0),
        (1.0, 1.0 + 1e-9, 0.8),
    ],
)
def test_the_closed_form_of_a_step_is_the_integral_of_the_normal_distribution(a: float, b: float, s: float) -> None:
    def share(u: float, x: float) -> float:
        return norm.cdf((x - u) / s) / (b - a)

    def moment(u: float, x: float) -> float:
        return u * share(u, x) - s * norm.pdf((x - u) / s) / (b - a)

    for x in np.linspace(a - 4 * s, b + 4 * s, 13):
        breaks = sorted({min(max(x + k * s, a), b) for k in (-6, -2, 0, 2, 6)})
        expected = [quad(one, a, b, (x,), points=breaks, epsabs=1e-13)[0] for one in (share, moment)]
        assert below(x, a, b, s) == pytest.approx(expected, abs=2e-11)


def test_a_step_without_noise_only_moves() -> None:
    assert below(1.0, 0.0, 4.0, 0.0) == pytest.approx((0.25, 0.125), abs=1e-15)
    assert below(4.0, 0.0, 4.0, 0.0) == (1.0, 2.0)
    assert below(2.0, 2.0, 2.0, 0.0) == (1.0, 2.0)
    assert below(-0.1, 0.0, 4.0, 0.0) == (0.0, 0.0)


def random_state(network: MarkovNetwork, seed: int) -> BinnedState:
    """Uneven masses, means anywhere in their bins, many pending kicks, most of all where the edges are."""
    rng = np.random.default_rng(seed)
    start = initial_bins(network)
    mass = rng.dirichlet(np.full(35, 0.7), 2)
    mass[:, [0, -1]] += 0.2
    mass /= mass.sum(axis=1, keepdims=True)
    mean = rng.uniform(start.edges[:-1], start.edges[1:], (2, 35))
    pending = np.array([[60.0, 90.0], [60.0, 90.0]])
    return replace(start, mass=mass, moment=mass * mean, pending_mean=pending, pending_variance=0.6 * pending)


def test_a_step_of_the_bins_is_the_step_of_neurons_drawn_from_them() -> None:
    """Monte Carlo, seed 2, 400 000 neurons per population: masses, moments and flux within 4.5 s.e. of each (142)."""
    network, draws = ei_network(), 400_000
    state = random_state(network, 1)
    run = simulate_bins(network, STEP, bin=STEP, initial=state, compiled=False)
    rng = np.random.default_rng(2)
    edges, width = state.edges, state.edges[1] - state.edges[0]
    for x in range(2):
        bins = rng.choice(35, draws, p=state.mass[x])
        mean = (state.moment[x] / state.mass[x])[bins]
        low, high = edges[bins], edges[bins + 1]
        nearer_low = mean - low <= high - mean
        v = np.where(nearer_low, rng.uniform(low, 2 * mean - low), rng.uniform(2 * mean - high, high))
        share = (mean + 66.0) / 166.0
        weights, tau = network.weights[x], network.decay_times[x]
        drift = 7000.0 + (weights * state.pending_mean[x] / tau) @ np.array([np.ones_like(share), -share])
        noise = 7000.0 + 1e-3 * (weights**2 * state.pending_variance[x] / tau**2) @ np.array([share**0, share**2])
        v += rng.normal(drift * STEP, np.sqrt(noise * STEP))
        v = np.where(v < edges[0], 2 * edges[0] - v, v)
        places = np.floor((v - edges[0]) / width).astype(int)
        for k in range(35):
            inside = np.where(places == k, v, 0.0)
            hits = places == k
            for found, values in ((run.final.mass[x, k], hits), (run.final.moment[x, k], inside)):
                error = max(np.std(values), 1.0 / draws**0.5) / draws**0.5
                assert abs(found - values.mean()) < 4.5 * error
        spikes = v > 100.0
        assert spikes.mean() > 0.05
        assert abs(run.rates[x, 0] * STEP - spikes.mean()) < 4.5 * np.std(spikes) / draws**0.5


def test_the_bottom_reflects_and_the_top_absorbs() -> None:
    """Strong inhibition pushes all neurons against the bottom: none is lost, and their mean is that of the mirror."""
    network = lone_neuron()
    state = initial_bins(network)
    held = replace(state, mass=np.eye(35)[[0]], moment=np.eye(35)[[0]] * -40.0)
    moved = simulate_bins(replace(network, drive=np.array([1000.0])), STEP, bin=STEP, initial=held, compiled=False)
    s, drift = 0.1**0.5, 0.1
    mirrored = quad(lambda u: abs(u) * norm.pdf(u, drift, s), -8 * s, 8 * s, points=[0.0], epsabs=1e-14)[0] - 40.0
    assert moved.final.mass[0, 0] == pytest.approx(1.0, abs=1e-14)
    assert moved.final.moment[0, 0] == pytest.approx(mirrored, abs=1e-12)
    high = replace(state, mass=np.eye(35)[[34]], moment=np.eye(35)[[34]] * 100.0)
    moved = simulate_bins(network, STEP, bin=STEP, initial=high, compiled=False)
    assert moved.rates[0, 0] * STEP == pytest.approx(norm.cdf(0.7 / 0.7**0.5), abs=1e-13)
    assert moved.final.refractory[0] == pytest.approx(norm.cdf(0.7 / 0.7**0.5), abs=1e-13)


def clocked_rate(network: MarkovNetwork) -> float:
    """Hz of a lone clocked neuron: its mean number of steps to the threshold, by the Nyström method on 0.1 mV."""
    points = np.arange(-40.0 + 0.05, 100.0, 0.1)
    drive = float(network.drive[0]) * STEP
    moved = points + drive - STEP / network.leak_time * points
    steps_to = 0.1 * norm.pdf(points[None, :], moved[:, None], drive**0.5)
    steps = np.linalg.solve(np.eye(len(points)) - steps_to, np.ones(len(points)))
    start = norm.pdf(points, drive, drive**0.5) * 0.1
    passage = STEP * (1.0 + start @ steps)
    return 1.0 / (passage + STEP / -np.expm1(-STEP / network.refractory[0]))


@pytest.mark.parametrize("leak_time", [np.inf, 20e-3])
def test_the_bins_give_the_rate_of_a_lone_clocked_neuron(leak_time: float) -> None:
    """Error of the 35 bins below 7 in 10 000."""
    network = lone_neuron(leak_time)
    run = simulate_bins(network, 0.6)
    assert run.rates[0, -100:].mean() == pytest.approx(clocked_rate(network), rel=7e-4)


@pytest.mark.parametrize(
    ("p_ei", "rates", "period"), [(0.7, (67.4, 77.9), 1), (0.8, (43.4, 61.4), 2)], ids=["period 1", "period 2"]
)
def test_the_bins_give_the_published_rates_and_volleys(p_ei: float, rates: tuple[float, float], period: int) -> None:
    """Within 1 %: the published average does not name its window, and no detail of the order of updates."""
    run = simulate_bins(ei_network(p_ei), 2.0)
    assert run.final.variables == 150
    assert run.after(0.5).rates.mean(axis=1) == pytest.approx(rates, rel=1e-2)
    assert run.final.mass.sum(axis=1) + run.final.refractory == pytest.approx(1.0, abs=1e-11)
    assert run.final.mass.min() >= 0.0
    counts = run.after(0.5).counts[0]
    peaks, _ = find_peaks(np.convolve(counts, [0.25, 0.5, 0.25], "same"), distance=9, height=10)
    heights = counts[peaks[1:-1] - 1] + counts[peaks[1:-1]] + counts[peaks[1:-1] + 1]
    alternation = abs(heights[::2].mean() - heights[1::2].mean()) / heights.mean()
    assert alternation > 0.5 if period == 2 else alternation < 0.02


def test_compiled_and_plain_bins_agree_and_a_run_can_go_on() -> None:
    network = ei_network()
    whole, plain = simulate_bins(network, 0.012), simulate_bins(network, 0.012, compiled=False)
    assert plain.rates == pytest.approx(whole.rates, rel=1e-9, abs=1e-9)
    first = simulate_bins(network, 0.005)
    second = simulate_bins(network, 0.007, initial=first.final)
    assert np.array_equal(np.hstack([first.rates, second.rates]), whole.rates)


def in_halves(network: MarkovNetwork) -> MarkovNetwork:
    """E in two halves beside I: three populations, the same network."""
    both = [0, 0, 1]
    return MarkovNetwork(
        ("E1", "E2", "I"),
        (False, False, True),
        [150, 150, 100],
        *(getattr(network, name)[np.ix_(both, both)] for name in ("weights", "probabilities", "decay_times")),
        7000.0,
        4e-3,
    )


def test_three_populations_may_be_two() -> None:
    network = ei_network()
    two, three = simulate_bins(network, 0.1), simulate_bins(in_halves(network), 0.1)
    assert three.rates[[0, 2]] == pytest.approx(two.rates, rel=1e-9, abs=1e-9)
    point = conductance_fixed_points(ConductanceEquations(network, cells=70), [np.array([40.0, 60.0])])[0]
    same = conductance_fixed_points(ConductanceEquations(in_halves(network), cells=70), [np.array([40.0, 40.0, 60.0])])
    assert same[0].rates[[0, 2]] == pytest.approx(point.rates, rel=1e-9)
    assert same[0].leading == pytest.approx(point.leading, rel=1e-6)


def test_jacobian_against_finite_differences() -> None:
    equations = ConductanceEquations(ei_network(), cells=24)
    rng = np.random.default_rng(4)
    mean, variance = rng.uniform(0, 150, (2, 2, 2)) * np.array([0.1, 1.0])
    state = equations.joined(rng.uniform(0, 0.05, (2, 24)), rng.uniform(0, 0.3, 2), mean, variance)
    drift = equations.drift(mean)
    assert drift.min() < -1000
    assert drift.max() > 1000
    matrix = equations.jacobian(state).toarray()
    moved = np.eye(equations.variables) * 1e-5
    found = [(equations.derivative(state + one) - equations.derivative(state - one)) / 2e-5 for one in moved]
    assert matrix == pytest.approx(np.array(found).T, abs=1e-9 * np.abs(matrix).max())


def test_the_equations_keep_the_mass() -> None:
    equations = ConductanceEquations(ei_network(), cells=50)
    state = np.random.default_rng(5).uniform(0, 1, equations.variables)
    mass, refractory, _, _ = equations.parts(equations.derivative(state))
    assert mass.sum(axis=1) + refractory == pytest.approx(0.0, abs=1e-9 * np.abs(mass).max())


def siegert_rate(network: MarkovNetwork) -> float:
    """Hz of the leaky neuron in white noise of drift J and variance J (Ricciardi 1977)."""
    tau, drive = network.leak_time, float(network.drive[0])
    low, high = ((v - drive * tau) / np.sqrt(drive * tau) for v in (0.0, 100.0))
    passage = tau * np.sqrt(np.pi) * quad(lambda u: erfcx(-u), low, high, epsabs=1e-12)[0]
    return 1.0 / (passage + network.refractory[0])


def test_a_lone_neuron_in_continuous_time() -> None:
    """Without a leak, 1/(threshold/J + tau_r); with one, Siegert's formula."""
    for network, rate in (
        (lone_neuron(), 1.0 / (100.0 / 7000.0 + 4e-3)),
        (lone_neuron(20e-3), siegert_rate(lone_neuron(20e-3))),
    ):
        coarse, fine = (
            ConductanceEquations(network, cells=cells).stationary_density(0, np.zeros(1))[1] for cells in (140, 1120)
        )
        assert coarse == pytest.approx(rate, rel=2e-3)
        assert fine == pytest.approx(rate, rel=5e-5)


def passage_time(equations: ConductanceEquations, x: int, rates: np.ndarray) -> float:
    """Mean time (s) from 0 to the threshold, reflected at the bottom: the double integral over the scale function."""
    network = equations.network
    mean, variance = stationary_pending(network, rates)
    v = np.linspace(-40.0, 100.0, 56_001)
    share = (v + 66.0) / 166.0
    felt = [-share if inhibitory else np.ones_like(v) for inhibitory in network.inhibitory]
    drift, noise = np.full_like(v, 7000.0), np.full_like(v, 7000.0)
    for y in network.populations:
        per_kick = network.weights[x, y] / network.decay_times[x, y]
        drift += per_kick * mean[x, y] * felt[y]
        noise += per_kick**2 * variance[x, y] * 1e-3 * felt[y] ** 2
    slope = cumulative_simpson(2.0 * drift / noise, x=v, initial=0.0)
    inner = cumulative_simpson(2.0 / noise * np.exp(slope - slope.max()), x=v, initial=0.0)
    outer = cumulative_simpson(np.exp(slope.max() - slope) * inner, x=v, initial=0.0)
    return float(outer[-1] - np.interp(0.0, v, outer))


def test_stationary_rates_against_the_mean_first_passage_time() -> None:
    """Neurons that feel both kinds of kicks: the error is of second order in the width of the cells."""
    rates = np.array([40.0, 66.0])
    for x in range(2):
        expected = 1.0 / (passage_time(ConductanceEquations(ei_network()), x, rates) + 4e-3)
        errors = np.array(
            [
                ConductanceEquations(ei_network(), cells=cells).stationary_density(x, rates)[1] / expected - 1.0
                for cells in (140, 280, 560, 1120)
            ]
        )
        assert abs(errors[0]) < 1e-3
        orders = np.log2(errors[:-1] / errors[1:])
        assert np.all((orders > 1.5) & (orders < 2.2))


@pytest.fixture(scope="module")
def default_point():
    return conductance_fixed_points(ConductanceEquations(ei_network()))


def test_the_fixed_point_of_the_published_network_oscillates(default_point) -> None:
    assert len(default_point) == 1
    point = default_point[0]
    equations = ConductanceEquations(ei_network())
    assert point.residual < 1e-8
    assert np.abs(equations.derivative(point.state)).max() < 1e-7
    assert equations.rates(point.state) == pytest.approx(point.rates, rel=1e-9)
    assert not point.stable


def test_the_leading_eigenvalue_is_the_growth_of_a_small_perturbation(default_point) -> None:
    """y(t + 2h) - 2 Re(e^(lambda h)) y(t + h) + |e^(lambda h)|² y(t) = 0 once the leading pair rules."""
    equations, point = ConductanceEquations(ei_network()), default_point[0]
    start = point.state.copy()
    start[[60, 70]] += [1e-7, -1e-7]
    h = 2e-3
    times = 0.03 + h * np.arange(3)
    found = solve_ivp(
        lambda _, x: equations.derivative(x), (0.0, times[-1]), start, method="BDF", t_eval=times,
        jac=lambda _, x: equations.jacobian(x), rtol=1e-9, atol=1e-12,
    )  # fmt: skip
    y = (found.y - point.state[:, None])[:282]
    factor = np.exp(point.leading * h)
    rest = y[:, 2] - 2.0 * factor.real * y[:, 1] + abs(factor) ** 2 * y[:, 0]
    assert np.linalg.norm(y[:, 2]) > 30.0 * np.linalg.norm(start - point.state)
    assert np.linalg.norm(rest) < 0.01 * np.linalg.norm(y[:, 2])


def test_silence_is_a_fixed_point() -> None:
    """J tau_leak = 35 mV, ten standard deviations of the membrane below the threshold."""
    points = conductance_fixed_points(ConductanceEquations(replace(ei_network(), leak_time=5e-3), cells=70))
    assert np.array_equal(points[0].rates, np.zeros(2))
    assert points[0].stable
    with pytest.raises(SsnbrianError, match="no fixed point"):
        conductance_fixed_points(ConductanceEquations(replace(ei_network(strength=0.0), drive=np.zeros(2)), cells=70))


def test_long_integration_reaches_a_stable_fixed_point() -> None:
    equations = ConductanceEquations(ei_network(strength=0.2))
    point = conductance_fixed_points(equations)[0]
    assert point.stable
    run = integrate_conductance(equations, 0.35, rtol=1e-6, atol=1e-9)
    assert run.rates[:, -20:].mean(axis=1) == pytest.approx(point.rates, rel=1e-5)
    assert run.final == pytest.approx(point.state, abs=1e-3)
    mass, refractory, _, _ = equations.parts(run.final)
    assert mass.sum(axis=1) + refractory == pytest.approx(1.0, abs=1e-10)
    assert mass.min() > -1e-6


def test_rates_are_integrals_of_the_flux() -> None:
    """Spikes of all bins: what went into the refractory state and has left it, and all kicks, as known from X alone."""
    network = ei_network(strength=0.2)
    equations = ConductanceEquations(network, cells=70)
    run = integrate_conductance(equations, 0.05, rtol=1e-7, atol=1e-10)
    fine = integrate_conductance(equations, 0.05, bin=1e-4, rtol=1e-7, atol=1e-10)
    assert fine.rates.reshape(2, 50, 10).mean(axis=2) == pytest.approx(run.rates, rel=1e-4, abs=1e-3)
    kicks = network.probabilities * network.sizes * run.rates.sum(axis=1) * 1e-3
    delivered = fine.pending.sum(axis=2) * 1e-4 / network.decay_times
    assert fine.pending[:, :, -1] + delivered == pytest.approx(kicks, rel=2e-2)


def test_the_steps_tend_to_continuous_time() -> None:
    """a + b sqrt(dt) + c dt through three steps meets the finite volumes, extrapolated in their width, to 2 in 10⁴.

    The clocked threshold is felt at the ends of the steps only, an error of the order of sqrt(dt).
    """
    network = ei_network(strength=0.2)
    steps = np.array([1e-4, 0.5e-4, 0.25e-4])
    stepped = np.array([simulate_bins(network, 0.25, dt=dt).rates[:, -1] for dt in steps])
    extrapolated = np.linalg.solve(np.vander(np.sqrt(steps), 3), stepped)[-1]
    volumes = [
        conductance_fixed_points(ConductanceEquations(network, cells=cells), [np.array([58.0, 64.0])])[0].rates
        for cells in (280, 560)
    ]
    continuous = volumes[1] + (volumes[1] - volumes[0]) / 3.0
    assert extrapolated == pytest.approx(continuous, rel=2e-4)
    errors = np.abs(stepped - continuous)
    orders = np.log2(errors[:-1] / errors[1:])
    assert np.all((orders > 0.5) & (orders < 0.9))


def test_continuous_time_gives_the_volleys_too() -> None:
    """p_EI .8: the cycle of large and small volleys; rates within 5 % of the published ones, of steps of 0.1 ms."""
    run = integrate_conductance(ConductanceEquations(ei_network(), cells=70), 0.4, rtol=1e-4, atol=1e-7)
    counts = run.after(0.15).counts[0]
    assert run.after(0.15).rates.mean(axis=1) == pytest.approx((43.4, 61.4), rel=5e-2)
    peaks, _ = find_peaks(counts, distance=9, height=10)
    assert abs(counts[peaks[::2]].mean() - counts[peaks[1::2]].mean()) > 0.5 * counts[peaks].mean()


def test_the_white_limit_is_twice_the_decay_time() -> None:
    network = ei_network()
    assert np.array_equal(correlation_times(network, None), 2.0 * network.decay_times)
    same = [simulate_bins(network, 0.02, correlation_time=one).rates for one in (None, 2.0 * network.decay_times)]
    assert np.array_equal(*same)
    assert not np.allclose(same[0], simulate_bins(network, 0.02).rates)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: simulate_bins(n, 0.01, dt=2e-3, bin=2e-3), "shorter than every decay time"),
        (lambda n: simulate_bins(n, 0.01, dt=3e-4), "whole number of times dt"),
        (lambda n: simulate_bins(n, 0.0), "whole number of times bin"),
        (lambda n: simulate_bins(n, 0.01, correlation_time=-1.0), "correlation_time must be"),
        (lambda n: simulate_bins(n, 0.01, initial=initial_bins(lone_neuron())), "it must be"),
        (lambda n: simulate_bins(replace(n, threshold=90.0), 0.01, initial=initial_bins(n)), "to the threshold"),
        (lambda n: initial_bins(n, bins=1), "at least 2"),
        (lambda n: initial_bins(n, bottom=5.0), "above the reset"),
        (lambda n: ConductanceEquations(n, cells=3), "at least 4"),
        (lambda n: ConductanceEquations(n, bottom=0.0), "below the reset"),
        (lambda n: ConductanceEquations(replace(n, refractory=np.zeros(2))), "refractory must be positive"),
        (lambda n: ConductanceEquations(n, correlation_time=np.nan), "correlation_time must be"),
        (lambda n: integrate_conductance(ConductanceEquations(n), 0.01, initial=np.zeros(3)), "finite numbers"),
        (lambda n: conductance_fixed_points(ConductanceEquations(n), [np.array([1.0])]), "positive rates"),
    ],
)
def test_wrong_input_is_refused(call, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call(ei_network())
