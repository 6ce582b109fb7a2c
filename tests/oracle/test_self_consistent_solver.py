"""All self-consistent states, against published values, dense scans, and the degree of the map."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.optimize import fsolve, minimize_scalar
from ssnbrian.analysis.self_consistent_solver import Coupling, find_states, jacobian
from ssnbrian.analysis.transfer import log_rate, rate

IN_DEGREES = np.array([[195.0, 200.0], [825.0, 100.0]])


def circuit(weights, in_degrees=IN_DEGREES, scale=1.0, sigma=3.0, refractory=0.0):
    """Two populations; ``scale`` = N/4000 multiplies J by its root and leaves j J."""
    weights = np.array(weights, float).reshape(2, 2)
    variances = weights**2 / in_degrees
    return Coupling(
        ("E", "I"), (1, -1), weights * np.sqrt(scale), variances, sigma, (0.02, 0.01), refractory=refractory
    )


SUPERSATURATING = (2, 12, 6, 1)
BISTABLE = (5, 10, 7, 11)


def residual(coupling, rates, mu_ext):
    mu, sigma = coupling.inputs(np.maximum(np.asarray(rates, float), 0.0), mu_ext)
    return rates - rate(mu, sigma, *coupling.neuron)


def scanned_states(coupling, mu_ext, maximum_rate):
    """States by another way: sign changes of both residuals on a grid of rates, polished by MINPACK."""
    axis = np.concatenate([[0.0], np.geomspace(1e-9, 1e-2, 60), np.geomspace(1e-2, maximum_rate, 200)[1:]])
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    sign = residual(coupling, grid, mu_ext) > 0
    corners = np.stack([sign[:-1, :-1], sign[1:, :-1], sign[:-1, 1:], sign[1:, 1:]])
    cells = np.argwhere((corners.any(0) & ~corners.all(0)).all(-1))
    states = []
    for i, j in cells:
        start = 0.5 * np.array([axis[i] + axis[i + 1], axis[j] + axis[j + 1]])
        root, _, success, _ = fsolve(
            lambda x: residual(coupling, x, mu_ext), start, full_output=True, xtol=1e-13
        )
        inside = (root >= 0).all() and (root <= maximum_rate).all()
        good = success == 1 and (np.abs(residual(coupling, root, mu_ext)) <= 1e-10 * (1e-3 + root)).all()
        if inside and good and not any(np.allclose(root, other, rtol=1e-6, atol=1e-10) for other in states):
            states.append(root)
    return states


def random_circuit(seed):
    """Circuits over a wide range; every third strongly excitatory, where several states are common."""
    rng = np.random.default_rng(seed)
    weights = np.exp(rng.normal([[1.0, 2.0], [1.7, 1.0]], 0.8))
    if seed % 3 == 0:
        weights = np.array([[5.0, 10.0], [7.0, 11.0]]) * np.exp(rng.normal(0, 0.04, (2, 2)))
    coupling = Coupling(
        ("E", "I"),
        (1, -1),
        weights,
        weights**2 / rng.uniform(50, 900, (2, 2)),
        np.full(2, 3.0) if seed % 3 == 0 else rng.uniform(0.5, 5, 2),
        np.array([0.02, 0.01]) if seed % 3 == 0 else rng.uniform(0.007, 0.025, 2),
        refractory=0.002 if seed % 2 else 0.0,
    )
    return coupling, rng.uniform(2.2, 3.4) * np.ones(2) if seed % 3 == 0 else rng.uniform(-20, 60, 2)


SEEDS = range(60)


def test_random_circuits_against_scan_and_degree():
    counts = []
    for seed in SEEDS:
        coupling, mu_ext = random_circuit(seed)
        maximum_rate = 500.0 if seed % 2 else 100.0
        found = find_states(coupling, mu_ext, maximum_rate)
        assert found.complete, (seed, found.reason)
        mu, sigma = coupling.inputs(found.rates, mu_ext)
        logarithms = log_rate(mu, sigma, *coupling.neuron)
        # A small relative residual, also for the tiniest rates.
        np.testing.assert_allclose(
            np.log(np.maximum(found.rates, 1e-306)), np.maximum(logarithms, np.log(1e-306)), rtol=0, atol=1e-9
        )
        for state in scanned_states(coupling, mu_ext, maximum_rate):
            close = np.isclose(found.rates, state, rtol=1e-6, atol=1e-9).all(-1)
            assert close.sum() == 1, (seed, state, found.rates)
        if seed % 2:
            # Φ < 1/t_ref maps the box into itself: the signs of det(1 - ∂Φ/∂ν) over all states add up to 1.
            signs = [np.sign(np.linalg.det(np.eye(2) - jacobian(coupling, x, mu_ext))) for x in found.rates]
            assert sum(signs) == 1, (seed, found.rates)
        counts.append(len(found.rates))
    assert counts.count(3) >= 5  # the sample holds bistable circuits
    assert counts.count(1) >= 20


@pytest.mark.parametrize(
    ("mu_ext", "expected"),
    [
        (5, (0.7098, 0.0174)),
        (10, (1.7388, 0.1245)),
        (20, (2.5553, 0.9401)),
        (30, (2.1145, 1.9468)),
        (40, (1.3917, 3.0682)),
    ],
)
def test_published_states_of_the_supersaturating_network(mu_ext, expected):
    states = find_states(circuit(SUPERSATURATING), [mu_ext, mu_ext])
    assert states.complete
    np.testing.assert_allclose(states.rates, [expected], atol=5.1e-5, rtol=0)


# N/4000 and the peak of the excitatory rate over the input, to the digits of the reference values. The last one
# (N = 5.04e5) is .2114 by plain quadrature and MINPACK as well; .2107 belongs to N = 5.07e5.
PEAKS = {1: 2.5640, 2.5: 1.6100, 5: 1.1295, 10: 0.7908, 25: 0.4921, 126: 0.2114}


@pytest.mark.parametrize("scale", PEAKS)
def test_published_peaks_with_network_size(scale):
    coupling = circuit(SUPERSATURATING, scale=scale)

    def negative_rate(mu_ext):
        states = find_states(coupling, [mu_ext, mu_ext])
        assert states.complete
        assert len(states.rates) == 1
        return -states.rates[0, 0]

    inputs = np.linspace(-10, 50, 13)
    best = int(np.argmin([negative_rate(x) for x in inputs]))
    bounds = (inputs[best - 1], inputs[best + 1])
    top = minimize_scalar(negative_rate, bounds=bounds, method="bounded", options={"xatol": 2e-3})
    assert -top.fun == pytest.approx(PEAKS[scale], abs=6e-5)
    if scale == 1:
        assert top.x == pytest.approx(18.745, abs=0.01)
        assert find_states(coupling, [top.x, top.x]).rates[0, 1] == pytest.approx(0.8208, abs=1e-3)


def test_bistable_network_and_its_fold():
    coupling = circuit(BISTABLE)
    states = find_states(coupling, [3.0, 3.0])
    assert states.complete
    assert len(states.rates) == 3
    assert (np.diff(states.rates[:, 0]) > 0).all()
    assert len(find_states(coupling, [4.0, 4.0]).rates) == 1
    # Two states annihilate near 3.6443; each side is resolved, and at the fold the answer is never a false "all".
    low, high = 3.64, 3.65
    for _ in range(60):
        middle = 0.5 * (low + high)
        states = find_states(coupling, [middle, middle])
        if not states.complete:
            break
        assert len(states.rates) in (1, 3)
        low, high = (middle, high) if len(states.rates) == 3 else (low, middle)
    assert not states.complete
    assert "undecided" in states.reason
    assert high - low < 1e-8
    assert middle == pytest.approx(3.644317774, abs=1e-7)
    assert states.rates[-1, 0] == pytest.approx(5.447, abs=1e-3)  # the other state is still reported


def test_states_with_astronomically_small_rates():
    states = find_states(circuit(BISTABLE), [-30.0, -200.0])
    assert states.complete
    assert len(states.rates) == 3
    mu, sigma = circuit(BISTABLE).inputs(states.rates, np.array([-30.0, -200.0]))
    np.testing.assert_allclose(np.log(states.rates), log_rate(mu, sigma, (0.02, 0.01)), atol=1e-9, rtol=0)
    assert 1e-42 < states.rates[0, 1] < 1e-40
    silent = find_states(circuit(BISTABLE), [-600.0, -2000.0])
    assert silent.complete
    np.testing.assert_array_equal(silent.rates, [[0.0, 0.0]])


def test_without_external_noise():
    coupling = circuit(SUPERSATURATING, sigma=0.0)
    silent = find_states(coupling, [10.0, 10.0])
    assert silent.complete
    np.testing.assert_array_equal(silent.rates, [[0.0, 0.0]])
    for mu_ext in ([60.0, 60.0], [100.0, 150.0], [60.0, 10.0]):
        states = find_states(coupling, mu_ext)
        assert states.complete
        assert len(states.rates) == 1
        np.testing.assert_allclose(residual(coupling, states.rates[0], np.array(mu_ext)), 0.0, atol=1e-11)
    assert states.rates[0, 0] > 1


def test_one_and_three_populations():
    one = Coupling(("E",), [1], [[20.0]], [[0.4]], 3.0, 0.02, refractory=0.002)
    states = find_states(one, [-60.0], maximum_rate=600.0)
    assert states.complete
    axis = np.concatenate([np.geomspace(1e-12, 600.0, 20001)])[:, None]
    assert (
        len(states.rates)
        == np.count_nonzero(np.diff(np.sign(residual(one, axis, np.array([-60.0])))[:, 0]))
        == 3
    )
    weights = np.array([[2.0, 8, 4], [6, 1, 0.5], [3, 1, 0.5]])
    three = Coupling(("E", "P", "S"), [1, -1, -1], weights, weights**2 / 200, 3.0, (0.02, 0.01, 0.01))
    states = find_states(three, [15.0, 15.0, 10.0])
    assert states.complete
    assert len(states.rates) == 1
    np.testing.assert_allclose(
        residual(three, states.rates[0], np.array([15.0, 15.0, 10.0])), 0.0, atol=1e-12
    )


def test_box_without_states():
    assert find_states(circuit(BISTABLE), [3.0, 3.0], maximum_rate=0.5).complete
    assert find_states(circuit(BISTABLE), [3.0, 3.0], maximum_rate=0.5).rates.shape == (0, 2)
    assert len(find_states(circuit(BISTABLE), [3.0, 3.0], maximum_rate=3.0).rates) == 2


@pytest.mark.parametrize("weights", [SUPERSATURATING, BISTABLE])
@pytest.mark.parametrize("rates", [(0.5, 0.1), (5.0, 3.0), (80.0, 20.0)])
def test_jacobian(weights, rates):
    coupling, mu_ext = circuit(weights, refractory=0.002), np.array([10.0, 12.0])
    analytic = jacobian(coupling, np.array(rates), mu_ext)
    for source in range(2):
        step = np.zeros(2)
        step[source] = 1e-5 * rates[source]
        sides = [rates + sign * step - residual(coupling, rates + sign * step, mu_ext) for sign in (1, -1)]
        numeric = (sides[0] - sides[1]) / (2 * step[source])
        np.testing.assert_allclose(analytic[:, source], numeric, rtol=1e-6)
    stacked = jacobian(coupling, np.array([rates, rates]), mu_ext)
    np.testing.assert_allclose(stacked[1], analytic, rtol=1e-12)


def test_time_per_input():
    coupling = circuit(BISTABLE)
    times = []
    for mu_ext in (2.0, 3.0, 6.0):
        start = time.perf_counter()
        find_states(coupling, [mu_ext, mu_ext])
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signs": (1, 0)}, "signs"),
        ({"signs": (1,)}, "signs"),
        ({"weights": [[1, 2], [3, -4]]}, "weights must be"),
        ({"weights": [[1, 2]]}, "weights has shape"),
        ({"variances": [[1, 2], [3, np.nan]]}, "variances"),
        ({"sigma": -1.0}, "sigma"),
        ({"tau": (0.02, 0.0)}, "tau"),
        ({"reset": 1.0}, "reset"),
    ],
)
def test_wrong_couplings(change, message):
    good = {
        "populations": ("E", "I"),
        "signs": (1, -1),
        "weights": np.ones((2, 2)),
        "variances": np.ones((2, 2)),
        "sigma": 3.0,
        "tau": 0.02,
    }
    assert Coupling(**good).sigma.tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match=message):
        Coupling(**good | change)


def test_wrong_inputs():
    for mu_ext in (3.0, [1.0, 2.0, 3.0], [1.0, np.nan]):
        with pytest.raises(ValueError, match="mu_ext"):
            find_states(circuit(BISTABLE), mu_ext)
    for maximum_rate in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="maximum_rate"):
            find_states(circuit(BISTABLE), [3.0, 3.0], maximum_rate)
