"""Every steady state of the two-population SSN: published values, an independent enumeration, degenerate cases."""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from ssnbrian.analysis import characteristic as ch
from ssnbrian.analysis.characteristic import TwoPopulationSSN
from ssnbrian.analysis.folds import folds
from ssnbrian.analysis.steady_state_search import steady_state_roots, steady_states_of_many

sys.path.insert(0, str(Path(__file__).parent))
from interval_oracle import enumerate_states

FIVE_DIGITS = (1.0792e-4, -11.1425, 3.0814, 2.2099e-6, 4.7670, 3.8150)
ROUNDED = (1.079e-4, -11.14, 3.081, 2.210e-6, 4.77, 3.815)
COEFFICIENTS = (FIVE_DIGITS, ROUNDED)
FIG_2, FIG_3, FIG_4, FIG_5B = (2, 12, 6, 1), (0.672, 13.173, 23.675, 11.846), (5, 10, 7, 11), (1.25, 1, 1, 1.25)
CASES = 10_000
MAY_BE_INCOMPLETE = 0
"""How many of the CASES may leave rates beyond 1e150 Hz open; the circuits drawn here leave none."""


def network(which, weights):
    return TwoPopulationSSN(*COEFFICIENTS[which], *weights)


def states(which, weights, mu, ratio=1.0):
    found = steady_state_roots(network(which, weights), mu, ratio * mu)
    assert found.complete, found.reason
    return found


@pytest.mark.parametrize(
    ("which", "expected"),
    [(0, (0.7464, 1.8711, 2.4439, 1.9461, 1.1870)), (1, (0.7446, 1.8676, 2.4425, 1.9454, 1.1867))],
)
def test_fig_2a_rates(which, expected):
    for mu, rate in zip((5, 10, 20, 30, 40), expected, strict=True):
        found = states(which, FIG_2, mu)
        assert len(found) == 1
        assert found.rates[0, 0] == pytest.approx(rate, abs=5.1e-5)


@pytest.mark.parametrize(
    ("which", "factor", "at", "peak", "inhibition"),
    [
        (0, 1, 17.654, 2.4725, 0.64521),
        (1, 1, 17.666, 2.4708, 0.64520),
        (0, 1.25, 20.526, 3.3475, 0.64521),
        (1, 1.25, 20.541, 3.3455, 0.64520),
    ],
)
def test_fig_2b_peak(which, factor, at, peak, inhibition):
    weights = (2, 12 * factor, 6 / factor, 1)
    ssn = network(which, weights)

    def slope(mu):  # S6: nu_E stops growing where phi_I (r J_EI - J_II) = 1
        return ssn.gains(states(which, weights, mu, 1 / factor).rates[0])[1] * (12 - 1) - 1

    mu = brentq(slope, 5, 45, xtol=1e-10)
    rates = states(which, weights, mu, 1 / factor).rates[0]
    # 40-digit maximisation of nu_E(mu) gives nu_I = 0.645212 and 0.645202; a_I (a_I n_I 11)^(-n_I/(n_I - 1)) agrees.
    # The value .6463 in circulation for the five-digit coefficients is wrong.
    assert mu == pytest.approx(at, abs=5.1e-4)
    assert rates == pytest.approx([peak, inhibition], abs=5.1e-5)
    highest = minimize_scalar(
        lambda m: -states(which, weights, m, 1 / factor).rates[0, 0], bounds=(10, 30), method="bounded"
    )
    assert -highest.fun == pytest.approx(rates[0], abs=1e-9)


def test_visual_cortex():
    for which, rates in ((0, (1.5177, 6.8300)), (1, (1.5173, 6.8292))):
        assert states(which, FIG_3, 100).rates[0] == pytest.approx(rates, abs=5.1e-5)
    ssn = network(0, FIG_3)
    start = brentq(lambda mu: ssn.gains(states(0, FIG_3, mu).rates[0])[1] * (13.173 - 11.846) - 1, 50, 400, xtol=1e-9)
    assert start == pytest.approx(159.6, abs=0.06)


