"""The connection rule that draws targets anew at every spike: values, texts, refusals, and what a run is told."""

import dataclasses
import json

import pytest
from ssnbrian.models.circuits.markov import scaled
from ssnbrian.models.library import CIRCUITS, TEMPLATES
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.plasticity.short_term import DEPRESSION
from ssnbrian.models.plasticity.spike_timing import PAIR_STDP
from ssnbrian.models.synapses.conductance import NMDA
from ssnbrian.models.synapses.current import DELTA, EXPONENTIAL

from ssnbrian.circuit import (
    Annealed,
    Bernoulli,
    Circuit,
    Constant,
    Course,
    InvalidInputError,
    Population,
    Projection,
    SynapseModel,
    circuit_from_toml,
    circuit_to_toml,
)
from ssnbrian.circuit.changes import changes
from ssnbrian.circuit.latex_models import circuit_latex
from ssnbrian.circuit.model_checks import check_fit, check_synapse
from ssnbrian.circuit.transforms import resized
from ssnbrian.cli.main import main
from ssnbrian.engine.build import structure_key
from ssnbrian.engine.courses import weight_courses
from ssnbrian.engine.names import shared_parameters
from ssnbrian.engine.network import synapse_texts
from ssnbrian.engine.options import BuildOptions


def pair(rule, synapse=DELTA):
    populations = (Population("E", 80, LIF), Population("I", 20, LIF, "inhibitory"))
    projections = tuple(Projection(source, target, "0.1 mV", rule, synapse) for source in "EI" for target in "EI")
    return Circuit("pair", populations, projections, Constant(10, duration=1))


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan"), "0.5", None, True])
def test_a_probability_is_a_number_from_0_to_1(probability):
    for rule in (Annealed, Bernoulli):
        with pytest.raises(InvalidInputError, match="expected a number from 0 to 1"):
            rule(probability)


def test_the_spiking_neuron_is_a_target_too():
    """K = p N for every projection, where a rule without self-connections has p (N - 1) for a recurrent one."""
    circuit = pair(Annealed(0.25))
    assert {one.name: circuit.in_degree(one) for one in circuit.projections} == {
        "E->E": 20, "E->I": 20, "I->E": 5, "I->I": 5,
    }  # fmt: skip
    assert circuit.weight_total(circuit.projections[0]).to("mV") == pytest.approx(2.0)
    other = pair(Bernoulli(0.25))
    assert other.in_degree(other.projections[0]) == 0.25 * 79


def test_a_file_has_rule_and_probability():
    circuit = pair(Annealed(0.3))
    text = circuit_to_toml(circuit)
    assert 'rule = "annealed"\nprobability = 0.3' in text
    assert circuit_from_toml(text) == circuit
    assert circuit_from_toml(text.replace("annealed", "bernoulli")) == pair(Bernoulli(0.3))
    with pytest.raises(InvalidInputError, match="Did you mean 'annealed'"):
        circuit_from_toml(text.replace("annealed", "aneald"))
    with pytest.raises(InvalidInputError, match="'probability' is missing"):
        circuit_from_toml(text.replace("probability = 0.3\n", ""))
    assert "Annealed 0.3" in str(circuit)


@pytest.mark.parametrize(
    ("synapse", "words"),
    [
        (DELTA + DEPRESSION, "R -= U\\*R|variables of its own"),
        (EXPONENTIAL + PAIR_STDP, "does not add|variables of its own"),
        (SynapseModel("sets", "v_post = weight"), "'v_post = weight' does not add"),
        (SynapseModel("scales", "v_post *= 0.5"), "'v_post \\*= 0.5' does not add"),
        (SynapseModel("answers", "v_post += weight", on_post="v_post += weight"), "variables of its own"),
    ],
)
def test_synapses_that_do_more_than_add_are_refused(synapse, words):
    with pytest.raises(InvalidInputError, match=f"projection E->E: the rule 'annealed' .*({words})"):
        Projection("E", "E", "0.1 mV", Annealed(0.5), synapse)


@pytest.mark.parametrize("synapse", TEMPLATES.synapses.values(), ids=lambda synapse: synapse.name)
def test_every_synapse_without_plasticity_can_be_annealed(synapse):
    projection = Projection("E", "I", "0.1 mV", Annealed(0.5), synapse)
    equations, on_pre, on_post = synapse_texts(projection)
    assert "probability : 1 (shared, constant)" in equations
    first, *others = on_pre.splitlines()
    assert first.endswith("= int(rand() < probability)")
    assert others and all(line.endswith(f"*{first.split(' = ')[0]}") for line in others)
    assert on_post == ""


def test_one_draw_decides_on_all_statements_of_a_spike():
    synapse = SynapseModel("double", "v_post += weight; v_post -= weight/2 + weight/4")
    _, on_pre, _ = synapse_texts(Projection("E", "E", "0.1 mV", Annealed(0.5), synapse))
    assert on_pre.count("rand()") == 1
    assert "v_post -= (weight/2 + weight/4)*" in on_pre


def test_a_probability_is_told_to_a_run_and_not_compiled():
    options = BuildOptions()
    keys = {structure_key(pair(rule), options) for rule in (Annealed(0.1), Annealed(0.9))}
    assert len(keys) == 1
    assert keys != {structure_key(pair(Bernoulli(0.1)), options)}
    values = shared_parameters(pair(Annealed(0.3)))
    assert values["synapses_E_to_I", "probability"].si == 0.3


