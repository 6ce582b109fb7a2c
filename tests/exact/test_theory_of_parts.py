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


BY_SPIKE_TIMES = ("pair_stdp", "triplet_stdp", "hebbian_rates")


@pytest.mark.parametrize("name", [name for name in PLASTICITY if name not in BY_SPIKE_TIMES])
def test_predict_gives_the_states_under_short_term_plasticity(tmp_path, capsys, name):
    code, data = predicted(pair(DELTA + PLASTICITY[name]), tmp_path, capsys, "--folds")
    assert code == 0
    assert data["steady_states"]
    assert data["self_consistent"]
    assert data["self_consistent_complete"]
    assert data["conditions"]["balanced"] is None
    assert "E->E" in data["conditions_reason"]


@pytest.mark.parametrize("name", BY_SPIKE_TIMES)
def test_no_theory_of_rates_for_plasticity_by_spike_timing(tmp_path, capsys, name):
    circuit = pair(DELTA + PLASTICITY[name])
    for theory in (SSN, SelfConsistent, BalancedLimit):
        assert "E->E" in theory.refusal(circuit)
    code, said = predicted(circuit, tmp_path, capsys)
    assert code == 2
    assert "E->E" in said
    assert "Traceback" not in said


def run(circuit, tmp_path, capsys, *words):
    path = tmp_path / "parts.toml"
    path.write_text(circuit_to_toml(circuit))
    code = main([words[0], str(path), *words[1:]])
    return code, capsys.readouterr()


def test_map_of_a_plastic_circuit(tmp_path, capsys):
    figure = tmp_path / "map.png"
    words = ("map", "--mu", "0:10:3", "--ratio", "0.5:1:2", "--figure", str(figure))
    depressed = pair(DELTA + PLASTICITY["depression"])
    code, printed = run(depressed, tmp_path, capsys, *words, "--json")
    data = json.loads(printed.out)
    assert code == 0
    assert figure.stat().st_size > 1000
    for j, ratio in enumerate(data["ratio"]):
        for k, mu in enumerate(data["mu_ext"]):
            states = SSN.from_circuit(depressed).steady_states(mu, ratio)
            assert data["states"][j][k] == len(states)
            assert data["stable"][j][k] == len(states.stable)
            assert data["highest"]["E"][j][k] == states.stable[-1].rates["E"]
    assert data["complete"]
    assert data["boundaries"] is None
    assert "constant weights" in data["boundaries_reason"]
    code, printed = run(depressed, tmp_path, capsys, *words)
    assert "some synapses are plastic" in printed.out


def test_bifurcation_of_a_plastic_circuit(tmp_path, capsys):
    words = ("bifurcation", "--range", "0:4", "--values", "3", "--figure", str(tmp_path / "diagram.png"), "--json")
    for theory in ("ssn", "self_consistent"):
        code, printed = run(pair(DELTA + PLASTICITY["depression"]), tmp_path, capsys, *words, "--theory", theory)
        data = json.loads(printed.out)
        assert code == 0
        assert data["theory"] == theory
        assert len(data["branches"]) == 1
        assert {len(one) for one in data["branches"][0]["eigenvalues"]} == {3}
        assert not data["complete"]
        assert data["counts_agree"]


def test_design_refuses_a_plastic_template(tmp_path, capsys):
    path = tmp_path / "parts.toml"
    path.write_text(circuit_to_toml(pair(DELTA + PLASTICITY["depression"])))
    code = main(["design", "supersaturation", "--peak", "8", "--at", "10", "--template", str(path)])
    assert code == 2
    assert "designs are of constant weights" in capsys.readouterr().err


def test_conductances_are_not_taken_for_currents():
    conductances = pair(CONDUCTANCE_EXCITATORY, {"reversal": "5 mV", "reference": "0 mV"})
    assert "conductances" in BalancedLimit.refusal(conductances)
    with pytest.raises(InvalidInputError, match="conductances"):
        BalancedLimit.from_circuit(conductances)
    for theory in (SSN, SelfConsistent):
        circuits = conductances, pair(DELTA)
        one, other = (theory.from_circuit(each).steady_states(10.0)[0].rates["E"] for each in circuits)
        assert abs(one - other) > 1e-3 * other
