"""The master equation of networks of kicks against independent computations and the known answers of its networks."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from ssnbrian.analysis.markov.kick_count_step import deliver
from ssnbrian.analysis.markov.kick_counts import simulate_counts
from ssnbrian.analysis.markov.kick_cycles import limit_cycle
from ssnbrian.analysis.markov.kick_equations import KickEquations, KickState
from ssnbrian.analysis.markov.kick_fixed_points import fixed_point, fixed_points, newton, reduced
from ssnbrian.analysis.markov.kick_flow import (
    flow,
    flow_table,
    right_hand_side,
    variational_right_hand_side,
    varied_flow,
)
from ssnbrian.analysis.markov.kick_hopf import hopf_points, with_value
from ssnbrian.analysis.markov.kick_operators import PotentialGrid, down, up
from ssnbrian.analysis.markov.kick_passage import KickedNeuron
from ssnbrian.analysis.markov.kick_rates import StationaryRates
from ssnbrian.analysis.markov.kick_simulation import simulate
from ssnbrian.analysis.markov.linear_mean_field import linear_rates
from ssnbrian.analysis.markov.parameters import MarkovNetwork

from ssnbrian.circuit import InvalidInputError, SsnbrianError

pytestmark = pytest.mark.xdist_group("kick_equations")

KNOWN = (24.4269, 55.5326)
E_TO_E = ("decay_times", "E", "E")
REGIMES = {"Hom": (4.0, 1.2), "Reg": (2.0, 1.2), "Sync": (1.3, 0.95)}


def network(regime: str = "Hom") -> MarkovNetwork:
    """The published network of 300 and 100 neurons."""
    tau_EE, tau_IE = REGIMES[regime]
    return MarkovNetwork(
        names=("E", "I"),
        inhibitory=(False, True),
        sizes=[300, 100],
        weights=[[5, 4.91], [2, 4.91]],
        probabilities=[[0.15, 0.5], [0.5, 0.4]],
        decay_times=[[tau_EE * 1e-3, 4.5e-3], [tau_IE * 1e-3, 4.5e-3]],
        drive=7000.0,
        refractory=2.5e-3,
    )


def split_network(regime: str = "Hom") -> MarkovNetwork:
    """The same with its excitatory neurons in two populations, 100 and 200."""
    one = network(regime)
    of = [0, 0, 1]
    pairs = np.ix_(of, of)
    return MarkovNetwork(
        names=("E1", "E2", "I"),
        inhibitory=(False, False, True),
        sizes=[100, 200, 100],
        weights=one.weights[pairs],
        probabilities=one.probabilities[pairs],
        decay_times=one.decay_times[pairs],
        drive=one.drive[of],
        refractory=one.refractory[of],
    )


def alone(**changed: object) -> MarkovNetwork:
    """One excitatory population; without coupling and refractory time unless changed."""
    given = {"weights": 0.0, "probabilities": 0.0, "decay_times": 4e-3, "drive": 7000.0, "refractory": 0.0, **changed}
    return MarkovNetwork(names=("E",), inhibitory=(False,), sizes=[300], **given)


def random_state(equations: KickEquations, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(equations.size)


# Operators


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 4.91, 5.0, 30.25, 400.0])
@pytest.mark.parametrize("inhibitory", [False, True])
def test_jumps_by_enumeration_of_the_rounding(weight: float, inhibitory: bool) -> None:
    """v ± floor(s + u) for u over a fine grid of [0, 1), clipped at the reversal, absorbed at the threshold."""
    grid = PotentialGrid(-66, 0, 100)
    matrix = (down if inhibitory else up)(grid, weight).generator().toarray()
    u = (np.arange(20_000) + 0.5) / 20_000
    for column, v in enumerate(range(-66, 100)):
        size = weight * (v + 66) / 166 if inhibitory else weight
        after = v - np.floor(size + u) if inhibitory else v + np.floor(size + u)
        after = np.clip(after, -66, 100).astype(int) + 66
        expected = np.bincount(after, minlength=167) / len(u)
        expected[column] -= 1
        assert np.max(np.abs(matrix[:, column] - expected)) < 1e-4
    assert np.max(np.abs(matrix.sum(axis=0))) < 1e-14


def test_potentials_that_are_not_whole_and_leaks_are_refused() -> None:
    for changed in ({"threshold": 99.5}, {"reset": 0.5}, {"reversal": -66.5}):
        with pytest.raises(InvalidInputError, match="whole"):
            KickEquations(replace(network(), **changed))
    with pytest.raises(InvalidInputError, match="leak"):
        KickEquations(replace(network(), leak_time=0.02))


# Right-hand side


def right_hand_side_typed_again(net: MarkovNetwork, state: KickState) -> tuple[np.ndarray, ...]:
    """p', R', H' and f neuron by neuron: every potential sends its mass where its kicks take it."""
    n = len(net.names)
    p_change, R_change, H_change = np.zeros((n, 166)), np.zeros(n), np.zeros((n, n))
    flux = np.zeros(n)
    for x in range(n):
        streams = [(net.drive[x], 1.0, False)]
        for y in range(n):
            streams.append((state.pending[x, y] / net.decay_times[x, y], net.weights[x, y], net.inhibitory[y]))
        for rate, weight, inhibitory in streams:
            for v in range(-66, 100):
                mass = rate * state.potentials[x, v + 66]
                size = weight * (v + 66) / 166 if inhibitory else weight
                lower = int(np.floor(size))
                for length, share in ((lower, 1 - (size - lower)), (lower + 1, size - lower)):
                    w = max(v - length, -66) if inhibitory else v + length
                    p_change[x, v + 66] -= mass * share
                    if w >= 100:
                        flux[x] += mass * share
                    else:
                        p_change[x, w + 66] += mass * share
        released = state.refractory[x] / net.refractory[x]
        p_change[x, 66] += released
        R_change[x] = flux[x] - released
    for x in range(n):
        for y in range(n):
            H_change[x, y] = -state.pending[x, y] / net.decay_times[x, y]
            H_change[x, y] += net.probabilities[x, y] * net.sizes[y] * flux[y]
    return p_change, R_change, H_change, flux