def test_a_probability_is_a_value_that_can_be_changed(capsys):
    circuit = CIRCUITS["conductance"]()
    change = changes(circuit)["I->E.probability"]
    assert change.unit == "1"
    changed = change.apply(circuit, "0.7")
    assert changed.projection("I", "E").rule == Annealed(0.7)
    assert changed.projection("I", "E").weight == circuit.projection("I", "E").weight
    assert [one for one in changed.projections if one.name != "I->E"] == [
        one for one in circuit.projections if one.name != "I->E"
    ]
    assert "E->I.probability" not in changes(pair(Bernoulli(0.3)))
    assert main(["show", "conductance", "--set", "I->E.probability=0.7", "--json"]) == 0
    assert "probability = 0.7" in json.loads(capsys.readouterr().out)["toml"]
    assert main(["show", "conductance", "--set", "I->E.probability=1.7"]) == 2
    assert "from 0 to 1" in capsys.readouterr().err


def test_resized_keeps_the_probability_and_J():
    circuit = pair(Annealed(0.25))
    small = resized(circuit, {"E": 40})
    for before, after in zip(circuit.projections, small.projections, strict=True):
        assert after.rule == before.rule
        assert small.weight_total(after).si == pytest.approx(circuit.weight_total(before).si, rel=1e-12)


def test_scaled_keeps_in_degrees_and_weights():
    circuit = CIRCUITS["kicks"]()
    large = scaled(circuit, 10)
    assert [one.size for one in large.populations] == [3000, 1000]
    for before, after in zip(circuit.projections, large.projections, strict=True):
        assert after.weight == before.weight
        assert after.rule.probability == pytest.approx(before.rule.probability / 10, rel=1e-15)
        assert large.in_degree(after) == pytest.approx(circuit.in_degree(before), rel=1e-12)
    assert scaled(circuit, 1) == circuit
    for factor, words in ((0.001, "at least 1"), (0.1, "above 1"), (-1, "positive"), (float("nan"), "positive")):
        with pytest.raises(InvalidInputError, match=words):
            scaled(circuit, factor)
    with pytest.raises(InvalidInputError, match="E->E: only the rule 'annealed'"):
        scaled(pair(Bernoulli(0.5)), 2)


def test_the_weight_in_the_equations_of_a_target():
    """Its value goes to the target too, under a name of the source; it cannot follow a course."""
    circuit = CIRCUITS["kicks"]()
    values = shared_parameters(circuit)
    assert values["neurons_E", "weight_from_I"].to("mV") == pytest.approx(-4.91)
    assert values["neurons_I", "weight_from_E"].to("mV") == pytest.approx(2.0)
    assert ("neurons_E", "weight_from_E") not in shared_parameters(pair(Annealed(0.5), NMDA))
    with pytest.raises(InvalidInputError, match="pending_kicks acts at the target after the spike"):
        weight_courses(circuit, {"E->E.weight": Course([0, 1], [1, 2], "mV")})


def test_a_weight_in_target_equations_is_checked():
    synapse = TEMPLATES.synapses["pending_kicks"]
    check_synapse(synapse)
    check_fit(LIF, synapse)
    wrong = dataclasses.replace(synapse, target_equations=synapse.target_equations.replace("ended*weight", "ended"))
    with pytest.raises(InvalidInputError, match="mu_kicks"):
        check_synapse(wrong)
    twice = dataclasses.replace(synapse, target_equations=f"{synapse.target_equations}\nweight : volt")
    with pytest.raises(InvalidInputError, match="'weight' is declared already"):
        check_synapse(twice)


@pytest.mark.parametrize("name", ["kicks", "kicks_regular", "kicks_synchronous", "conductance"])
def test_the_circuits_are_the_published_networks(name):
    """Sizes, probabilities, weights, decay times and thresholds, typed a second time."""
    circuit = CIRCUITS[name]()
    assert [(one.name, one.size, one.kind) for one in circuit.populations] == [
        ("E", 300, "excitatory"), ("I", 100, "inhibitory"),
    ]  # fmt: skip
    integer = name != "conductance"
    table = {
        "E->E": (0.15, 5.0) if integer else (0.8, 0.95),
        "E->I": (0.5, 2.0) if integer else (0.8, 1.25),
        "I->E": (0.5, 4.91) if integer else (0.8, 2.71),
        "I->I": (0.4, 4.91) if integer else (0.8, 2.45),
    }
    decay = {"kicks": (4, 1.2), "kicks_regular": (2, 1.2), "kicks_synchronous": (1.3, 0.95), "conductance": (1.4, 1.2)}
    for one in circuit.projections:
        assert one.rule == Annealed(table[one.name][0])
        assert one.weight.to("mV") == pytest.approx(table[one.name][1])
        tau = dict(zip(("E->E", "E->I"), decay[name], strict=True)).get(one.name, 4.5)
        assert one.parameters["tau_synapse"].to("ms") == pytest.approx(tau)
        if one.source == "I":
            assert one.parameters["reversal"].to("mV") == pytest.approx(-66)
            assert one.parameters["reference"].to("mV") == pytest.approx(100)
    for one in circuit.populations:
        given = {key: value.to(one.neuron.parameter(key).unit) for key, value in one.parameters.items()}
        assert given.pop("leak_rate", 0) == 0
        assert given == pytest.approx(
            {"kick_rate": 7, "threshold": 100, "reset": 0, "tau_refractory": 2.5 if integer else 4}
        )
    assert circuit.drive(0.0) == 0
    assert set(circuit_latex(circuit)) == {one.neuron.name for one in circuit.populations} | {
        one.synapse.name for one in circuit.projections
    }
