"""LNP networks against closed forms, mpmath, quadrature, and the same loops without compilation."""

import math
import sys

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from ssnbrian.analysis.lnp import (
    BoundedTransfer,
    ExponentialTransfer,
    LinearTransfer,
    LNPNetwork,
    SigmoidTransfer,
    diffusion_action,
    diffusion_first_passage,
    dominance,
    dwell_statistics,
    escapes,
    fixed_points,
    fluctuations,
    jump_action,
    mean_first_passage,
    simulate,
    simulated_first_passage,
)
from ssnbrian.analysis.lnp.escape import exponential_root
from ssnbrian.analysis.switching import Dwell

from ssnbrian.circuit import InvalidInputError

pytestmark = pytest.mark.xdist_group("lnp")

BISTABLE = LNPNetwork.single(size=20, tau=0.02, mu=0.5, weight=5.0, transfer=SigmoidTransfer(100, 5, 1.5))
LINEAR = LNPNetwork.single(size=50, tau=0.02, mu=4.0, weight=3.0, transfer=LinearTransfer(5.0, 10.0))
PAIR = LNPNetwork(
    sizes=(30, 10),
    tau=(0.02, 0.01),
    mu=(6.0, 3.0),
    weights=((2.0, -4.0), (3.0, -1.0)),
    transfers=(SigmoidTransfer(80, 6, 2, base=1), ExponentialTransfer(10, 4, 3)),
)


def test_fluctuations_of_one_linear_population_are_the_closed_forms():
    mu, J, tau, N, f0, f1 = 4.0, 3.0, 0.02, 50, 5.0, 10.0
    found = fluctuations(LINEAR)
    h = (mu + J * tau * f0) / (1 - J * tau * f1)
    rate = f0 + f1 * h
    frequencies = np.array([0.0, 1.0, 7.0, 50.0])
    spectrum = (rate / N) / np.abs(1 - f1 * J * tau / (1 + 2j * np.pi * frequencies * tau)) ** 2
    assert found.exact
    assert found.potential == pytest.approx([h], rel=1e-12)
    assert found.rates == pytest.approx([rate], rel=1e-12)
    assert found.covariance[0, 0] == pytest.approx((J**2 * rate / N) / (2 * (1 / tau - J * f1)), rel=1e-12)
    assert found.spectrum(frequencies)[:, 0, 0].real == pytest.approx(spectrum, rel=1e-12)


def test_covariance_is_the_integral_of_the_spectrum_of_h():
    """H = J tau/(1 + i omega tau) A, so that the covariance of h follows from the spectra of A by quadrature."""
    (point,) = fixed_points(PAIR, [(0, 12), (0, 12)])
    found = fluctuations(PAIR, point)
    tau, weights = np.array(PAIR.tau), np.array(PAIR.weights)

    def density(frequency, i, j):
        filter_ = weights * (tau / (1 + 2j * np.pi * frequency * tau))[:, None]
        return (filter_ @ found.spectrum(np.array([frequency]))[0] @ filter_.conj().T)[i, j].real

    for i, j in ((0, 0), (0, 1), (1, 1)):
        integral = 2 * quad(density, 0, np.inf, args=(i, j), limit=200)[0]
        assert found.covariance[i, j] == pytest.approx(integral, rel=1e-6)
    assert point.stable
    assert not found.exact


def test_fixed_points_solve_their_equation_in_many_digits():
    with mpmath.workdps(30):
        f = lambda h: 0.5 - h + mpmath.mpf(5) / 50 * 100 / (1 + mpmath.exp((5 - h) / mpmath.mpf(1.5)))  # noqa: E731
        roots = [float(mpmath.findroot(f, guess)) for guess in (1, 4, 10)]
    found = fixed_points(BISTABLE)
    assert [one.potential[0] for one in found] == pytest.approx(roots, abs=1e-12)
    assert [one.stable for one in found] == [True, False, True]


def test_two_competing_populations_have_two_winners_and_a_saddle():
    rival = SigmoidTransfer(50, 5, 1)
    network = LNPNetwork((50, 50), (0.02, 0.02), (6.0, 6.0), ((4.0, -8.0), (-8.0, 4.0)), (rival, rival))
    found = fixed_points(network)
    assert [one.stable for one in found] == [True, False, True]
    assert found[0].potential == pytest.approx(found[2].potential[::-1], rel=1e-9)
    assert found[1].potential[0] == pytest.approx(found[1].potential[1], rel=1e-9)
    for one in found:
        assert np.abs(network.drift(np.array(one.potential))).max() < 1e-6


