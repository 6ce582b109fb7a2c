"""A circuit as a value: what it computes, how it is compared, and what it refuses."""

import dataclasses

import numpy as np
import pytest
from brian2 import ms, mV
from ssnbrian.models.library import CIRCUITS
from ssnbrian.models.neurons.lif import LIF, LIF_REFRACTORY
from ssnbrian.models.papers import ekelmans2023
from ssnbrian.models.synapses.current import DELTA, EXPONENTIAL

from ssnbrian.circuit import (
    AllToAll,
    Bernoulli,
    Circuit,
    Constant,
    FixedInDegree,
    InvalidInputError,
    NeuronModel,
    Parameter,
    Population,
    Projection,
    SynapseModel,
    Value,
)


def population(name="E", size=10, neuron=LIF, kind="excitatory", **parameters):
    return Population(name, size, neuron, kind, parameters)


def projection(source="E", target="E", weight="1 mV", rule=None, synapse=DELTA, **parameters):
    return Projection(source, target, weight, FixedInDegree(2) if rule is None else rule, synapse, parameters)


def test_parameters_are_given_in_any_form_and_completed_by_defaults():
    forms = [population(tau=22 * ms), population(tau="22 ms"), population(tau=Value(0.022, TIME))]
    assert forms[0] == forms[1] == forms[2]
    assert len({hash(form) for form in forms}) == 1
    assert str(forms[0].parameters["tau"]) == "22 ms"
    assert str(forms[0].parameters["sigma"]) == "3 mV/sqrt(s)"


TIME = population().parameters["tau"].dimension


@pytest.mark.parametrize(
    ("rule", "recurrent", "other"),
    [
        (FixedInDegree(4), 4, 4),
        (Bernoulli(0.5), 4.5, 5),
        (AllToAll(), 9, 10),
        (AllToAll(True), 10, 10),
        (FixedInDegree(0), 0, 0),
    ],
)
def test_in_degree_and_total_weight(rule, recurrent, other):
    own, cross = projection(rule=rule, weight="0.5 mV"), projection(target="I", rule=rule, weight="0.5 mV")
    circuit = Circuit("x", (population(), population("I", 7)), (own, cross))
    assert (circuit.in_degree(own), circuit.in_degree(cross)) == (recurrent, other)
    assert circuit.weight_total(own).to("mV") == pytest.approx(recurrent * 0.5)


@pytest.mark.parametrize(("p", "size", "expected"), [(0.055, 1000, 55), (0.29, 100, 29), (0.1, 39, 3), (0, 9, 0)])
def test_in_degree_from_a_probability(p, size, expected):
    assert FixedInDegree.from_probability(p, size) == FixedInDegree(expected)


def test_numpy_numbers_are_numbers():
    circuit = Circuit("x", (population(size=np.int64(10)),), (projection(rule=FixedInDegree(np.int32(3))),))
    assert circuit == Circuit("x", (population(),), (projection(rule=FixedInDegree(3.0)),))
    assert type(circuit.populations[0].size) is int


def test_equality_hash_and_replace():
    one, two = CIRCUITS["bistable"](), CIRCUITS["bistable"]()
    assert one == two
    assert hash(one) == hash(two)
    assert one.content_hash == two.content_hash
    assert one.replace(ratio=2).ratio == 2.0
    assert one.replace(ratio=2) != one
    hashes = {circuit().content_hash for circuit in CIRCUITS.values()}
    assert len(hashes) == len(CIRCUITS)


def test_the_content_hash_sees_the_last_bit_and_every_field():
    base = Circuit("x", (population(),), (projection(),), Constant(1))
    weight = base.projections[0].weight
    changed = [
        base,
        base.replace(projections=(projection(weight=Value(np.nextafter(weight.si, 1), weight.dimension)),)),
        base.replace(ratio=float(np.nextafter(1, 2))),
        base.replace(drive=Constant(float(np.nextafter(1, 2)))),
        base.replace(drive=None),
        base.replace(name="y"),
        base.replace(populations=(population(kind="inhibitory"),)),
        base.replace(populations=(population(tau="21 ms"),)),
        base.replace(projections=(projection(rule=Bernoulli(0.2)),)),
        base.replace(source="somebody"),
    ]
    assert len({circuit.content_hash for circuit in changed}) == len(changed)


