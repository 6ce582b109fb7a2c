"""Bistability and NoSteadyState: every answer is examined by root finding that shares nothing with the search.

At fixed inputs nu_I follows from nu_E by bisection, so the steady states are the zeros of one function of z; it is
scanned densely, its extrema are refined by scipy, and the stability is that of Jacobians taken by finite differences.
"""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from ssnbrian.analysis.characteristic import TwoPopulationSSN
from ssnbrian.analysis.design import (
    Bistability,
    Candidate,
    DesignBounds,
    InfeasibleDesignError,
    NoSteadyState,
    Setting,
    design,
)
from ssnbrian.analysis.design.fold_networks import fold_solution, networks_with_fold
from ssnbrian.analysis.folds import folds
from ssnbrian.analysis.rate_equations import RateEquations, symbol

from ssnbrian.circuit import InvalidInputError

PAIRS = ("EE", "EI", "IE", "II")
SETTING = Setting.default()
GRID = np.concatenate([np.linspace(0, 60, 1500), np.linspace(60, 260, 800)[1:]])


class Oracle:
    """Steady states of one network at given inputs; rates up to about 3 kHz are seen."""

    def __init__(self, weights, ratio):
        self.J = {pair: weights[pair] for pair in PAIRS}
        self.ratio = ratio
        self.E, self.I = SETTING.transfer

    def nu_I(self, nu_E, mu):
        """The one rate at which I rests, by bisection on w."""
        drive = np.asarray(self.J["IE"] * nu_E + self.ratio * mu - self.I.b, dtype=float)
        low, high = np.zeros_like(drive), np.maximum(drive, 0.0)
        for _ in range(90):
            middle = (low + high) / 2
            above = middle + self.J["II"] * self.I.a * middle**self.I.n > drive
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return self.I.a * high**self.I.n

    def residual(self, z, mu):
        nu_E = self.E.a * np.maximum(z, 0.0) ** self.E.n
        return self.J["EE"] * nu_E - self.J["EI"] * self.nu_I(nu_E, mu) + mu - self.E.b - z

    def states(self, mu):
        """z of all states at mu_ext, ascending."""
        values = self.residual(GRID, mu)
        roots = [float(values[0])] if values[0] < 0 else []
        points, at = list(GRID), list(values)
        turning = np.flatnonzero((np.diff(values)[:-1] * np.diff(values)[1:]) < 0) + 1
        for k in turning[np.abs(values[turning]) < 0.05][::-1]:
            sign = np.sign(values[k] - values[k - 1])
            best = minimize_scalar(
                lambda z, sign=sign: -sign * float(self.residual(z, mu)),
                bounds=(GRID[k - 1], GRID[k + 1]),
                method="bounded",
                options={"xatol": 1e-9},
            )
            place = k if best.x < GRID[k] else k + 1
            points.insert(place, best.x)
            at.insert(place, float(self.residual(best.x, mu)))
        for left, right, a, b in zip(points, points[1:], at, at[1:], strict=False):
            if a * b < 0:
                roots.append(brentq(lambda z: float(self.residual(z, mu)), left, right, xtol=1e-13))
        return np.array(roots)

    def stable(self, z, mu):
        """Both eigenvalues of the Jacobian of Eq 2, by central differences, have negative real parts."""
        nu_E = self.E.a * max(z, 0.0) ** self.E.n
        nu = np.array([nu_E, float(self.nu_I(nu_E, mu))])

        def flow(rates):
            mu_E = self.J["EE"] * rates[0] - self.J["EI"] * rates[1] + mu
            mu_I = self.J["IE"] * rates[0] - self.J["II"] * rates[1] + self.ratio * mu
            return (np.array([self.E(mu_E), self.I(mu_I)]) - rates) / np.array(SETTING.tau_population)

        assert np.max(np.abs(flow(nu))) < 1e-5 * (1 + nu.max())
        steps = 1e-5 * np.eye(2)
        columns = [(flow(nu + step) - flow(nu - step)) / 2e-5 for step in steps]
        return bool(np.all(np.linalg.eigvals(np.stack(columns, axis=1)).real < 0))

    def stable_states(self, mu):
        return [z for z in self.states(mu) if self.stable(z, mu)]


