"""What the theories say of circuits made of parts: an answer, or the sentence that says why there is none."""

import json

import pytest
from ssnbrian.analysis import SSN, BalancedLimit, SelfConsistent
from ssnbrian.models.library import PLASTICITY
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.synapses.conductance import CONDUCTANCE_EXCITATORY
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import (
    Circuit,
    Constant,
    FixedInDegree,
    InvalidInputError,
    Population,
    Projection,
    circuit_to_toml,
)
from ssnbrian.cli.main import main


def pair(synapse, parameters=None):
    """An E-I pair with the given synapse from E to E."""
    populations = (Population("E", 400, LIF), Population("I", 100, LIF, "inhibitory", {"tau": "10 ms"}))
    weights = {"EE": "0.05 mV", "EI": "0.2 mV", "IE": "0.2 mV", "II": "0.1 mV"}
    projections = tuple(
        Projection(
            source,
            target,
            weights[target + source],
            FixedInDegree(40),
            synapse if target + source == "EE" else DELTA,
            (parameters or {}) if target + source == "EE" else {},
        )
        for target in "EI"
        for source in "EI"
    )
    return Circuit("parts", populations, projections, Constant(10, duration=5))


def predicted(circuit, tmp_path, capsys, *more):
    path = tmp_path / "parts.toml"
    path.write_text(circuit_to_toml(circuit))
    code = main(["predict", str(path), "--mu", "10", "--json", *more])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if code == 0 else captured.err


@pytest.mark.parametrize("name", ["depression", "facilitation", "facilitation_depression", "tsodyks_markram"])
def test_predict_gives_the_states_under_short_term_plasticity(tmp_path, capsys, name):
    code, data = predicted(pair(DELTA + PLASTICITY[name]), tmp_path, capsys, "--folds")
    assert code == 0
    assert data["steady_states"]
    assert data["self_consistent"] == []
    assert data["conditions"]["balanced"] is None
    assert "E->E" in data["conditions_reason"]


@pytest.mark.parametrize("name", ["pair_stdp", "triplet_stdp", "hebbian_rates"])
def test_no_theory_of_rates_for_plasticity_by_spike_timing(tmp_path, capsys, name):
    circuit = pair(DELTA + PLASTICITY[name])
    for theory in (SSN, SelfConsistent, BalancedLimit):
        assert "E->E" in theory.refusal(circuit)
    code, said = predicted(circuit, tmp_path, capsys)
    assert code == 2
    assert "E->E" in said
    assert "Traceback" not in said


def test_conductances_are_refused_and_not_taken_for_currents():
    circuit = pair(CONDUCTANCE_EXCITATORY, {"reversal": "5 mV", "reference": "0 mV"})
    for theory in (SSN, SelfConsistent, BalancedLimit):
        assert "conductances" in theory.refusal(circuit)
        with pytest.raises(InvalidInputError, match="conductances"):
            theory.from_circuit(circuit)
