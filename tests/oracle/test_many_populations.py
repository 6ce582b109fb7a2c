"""The SSN of any number of populations: all states, against the proven two-population search and independent roots."""

import json
import sys
import time
from dataclasses import replace as changed
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, root
from ssnbrian.analysis import SSN, PowerLaw, SelfConsistent
from ssnbrian.analysis.characteristic import TwoPopulationSSN
from ssnbrian.analysis.many_populations import ManyPopulationSSN, PowerLawMap, states_of_many_populations
from ssnbrian.analysis.rate_limits import rate_limits
from ssnbrian.analysis.reduction import NotApplicableError
from ssnbrian.analysis.self_consistent_solver import Coupling, find_states
from ssnbrian.analysis.steady_state_search import steady_state_roots
from ssnbrian.analysis.transfer import rate
from ssnbrian.models.interneurons import interneurons
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.papers import ekelmans2023
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import Circuit, FixedInDegree, InvalidInputError, Population, Projection, circuit_to_toml
from ssnbrian.cli.main import main

sys.path.insert(0, str(Path(__file__).parent))
from test_steady_states import random_cases

FIVE_DIGITS = (1.0792e-4, -11.1425, 3.0814, 2.2099e-6, 4.7670, 3.8150)
BISTABLE = TwoPopulationSSN(*FIVE_DIGITS, 5, 10, 7, 11)
FOLD_MARGIN = 1e-6
"""mV/s: closer to a fold, the two states may merge into boxes that stay undecided; then complete must be false."""


def many(pair):
    """The same network for the search by boxes."""
    return ManyPopulationSSN((pair.a_E, pair.a_I), (pair.b_E, pair.b_I), (pair.n_E, pair.n_I), pair.weights)


def limits_of(network, mu):
    return rate_limits(network.a, network.n, mu - network.b, network.weights)


def test_two_populations_against_the_proven_search():
    values, offsets = random_cases(120, seed=5)
    counts, incomplete, limited, near = np.zeros(5, int), 0, 0, 0
    for i, offset in enumerate(offsets):
        circuit = {name: float(column[i]) for name, column in values.items()}
        mu = np.array([circuit.pop("mu_E"), circuit.pop("mu_I")])
        pair = TwoPopulationSSN(**circuit)
        expected = steady_state_roots(pair, *mu)
        found = states_of_many_populations(many(pair), mu)
        if not found.complete:
            singular = abs(pair.det_J) < 2e-3 * (pair.J_EI * pair.J_IE + pair.J_EE * pair.J_II)
            assert offset < FOLD_MARGIN or singular, (i, offset, found.reason)
            incomplete += 1
            continue
        near += offset < FOLD_MARGIN
        rates = expected.rates[np.lexsort(expected.rates.T[::-1])]
        if "not excluded" in found.reason:
            limited += 1
            rates = rates[(rates <= 1000.0).all(1)]
        else:
            assert (rates <= limits_of(many(pair), mu) * (1 + 1e-12)).all(), i
        assert found.rates.shape == rates.shape, (i, found.rates, rates)
        np.testing.assert_allclose(found.rates, rates, rtol=1e-6, atol=1e-11)
        counts[len(rates)] += 1
    assert counts[3] >= 3  # bistable ones
    assert counts[2] >= 15
    assert counts[0] >= 10
    assert near >= 8  # some are decided even closer to the fold
    assert incomplete + limited < 30


def test_the_fold_is_never_passed_over():
    network = many(BISTABLE)
    fold = SSN.from_circuit(
        ekelmans2023.bistable(), transfer={"E": PowerLaw(*FIVE_DIGITS[:3]), "I": PowerLaw(*FIVE_DIGITS[3:])}
    ).folds(1.0)
    for at in fold.mu_ext:
        inside = np.sign(np.mean(fold.mu_ext) - at)
        for distance in 10.0 ** np.arange(-9.0, -1.0):
            for side, count in ((inside, 3), (-inside, 1)):
                found = states_of_many_populations(network, np.full(2, at + side * distance))
                assert len(found.rates) == count if found.complete else distance < FOLD_MARGIN, (at, side, distance)