def bounded(weights=None):
    return DesignBounds(weights=weights or {}, ratio=(0.1, 5.0))


def random_networks(seed, wanted, accepted):
    """(weights, ratio, folds) of random networks inside the bounds whose folds are accepted."""
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < wanted:
        weights = dict(zip(PAIRS, np.exp(rng.uniform(np.log(0.6), np.log(22), 4)), strict=True))
        ratio = rng.uniform(0.3, 2.0)
        at = folds(SETTING.network(weights), ratio)
        if accepted(weights, ratio, at):
            found.append((weights, ratio, at.mu_ext))
    return found


def is_window(weights, ratio, at):
    if len(at) != 2 or not (-2 < at.mu_ext[0] < 15 and 0.4 < at.mu_ext[1] - at.mu_ext[0] < 5 and at.z[0] > at.z[1]):
        return False
    oracle = Oracle(weights, ratio)
    low, high = at.mu_ext
    inside = len(oracle.stable_states((low + high) / 2)) == 2
    return inside and all(len(oracle.stable_states(mu)) == 1 for mu in (low - 0.5, high + 0.5))


def is_last_fold(weights, ratio, at):
    det = weights["EI"] * weights["IE"] - weights["EE"] * weights["II"]
    return det < 0 and ratio < weights["II"] / weights["EI"] and len(at) == 1 and 2 < at.mu_ext[0] < 40


def assert_bistable(weights, ratio, low, high):
    oracle = Oracle(weights, ratio)
    epsilon = 1e-6
    for edge, inward in ((low, 1), (high, -1)):
        inside, outside = (oracle.states(edge + sign * inward * epsilon) for sign in (1, -1))
        assert len(inside) == len(outside) + 2
        near = inside[np.argsort(np.abs(inside[:, None] - outside).min(axis=1))[-2:]]
        assert np.ptp(near) < 0.1
        # At the lower end the upper branch is lost, at the upper end the lower one.
        remaining = oracle.stable_states(edge - inward * epsilon)
        assert len(remaining) == 1
        assert (remaining[0] < near.min()) if inward == 1 else (remaining[0] > near.max())
    for part in (0.01, 0.3, 0.7, 0.99):
        assert len(oracle.stable_states(low + part * (high - low))) == 2
    for mu in (min(0.0, low - 1), low - 0.3, high + 0.3, high + 1):
        assert len(oracle.stable_states(mu)) == 1


def assert_ends(weights, ratio, above):
    oracle = Oracle(weights, ratio)
    assert len(oracle.states(above + 1e-6)) == 0
    pair = oracle.states(above - 1e-6)
    assert len(pair) == 2
    assert np.ptp(pair) < 0.1
    for mu in np.linspace(0, above, 5)[:-1]:
        assert len(oracle.stable_states(mu)) == 1
    for mu in above + np.array([0.1, 3, 30, 300]):
        assert len(oracle.states(mu)) == 0


def test_oracle_sees_the_published_regimes():
    bistable = Oracle({"EE": 5, "EI": 10, "IE": 7, "II": 11}, 1.0)
    assert [len(bistable.states(mu)) for mu in (2, 3, 4)] == [1, 3, 1]
    assert len(bistable.stable_states(3)) == 2
    negative = Oracle({"EE": 1.25, "EI": 1, "IE": 1, "II": 1.25}, 1.0)
    assert [len(negative.states(mu)) for mu in (17.5, 17.9)] == [2, 0]


@pytest.mark.parametrize("case", range(8))
def test_window_of_a_random_network_is_designed(case):
    ((_, ratio, (low, high)),) = random_networks(100 + case, 1, is_window)
    result = design(Bistability((low, high), ratio=ratio), bounded(), count=4)
    for one in (result, *result.alternatives[:1]):
        assert one.ratio == ratio
        assert_bistable(one.weights, ratio, low, high)


@pytest.mark.parametrize("case", range(8))
def test_last_fold_of_a_random_network_is_designed(case):
    ((_, ratio, (above,)),) = random_networks(200 + case, 1, is_last_fold)
    result = design(NoSteadyState(above, ratio=ratio), bounded(), count=4)
    for one in (result, *result.alternatives[:1]):
        assert one.ratio == ratio
        assert_ends(one.weights, ratio, above)