@pytest.mark.parametrize("ratio", [1e-3, 0.2, 0.9, 0.99999, 1 - 1e-7, 1 + 1e-7, 1.00002, 1.5, 30.0, 1e4])
def test_the_momentum_is_the_root_of_its_equation(ratio):
    with mpmath.workdps(40):
        exact = mpmath.mpf(ratio)
        branch = -1 if exact > 1 else 0
        root = -1 / exact - mpmath.lambertw(-mpmath.exp(-1 / exact) / exact, branch).real
    assert exponential_root(ratio) == pytest.approx(float(root), rel=1e-9)


@pytest.mark.parametrize("number", [0, 1])
def test_actions_are_the_integrals_of_mpmath(number):
    """The jump action from the roots p of H(h, p) = 0 by Lambert's function, the diffusion action directly."""
    escape = escapes(BISTABLE)[number]

    mu, tau, J = mpmath.mpf("0.5"), mpmath.mpf("0.02"), 5

    def f(h):
        return 100 / (1 + mpmath.exp((5 - h) / mpmath.mpf("1.5")))

    def ratio(h):
        return (h - mu) / (J * tau * f(h))

    def momentum(h):
        r = ratio(h)
        p = (-1 / r - mpmath.lambertw(-mpmath.exp(-1 / r) / r, -1 if r > 1 else 0).real) / J
        assert abs(p * (mu - h) / tau + f(h) * mpmath.expm1(J * p)) < 1e-9
        return p

    with mpmath.workdps(25):
        ends = [escape.start.potential[0], escape.saddle.potential[0]]
        assert escape.jump_action == pytest.approx(float(mpmath.quad(momentum, ends)), rel=1e-7)
        diffusion = mpmath.quad(lambda h: 2 * (ratio(h) - 1) / J, ends)
    assert escape.diffusion_action == pytest.approx(float(diffusion), rel=1e-7)


def test_the_slopes_of_the_exact_mean_passage_times_are_the_actions():
    """ln T grows by the action per neuron up to O(1/N^2); each limit has its own, of which the other is excluded."""
    up = escapes(BISTABLE)[0]
    slopes = {}
    for name, mean in (("jump", mean_first_passage), ("diffusion", diffusion_first_passage)):
        logs = [math.log(mean(BISTABLE.resized([N]), up.start.potential[0], 8.0).time) for N in (40, 60, 80)]
        slopes[name] = np.diff(logs) / 20
    for name, action in (("jump", up.jump_action), ("diffusion", up.diffusion_action)):
        far, near = np.abs(slopes[name] - action)
        assert near < far
        assert near < 0.004 * action
    assert up.diffusion_action - up.jump_action > 10 * abs(slopes["jump"][-1] - up.jump_action)


def test_a_passage_by_one_jump_takes_the_mean_interval():
    """A target less than a jump away is passed at the first spike: T = integral of its survival probability."""
    mu, tau, N = 0.5, 0.02, 20
    f = BISTABLE.transfers[0]
    assert mean_first_passage(BISTABLE, mu, mu + 0.1).time == pytest.approx(1 / (N * f(mu)), rel=1e-5)
    start = mu + 0.05

    def survival(t):
        return math.exp(-N * quad(lambda s: f(mu + (start - mu) * math.exp(-s / tau)), 0, t)[0])

    expected = quad(survival, 0, 0.3, limit=200)[0]
    assert mean_first_passage(BISTABLE, start, mu + 0.1, cells_per_jump=64).time == pytest.approx(expected, rel=1e-4)


def test_without_spikes_the_passage_down_is_an_exponential_decay():
    silent = LNPNetwork.single(size=10, tau=0.02, mu=0.0, weight=1.0, transfer=LinearTransfer(0.0, 0.0))
    expected = 0.02 * math.log(5 / 2)
    assert mean_first_passage(silent, 5.0, 2.0).time == pytest.approx(expected, rel=1e-4)
    found = simulated_first_passage(silent, (5.0,), 2.0, limit=1.0, realisations=1, seed=0, compiled=False)
    assert found.mean == pytest.approx(expected, rel=1e-12)


def test_the_diffusion_passage_of_a_constant_rate_is_that_of_an_ornstein_uhlenbeck_process():
    """T = tau sqrt(pi) integral of e^(x^2) (1 + erf x) between the scaled start and target."""
    tau, mu, J, f, N = 0.02, 1.0, 4.0, 30.0, 40
    network = LNPNetwork.single(size=N, tau=tau, mu=mu, weight=J, transfer=LinearTransfer(f, 0.0))
    mean, width = mu + J * tau * f, J * math.sqrt(f * tau / N)
    for start, target in ((mean, mean + 3), (mean + 1, mean - 2)):
        ends = sorted(math.copysign(1, target - start) * (one - mean) / width for one in (start, target))
        exact = tau * mpmath.sqrt(mpmath.pi) * mpmath.quad(lambda x: mpmath.exp(x**2) * (1 + mpmath.erf(x)), ends)
        assert diffusion_first_passage(network, start, target).time == pytest.approx(float(exact), rel=1e-7)