@pytest.mark.parametrize("net", [network("Sync"), split_network()], ids=["two", "three"])
def test_right_hand_side_is_the_master_equation(net: MarkovNetwork) -> None:
    equations = KickEquations(net)
    X = random_state(equations, 1)
    expected = right_hand_side_typed_again(net, equations.state(X))
    change, flux = equations.flow(X)
    state = equations.state(change)
    for found, known in zip((state.potentials, state.refractory, state.pending, flux), expected, strict=True):
        assert np.allclose(found, known, rtol=1e-11, atol=1e-8)


def test_size_masses_and_layout() -> None:
    equations = KickEquations(network())
    assert equations.size == 338
    X = random_state(equations, 2)
    change = equations.state(equations(X))
    assert np.max(np.abs(change.mass)) < 1e-9 * np.max(np.abs(change.potentials))
    start = KickState.at_reset(network())
    back = equations.state(equations.vector(start))
    assert np.array_equal(back.potentials, start.potentials) and np.array_equal(back.pending, start.pending)


@pytest.mark.parametrize("net", [network("Reg"), split_network(), alone(weights=3.3, probabilities=0.2)])
def test_derivatives_against_differences(net: MarkovNetwork) -> None:
    """Central differences are exact but for rounding, as the right-hand side is bilinear."""
    equations = KickEquations(net)
    X, V = random_state(equations, 3), random_state(equations, 4)
    J = equations.jacobian(X)
    directional = 0.5 * (equations(X + V) - equations(X - V))
    assert np.max(np.abs(J @ V - directional)) < 1e-12 * np.max(np.abs(directional)) * equations.size
    second = equations(X + V) - 2 * equations(X) + equations(X - V)
    assert np.max(np.abs(equations.second_derivative(V, V) - second)) < 1e-10 * np.max(np.abs(second))