@pytest.mark.parametrize("fixed", [("EE",), ("IE",), ("EE", "IE"), ("EI", "II"), PAIRS])
def test_weights_held_at_single_values(fixed):
    """With 10 % of room around a random network in the other weights."""
    weights, ratio, (low, high) = random_networks(7, 1, is_window)[0]
    ranges = {pair: (value, value) if pair in fixed else (0.9 * value, 1.1 * value) for pair, value in weights.items()}
    if fixed == PAIRS:
        ranges = {pair: (0.99 * value, 1.02 * value) for pair, value in weights.items()}
    result = design(Bistability((low, high), ratio=ratio), bounded(ranges), count=1)
    assert all(ranges[pair][0] <= result.weights[pair] <= ranges[pair][1] for pair in PAIRS)
    assert_bistable(result.weights, ratio, low, high)


def test_last_fold_with_fixed_weights():
    weights, ratio, (above,) = random_networks(8, 1, is_last_fold)[0]
    ranges = {pair: (weights[pair], weights[pair]) for pair in ("EE", "IE")}
    result = design(NoSteadyState(above, ratio=ratio), bounded(ranges), count=1)
    assert {pair: result.weights[pair] for pair in ranges} == {pair: weights[pair] for pair in ranges}
    assert_ends(result.weights, ratio, above)


def isolated_branch_end(J_EE):
    """Largest z + b_E - J_EE nu_E(z), by brute force."""
    z, E = np.linspace(0, 200, 400_001), SETTING.transfer[0]
    return float(np.max(z + E.b - J_EE * E.a * z**E.n))


@pytest.mark.parametrize(
    ("regime", "weights", "words"),
    [
        (Bistability((-7, -5)), {}, "branch from silence"),
        (Bistability((3, 5)), {"EE": (0.5, 1.5)}, "branch from silence"),
        (Bistability((3, 5), ratio=7), {}, "ratio"),
        (Bistability((3, 5)), {"EE": (0, 0)}, "gain_E J_EE >= 1"),
        (Bistability((3, 5)), {"IE": (0, 0)}, "feedback inhibition"),
        (NoSteadyState(-6), {}, "branch from silence"),
        (NoSteadyState(10), {"EE": (0.5, 1.2)}, "branch from silence"),
        (NoSteadyState(10), {"EE": (0.5, 4), "II": (0.5, 4), "EI": (5, 25), "IE": (5, 25)}, "det J"),
        (NoSteadyState(10, ratio=3), {"EI": (5, 25), "II": (0.5, 10)}, "balanced"),
        (NoSteadyState(40), {"EE": (5, 10), "EI": (0.5, 1), "IE": (0.5, 2), "II": (5, 10)}, "steady state needs"),
    ],
)
def test_what_no_network_can_do_is_refused_with_the_inequality(regime, weights, words):
    with pytest.raises(InfeasibleDesignError, match=words) as caught:
        design(regime, bounded(weights))
    assert caught.value.proven


def test_branch_end_bound_is_sharp():
    """Just above the bound a network exists, just below it the request is refused."""
    bound = isolated_branch_end(3.0)
    assert bound > 0
    weights = {"EE": (0.5, 3.0)}
    with pytest.raises(InfeasibleDesignError, match="branch from silence"):
        design(NoSteadyState(bound - 1e-4, ratio=0.5), bounded(weights))
    result = design(NoSteadyState(bound + 0.05, ratio=0.5), bounded(weights), count=1)
    assert_ends(result.weights, 0.5, bound + 0.05)


def test_refusals_hold_for_random_networks():
    """No random network within the bounds does what is refused for them: proofs by computation, tested by sampling."""
    rng = np.random.default_rng(5)
    ranges = {"EE": (5, 10), "EI": (0.5, 1), "IE": (0.5, 2), "II": (5, 10)}
    refused = [mu for mu in np.linspace(-10, 60, 141) if NoSteadyState(mu).refusal(setting_with(ranges)) is not None]
    allowed = [mu for mu in np.linspace(-10, 60, 141) if mu not in refused]
    assert allowed
    for _ in range(200):
        weights = {pair: rng.uniform(*ranges[pair]) for pair in PAIRS}
        last = folds(SETTING.network(weights), 1.0).mu_ext[-1]
        assert allowed[0] - 0.5 < last < allowed[-1] + 0.5