@pytest.mark.parametrize(
    ("weight", "thresholds"), [(2, (5.4533, 5.4585)), (5, (1.40452, 1.40574)), (0.672, (27.41, 27.44))]
)
def test_inhibition_stabilisation_threshold(weight, thresholds):
    for which, expected in enumerate(thresholds):
        ssn = network(which, (weight, 1, 1, 1))
        rate = brentq(lambda nu, s=ssn: s.gains([nu, 0.0])[0] * s.J_EE - 1, 0.1, 100, xtol=1e-12)
        assert rate == pytest.approx(expected, abs=0.51 * 10.0 ** -len(str(expected).split(".")[1]))


def determinant(ssn, rates):
    """D = det(1 - diag(gain) J) at rates (k, 2)."""
    return np.array([np.linalg.det(np.eye(2) - gains[:, None] * ssn.weights) for gains in ssn.gains(rates)])


@pytest.mark.parametrize(("which", "rates"), [(0, (0.8511, 2.7125, 6.1399)), (1, (0.8460, 2.7387, 6.1031))])
def test_fig_4_states(which, rates):
    found = states(which, FIG_4, 3)
    assert found.rates[:, 0] == pytest.approx(rates, abs=5.1e-5)
    growth = ch.eigenvalues(network(which, FIG_4), found.rates, 0.02, 0.01).real.max(axis=1)
    assert (growth < 0).tolist() == [True, False, True]
    assert (determinant(network(which, FIG_4), found.rates) > 0).tolist() == [True, False, True]


@pytest.mark.parametrize(("which", "edge"), [(0, 1.4607), (1, 1.4452)])
def test_fig_5a_edge_of_bistability(which, edge):
    assert [len(states(which, FIG_4, 3, edge + d)) for d in (-6e-5, 6e-5)] == [3, 1]


def test_fig_5b_two_states_or_none():
    expected = (((1.6015, 0.5634), (45.242, 10.916)), ((1.5977, 0.5629), (45.350, 10.957)))
    for which, pairs in enumerate(expected):
        found = states(which, FIG_5B, 10, 3).rates
        assert found[0] == pytest.approx(pairs[0], abs=5.1e-5)
        assert found[1] == pytest.approx(pairs[1], abs=5.1e-4)
        for mu in np.linspace(0, 50, 26):
            assert len(states(which, FIG_5B, mu, 3)) == 2
        edge = (17.703, 17.730)[which]
        assert [len(states(which, FIG_5B, edge + d, 1)) for d in (-6e-4, 6e-4)] == [2, 0]


def test_window_of_fig_4b_is_found():
    ssn = TwoPopulationSSN(7.8904e-5, -9.4929, 3.1357, *FIVE_DIGITS[3:], *FIG_4)
    assert [len(steady_state_roots(ssn, mu, mu)) for mu in (6.565, 6.575, 6.585)] == [1, 3, 1]


def random_cases(count, seed):
    """Circuits as a dict of arrays (count,); a third sit next to a fold."""
    rng = np.random.default_rng(seed)
    rows, offsets = [], []
    shapes = (FIG_2, FIG_3, FIG_4, FIG_5B)
    while len(rows) < count:
        near = rng.random() < 0.6
        base = np.array(COEFFICIENTS[0])
        if near:
            values = base * np.exp(rng.normal(0, 0.05, 6))
        else:
            values = np.array(
                [
                    10 ** rng.uniform(-6, -1),
                    rng.uniform(-20, 20),
                    rng.uniform(1.2, 4.5),
                    10 ** rng.uniform(-6, -1),
                    rng.uniform(-20, 20),
                    rng.uniform(1.2, 4.5),
                ]
            )
        if rng.random() < 0.5:
            weights = np.array(shapes[rng.integers(4)]) * np.exp(rng.normal(0, 0.3, 4))
        else:
            weights = 10 ** rng.uniform(-1, 1.3, 4)
        if rng.random() < 0.15:
            weights[rng.integers(4)] = 0.0
        elif rng.random() < 0.1:  # det J close to zero, exactly zero for some
            weights = np.round(weights, 1) + 0.1
            weights[3] = weights[1] * weights[2] / weights[0] * (1 + rng.choice([0, 1e-15, -1e-15, 1e-9, -1e-5, 1e-3]))
        ssn = TwoPopulationSSN(*values, *weights)
        ratio = rng.choice([0.0, 0.5, 1.0, rng.uniform(0, 5)])
        mu, offset = rng.uniform(-30, 60), np.nan
        if rng.random() < 0.5:
            at = folds(ssn, ratio).mu_ext
            at = at[np.abs(at) < 1e3]
            if len(at):
                offset = float(rng.choice([1e-4, 1e-6, 1e-9, 1e-12]))
                mu = rng.choice(at) + offset * rng.choice([-1, 1])
        rows.append((*values, *weights, mu, ratio * mu))
        offsets.append(offset)
    names = [field.name for field in dataclasses.fields(TwoPopulationSSN)] + ["mu_E", "mu_I"]
    return dict(zip(names, np.array(rows).T.copy(), strict=True)), np.array(offsets)