def test_compiled_loops_give_the_same_as_array_calls() -> None:
    equations = KickEquations(network("Sync"))
    X, V = random_state(equations, 5), random_state(equations, 6)
    table = flow_table(equations)
    loops = flow(X, *table), varied_flow(np.concatenate([X, V]), *table)
    compiled = right_hand_side(equations)(0.0, X), variational_right_hand_side(equations)(0.0, np.concatenate([X, V]))
    arrays = right_hand_side(equations, False)(0.0, X), variational_right_hand_side(equations, False)(
        0.0, np.concatenate([X, V])
    )
    for loop, fast, array in zip(loops, compiled, arrays, strict=True):
        assert np.allclose(loop, fast, rtol=1e-13, atol=1e-9) and np.allclose(loop, array, rtol=1e-12, atol=1e-9)


# Integration


def test_mass_positivity_and_bins() -> None:
    net = network("Sync")
    run = simulate(net, 0.2)
    assert np.max(np.abs(run.final.mass - 1)) < 1e-12
    assert np.min(run.final.potentials) > -1e-12 and np.min(run.pending) >= 0
    fine = simulate(net, 0.2, bin=2.5e-4)
    assert np.allclose(fine.rates.reshape(2, 200, 4).mean(axis=2), run.rates, rtol=1e-5, atol=1e-4)
    first = simulate(net, 0.1)
    second = simulate(net, 0.1, initial=first.final)
    assert np.allclose(np.concatenate([first.rates, second.rates], axis=1), run.rates, rtol=1e-5, atol=1e-4)
    assert np.allclose(simulate(net, 0.02, compiled=False).rates, run.rates[:, :20], rtol=1e-6, atol=1e-5)


def test_integration_against_an_implicit_method() -> None:
    net = network("Sync")
    equations = KickEquations(net)
    run = simulate(net, 0.01)

    def spikes_too(_: float, Y: np.ndarray) -> np.ndarray:
        return np.concatenate(equations.flow(Y[:-2]))

    def jacobian(_: float, Y: np.ndarray) -> np.ndarray:
        J = np.zeros((len(Y), len(Y)))
        J[:-2, :-2], J[-2:, :-2] = equations.derivative(Y[:-2], np.eye(len(Y) - 2))
        return J

    start = np.append(equations.vector(KickState.at_reset(net)), [0.0, 0.0])
    solution = solve_ivp(spikes_too, (0, 0.01), start, method="BDF", jac=jacobian, rtol=1e-7, atol=1e-11)
    assert np.allclose(run.rates.sum(axis=1) * 1e-3, solution.y[-2:, -1], rtol=3e-6)
    assert np.allclose(run.final.pending.ravel(), solution.y[-6:-2, -1], rtol=3e-5)


@pytest.mark.parametrize("refractory", [0.0, 2.5e-3])
def test_neurons_without_coupling_count_external_kicks(refractory: float) -> None:
    """100 kicks at 7000 Hz and a refractory time between two spikes."""
    known = 1 / (100 / 7000 + refractory)
    net = alone(refractory=refractory)
    found = fixed_points(net)
    assert found.complete and len(found) == 1
    assert found.points[0].rates[0] == pytest.approx(known, rel=1e-12)
    assert simulate(net, 1.0).after(0.9).rates.mean() == pytest.approx(known, rel=1e-3)


def test_bad_arguments_are_refused() -> None:
    net, start = network(), KickState.at_reset(network())
    for duration, options in ((-1.0, {}), (0.0105, {}), (1.0, {"bin": 0.0}), (1.0, {"tolerance": 1.0})):
        with pytest.raises(InvalidInputError):
            simulate(net, duration, **options)
    for state in (
        KickState(start.potentials[:, 1:], start.refractory, start.pending),
        KickState(0.5 * start.potentials, start.refractory, start.pending),
        KickState(start.potentials, start.refractory, start.pending - 1.0),
    ):
        with pytest.raises(InvalidInputError):
            simulate(net, 0.01, initial=state)
    with pytest.raises(InvalidInputError, match="whole number"):
        simulate_counts(net, 0.01, seed=-1)
    with pytest.raises(InvalidInputError, match="no parameter"):
        with_value(net, ("sizes", "E"), 3.0)
    with pytest.raises(InvalidInputError, match="near must be"):
        fixed_point(net, [1.0])