def setting_with(weights):
    return Setting(SETTING.transfer, SETTING.tau_population, bounded(weights))


def test_unattainable_but_unproven_is_said_to_be_unproven():
    with pytest.raises(InfeasibleDesignError) as caught:
        design(Bistability((3, 5)), bounded({"EI": (20, 25), "IE": (20, 25), "II": (0.5, 1)}))
    assert not caught.value.proven


@pytest.mark.parametrize("change", ["EE", "EI", "IE", "II"])
def test_verification_rejects_a_network_that_is_slightly_off(change):
    result = design(Bistability((3, 5)), count=1)
    regime, setting = result.regime, result.setting
    weights = dict(result.weights)
    weights[change] *= 1.001
    assert regime.verify(Candidate(result.weights, 1.0), setting).satisfied
    verdict = regime.verify(Candidate(weights, 1.0), setting)
    assert not verdict.satisfied
    assert verdict.reasons


def test_verification_sees_an_unstable_upper_state():
    """Slow inhibition makes the upper state oscillate: the folds stay, the regime is lost."""
    result = design(Bistability((3, 5)), count=1)
    slow = Setting(SETTING.transfer, (0.02, 2.0), bounded())
    verdict = result.regime.verify(Candidate(result.weights, 1.0), slow)
    assert not verdict.satisfied
    assert any("stable states" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(("mu", "ratio"), [(3.0, 1.0), (-1.0, 0.4), (12.0, 1.7)])
def test_fold_coordinates(mu, ratio):
    """Every network has a double state at the input asked for, by the oracle."""
    networks = networks_with_fold(SETTING, mu, ratio, np.linspace(-4, 30, 12), 5.0, 8.0)
    seen = 0
    for k in np.flatnonzero(np.isfinite(networks.z)):
        oracle = Oracle(networks.weights(k), ratio)
        z, step = networks.z[k], 1e-3
        values = [float(oracle.residual(z + d, mu)) for d in (-step, 0.0, step)]
        assert abs(values[1]) < 1e-9 * (1 + abs(z))
        assert abs(values[2] - values[0]) / (2 * step) < 1e-4
        seen += 1
    assert seen >= 3


def test_fold_coordinates_follow_the_rate_equations():
    """With the sign of a weight changed in Eq 2, the solution changes."""
    flipped = RateEquations.ssn().substitute({"J_EI": -symbol("J_EI")})
    assert fold_solution(flipped)["z"] != fold_solution()["z"]


@pytest.mark.parametrize("window", [(5, 3), (3, 3), 4, (1, 2, 3), ("3 Hz", "5 Hz")])
def test_a_bad_window_is_refused(window):
    with pytest.raises(InvalidInputError):
        Bistability(window)


def test_bad_ratio_is_refused():
    for regime in (lambda: Bistability((3, 5), ratio=-1), lambda: NoSteadyState(10, ratio=-1)):
        with pytest.raises(InvalidInputError, match="negative"):
            regime()


def test_published_networks_are_recognised():
    """Fig 5A and 5B at r = 1, with the fitted transfer functions of the setting."""
    for weights, regime_of in (
        ({"EE": 5, "EI": 10, "IE": 7, "II": 11}, lambda at: Bistability(tuple(at))),
        ({"EE": 1.25, "EI": 1, "IE": 1, "II": 1.25}, lambda at: NoSteadyState(at[-1])),
    ):
        at = folds(TwoPopulationSSN(*_coefficients(), *weights.values()), 1.0).mu_ext
        verdict = regime_of(at).verify(Candidate(weights, 1.0), SETTING)
        assert verdict.satisfied, verdict.reasons


def _coefficients():
    E, I = SETTING.transfer
    return E.a, E.b, E.n, I.a, I.b, I.n
