"""Inverse design is the inverse: the states at the designed inputs or weights hold the target rates."""

import dataclasses

import numpy as np
import pytest
from ssnbrian.analysis import SSN, PowerLaw, SelfConsistent
from ssnbrian.analysis.balanced import BalancedLimit
from ssnbrian.analysis.inverse_design import inputs_for_trajectory, required_weights, stable_along
from ssnbrian.analysis.many_populations import ManyPopulationSSN
from ssnbrian.analysis.reduction import NotApplicableError
from ssnbrian.models.interneurons import interneurons
from ssnbrian.models.neurons.lif import LIF_REFRACTORY
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import Circuit, InvalidInputError, Population

FIVE_DIGITS = {"E": PowerLaw(1.0792e-4, -11.1425, 3.0814), "I": PowerLaw(2.2099e-6, 4.7670, 3.8150)}
TIMES = np.linspace(0, 5, 6)


def pair():
    return SSN.from_circuit(ekelmans2023.bistable(), transfer=FIVE_DIGITS)


def trajectory(theory):
    """Smooth courses of all rates between about 0.5 and 3 Hz."""
    phases = np.arange(len(theory.populations))
    return 1.7 + 1.2 * np.sin(TIMES[:, None] * (0.8 + 0.2 * phases) + phases)


def holds(states, target):
    return any(list(one.rates.values()) == pytest.approx(list(target), rel=1e-6) for one in states)


@pytest.mark.parametrize(
    "theory",
    [
        pair(),
        SSN.from_circuit(interneurons()),
        SelfConsistent.from_circuit(ekelmans2023.bistable()),
        SelfConsistent.from_circuit(interneurons()),
        SSN.from_circuit(ekelmans2023.xor_gate()),
        SelfConsistent.from_circuit(ekelmans2023.xor_gate()),
    ],
    ids=["pair", "four", "self-consistent pair", "self-consistent four", "Poisson inputs", "noise of Poisson inputs"],
)
def test_the_state_at_the_designed_inputs_is_the_target(theory):
    rates = trajectory(theory)
    drives = inputs_for_trajectory(theory, TIMES, rates)
    assert set(drives) == set(theory.populations)
    stable = stable_along(theory, rates)
    for k, time in enumerate(TIMES):
        inputs = {name: drive(time) for name, drive in drives.items()}
        states = theory.steady_states(inputs)
        assert states.complete
        assert holds(states, rates[k]), (time, states, rates[k])
        hit = [one for one in states if holds([one], rates[k])]
        assert [one.stable for one in hit] == [stable[k]]
        assert inputs == pytest.approx(theory.required_inputs(dict(zip(theory.populations, rates[k], strict=True))))
    assert drives[theory.populations[0]].duration == 5.0


def test_equation_5_and_6_by_hand():
    """mu_ext,E = (nu_E/a_E)^(1/n_E) + b_E - 5 nu_E + 10 nu_I and mu_ext,I with - 7 nu_E + 11 nu_I."""
    drives = inputs_for_trajectory(pair(), [0.0, 1.0], {"E": [2.0, 3.0], "I": 0.5})
    for k, rate in enumerate((2.0, 3.0)):
        by_hand = (rate / 1.0792e-4) ** (1 / 3.0814) - 11.1425 - 5 * rate + 10 * 0.5
        assert drives["E"](float(k)) == pytest.approx(by_hand, rel=1e-12)
        by_hand = (0.5 / 2.2099e-6) ** (1 / 3.8150) + 4.7670 - 7 * rate + 11 * 0.5
        assert drives["I"](float(k)) == pytest.approx(by_hand, rel=1e-12)


def test_two_populations_as_many_populations_give_the_same_inputs():
    ssn = pair()
    one = ssn.network
    network = ManyPopulationSSN((one.a_E, one.a_I), (one.b_E, one.b_I), (one.n_E, one.n_I), one.weights)
    other = dataclasses.replace(ssn, network=network)
    rates = trajectory(ssn)
    np.testing.assert_allclose(ssn.required_mu_ext(rates), other.required_mu_ext(rates), rtol=1e-13)


def with_weights(ssn, weights, k):
    """The SSN with the designed magnitudes of step ``k``."""
    names = ssn.populations
    signs = [1.0 if kind == "excitatory" else -1.0 for kind in ssn.kinds]
    J = np.array(ssn.network.weights)
    for (target, source), course in weights.items():
        x, y = names.index(target), names.index(source)
        J[x, y] = signs[y] * course[k]
    if isinstance(ssn.network, ManyPopulationSSN):
        return dataclasses.replace(ssn, network=dataclasses.replace(ssn.network, weights=J))
    changes = dict(zip(("J_EE", "J_EI", "J_IE", "J_II"), np.abs(J).ravel(), strict=True))
    return dataclasses.replace(ssn, network=dataclasses.replace(ssn.network, **changes))