def divided(pair, rng):
    """Four populations with the states of two: E and I each in two parts that receive the same."""
    shares = rng.uniform(0.2, 0.8, 2)
    columns = np.array([shares[0], 1 - shares[0], shares[1], 1 - shares[1]])
    weights = np.repeat(np.repeat(pair.weights, 2, axis=0), 2, axis=1) * columns
    doubled = [np.repeat([getattr(pair, f"{name}_E"), getattr(pair, f"{name}_I")], 2) for name in "abn"]
    return ManyPopulationSSN(*doubled, weights)


def test_divided_populations_have_the_states_of_the_whole():
    """Parts with equal inputs fire alike, so all states of the four are those of the two, bistable ones included."""
    rng = np.random.default_rng(3)
    counts = np.zeros(5, int)
    bounded = 0
    for k in range(16):
        weights = np.array([5, 10, 7, 11] if k % 2 else [2, 12, 6, 1]) * np.exp(rng.normal(0, 0.01, 4))
        pair = TwoPopulationSSN(*FIVE_DIGITS, *weights)
        mu = np.repeat(rng.uniform(2.5, 3.3) if k % 2 else rng.uniform(-5, 40), 2)
        expected = steady_state_roots(pair, *mu).rates
        found = states_of_many_populations(divided(pair, rng), np.repeat(mu, 2))
        assert found.complete, found.reason
        bounded += "a bound on all states" in found.reason
        np.testing.assert_allclose(found.rates, np.repeat(expected, 2, axis=1), rtol=1e-7, atol=1e-12)
        counts[len(expected)] += 1
    assert counts[3] >= 6
    assert bounded >= 12  # although the weights of the parts are singular