def test_the_mirrored_network_has_the_same_passage_times_and_actions():
    mirrored = LNPNetwork.single(size=20, tau=0.02, mu=-0.5, weight=-5.0, transfer=SigmoidTransfer(100, -5, -1.5))
    for one, other in zip(escapes(BISTABLE), reversed(escapes(mirrored)), strict=True):
        assert one.jump_action == pytest.approx(other.jump_action, rel=1e-9)
        assert one.diffusion_action == pytest.approx(other.diffusion_action, rel=1e-9)
    for mean in (mean_first_passage, diffusion_first_passage):
        assert mean(mirrored, -1.3, -8).time == pytest.approx(mean(BISTABLE, 1.3, 8).time, rel=1e-9)
        assert mean(mirrored, -10, -3).time == pytest.approx(mean(BISTABLE, 10, 3).time, rel=1e-9)


@pytest.mark.parametrize("method", ["exact", "microscopic", "mesoscopic", "diffusion"])
def test_compiled_and_uncompiled_loops_give_the_same_run(method):
    step = None if method == "exact" else 5e-4
    first, second = (
        simulate(PAIR, 0.2, bin_width=0.01, seed=4, method=method, step=step, compiled=compiled)
        for compiled in (True, False)
    )
    assert first.counts.sum() > 100
    np.testing.assert_array_equal(first.counts, second.counts)
    np.testing.assert_allclose(first.potential, second.potential, rtol=1e-12)


def test_compiled_and_uncompiled_passages_are_the_same():
    one, other = (
        simulated_first_passage(BISTABLE.resized([5]), (1.2,), 6.0, limit=9.0, realisations=4, seed=3, compiled=way)
        for way in (True, False)
    )
    np.testing.assert_allclose(one.times, other.times, rtol=1e-12)


def test_a_function_with_its_bound_gives_the_spikes_of_the_built_in_transfer():
    """The same bound means the same random numbers."""
    inner = BISTABLE.transfers[0]
    own = BoundedTransfer(lambda h: 100 / (1 + math.exp((5 - h) / 1.5)), lambda low, high: inner(high))
    networks = [LNPNetwork.single(size=20, tau=0.02, mu=0.5, weight=5.0, transfer=f) for f in (inner, own)]
    built_in = simulate(networks[0], 0.5, bin_width=0.05, seed=2, compiled=False)
    np.testing.assert_array_equal(built_in.counts, simulate(networks[1], 0.5, bin_width=0.05, seed=2).counts)
    wrong = LNPNetwork.single(size=20, tau=0.02, mu=0.5, weight=5.0, transfer=BoundedTransfer(own.function, 1.0))
    with pytest.raises(InvalidInputError, match="exceeds the bound"):
        simulate(wrong, 0.5, bin_width=0.05, seed=2)


def test_without_numba_the_uncompiled_loops_run_and_compiled_ones_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    run = simulate(PAIR, 0.05, bin_width=0.05, seed=1)
    np.testing.assert_array_equal(run.counts, simulate(PAIR, 0.05, bin_width=0.05, seed=1, compiled=False).counts)
    with pytest.raises(InvalidInputError, match="not installed"):
        simulate(PAIR, 0.05, bin_width=0.05, seed=1, compiled=True)


def test_a_realisation_depends_on_the_seed_and_its_index_only():
    many = simulate(PAIR, 0.1, bin_width=0.05, seed=9, realisations=3, compiled=False)
    few = simulate(PAIR, 0.1, bin_width=0.05, seed=9, realisations=2, compiled=False)
    np.testing.assert_array_equal(many.counts[:2], few.counts)
    assert not np.array_equal(many.counts[0], many.counts[1])


def test_between_spikes_h_is_solved_exactly_and_follows_the_drive():
    silent = LNPNetwork.single(size=3, tau=0.02, mu=0.0, weight=1.0, transfer=LinearTransfer(0.0, 0.0))
    drive = np.array([[0.0], [2.0]])
    expected = [5.0, 5 * math.exp(-0.5), 2 + (5 * math.exp(-0.5) - 2) * math.exp(-0.5)]
    for method, step in (("exact", None), ("microscopic", 0.005), ("mesoscopic", 0.001), ("diffusion", 0.01)):
        run = simulate(
            silent, 0.02, bin_width=0.01, seed=0, initial=[5.0], drive=drive, method=method, step=step, compiled=False
        )
        np.testing.assert_allclose(run.potential[0, 0], expected, rtol=1e-12)
        assert run.counts.sum() == 0