@pytest.mark.parametrize(
    ("ssn", "free", "mu"),
    [
        (pair(), None, 3.0),
        (pair(), {"E": "E", "I": "E"}, 6.0),
        (pair(), {"E": "I", "I": "I"}, 20.0),
        (SSN.from_circuit(interneurons()), None, {"E": 10, "PV": 5, "SOM": 12, "VIP": 9}),
        (SSN.from_circuit(interneurons()), {"E": "PV", "PV": "E", "SOM": "VIP", "VIP": "SOM"}, 40.0),
    ],
)
def test_the_state_at_the_designed_weights_is_the_target(ssn, free, mu):
    rates = trajectory(ssn)
    found = required_weights(ssn, rates, mu, free=free, times=TIMES)
    sources = free or dict.fromkeys(ssn.populations, "E")
    assert set(found.weights) == {(target, source) for target, source in sources.items()}
    assert found.possible.sum() >= 2
    for k in np.flatnonzero(found.possible):
        states = with_weights(ssn, found.weights, k).steady_states(mu)
        assert holds(states, rates[k]), (k, states, rates[k])
    assert bool(found.violations) == (not found.possible.all())


def test_a_negative_weight_is_flagged_with_its_time_and_the_inequality():
    ssn = pair()
    rates = {"E": np.array([1.0, 1.0, 1.0, 1.0]), "I": np.array([1.0, 0.0, 0.0, 1.0])}
    found = required_weights(ssn, rates, {"E": 12.0, "I": 0.0}, times=[0.0, 1.0, 2.0, 3.0])
    assert found.possible.tolist() == [True, False, False, True]
    by_hand = (1.0 / 1.0792e-4) ** (1 / 3.0814) - 11.1425 - 12.0  # without inhibition J_EE alone brings it
    assert found.weights["E", "E"][1] == pytest.approx(by_hand)
    assert by_hand < 0
    assert len(found.violations) == 1
    assert found.violations[0].startswith("J E->E >= 0 is violated from 1 to 2 s: -")
    with pytest.raises(InvalidInputError, match=r"J E->E >= 0 is violated from 1 to 2 s"):
        found.require()


def test_a_silent_source_brings_nothing():
    ssn = pair()
    found = required_weights(ssn, {"E": [0.0, 1.0], "I": 0.5}, 3.0, times=[0.0, 2.0])
    assert np.isnan(found.weights["I", "E"][0])
    assert not found.possible[0]
    assert "J E->I at 0 s: its source is silent" in " ".join(found.violations)
    # Where the input is right already, the weight stays.
    inputs = ssn.required_inputs({"E": 0.0, "I": 0.5})
    kept = required_weights(ssn, {"E": 0.0, "I": 0.5}, inputs)
    assert kept.possible.all()
    assert kept.weights["I", "E"] == pytest.approx([7.0])
    assert kept.require() is kept.weights


def test_constant_rates_of_a_state_need_its_own_weights():
    ssn = SSN.from_circuit(interneurons())
    state = ssn.steady_states(10.0)[0]
    found = required_weights(ssn, state.rates, 10.0)
    for target, expected in {"E": 6.0, "PV": 22.0, "SOM": 4.0, "VIP": 5.0}.items():
        assert found.require()[target, "E"] == pytest.approx([expected])


@pytest.mark.parametrize(
    ("rates", "free", "message"),
    [
        ({"E": 1.0}, None, "no entry for population 'I'"),
        ({"E": 1.0, "I": 1.0, "J": 2.0}, None, "'J' is not a population"),
        ({"E": -1.0, "I": 1.0}, None, "finite and not negative"),
        ({"E": [1.0, 2.0], "I": [1.0, 2.0, 3.0]}, None, "different shapes"),
        (np.ones((4, 3)), None, "expected shape"),
        ({"E": 1.0, "I": 1.0}, {"E": "E"}, "population 'I' needs a free incoming connection"),
        ({"E": 1.0, "I": 1.0}, {"E": "E", "I": "X"}, "'X' is not a population"),
    ],
)
def test_wrong_targets_are_refused(rates, free, message):
    with pytest.raises(InvalidInputError, match=message):
        required_weights(pair(), rates, 3.0, free=free)


def test_wrong_theories_times_and_unreachable_rates_are_refused():
    balanced = BalancedLimit.from_circuit(ekelmans2023.bistable())
    for call in (
        lambda: required_weights(balanced, {"E": 1.0, "I": 1.0}, 3.0),
        lambda: inputs_for_trajectory(balanced, [0.0, 1.0], np.ones((2, 2))),
        lambda: stable_along(balanced, np.ones((2, 2))),
    ):
        with pytest.raises(NotApplicableError):
            call()
    with pytest.raises(InvalidInputError, match="expected 2 times"):
        inputs_for_trajectory(pair(), [0.0], np.ones((2, 2)))
    theory = SelfConsistent.from_circuit(ekelmans2023.bistable())
    with pytest.raises(InvalidInputError, match="rates of I: 0 Hz at 1 s is given by no mean input"):
        inputs_for_trajectory(theory, [0.0, 1.0], [[1.0, 1.0], [1.0, 0.0]])
    refractory = SelfConsistent.from_circuit(Circuit("one", (Population("E", 10, LIF_REFRACTORY),)))
    with pytest.raises(InvalidInputError, match="below 1/refractory = 500 Hz"):
        inputs_for_trajectory(refractory, [0.0, 1.0], [[1.0], [600.0]])