# Passage times


def test_passage_times_against_linear_algebra() -> None:
    net = network()
    neuron = KickedNeuron(net, 0)
    kicks = np.array([[1100.0, 2770.0], [300.0, 900.0], [0.0, 0.0]])
    passage = neuron.passage(kicks)
    grid = PotentialGrid.of(net)
    for index, (E, I) in enumerate(kicks):
        Q = 7000 * up(grid, 1.0).generator() + E * up(grid, 5.0).generator() + I * down(grid, 4.91).generator()
        Q = Q.toarray()[:-1]
        assert np.allclose(passage.times[index], np.linalg.solve(-Q.T, np.ones(166)), rtol=1e-10)
        occupation = np.linalg.solve(-Q, np.eye(166)[66])
        assert np.allclose(passage.occupation[index], occupation, rtol=1e-10, atol=1e-15)
    step = 1e-2 * np.eye(2)
    ahead, behind = (neuron.passage(kicks[0] + sign * step).mean for sign in (1, -1))
    assert np.allclose(neuron.slopes(passage)[0], (ahead - behind) / 2e-2, rtol=1e-7)


def test_no_rates_have_no_passage_times() -> None:
    """The search for stationary states may be left without a box."""
    none = KickedNeuron(network(), 0).passage(np.empty((0, 2)))
    assert none.mean.shape == (0,) and none.times.shape[0] == 0


def test_rare_spikes_keep_all_their_digits() -> None:
    """Mean time to a spike against strong inhibition, by mpmath with 120 digits."""
    net = replace(network(), threshold=20.0, reversal=-16.0, drive=100.0)
    grid, kicks = PotentialGrid.of(net), (0.0, 9000.0)
    Q = (100 * up(grid, 1.0).generator() + 9000.0 * down(grid, 4.91).generator()).toarray()[:-1]
    with mpmath.workdps(120):
        # The diagonal is made exact: what leaves a potential, and where to.
        off = mpmath.matrix(Q - np.diag(np.diag(Q)))
        exits = np.zeros(36)
        exits[-1] = 100.0
        matrix = mpmath.matrix(36, 36)
        for column in range(36):
            total = mpmath.fsum([off[row, column] for row in range(36)]) + exits[column]
            for row in range(36):
                matrix[row, column] = (total if row == column else 0) - off[row, column]
        times = mpmath.lu_solve(matrix.T, mpmath.ones(36, 1))
        known = float(times[16])
    found = KickedNeuron(net, 0).passage(np.array([kicks])).mean[0]
    assert known > 1e15 and found == pytest.approx(known, rel=1e-12)


# Stationary states


def test_fixed_point_known_complete_and_whatever_the_decay_times() -> None:
    found = fixed_points(network())
    assert found.complete and len(found) == 1
    point = found.points[0]
    assert np.allclose(point.rates, KNOWN, atol=6e-5)
    assert point.stable and point.residual < 1e-7
    for regime in ("Reg", "Sync"):
        other = fixed_point(network(regime), (15.0, 70.0))
        assert np.allclose(other.rates, point.rates, rtol=1e-6)
        assert other.stable == (regime == "Reg")


def test_fixed_point_is_where_the_equations_settle() -> None:
    net = network("Hom")
    run = simulate(net, 0.5)
    point = fixed_point(net, (20.0, 60.0))
    assert np.allclose(run.rates[:, -1], point.rates, rtol=1e-7)
    assert np.allclose(run.final.potentials, point.state.potentials, atol=1e-8)
    equations = KickEquations(net)
    again, _ = newton(equations, equations.vector(simulate(net, 0.1).final))
    assert np.allclose(again, equations.vector(point.state), rtol=1e-9, atol=1e-12)