def test_the_card_shows_what_there_is():
    card = str(ekelmans2023.supersaturating())
    for part in (
        "3000 excitatory",
        "1000 inhibitory",
        "dv/dt",
        "E->I",
        "J 12",
        "K 195",
        "tau",
        "Ekelmans",
        "0 to 50 mV/s",
    ):
        assert part in card


def test_the_papers_weights_are_those_of_its_tables():
    circuit = ekelmans2023.supersaturating()
    totals = {p.target + p.source: circuit.weight_total(p).to("mV") for p in circuit.projections}
    assert totals == pytest.approx({"EE": 2, "EI": 12, "IE": 6, "II": 1})
    assert [circuit.in_degree(p) for p in circuit.projections] == [195, 200, 825, 100]


NO_PARAMETERS = NeuronModel("own", "dv/dt = -v/(10*ms) : 1", "v > 1", "v = 0", ())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: population(tau="22 mV"), ["E.tau", "expected a value in ms", "got 22 mV"]),
        (lambda: population(tau=22), ["E.tau", "in ms", "plain number (22)"]),
        (lambda: population(tau=float("nan") * ms), ["E.tau", "finite"]),
        (lambda: population(tau="0 ms"), ["E.tau", "must be positive"]),
        (lambda: population(tauu="1 ms"), ["E", "unknown parameter 'tauu'", "Did you mean 'tau'"]),
        (lambda: population(sigma="-1 mV/sqrt(s)"), ["E.sigma", "must not be negative"]),
        (lambda: population(reset="1 mV"), ["reset (1 mV)", "below the threshold (1 mV)"]),
        (lambda: population(reset="2 mV", threshold="1 mV"), ["population E", "reset (2 mV)", "below"]),
        (lambda: population(neuron=LIF_REFRACTORY, refractory_period="-1 ms"), ["refractory_period", "negative"]),
        (lambda: population(size=0), ["population E", "whole number of at least 1", "got 0"]),
        (lambda: population(size=-5), ["population E", "whole number of at least 1", "got -5"]),
        (lambda: population(size=2.5), ["whole number", "2.5"]),
        (lambda: population(size=True), ["whole number"]),
        (lambda: population(size="many"), ["whole number", "many"]),
        (lambda: population(size=float("nan")), ["whole number", "nan"]),
        (lambda: population(kind="exitatory"), ["population E", "'excitatory' or 'inhibitory'", "exitatory"]),
        (lambda: population("2E"), ["'2E'", "not a usable name", "'PV_2'"]),
        (lambda: population("N"), ["'N'", "reserved"]),
        (lambda: population("E\n"), ["not a usable name"]),
        (lambda: projection(weight="-1 mV"), ["E->E.weight", "not be negative", "kind of the source"]),
        (lambda: projection(weight="1 ms"), ["E->E.weight", "in mV", "got 1 ms"]),
        (lambda: projection(weight=0.1), ["E->E.weight", "plain number"]),
        (lambda: projection(weight=np.nan * mV), ["E->E.weight", "finite"]),
        (lambda: projection(synapse=EXPONENTIAL, tau_synapse="0 ms"), ["E->E.tau_synapse", "positive"]),
        (lambda: projection(synapse=EXPONENTIAL, delay_low="-1 ms"), ["E->E.delay_low", "negative"]),
        (lambda: projection(synapse=EXPONENTIAL, delay_low="1 ms"), ["E->E", "delay_low must not exceed"]),
        (lambda: FixedInDegree(-1), ["in-degree", "at least 0", "-1"]),
        (lambda: FixedInDegree(1.5), ["in-degree", "whole number", "1.5"]),
        (lambda: FixedInDegree(float("nan")), ["in-degree", "whole number", "nan"]),
        (lambda: FixedInDegree("many"), ["in-degree", "whole number", "many"]),
        (lambda: FixedInDegree(None), ["in-degree", "whole number"]),
        (lambda: Bernoulli(1.5), ["probability", "from 0 to 1", "1.5"]),
        (lambda: Bernoulli(float("nan")), ["probability", "from 0 to 1"]),
        (lambda: Bernoulli("half"), ["probability", "from 0 to 1", "half"]),
        (lambda: Circuit("x", ()), ["circuit x", "empty", "add at least one population"]),
        (lambda: Circuit("x", (population(), population())), ["two populations named 'E'"]),
        (lambda: Circuit("x", (population(),), ratio=float("nan")), ["ratio", "finite number"]),
        (lambda: Circuit("x", (population(),), ratio="1"), ["ratio", "finite number"]),
        (lambda: Circuit("x", (population(),), (projection(source="Ex"),)), ["Ex->E", "source 'Ex'", "mean 'E'"]),
        (lambda: Circuit("x", (population(),), (projection(target="Q"),)), ["target 'Q'", "Known: E"]),
        (lambda: Circuit("x", (population(),), (projection(), projection())), ["two projections E->E"]),
        (
            lambda: Circuit("x", (population(),), (projection(rule=FixedInDegree(10)),)),
            ["E->E", "in-degree 10", "larger than the 9 source neurons"],
        ),
        (
            lambda: Circuit("x", (population(), population("I")), (projection(target="I", rule=FixedInDegree(11)),)),
            ["E->I", "in-degree 11", "10 source neurons"],
        ),
        (
            lambda: Circuit("x", (population(), population("I", neuron=dataclasses.replace(LIF, reset="v = 0*mV")))),
            ["two different neuron models", "'lif_white_noise'", "rename"],
        ),
        (lambda: Circuit("x", (population(),)).population("Ee"), ["no population 'Ee'", "mean 'E'"]),
        (lambda: dataclasses.replace(LIF, noise="sigmaa"), ["noise parameter 'sigmaa'", "not declared"]),
        (lambda: dataclasses.replace(LIF, reset=" "), ["both a threshold and a reset"]),
        (lambda: dataclasses.replace(LIF, parameters=LIF.parameters * 2), ["'tau'", "declared twice"]),
        (lambda: dataclasses.replace(LIF, name="my model"), ["'my model'", "not a usable name"]),
        (lambda: Parameter("x", "mW", None, ""), ["'mW'", "not a known unit"]),
        (lambda: Parameter("x", "mV", "3 ms", ""), ["default of x", "in mV"]),
        (lambda: Parameter("dt", "ms", None, ""), ["'dt'", "reserved"]),
        (
            lambda: dataclasses.replace(NO_PARAMETERS, parameters=(Parameter("size", "1", "1", ""),)),
            ["neuron model own", "cannot be named 'size'"],
        ),
        (lambda: SynapseModel("s", "v_post += weight", (Parameter("J", "mV", "1 mV", ""),)), ["cannot be named 'J'"]),
        (lambda: SynapseModel("s", "g_post += weight", current="g"), ["synapse model s", "go together"]),
    ],
)
def test_what_is_wrong_is_refused_with_one_sentence(make, said):
    with pytest.raises(InvalidInputError) as caught:
        make()
    assert all(part in str(caught.value) for part in said), str(caught.value)


def test_a_required_parameter_is_asked_for_with_its_explanation():
    model = dataclasses.replace(NO_PARAMETERS, parameters=(Parameter("gain", "mV", None, "how steep it is"),))
    with pytest.raises(InvalidInputError, match=r"'gain' \(how steep it is\) has no default; give it in mV"):
        population(neuron=model)
    assert population(neuron=model, gain="3 mV").parameters["gain"].to("mV") == 3