def random_network(rng, size):
    signs = np.where(np.arange(size) < max(1, size // 3), 1.0, -1.0)
    weights = np.exp(rng.normal(1.2, 0.8, (size, size))) * signs * (rng.random((size, size)) < 0.85)
    excitatory = signs > 0
    return ManyPopulationSSN(
        np.where(excitatory, 1.08e-4, 2.2e-6) * np.exp(rng.normal(0, 0.2, size)),
        np.where(excitatory, -11.14, 4.77) + rng.normal(0, 1, size),
        np.where(excitatory, 3.08, 3.8) + rng.normal(0, 0.1, size),
        weights,
    )


@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_random_networks_hold_every_root_that_other_methods_find(size):
    """MINPACK from many starts and the stable end points of the dynamics find no state that is not in the set."""
    rng = np.random.default_rng(size)
    roots, counts = 0, []
    for _ in range(15):
        network, mu = random_network(rng, size), rng.uniform(0, 40, size)
        found = states_of_many_populations(network, mu)
        assert found.complete, found.reason
        assert np.all(found.rates <= limits_of(network, mu))
        plain = PowerLawMap(network, mu)
        for rates in found.rates:
            assert np.abs(plain.rates(rates) - rates).max() <= 1e-9 * (1 + rates.max())
        ends = [
            root(lambda x, m=plain: x - m.rates(np.maximum(x, 0)), 10 ** rng.uniform(-2, 2.5, size), tol=1e-13).x
            for _ in range(15)
        ]
        motion = solve_ivp(lambda _, x, m=plain: m.rates(np.clip(x, 0, 1e4)) - x, (0, 60), rng.uniform(0, 5, size))
        ends.append(np.maximum(motion.y[:, -1], 0.0))
        for end in ends:
            if (end >= 0).all() and np.abs(plain.rates(end) - end).max() < 1e-8 * (1 + end.max()) and end.max() < 1e4:
                close = np.isclose(found.rates, end, rtol=1e-4, atol=1e-6).all(1)
                assert close.any(), (end, found.rates)
                roots += 1
        counts.append(len(found.rates))
    assert roots >= 15
    assert max(counts) >= 2


def scaled_balance(weights, rates):
    """Largest |sum W nu| / sum |W| nu of the populations that fire: small along a direction of balanced growth."""
    return np.max(np.abs(weights @ rates) / (np.abs(weights) @ rates))


def test_balanced_growth_has_no_bound_and_says_so():
    """Equal rows of E and I, det J = 0: rates can grow along a balanced direction."""
    weights = np.array([[5.0, -10.0], [5.0, -10.0]])
    assert scaled_balance(weights, np.array([2.0, 1.0])) == 0
    network = ManyPopulationSSN((1e-4, 1e-4), (-11.0, -11.0), (3.0, 3.0), weights)
    assert np.isinf(limits_of(network, np.full(2, 5.0))).any()
    found = states_of_many_populations(network, np.full(2, 5.0), maximum_rate=50.0)
    assert found.complete
    assert "up to 50 Hz; higher ones are not excluded" in found.reason


def test_states_of_one_population_against_a_scan():
    laws = PowerLaw(*FIVE_DIGITS[:3])
    network = ManyPopulationSSN([laws.a], [laws.b], [laws.n], [[4.0]])
    for mu in (-13.0, -8.0, -2.0, 0.0, 30.0):

        def drift(z, mu=mu):
            return 4.0 * laws.a * np.maximum(z, 0) ** laws.n - z + mu - laws.b

        grid = np.concatenate([np.linspace(-30, 0, 300), np.linspace(1e-9, 500, 20001)])
        signs = np.flatnonzero(np.diff(np.sign(drift(grid))))
        expected = [laws.a * max(brentq(drift, grid[k], grid[k + 1], xtol=1e-14), 0) ** laws.n for k in signs]
        found = states_of_many_populations(network, np.array([mu]))
        assert found.complete
        np.testing.assert_allclose(found.rates[:, 0], sorted(expected), rtol=1e-9, atol=1e-15)


def test_four_populations_take_well_under_a_second():
    theories = SSN.from_circuit(interneurons()), SelfConsistent.from_circuit(interneurons())
    for theory in theories:
        times = []
        for mu in (5.0, 10.0, 20.0):
            start = time.perf_counter()
            assert theory.steady_states(mu).complete
            times.append(time.perf_counter() - start)
        assert min(times) < 0.5


def test_self_consistent_states_of_four_populations_against_minpack():
    theory = SelfConsistent.from_circuit(interneurons())
    rng = np.random.default_rng(0)
    external = np.array([30.0, 30.0, 30.0, 30.0])
    strong = Coupling(  # SOM and VIP suppress each other: three states
        ("E", "PV", "SOM", "VIP"),
        (1, -1, -1, -1),
        J := np.array([[5.0, 8, 5, 0], [9, 3, 3, 0], [5, 0, 0, 4], [4, 0, 2, 0]]),
        J**2 / 150,
        3.0,
        (0.02, 0.01, 0.02, 0.015),
    )
    for coupling, count in ((theory.coupling, 1), (strong, 3)):
        found = find_states(coupling, external)
        assert found.complete
        assert len(found.rates) == count
        hits = np.zeros(count, int)
        for _ in range(30):
            end = root(
                lambda x, c=coupling: x - rate(*c.inputs(np.maximum(x, 0), external), *c.neuron),
                10 ** rng.uniform(-2, 1.3, 4),
            )
            if end.success and (end.x > 0).all():
                close = np.isclose(found.rates, end.x, rtol=1e-5, atol=1e-7).all(1)
                assert close.sum() == 1, end.x
                hits += close
        assert (hits > 0).sum() >= min(2, count)


def test_stability_regime_and_response_of_the_interneuron_circuit():
    """Against eigenvalues and slopes of finite differences of Eq 2, written out here."""
    circuit = interneurons()
    ssn = SSN.from_circuit(circuit)
    assert isinstance(ssn.network, ManyPopulationSSN)
    assert ssn.kinds == ("excitatory", "inhibitory", "inhibitory", "inhibitory")
    state = ssn.steady_states(10.0)[0]
    rates = np.array(list(state.rates.values()))
    J = np.array([[6, -3.5, -3, 0], [22, -3, -3, 0], [4, 0, 0, -3], [5, 0, -1.5, 0]], float)
    np.testing.assert_allclose(ssn.network.weights, J, rtol=1e-12)

    def motion(x, mu=10.0):
        inputs = J @ x + mu
        return (np.array([law(u) for law, u in zip(ssn.transfer, inputs, strict=True)]) - x) / ssn.tau_population

    columns = [(motion(rates + h) - motion(rates - h)) / 2e-6 for h in 1e-6 * np.eye(4)]
    expected = np.sort_complex(np.linalg.eigvals(np.array(columns).T))
    np.testing.assert_allclose(np.sort_complex(np.array(state.eigenvalues)), expected, rtol=1e-5)
    assert state.stable
    assert state.inhibition_stabilized == (columns[0][0] > 0)
    assert state.inhibition_stabilized
    threshold = ssn.conditions()["isn"]["threshold_rate_E"]
    assert set(ssn.conditions()) == {"isn"}
    for mu in (4.0, 6.0, 7.0, 12.0):
        one = ssn.steady_states(mu)[0]
        assert one.inhibition_stabilized == (one.rates["E"] > threshold)
    more = ssn.steady_states({"E": 10, "PV": 10, "SOM": 10, "VIP": 12})[0]
    assert more.rates["E"] > state.rates["E"]  # disinhibition
    assert more.rates["SOM"] < state.rates["SOM"]
    with pytest.raises(NotApplicableError, match="one excitatory and one inhibitory"):
        ssn.folds()
    with pytest.raises(NotApplicableError, match="SOM"):
        ssn.values()


def two_excitatory(weight_scale=1.0):
    """Two excitatory and one inhibitory population of plain LIF neurons, supersaturating as Fig 2A when joined."""
    populations = (
        Population("I", 1000, LIF, "inhibitory", {"tau": "10 ms"}),
        Population("A", 1500, LIF, "excitatory"),
        Population("B", 1500, LIF, "excitatory"),
    )
    J = {("A", "A"): 1, ("A", "B"): 1, ("B", "A"): 1, ("B", "B"): 1, ("A", "I"): 12, ("B", "I"): 12}
    J |= {("I", "A"): 3, ("I", "B"): 3, ("I", "I"): 1}
    projections = tuple(
        Projection(source, target, f"{weight_scale * total / 100!r} mV", FixedInDegree(100), DELTA)
        for (target, source), total in J.items()
    )
    return Circuit("two_excitatory", populations, projections)


def test_several_excitatory_populations_agree_with_the_pair_they_make():
    joined = SSN.from_circuit(ekelmans2023.supersaturating())
    ssn = SSN.from_circuit(two_excitatory())
    assert ssn.populations == ("A", "B", "I")
    assert ssn.conditions() == {}
    for mu in (5.0, 15.0, 25.0, 40.0):
        one, other = joined.steady_states(mu)[0], ssn.steady_states(mu)[0]
        assert other.rates == pytest.approx({"A": one.rates["E"], "B": one.rates["E"], "I": one.rates["I"]}, rel=1e-9)
        assert (other.stable, other.supersaturating) == (one.stable, one.supersaturating)
        assert other.inhibition_stabilized == one.inhibition_stabilized
        assert other.extrapolated == one.extrapolated
    assert [ssn.steady_states(mu)[0].supersaturating for mu in (15.0, 25.0)] == [False, True]


def test_one_population_and_two_of_a_kind_are_served():
    alone = SSN.from_circuit(Circuit("alone", (Population("E", 10, LIF),)))
    law = alone.transfer[0]
    assert alone.steady_states(10.0)[0].rates["E"] == pytest.approx(law(10.0), rel=1e-12)
    both = Circuit("both", (Population("P", 10, LIF, "inhibitory"), Population("S", 10, LIF, "inhibitory")))
    states = SSN.from_circuit(both).steady_states(10.0, ratio=0.5)
    assert states[0].rates == pytest.approx({"P": law(5.0), "S": law(5.0)}, rel=1e-12)
    assert not states[0].supersaturating
    with pytest.raises(InvalidInputError, match="maximum_rate must be positive"):
        SSN.from_circuit(both, maximum_rate=0)
    with pytest.raises(InvalidInputError, match="tau_population of P must be positive"):
        SSN.from_circuit(both, tau_population={"P": -0.01})


def test_extrapolated_states_are_flagged():
    ssn = SSN.from_circuit(interneurons())
    rates = {"E": 12.0, "PV": 5.0, "SOM": 5.0, "VIP": 5.0}
    states = ssn.steady_states(ssn.required_inputs(rates))
    hit = [one for one in states if one.rates == pytest.approx(rates, rel=1e-6)]
    assert len(hit) == 1
    assert hit[0].extrapolated


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": (1e-4, 0.0)}, "a must be positive"),
        ({"n": (3.0, 1.0)}, "n must exceed 1"),
        ({"b": (np.nan, 1.0)}, "b contains values"),
        ({"weights": np.ones((2, 3))}, "weights has shape"),
        ({"weights": [[1.0, 1.0], [-1.0, 1.0]]}, "either excites or inhibits"),
    ],
)
def test_wrong_coefficients(change, message):
    good = {"a": (1e-4, 1e-6), "b": (-11.0, 4.0), "n": (3.0, 3.8), "weights": BISTABLE.weights}
    network = ManyPopulationSSN(**good)
    assert network == ManyPopulationSSN(**good)
    assert hash(network) == hash(ManyPopulationSSN(**good))
    assert network != ManyPopulationSSN(**good | {"b": (-11.0, 4.1)})
    with pytest.raises(ValueError, match=message):
        ManyPopulationSSN(**good | change)
    for mu in ([1.0], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="mu_ext must be 2 finite numbers"):
            states_of_many_populations(network, mu)
    with pytest.raises(ValueError, match="maximum_rate"):
        states_of_many_populations(network, [1.0, 1.0], np.inf)