def test_unbounded_excitation_stops_with_an_error():
    network = LNPNetwork.single(size=20, tau=0.02, mu=5.0, weight=5.0, transfer=ExponentialTransfer(50, 0, 1))
    for method, step in (("exact", None), ("mesoscopic", 1e-3), ("microscopic", 1e-3), ("diffusion", 1e-3)):
        with pytest.raises(ArithmeticError, match=r"run away|more than"):
            simulate(network, 1.0, bin_width=0.1, seed=0, method=method, step=step, compiled=False, most_spikes=10**5)


def test_dwell_statistics_leave_censored_stays_out_of_the_mean_and_give_their_errors():
    times = [1.0, 2.0, 4.0, 3.0, 0.5]
    stays = [Dwell("up", 0, 7.0, False, True)]
    for one in times:
        stays += [Dwell("down", 0, one, True, True), Dwell("up", 0, 1.0, True, True)]
    stays.append(Dwell("down", 0, 2.5, True, False))
    found = dwell_statistics(stays)
    down, up = found["down"], found["up"]
    without = [np.delete(times, k) for k in range(5)]
    cvs = np.array([np.std(one, ddof=1) / np.mean(one) for one in without])
    assert (down.complete, down.censored, down.censored_time) == (5, 1, pytest.approx(2.5))
    assert down.mean == pytest.approx(np.mean(times))
    assert down.mean_error == pytest.approx(np.std(times, ddof=1) / math.sqrt(5))
    assert down.cv == pytest.approx(np.std(times, ddof=1) / np.mean(times))
    assert down.cv_error == pytest.approx(math.sqrt(4 / 5 * np.sum((cvs - cvs.mean()) ** 2)))
    assert down.leaving.rate == pytest.approx(5 / 13)
    assert (up.complete, up.censored, up.cv) == (5, 1, 0)
    assert dwell_statistics([])["up"].mean is None


def test_dominance_switches_with_hysteresis():
    first = np.array([0.0, 5.0, 9.0, 5.0, 4.0, 3.0, 5.0, 0.0])
    second = np.array([0.0, 5.0, 1.0, 5.0, 6.0, 7.0, 5.0, 0.0])
    np.testing.assert_array_equal(dominance(first, second), [-1, -1, 1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: LNPNetwork.single(size=0, tau=0.02, mu=0, weight=1, transfer=LinearTransfer(1, 1)),
        lambda: LNPNetwork.single(size=5, tau=0.0, mu=0, weight=1, transfer=LinearTransfer(1, 1)),
        lambda: LNPNetwork.single(size=5, tau=0.02, mu=math.nan, weight=1, transfer=LinearTransfer(1, 1)),
        lambda: LNPNetwork((5, 5), (0.02,), (0, 0), ((1, 1), (1, 1)), (LinearTransfer(1, 1),) * 2),
        lambda: SigmoidTransfer(1, 0, 0),
        lambda: ExponentialTransfer(-1, 0, 1),
        lambda: simulate(LINEAR, 1.0, bin_width=0.3, seed=0),
        lambda: simulate(LINEAR, 1.0, bin_width=0.1, seed=-1),
        lambda: simulate(LINEAR, 1.0, bin_width=0.1, seed=0, method="euler"),
        lambda: simulate(LINEAR, 1.0, bin_width=0.1, seed=0, method="mesoscopic"),
        lambda: simulate(LINEAR, 1.0, bin_width=0.1, seed=0, step=0.01),
        lambda: simulate(LINEAR, 1.0, bin_width=0.1, seed=0, drive=np.zeros(10)),
        lambda: fixed_points(LINEAR),
        lambda: fluctuations(BISTABLE),
        lambda: fluctuations(BISTABLE, fixed_points(BISTABLE)[1]),
        lambda: fluctuations(LNPNetwork.single(size=5, tau=1, mu=0, weight=2, transfer=LinearTransfer(1, 1))),
        lambda: escapes(PAIR, (0, 9)),
        lambda: jump_action(BISTABLE, 0.2, 4.0),
        lambda: diffusion_action(LNPNetwork((5,), (1,), (0,), ((1,),), (LinearTransfer(-5, 1),)), 1, 2),
        lambda: mean_first_passage(BISTABLE, 5.0, 0.5),
        lambda: mean_first_passage(BISTABLE, 5.0, 5.0),
        lambda: mean_first_passage(BISTABLE.resized([10**7]), 1.0, 5.0),
        lambda: dominance(np.ones(3), np.ones(2)),
        lambda: dominance(np.ones(3), np.ones(3), 0.6, 0.7),
    ],
)
def test_wrong_input_is_refused(wrong):
    with pytest.raises(InvalidInputError):
        wrong()


def test_a_passage_beyond_the_precision_of_numbers_is_refused():
    with pytest.raises(ArithmeticError, match=r"use the action|barrier"):
        mean_first_passage(BISTABLE.resized([300]), 1.3, 8.0)
    with pytest.raises(ArithmeticError, match="barrier"):
        diffusion_first_passage(BISTABLE.resized([4000]), 1.3, 8.0)