def test_set_of_states_equals_independent_enumeration():
    reach = 1e6
    p, offsets = random_cases(CASES, seed=20230901)
    assert np.sum(offsets <= 1e-9) > CASES // 10
    began = time.perf_counter()
    brackets = [
        found
        for part in np.array_split(np.arange(CASES), CASES // 200)
        for found in enumerate_states({k: v[part] for k, v in p.items()}, reach)
    ]
    print(f"oracle {time.perf_counter() - began:.1f} s")
    wrong, incomplete, counts = [], [], np.zeros(10, dtype=int)
    for i, expected in enumerate(brackets):
        circuit = {name: float(value[i]) for name, value in p.items()}
        mu_E, mu_I = circuit.pop("mu_E"), circuit.pop("mu_I")
        ssn = TwoPopulationSSN(**circuit)
        found = steady_state_roots(ssn, mu_E, mu_I)
        z = found.z[found.z < reach]
        counts[len(z)] += 1
        if not found.complete:
            assert "1e+150 Hz" in found.reason, (i, found.reason)
            incomplete.append((i, ssn, mu_E, mu_I, found))
        good = (
            found.complete
            and len(z) == len(expected)
            and all(
                low - 1e-9 * abs(low) <= at <= high + 1e-9 * abs(high)
                for at, (low, high) in zip(z, expected, strict=True)
            )
        )
        external = np.array([mu_E, mu_I])
        recurrent = found.rates @ ssn.weights.T
        size = np.abs(found.rates) @ np.abs(ssn.weights).T + np.abs(external) + np.abs(found.inputs)
        size += np.abs([ssn.b_E, ssn.b_I])
        residual = np.abs(recurrent + external - found.inputs) / size
        if not good or np.any(residual > 1e-12):
            wrong.append((i, ssn, mu_E, mu_I, found, expected, residual.max(initial=0)))
    print(f"states per circuit {counts}, wrong {len(wrong)}, incomplete {len(incomplete)}")
    assert not wrong, f"{len(wrong)} circuits, first: {wrong[0]}"
    assert len(incomplete) <= MAY_BE_INCOMPLETE, f"first: {incomplete[0]}"
    assert np.all(counts[:4] > 20)


def test_double_root_and_windows_below_double_precision():
    ssn = TwoPopulationSSN(1, 0, 2, 1, 0, 2, 0.5, 0, 0, 0)  # z = z^2 / 2 + mu
    at = steady_state_roots(ssn, 0.5, 0)
    assert at.z.tolist() == [1.0]
    assert at.degenerate.tolist() == [True]
    assert at.complete
    for mu, count in ((0.5 - 2**-53, 2), (0.5 + 2**-52, 0), (0.5 - 1e-12, 2)):
        found = steady_state_roots(ssn, mu, 0)
        assert (len(found), found.degenerate.any()) == (count, False)


@pytest.mark.parametrize(("shift", "count", "multiplicity"), [(0, 1, 3), (-(2**-30), 1, 1), (2**-30, 3, 1)])
def test_exact_cusp_and_its_unfolding(shift, count, multiplicity):
    # With these weights G(z) = -(z - 1)^3 (z + 3) / 8 for shift = 0, every number exact in doubles.
    ssn = TwoPopulationSSN(1, 0, 2, 1, 0, 2, 1 + shift, 0.125, 1, 0)
    found = steady_state_roots(ssn, 0.5 - shift, 1)
    assert found.complete, found.reason
    assert found.multiplicity.tolist() == [multiplicity] * count
    assert found.z == pytest.approx(1, abs=1e-3 if shift else 1e-14)


@pytest.mark.parametrize("exponent", [1.5, 2.0, 2.5, 3.0])
@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (2, 1, 1, 0.5), (1, 2, 2, 4), (4, 6, 2, 3)])
def test_zero_determinant_with_equal_exponents(exponent, weights):
    # With weights of 1 and a_E = a_I the leading powers cancel as well: only the next power bounds the states.
    ssn = TwoPopulationSSN(0.01, 0, exponent, 0.01, 0, exponent, *weights)
    assert ssn.det_J_exact == 0
    inputs = [(mu_E, mu_E + d) for mu_E in (-3.0, 0.5, 40.0) for d in (-9.0, -0.25, 0.0, 2.0)]
    names = [field.name for field in dataclasses.fields(ssn)]
    p = {name: np.full(len(inputs), getattr(ssn, name)) for name in names}
    p |= dict(zip(("mu_E", "mu_I"), np.array(inputs).T, strict=True))
    for (mu_E, mu_I), expected in zip(inputs, enumerate_states(p), strict=True):
        found = steady_state_roots(ssn, mu_E, mu_I)
        assert found.complete, (mu_E, mu_I, found.reason)
        z = found.z[found.z < 1e6]
        assert len(z) == len(expected)
        assert all(low <= at <= high for at, (low, high) in zip(z, expected, strict=True))


