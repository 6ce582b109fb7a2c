"""The Markov equations as a theory of circuits, against other networks, differences and identities."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ssnbrian.analysis.markov import MarkovEquations, MarkovNetwork, find_fixed_points, network_of
from ssnbrian.analysis.markov.kick_fixed_points import fixed_point
from ssnbrian.analysis.markov.linearisation import linearise
from ssnbrian.analysis.reduction import NotApplicableError
from ssnbrian.models.library import CIRCUITS

from ssnbrian.circuit import InvalidInputError
from ssnbrian.cli.theories import theories_of

pytestmark = pytest.mark.xdist_group("markov_theory")

KNOWN = (24.4269, 55.5326)


@pytest.fixture(scope="module")
def theory():
    return MarkovEquations.from_circuit(CIRCUITS["kicks"]())


def test_the_known_state_and_what_is_known_of_it(theory) -> None:
    states = theory.steady_states(0.0)
    assert states.complete and len(states) == 1 and states.mu_ext == {"E": 0.0, "I": 0.0}
    state = states[0]
    assert tuple(state.rates.values()) == pytest.approx(KNOWN, abs=6e-5)
    assert state.stable and state.inhibition_stabilized and not state.supersaturating
    assert state.residual < 1e-7
    assert state.eigenvalues[0].real == max(one.real for one in state.eigenvalues) < 0
    assert theory.steady_states({"E": 0.0, "I": 0.0})[0] is state


def test_theories_of_a_circuit() -> None:
    """The decay times change the stability alone; the command line compares with this theory and no other."""
    (found,) = theories_of(CIRCUITS["kicks_synchronous"](), "fit")
    assert isinstance(found, MarkovEquations) and found.kinds == ("excitatory", "inhibitory")
    network = found.network(0.0)
    point = find_fixed_points("kicks", network, np.array(KNOWN))[0]
    assert point.rates == pytest.approx(KNOWN, abs=6e-5) and not point.stable
    with pytest.raises(NotApplicableError, match="markov does not apply to the circuit 'supersaturating'"):
        MarkovEquations.from_circuit(CIRCUITS["supersaturating"]())


def test_mu_ext_adds_external_kicks(theory) -> None:
    assert theory.network(500.0, 0.5).drive == pytest.approx([7500.0, 7250.0])
    assert theory.network({"E": -8000.0, "I": 100.0}).drive == pytest.approx([0.0, 7100.0])
    with pytest.raises(InvalidInputError, match="no entry for population 'I'"):
        theory.steady_states({"E": 1.0})


def test_no_state_where_all_may_be_silent(theory) -> None:
    states = theory.steady_states(-7000.0)
    assert len(states) == 0 and not states.complete and "silent for ever" in states.reason


def excitation_beside(rate: float, network: MarkovNetwork) -> MarkovNetwork:
    """The excitatory population and, instead of I, inhibitory neurons that spike at ``rate`` whatever E does."""
    weights, probabilities = network.weights.copy(), network.probabilities.copy()
    weights[1], probabilities[1] = 0.0, 0.0
    drive = np.array([network.drive[0], 100.0 / (1.0 / rate - network.refractory[1])])
    return dataclasses.replace(network, weights=weights, probabilities=probabilities, drive=drive)


@pytest.mark.parametrize(("strength", "unstable"), [(1.0, True), (0.2, False)])
def test_excitation_alone_is_a_network_with_inhibition_from_outside(strength: float, unstable: bool) -> None:
    """Its eigenvalues are those of the excitatory block and those of the neurons outside, which are stable."""
    network = network_of(CIRCUITS["kicks"]())
    network = dataclasses.replace(network, weights=network.weights * np.array([[strength, 1.0], [1.0, 1.0]]))
    point = fixed_point(network, KNOWN)
    found = linearise("kicks", network, point, np.ones(2))
    alone = fixed_point(excitation_beside(point.rates[1], network), point.rates)
    assert alone.rates == pytest.approx(point.rates, rel=1e-9)
    assert found.excitation_unstable == unstable == (not alone.stable)
    chosen = np.flatnonzero(found.excitatory)
    block = np.linalg.eigvals(found.jacobian[np.ix_(chosen, chosen)])
    leading = block[np.argmax(block.real)]
    assert np.min(np.abs(alone.eigenvalues - leading)) < 1e-6 * abs(leading)


@pytest.mark.parametrize(("name", "near"), [("kicks", KNOWN), ("conductance", (40.6, 68.2))])
def test_slopes_are_differences_of_stationary_states(name: str, near: tuple[float, float]) -> None:
    theory = MarkovEquations.from_circuit(CIRCUITS[name]())
    direction = np.array([1.0, 0.4])

    def rates(level: float) -> np.ndarray:
        return find_fixed_points(theory.family, theory.network(level, 0.4), np.array(near))[0].rates

    point = find_fixed_points(theory.family, theory.network(0.0), np.array(near))[0]
    found = linearise(theory.family, theory.network(0.0), point, direction)
    assert found.slopes == pytest.approx((rates(2.0) - rates(-2.0)) / 4.0, rel=1e-5)
    leading = np.max(np.linalg.eigvals(found.jacobian).real)
    assert leading == pytest.approx(point.leading.real, rel=1e-8)


def test_inputs_pay_for_the_way_to_the_threshold() -> None:
    """Excitatory kicks of 1 mV never overshoot: what neurons receive that are not refractory is 100 mV per spike."""
    circuit = CIRCUITS["kicks"]()
    projections = tuple(
        dataclasses.replace(one, weight="1 mV") if one.source == "E" else one for one in circuit.projections
    )
    theory = MarkovEquations.from_circuit(circuit.replace(projections=projections))
    (state,) = theory.steady_states(0.0)
    for name in "EI":
        rate = state.rates[name]
        assert state.inputs[name] * (1 - 2.5e-3 * rate) == pytest.approx(100 * rate, rel=1e-9)


def test_conductances_have_a_state_whose_completeness_is_not_claimed() -> None:
    states = MarkovEquations.from_circuit(CIRCUITS["conductance"]()).steady_states(0.0)
    assert not states.complete and "not proven" in states.reason
    assert len(states) == 1 and not states[0].stable
