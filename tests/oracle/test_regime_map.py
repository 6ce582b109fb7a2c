"""Regime maps and their exact boundaries against published values, dense grids of S10, and each other."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import brentq
from ssnbrian.analysis import SSN, PowerLaw
from ssnbrian.analysis.balanced import balanced_limit
from ssnbrian.analysis.characteristic import TwoPopulationSSN, characteristic
from ssnbrian.analysis.folds import folds
from ssnbrian.analysis.regime_agreement import disagreements
from ssnbrian.analysis.regime_boundaries import regime_boundaries
from ssnbrian.analysis.regime_map import regime_map

from ssnbrian.circuit import InvalidInputError

FIVE_DIGITS = (1.0792e-4, -11.1425, 3.0814, 2.2099e-6, 4.7670, 3.8150)
ROUNDED = (1.079e-4, -11.14, 3.081, 2.210e-6, 4.77, 3.815)
FIG_2, V1, FIG_5A, FIG_5B = (2, 12, 6, 1), (0.672, 13.173, 23.675, 11.846), (5, 10, 7, 11), (1.25, 1, 1, 1.25)
WINDOWS = {FIG_2: ((0, 100), (0, 1)), V1: ((0, 1000), (0, 2)), FIG_5A: ((0, 15), (0, 5)), FIG_5B: ((0, 50), (0, 5))}


def ssn_of(weights, law=FIVE_DIGITS, tau=(0.02, 0.01)):
    laws = PowerLaw(*law[:3]), PowerLaw(*law[3:])
    return SSN(("E", "I"), laws, TwoPopulationSSN(*law, *weights), tau)


def crossings(boundary, mu=None, ratio=None):
    """Where a boundary crosses a vertical (mu) or horizontal (ratio) line, ascending."""
    found = []
    for part in boundary.segments:
        x, y, at = (part.mu_ext, part.ratio, mu) if ratio is None else (part.ratio, part.mu_ext, ratio)
        k = np.flatnonzero((x[1:] < at) != (x[:-1] < at))
        found.extend(y[k] + (at - x[k]) / (x[k + 1] - x[k]) * (y[k + 1] - y[k]))
    return np.sort(found)


@pytest.mark.parametrize(
    ("law", "edge", "fold", "runaway"),
    [(FIVE_DIGITS, 1.4607, (2.1634, 3.5700), 17.703), (ROUNDED, 1.4452, (2.1924, 3.5833), 17.730)],
)
def test_published_edges(law, edge, fold, runaway):
    ssn = ssn_of(FIG_5A, law)
    found = regime_boundaries(ssn, *WINDOWS[FIG_5A])
    assert found.complete
    assert crossings(found.curves["fold"], mu=3).max() == pytest.approx(edge, abs=1e-4)
    assert crossings(found.curves["fold"], ratio=1) == pytest.approx(fold, abs=1.5e-4)
    assert [line.ratio for line in found.balanced] == pytest.approx([1.1])
    assert (found.balanced[0].below, found.balanced[0].above) == ("stable", "none")
    regimes = regime_map(ssn, [3.0], [1.0, edge - 1e-4, edge + 1e-4])
    assert regimes.states[:, 0].tolist() == [3, 3, 1]
    assert regimes.stable[:, 0].tolist() == [2, 2, 1]
    assert regimes.balanced.tolist() == ["stable", "none", "none"]
    other = ssn_of(FIG_5B, law)
    assert crossings(regime_boundaries(other, *WINDOWS[FIG_5B]).curves["fold"], ratio=1) == pytest.approx(
        [runaway], abs=1e-3
    )
    regimes = regime_map(other, [5, runaway - 1e-3, runaway + 1e-3, 50], [1, 3])
    assert regimes.states.tolist() == [[2, 2, 0, 0], [2, 2, 2, 2]]
    assert np.array_equal(np.isnan(regimes.lowest[..., 0]), regimes.stable == 0)
    assert regimes.balanced.tolist() == ["none", "unstable"]


def test_supersaturation_onset_and_inhibition_stabilisation():
    found = regime_boundaries(ssn_of(V1), *WINDOWS[V1])
    # 159.546: brentq on S6 along the steady states found by the dense grid below; the paper's text gives 159.6.
    assert crossings(found.curves["supersaturation"], ratio=1) == pytest.approx([159.546], abs=6e-3)
    assert found.balanced[0].ratio == pytest.approx(0.8993, abs=5e-5)
    peak = regime_boundaries(ssn_of(FIG_2), *WINDOWS[FIG_2]).curves["supersaturation"]
    assert crossings(peak, ratio=0.9999) == pytest.approx([17.654], abs=2e-3)
    line = regime_boundaries(ssn_of(FIG_5A), *WINDOWS[FIG_5A]).curves["isn"].segments[0]
    assert line.rates[:, 0] == pytest.approx(1.40452, abs=6e-6)


@pytest.mark.parametrize("weights", [FIG_5A, FIG_5B])
def test_fold_curve_equals_folds_at_fixed_ratio(weights):
    ssn = ssn_of(weights)
    mu, ratio = WINDOWS[weights]
    fold = regime_boundaries(ssn, mu, ratio).curves["fold"]
    for at in np.linspace(0.05, 4.9, 40):
        expected = folds(ssn.network, at, mu)
        assert expected.complete
        assert crossings(fold, ratio=at) == pytest.approx(np.sort(expected.mu_ext), abs=2e-4 * mu[1])


def test_cusp_is_a_triple_root():
    ssn = ssn_of(FIG_5A)
    cusp = regime_boundaries(ssn, *WINDOWS[FIG_5A]).cusps[0]
    z = ssn.transfer[0].inverse(cusp.rates[0]) - ssn.transfer[0].b
    step = 1e-3 * z
    values = characteristic(ssn.network, z + step * np.arange(-3, 4), cusp.mu_ext, cusp.ratio * cusp.mu_ext)
    # F ~ (z - z*)^3: divided differences of order 0, 1, 2 vanish beside the third.
    third = abs(values[6] - 3 * values[4] + 3 * values[2] - values[0])
    assert abs(values[3]) < 1e-5 * third
    assert abs(values[4] - values[2]) < 0.1 * third
    assert abs(values[4] - 2 * values[3] + values[2]) < 1e-3 * third
    for shift, count in ((-0.01, 3), (0.01, 1)):
        at = cusp.ratio + shift
        inside = folds(ssn.network, at, (3, 5)).mu_ext
        assert len(inside) == count - 1


def test_exact_cusp():
    # With n = 2 and these weights S10 is -(z - 1)^3 (z + 3)/8 at mu_ext = (0.5, 1): every number exact.
    found = regime_boundaries(ssn_of((1, 0.125, 1, 0), (1, 0, 2, 1, 0, 2)), (0.1, 1), (1, 3))
    assert found.cusps_complete
    assert [(point.mu_ext, point.ratio) for point in found.cusps] == [pytest.approx((0.5, 2.0), abs=1e-9)]


def dense_states(ssn, mu, ratio, top=400.0, points=80001):
    """Steady states by sign changes of F (S10) on a dense grid and brentq: rates (k, 2)."""
    law = ssn.network
    z = np.linspace(min(mu - law.b_E, 0) - 4000, top, points)
    F = characteristic(law, z, mu, ratio * mu)
    k = np.flatnonzero(np.sign(F[1:]) != np.sign(F[:-1]))
    roots = [brentq(lambda x: float(characteristic(law, x, mu, ratio * mu)), z[i], z[i + 1], xtol=1e-13) for i in k]
    nu_E = law.a_E * np.maximum(roots, 0) ** law.n_E
    nu_I = (law.J_EE * nu_E - np.array(roots) + mu - law.b_E) / law.J_EI
    return np.stack([nu_E, nu_I], axis=-1)


@pytest.mark.parametrize("weights", list(WINDOWS))
def test_pixels_equal_a_dense_grid_with_eigenvalues(weights):
    ssn = ssn_of(weights)
    (_, right), (_, top) = WINDOWS[weights]
    rng = np.random.default_rng(5)
    mu, ratio = np.sort(rng.uniform(0, right, 9)), np.sort(rng.uniform(0, top, 9))
    regimes = regime_map(ssn, mu, ratio)
    assert regimes.complete.all()
    law, n = ssn.network, np.array([ssn.network.n_E, ssn.network.n_I])
    for j, i in np.ndindex(9, 9):
        rates = dense_states(ssn, mu[i], ratio[j])
        assert len(rates) == regimes.states[j, i]
        drives = law.weights @ rates.T + np.array([[mu[i] - law.b_E], [ratio[j] * mu[i] - law.b_I]])
        gains = n * np.array([law.a_E, law.a_I]) * np.maximum(drives.T, 0) ** (n - 1)
        jacobians = (gains[:, :, None] * law.weights - np.eye(2)) / np.array([[0.02], [0.01]])
        stable = [np.all(np.linalg.eigvals(one).real < 0) for one in jacobians]
        assert sum(stable) == regimes.stable[j, i]
        isn = [ok and gain[0] * law.J_EE > 1 for ok, gain in zip(stable, gains, strict=True)]
        assert sum(isn) == regimes.isn_states[j, i]
        push = [np.linalg.solve(-one, gain * [50, 100 * ratio[j]]) for one, gain in zip(jacobians, gains, strict=True)]
        falling = [ok and slope[0] < -1e-12 for ok, slope in zip(stable, push, strict=True)]
        assert sum(falling) == regimes.supersaturating_states[j, i]
        if any(stable):
            assert regimes.lowest[j, i] == pytest.approx(rates[stable][0], rel=1e-8, abs=1e-9)
            assert regimes.highest[j, i] == pytest.approx(rates[stable][-1], rel=1e-8, abs=1e-9)


CASES = [(weights, (0.02, 0.01)) for weights in WINDOWS]
CASES += [(FIG_5A, (0.005, 0.02)), (FIG_2, (0.005, 0.02)), (FIG_5A, (0.02, 0.05))]


@pytest.mark.parametrize(("weights", "tau"), CASES)
def test_map_and_boundaries_agree_at_every_pixel_edge(weights, tau):
    ssn = ssn_of(weights, tau=tau)
    (_, right), ratio = WINDOWS[weights]
    boundaries = regime_boundaries(ssn, (-0.2 * right, right), ratio)
    assert boundaries.complete
    regimes = regime_map(ssn, np.linspace(-0.19 * right, 0.99 * right, 131), np.linspace(0, 0.99 * ratio[1], 101))
    assert disagreements(regimes, boundaries) == ()
    # The comparison must notice a missing curve and a missing region.
    for name in ("isn", "supersaturation"):
        curves = dict(boundaries.curves)
        curves[name] = dataclasses.replace(curves[name], segments=())
        wrong = disagreements(regimes, dataclasses.replace(boundaries, curves=curves))
        assert len(wrong) > 10
    empty = dataclasses.replace(regimes, isn_states=np.zeros_like(regimes.isn_states))
    assert len(disagreements(empty, boundaries)) > 10


def test_random_networks_agree_at_every_pixel_edge():
    changes = 0
    for seed in range(18):
        rng = np.random.default_rng(seed)
        law = np.array(FIVE_DIGITS) * np.exp(rng.normal(0, 0.05, 6))
        if seed % 2:
            law[[2, 5]] = 2.0, rng.choice([2.0, 2.5])
        weights = np.array(list(WINDOWS)[rng.integers(4)]) * np.exp(rng.normal(0, 0.4, 4))
        if seed % 5 == 0:
            weights[rng.integers(4)] = 0.0
        ssn = ssn_of(weights, law, (0.02, 0.02 * 10 ** rng.uniform(-1, 1)))
        right, top = 10 ** rng.uniform(0.5, 2.5), 10 ** rng.uniform(-0.3, 0.8)
        boundaries = regime_boundaries(ssn, (0, right), (0, top))
        regimes = regime_map(ssn, np.linspace(0.01, 0.99, 41) * right, np.linspace(0.01, 0.99, 37) * top)
        assert boundaries.complete
        assert disagreements(regimes, boundaries) == (), seed
        changes += sum(np.count_nonzero(np.diff(getattr(regimes, q))) for q in ("states", "isn_states", "stable"))
    assert changes > 100


def test_bogdanov_takens_points_and_hopf_curve():
    ssn = ssn_of(FIG_5A, tau=(0.005, 0.02))
    found = regime_boundaries(ssn, *WINDOWS[FIG_5A])
    (point,) = found.bogdanov_takens
    gains = ssn.network.gains(np.array(point.rates))
    jacobian = (gains[:, None] * ssn.network.weights - np.eye(2)) / np.array([[0.005], [0.02]])
    scale = np.abs(jacobian).max()
    assert abs(np.linalg.eigvals(jacobian)).max() < 1e-4 * scale
    (hopf,) = found.curves["hopf"].segments
    assert np.hypot(hopf.mu_ext - point.mu_ext, hopf.ratio - point.ratio).min() < 1e-6
    for rates in hopf.rates[1:]:
        gains = ssn.network.gains(rates)
        values = np.linalg.eigvals((gains[:, None] * ssn.network.weights - np.eye(2)) / np.array([[0.005], [0.02]]))
        assert np.abs(values.real).max() < 1e-6 * scale
        assert np.abs(values.imag).max() > 0


@pytest.mark.parametrize(
    ("exponents", "tau", "expected"),
    [((3.0, 2.0), (0.02, 0.01), "unstable"), ((2.0, 3.0), (0.01, 0.02), "stable"), ((2.0, 2.0), (0.001, 0.1), None)],
)
def test_balanced_limit_includes_the_trace(exponents, tau, expected):
    """Against the eigenvalues of the state at ever larger inputs, where the exponents allow a limit."""
    law = (0.01, 0.0, exponents[0], 0.01, 0.0, exponents[1])
    ssn = ssn_of((2, 3, 3, 2.5), law, tau)
    for ratio in (0.1, 0.4, 0.8):
        (state,) = ssn.steady_states(1e8, ratio)
        found = balanced_limit(ssn, np.array([ratio]))[0]
        assert found == ("stable" if state.stable else "unstable")
        assert expected is None or found == expected


def test_balanced_line_of_the_trace():
    # n_E = n_I = 2: the trace vanishes where phi_E J_EE/tau_E = phi_I J_II/tau_I at the balanced rates.
    fast = ssn_of((2, 3, 3, 2.5), (0.01, 0, 2, 0.01, 0, 2), (0.01, 0.01))
    lines = regime_boundaries(fast, (0, 10), (0, 2)).balanced
    assert [line.ratio for line in lines] == pytest.approx([2.5 / 3])
    slow = ssn_of((2, 3, 3, 2.5), (0.01, 0, 2, 0.01, 0, 2), (0.005, 0.01))
    at = brentq(lambda r: 2 / 5 * np.sqrt((2.5 - 3 * r) / (3 - 2 * r)) - 2.5 / 10, 0, 2.5 / 3)
    lines = regime_boundaries(slow, (0, 10), (0, 2)).balanced
    assert [line.ratio for line in lines] == pytest.approx([at, 2.5 / 3], abs=1e-7)
    assert [line.below for line in lines] == ["unstable", "stable"]


def test_zero_determinant_is_not_claimed_complete():
    found = regime_boundaries(ssn_of((2, 4, 1, 2)), (0, 20), (0, 2))
    assert not found.complete
    assert "not proven" in found.curves["fold"].reason


def test_figure_and_invalid_input(tmp_path):
    ssn = ssn_of(FIG_5B)
    regimes = regime_map(ssn, np.linspace(0, 50, 11), np.linspace(0, 5, 9))
    regimes.plot(tmp_path / "map.png", regime_boundaries(ssn, (0, 50), (0, 5)))
    assert (tmp_path / "map.png").stat().st_size > 10_000
    with pytest.raises(InvalidInputError, match="at least 2 values"):
        regime_map(ssn, [1.0], [1.0]).plot(tmp_path / "line.png")
    for mu, ratio, message in (
        ([0, np.nan], [0], "finite"),
        ([1, 0], [0], "ascend"),
        ([0, 1], [-1, 0], "negative"),
        ([[0, 1]], [0], "shape"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            regime_map(ssn, mu, ratio)
    for mu, ratio in (((1, 0), (0, 1)), ((0, 1), (-1, 1)), ((0, np.inf), (0, 1)), ((0, 1, 2), (0, 1))):
        with pytest.raises(InvalidInputError):
            regime_boundaries(ssn, mu, ratio)
    with pytest.raises(InvalidInputError, match="exceeds"):
        disagreements(regimes, regime_boundaries(ssn, (0, 20), (0, 5)))