@pytest.mark.parametrize("deviation", [-1e-16, -1e-13, 0.0, 1e-16, 1e-13])
def test_determinant_of_the_size_of_a_rounding(deviation):
    ssn = TwoPopulationSSN(*FIVE_DIGITS, 0.3, 0.2, 7.4, 0.2 * 7.4 / 0.3 * (1 + deviation))
    found = steady_state_roots(ssn, -3.69, -4.92)
    assert found.complete, found.reason
    assert len(found) == 1 + (ssn.det_J_exact < 0)
    assert found.z[0] == pytest.approx(7.45, abs=0.3)


def test_silent_states_and_free_populations():
    found = steady_state_roots(network(0, FIG_4), -20, -20)
    assert found.rates.tolist() == [[0.0, 0.0]]
    assert found.z[0] == pytest.approx(-20 + 11.1425)
    free = steady_state_roots(network(0, (0, 0, 0, 0)), 3, 40)
    assert free.rates[0] == pytest.approx(network(0, (0, 0, 0, 0)).rates([3, 40]), rel=1e-12)
    assert len(steady_state_roots(network(0, (0, 10, 7, 1)), -1, -1)) == 1


def test_extreme_numbers_neither_crash_nor_pretend():
    steep = TwoPopulationSSN(1e-300, 0, 1.001, 1e-4, 0, 2, 1, 1, 1, 5)
    assert not steady_state_roots(steep, 1, 1).complete
    for mu in (1e6, -1e6):
        assert np.all(np.isfinite(states(0, FIG_4, mu).rates))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("a_E", 0.0, "positive"), ("n_I", 1.0, "exceed 1"), ("J_EI", -1.0, "give 1.0"), ("b_E", np.nan, "finite")],
)
def test_invalid_coefficients(field, value, message):
    with pytest.raises(ValueError, match=f"{field}.*{message}"):
        dataclasses.replace(network(0, FIG_4), **{field: value})


def test_invalid_inputs_and_the_characteristic_function():
    ssn = network(0, FIG_4)
    with pytest.raises(ValueError, match="mu_E = nan"):
        steady_state_roots(ssn, np.nan, 0)
    with pytest.raises(ValueError, match="mu_I holds inf"):
        steady_states_of_many(ssn, np.zeros(2), np.array([0, np.inf]))
    found = steady_state_roots(ssn, 3, 3)
    assert np.abs(ch.characteristic(ssn, found.z, 3, 3)).max() < 1e-11
    assert ch.characteristic_derivative(ssn, found.z, 3, 3) == pytest.approx(-determinant(ssn, found.rates))