def test_leading_eigenvalue_is_the_decay_of_a_perturbation() -> None:
    """The last decaying wave x(t) of frequency omega and rate alpha obeys x(t+h) + e^(2 alpha h) x(t-h) = 2 e^(alpha h)
    cos(omega h) x(t)."""
    net = network("Reg")
    point = fixed_point(net, KNOWN)
    moved = replace(point.state, pending=point.state.pending * (1 + 1e-3 * np.array([[1.0, 0.0], [0.0, 0.0]])))
    run = simulate(net, 0.4, initial=moved, tolerance=1e-12)
    x = (run.pending[0, 0] - point.state.pending[0, 0])[250:]
    product, sum_ = np.linalg.lstsq(np.stack([-x[:-2], x[1:-1]], axis=1), x[2:], rcond=None)[0]
    roots = np.log(np.roots([1.0, -sum_, product]).astype(complex)) / 1e-3
    leading = roots[np.argmax(roots.imag)]
    assert leading.real == pytest.approx(point.leading.real, rel=1e-3)
    assert leading.imag == pytest.approx(point.leading.imag, rel=1e-4)
    assert point.frequency == pytest.approx(point.leading.imag / (2 * np.pi))


def test_all_three_states_of_a_bistable_population() -> None:
    """Branch and bound against sign changes on a fine grid, the rate at each point by plain linear algebra."""
    net = alone(weights=2.0, probabilities=0.2, drive=600.0, refractory=2.5e-3)
    grid = PotentialGrid.of(net)
    external, kick = (up(grid, weight).generator().toarray()[:-1] for weight in (1.0, 2.0))

    def gap(rate: float) -> float:
        Q = 600 * external + 60 * rate * kick
        return 1 / (2.5e-3 + np.linalg.solve(-Q, np.eye(166)[66]).sum()) - rate

    rates = np.concatenate([np.linspace(0, 60, 241), np.linspace(60, 400, 101)[1:]])
    gaps = np.array([gap(rate) for rate in rates])
    crossings = np.flatnonzero(gaps[:-1] * gaps[1:] < 0)
    found = fixed_points(net)
    assert found.complete and len(found) == len(crossings)
    for point, cell in zip(found.points, crossings, strict=True):
        assert rates[cell] < point.rates[0] < rates[cell + 1]
        assert abs(gap(float(point.rates[0]))) < 1e-8


def test_bounds_over_boxes_hold() -> None:
    """Rates and slopes at random points of boxes of several widths lie within the bounds of the boxes."""
    rates = StationaryRates(network())
    rng = np.random.default_rng(7)
    for width in (0.02, 0.5, 20.0):
        low = np.array(KNOWN) - width * rng.random(2)
        high = low + width
        bounds = rates.rate_bounds(low[None], high[None])
        slopes = rates.slope_bounds(low[None], high[None])
        for _ in range(6):
            point = low + width * rng.random(2)
            for value, (below, above) in ((rates.rates(point), bounds), (rates.slopes(point), slopes)):
                assert np.all(below[0] <= value) and np.all(value <= above[0])


def test_a_population_split_in_two_changes_nothing() -> None:
    one, two = fixed_point(network("Sync"), KNOWN), fixed_point(split_network("Sync"), (20.0, 20.0, 60.0))
    assert np.allclose(two.rates, one.rates[[0, 0, 1]], rtol=1e-9)
    assert two.leading == pytest.approx(one.leading, rel=1e-8)
    whole, parts = simulate(network("Sync"), 0.03), simulate(split_network("Sync"), 0.03)
    assert np.allclose(parts.rates, whole.rates[[0, 0, 1]], rtol=1e-5, atol=1e-5)


def test_linear_mean_field() -> None:
    """The published formula for two populations, and its known rates."""
    net = network()
    C_EE, C_IE = 300 * 0.15 * 5, 300 * 0.5 * 2
    C_EI, C_II = (100 * P * 4.91 * (50 + 66) / 166 for P in (0.5, 0.4))
    M, lam = 100.0, 7000.0
    determinant = (M - C_EE) * (M + C_II) + C_EI * C_IE
    known = np.array([lam * (M + C_II) - lam * C_EI, lam * (M - C_EE) + lam * C_IE]) / determinant
    assert np.allclose(linear_rates(net), known, rtol=1e-12)
    assert np.allclose(linear_rates(net), (21.1, 56.2), atol=0.05)
    assert np.allclose(linear_rates(split_network()), known[[0, 0, 1]], rtol=1e-12)