def predicted(capsys, *words):
    assert main(["predict", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_predict_serves_four_populations(capsys):
    data = predicted(capsys, "interneurons", "--mu", "10", "--folds", "--sensitivities")
    ssn = SSN.from_circuit(interneurons())
    assert data["steady_states"][0]["rates"] == ssn.steady_states(10.0)[0].rates
    assert data["steady_states"][0]["isn"] is True
    assert data["complete"] is True
    assert data["self_consistent_complete"] is True
    assert set(data["self_consistent"][0]["rates"]) == {"E", "PV", "SOM", "VIP"}
    assert data["conditions"]["supersaturation"] is None
    assert data["conditions"]["balanced"] is None
    assert data["conditions"]["isn"] == ssn.conditions()["isn"]
    assert "one excitatory and one inhibitory" in data["conditions_reason"]
    assert data["folds"] is None
    assert "one excitatory and one inhibitory" in data["folds_reason"]
    for entry in (data["steady_states"][0], data["self_consistent"][0]):
        slopes = entry["sensitivities"]["weights"]
        assert len(slopes) == 10
        assert slopes["VIP->SOM"]["slopes"]["E"] > 0 > slopes["SOM->E"]["slopes"]["E"]
        assert slopes["E->E"]["J"] == pytest.approx(6.0)
    assert main(["predict", "interneurons", "--mu", "10", "--sensitivities", "--folds"]) == 0
    text = capsys.readouterr().out
    assert "J VIP->SOM" in text
    assert "folds in mu_ext: not searched" in text


def test_predict_serves_one_population(capsys, tmp_path):
    path = tmp_path / "alone.toml"
    path.write_text(circuit_to_toml(Circuit("alone", (Population("S", 10, LIF, "inhibitory"),))), encoding="utf-8")
    data = predicted(capsys, str(path), "--mu", "20", "--ratio", "0.5")
    assert len(data["steady_states"]) == len(data["self_consistent"]) == 1
    assert data["self_consistent"][0]["rates"]["S"] == pytest.approx(1.266620, abs=1e-6)
    assert data["conditions"] == {"supersaturation": None, "isn": None, "balanced": None}


def test_folds_are_refused_where_input_populations_fire():
    circuit = ekelmans2023.xor_gate()
    silent = SSN.from_circuit(circuit)
    assert silent.poisson_inputs.names
    firing = tuple(changed(one, rate="5 Hz") for one in circuit.inputs)
    with pytest.raises(NotApplicableError, match="rates of its input populations"):
        SSN.from_circuit(circuit.replace(inputs=firing)).folds()