# Oscillations


@pytest.fixture(scope="module")
def cycle():
    return limit_cycle(network("Sync"))


@pytest.fixture(scope="module")
def hopf():
    found = hopf_points(network("Hom"), E_TO_E, [1.6e-3, 2e-3], near=KNOWN)
    assert len(found) == 1
    return found[0]


def test_hopf_point(hopf) -> None:
    """Known: 1.69 ms and 66 Hz at tau_IE 1.2 ms."""
    assert hopf.value == pytest.approx(1.69e-3, abs=5e-6) and hopf.frequency == pytest.approx(66, abs=0.5)
    assert abs(hopf.point.leading.real) < 1e-6 and hopf.criticality == "supercritical"
    beside = [fixed_point(with_value(network("Hom"), E_TO_E, hopf.value + d), KNOWN) for d in (-1e-6, 1e-6)]
    assert beside[0].leading.real > 0 > beside[1].leading.real


def test_small_cycles_follow_the_normal_form(hopf) -> None:
    """0.5 % beyond the Hopf point, |z|² = -alpha/(l1 omega) gives the amplitude and exp(-2 alpha T) the multiplier."""
    net = with_value(network("Hom"), E_TO_E, 1.68e-3)
    point = fixed_point(net, KNOWN)
    equations = KickEquations(net)
    spectrum, vectors = np.linalg.eig(reduced(equations, equations.jacobian(equations.vector(point.state))))
    q = vectors[:, np.argmin(np.abs(spectrum - point.leading))]
    z = np.sqrt(-point.leading.real / (hopf.first_lyapunov * 2 * np.pi * hopf.frequency))
    swing = 2 * z * q[-4:].reshape(2, 2) / np.linalg.norm(q)
    small = limit_cycle(
        net, initial=replace(point.state, pending=point.state.pending + swing.real), settle=1.0, multipliers=1
    )
    assert np.ptp(small.run.pending[0, 0]) / 2 == pytest.approx(abs(swing[0, 0]), rel=0.03)
    assert small.multipliers[0].real == pytest.approx(np.exp(-2 * point.leading.real * small.period), rel=1e-4)


def test_synchronous_cycle(cycle) -> None:
    assert cycle.volleys == 1 and cycle.stable
    assert 1 / cycle.period == pytest.approx(61, abs=0.5)
    assert abs(cycle.trivial - 1) < 1e-6 and cycle.residual < 1e-8
    assert np.allclose(cycle.run.rates.shape, (2, 256))
    # The rates of the cycle are those of a long run over whole periods.
    long = simulate(network("Sync"), 40 * cycle.period, initial=cycle.state, bin=cycle.period / 4)
    assert np.allclose(long.rates.mean(axis=1), cycle.rates, rtol=1e-5)


def test_multipliers_are_the_decay_of_a_perturbation(cycle) -> None:
    """From period to period what is left of a small change goes with the leading multiplier."""
    net = network("Sync")
    moved = replace(cycle.state, pending=cycle.state.pending * 1.001)
    equations, states = KickEquations(net), []
    for start in (moved, cycle.state):
        ends = [start]
        for _ in range(9):
            ends.append(simulate(net, cycle.period, initial=ends[-1], bin=cycle.period, tolerance=1e-11).final)
        states.append(np.array([equations.vector(one) for one in ends]))
    difference = states[0] - states[1]
    # Along the cycle nothing decays: differences from one period to the next are free of that part.
    steps = np.diff(difference, axis=0)
    ratio = (steps[7] @ steps[6]) / (steps[6] @ steps[6])
    assert ratio == pytest.approx(cycle.multipliers[0].real, abs=0.01)


def test_period_two() -> None:
    """Faster excitation of inhibition doubles the period: two different volleys alternate."""
    net = with_value(with_value(network("Sync"), E_TO_E, 1.2e-3), ("decay_times", "I", "E"), 0.8e-3)
    doubled = limit_cycle(net, settle=0.8, multipliers=1)
    assert doubled.volleys == 2 and doubled.residual < 1e-8
    run = simulate(net, 2 * doubled.period, initial=doubled.state, bin=doubled.period / 64)
    rates = run.rates[0].reshape(4, 32)
    assert np.allclose(rates[:2], rates[2:], rtol=1e-4, atol=1e-2)
    assert np.max(np.abs(rates[0] - rates[1])) > 0.05 * np.max(rates)


def test_a_stationary_state_is_no_cycle() -> None:
    with pytest.raises(SsnbrianError, match="stationary"):
        limit_cycle(network("Hom"))


# Numbers of neurons. Seeds are stated; bounds are in standard errors.


def test_delivered_kicks_are_poisson() -> None:
    """40 000 neurons, seed 1: the moves of whole jumps have mean and variance 0.9, within 5 standard errors."""
    K, size, mean = 60, 40_000, 0.9
    here = np.arange(K + 1)
    nearer, neurons = np.minimum(here + 1, K), np.zeros(K + 1, np.int64)
    neurons[0] = size
    waves = np.zeros((2, K + 1), np.int64)
    _, kicks = deliver(neurons, waves, mean, nearer, nearer, np.zeros(K + 1), np.random.default_rng(1))
    assert neurons.sum() == size and kicks == neurons @ here and not waves.any()
    average = neurons @ here / size
    variance = neurons @ (here - average) ** 2 / size
    assert abs(average - mean) < 5 * np.sqrt(mean / size)
    assert abs(variance - mean) < 5 * np.sqrt((mean + 2 * mean**2) / size)


def test_counts_are_reproducible_and_conserve_neurons() -> None:
    net = network("Sync")
    start = simulate(net, 0.015).final
    both = simulate_counts(net, 0.003, 5, initial=start, realisations=2, dt=1e-4)
    one = simulate_counts(net, 0.003, 5, initial=start, dt=1e-4, compiled=False)
    assert np.array_equal(one.rates, both.realisations[0].rates)
    assert not np.array_equal(both.realisations[0].rates, both.realisations[1].rates)
    assert np.max(np.abs(both.finals[0].mass - 1)) < 1e-12
    for one in both.realisations:
        assert np.allclose(one.counts, np.round(one.counts), atol=1e-9) and one.counts.sum() > 0


def test_many_neurons_follow_the_equations() -> None:
    """400 million neurons, seed 3, 30 ms of synchronous volleys from one distribution: what remains is the error of the
    steps, which shrinks at least in proportion to them. Sampling has standard errors below 1e-3 of the rates.
    """
    net = network("Sync")
    start = simulate(net, 0.2).final
    exact = simulate(net, 0.03, initial=start).rates
    large = net.scaled(1e6)
    errors = []
    for dt in (1e-4, 4e-5):
        found = simulate_counts(large, 0.03, 3, initial=start, dt=dt).rates
        errors.append(np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2)))
    assert errors[1] < 0.01 and errors[1] < 0.5 * errors[0]


def test_finite_numbers_recover_the_rate_of_the_synchronous_network() -> None:
    """300 and 100 neurons, 4 s, seed 11, standard errors from 20 blocks: the network spikes at 33.28 Hz and the
    equations at 28.94 Hz. The counts are above the equations by more than 4 standard errors, and nearer to the network.
    """
    run = simulate_counts(network("Sync"), 4.1, 11, dt=5e-5).after(0.1)
    blocks = run.rates[0].reshape(20, -1).mean(axis=1)
    error = blocks.std(ddof=1) / np.sqrt(20)
    assert blocks.mean() - 4 * error > 28.94
    assert abs(blocks.mean() - 33.28) < abs(blocks.mean() - 28.94)
