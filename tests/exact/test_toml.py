"""Circuits as files: every bit comes back, and every typo is named with its place."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ssnbrian.models.library import CIRCUITS, TEMPLATES, find_circuit
from ssnbrian.models.neurons.lif import LIF, LIF_REFRACTORY
from ssnbrian.models.synapses.current import DELTA, EXPONENTIAL

from ssnbrian.circuit import (
    AllToAll,
    Bernoulli,
    Circuit,
    Drive,
    FixedInDegree,
    InvalidInputError,
    NeuronModel,
    Parameter,
    Population,
    Projection,
    SynapseModel,
    UnitError,
    Value,
    circuit_from_toml,
    circuit_to_toml,
    load_circuit,
)
from ssnbrian.circuit.units import parse_unit

positive = st.floats(1e-12, 1e6)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# Neither the engine nor a file tells the kinds of line ends apart.
source_text = text.map(lambda one: one.replace("\r", ""))
names = st.sampled_from(["E", "I", "PV_2", "x", "neurons", "drive", "Long_name_1"])


def value(si, unit):
    return Value(si, parse_unit(unit)[1])


@st.composite
def neuron_models(draw):
    units = draw(st.lists(st.sampled_from(["mV", "ms", "mV/sqrt(ms)", "nS", "1", "mV**2"]), max_size=3))
    parameters = tuple(
        Parameter(f"p{k}", unit, draw(st.sampled_from([f"1.5 {unit}"])), draw(text)) for k, unit in enumerate(units)
    )
    visible = source_text.filter(lambda one: one.strip())
    return NeuronModel(
        name="own",
        equations=draw(source_text),
        threshold=draw(visible),
        reset=draw(visible),
        parameters=parameters,
        membrane=draw(st.sampled_from(["v", "u"])),
        refractory=draw(st.sampled_from([None, "3*ms"])),
        initial=(("v", draw(text)),),
        explanation=draw(source_text),
        source=draw(source_text),
    )


@st.composite
def circuits(draw):
    own = draw(neuron_models())
    populations = []
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        model = draw(st.sampled_from([LIF, LIF_REFRACTORY, own]))
        parameters = {one.name: value(draw(positive), one.unit) for one in model.parameters if one.name != "reset"}
        if "threshold" in parameters:
            parameters["reset"] = value(-draw(positive), "mV")
        kind = draw(st.sampled_from(["excitatory", "inhibitory"]))
        populations.append(Population(name, draw(st.integers(5, 10**9)), model, kind, parameters))
    known = [one.name for one in populations]
    pairs = draw(st.lists(st.tuples(st.sampled_from(known), st.sampled_from(known)), max_size=4, unique=True))
    projections = []
    for source, target in pairs:
        synapse = draw(st.sampled_from([DELTA, EXPONENTIAL]))
        low, high = sorted([draw(positive), draw(positive)])
        parameters = {"tau_synapse": draw(positive), "delay_low": low, "delay_high": high}
        parameters = {} if synapse is DELTA else {name: value(si, "s") for name, si in parameters.items()}
        rule = draw(
            st.one_of(
                st.builds(FixedInDegree, st.integers(0, 4)),
                st.builds(Bernoulli, st.floats(0, 1)),
                st.builds(AllToAll, st.booleans()),
            )
        )
        weight = value(draw(st.floats(0, 1)), "mV")
        projections.append(Projection(source, target, weight, rule, synapse, parameters))
    finite = st.floats(allow_nan=False, allow_infinity=False)
    levels = draw(st.lists(finite, min_size=1, max_size=4))
    times = [0.0, *sorted(draw(st.lists(positive, min_size=len(levels) - 1, max_size=len(levels) - 1)))]
    drive = Drive(draw(text), tuple(times), tuple(levels), draw(st.none() | positive))
    name = draw(st.from_regex(r"\w[\w .+-]*", fullmatch=True))
    ratio = draw(st.floats(min_value=0, allow_infinity=False))
    return Circuit(name, populations, projections, draw(st.none() | st.just(drive)), ratio, draw(text), draw(text))


@settings(deadline=None, max_examples=200)
@given(circuits())
def test_a_circuit_comes_back_to_the_last_bit(circuit):
    written = circuit_to_toml(circuit)
    again = circuit_from_toml(written)
    assert again == circuit
    assert hash(again) == hash(circuit)
    assert circuit_to_toml(again) == written
    assert again.content_hash == circuit.content_hash
    for one, other in zip(circuit.populations, again.populations, strict=True):
        for name in one.parameters:
            assert one.parameters[name].si.hex() == other.parameters[name].si.hex()


@pytest.mark.parametrize("name", list(CIRCUITS))
def test_the_library_comes_back_from_its_files(tmp_path, name):
    circuit = CIRCUITS[name]()
    path = tmp_path / "circuit.toml"
    path.write_text(circuit_to_toml(circuit), encoding="utf-8")
    assert load_circuit(path) == circuit
    assert find_circuit(str(path)) == circuit


def test_triple_quoted_texts_with_empty_lines_around_them_come_back():
    model = NeuronModel(
        name="two_variables",
        equations="""
            dv/dt = (-v + w)/(10*ms) : 1
            dw/dt = -w/(1*second) : 1
        """,
        threshold="v > 1",
        reset="v = 0\nw += 0.1",
        parameters=(),
        method="euler",
    )
    synapse = SynapseModel(name="two_lines", on_pre="\nv_post += weight/mV\nw_post += 1\n", delay="1*ms")
    circuit = Circuit("x", (Population("E", 5, model),), (Projection("E", "E", "1 mV", AllToAll(), synapse),))
    assert circuit_from_toml(circuit_to_toml(circuit)) == circuit
    assert model.reset == "v = 0\nw += 0.1"


SHORT = """
name = "short"
[drive]
times_in_s = [0, 2]
mu_ext_in_mV_per_s = [0, 50]
duration_in_s = 2
[populations.E]
neuron = "lif_white_noise"
size = 20
tau = "22 ms"
[populations.I]
neuron = "lif_white_noise"
size = 10
kind = "inhibitory"
[projections."E->I"]
synapse = "delta"
in_degree = 5
weight = "0.1 mV"
[projections."I->E"]
in_degree = 4
J = "2 mV"
"""


def test_a_short_file_uses_the_library():
    circuit = circuit_from_toml(SHORT, TEMPLATES)
    assert circuit.population("E").parameters["tau"].to("ms") == 22
    assert circuit.population("I").sign == -1
    assert circuit.projection("I", "E").weight.to("mV") == 0.5
    assert circuit.projection("I", "E").synapse == DELTA
    assert circuit.drive(1) == 25
    assert math.isclose(circuit.ratio, 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size = 20", "siez = 20", ["[populations.E]", "'size' is missing", "Did you mean 'siez'"]),
        ('tau = "22 ms"', 'tua = "22 ms"', ["[populations.E]", "unknown key 'tua'", "Did you mean 'tau'"]),
        ('"lif_white_noise"', '"lif_whitenoise"', ["unknown neuron model", "Did you mean 'lif_white_noise'"]),
        ('"delta"', '"dleta"', ["E->I", "unknown synapse model 'dleta'", "Did you mean 'delta'"]),
        ('"22 ms"', '"22 mx"', ["E.tau", "'mx' is not a known unit"]),
        ('"22 ms"', '"22 mV"', ["E.tau", "expected a value in ms", "got 22 mV"]),
        ('"22 ms"', "22", ["E.tau", "in ms", "plain number (22)"]),
        ('"22 ms"', '"nan ms"', ["E.tau", "cannot read 'nan ms'"]),
        ('"22 ms"', "nan", ["E.tau"]),
        ('"22 ms"', "[22]", ["[populations.E]", "'tau' should be of type"]),
        ('"22 ms"', '"22 ms', ["not valid TOML", "line 10"]),
        ("size = 20", "size = -20", ["population E", "at least 1", "-20"]),
        ("size = 20", "size = 2.5", ["'size' should be of type int", "2.5"]),
        ("size = 20", "size = true", ["'size' should be of type int"]),
        ("size = 20", "size = 20\nsize = 21", ["not valid TOML"]),
        ('"inhibitory"', '"inhibitry"', ["population I", "inhibitry"]),
        ("in_degree = 5", "in_degree = 21", ["E->I", "in-degree 21", "20 source neurons"]),
        ("in_degree = 5", "in_degre = 5", ["E->I", "'in_degree' is missing", "Did you mean 'in_degre'"]),
        ("in_degree = 5", 'rule = "bernouli"\nprobability = 0.1', ["connection rule 'bernouli'", "'bernoulli'"]),
        ("in_degree = 5", 'rule = "bernoulli"\nprobability = 2', ["probability", "from 0 to 1"]),
        ("in_degree = 4", "in_degree = 0", ["I->E", "cannot be shared out"]),
        ('weight = "0.1 mV"', 'weight = "-0.1 mV"', ["E->I.weight", "must not be negative"]),
        ('weight = "0.1 mV"', "weight = 0.1", ["E->I", "'weight' should be of type str"]),
        ('weight = "0.1 mV"', "", ["E->I", "either weight", "or J"]),
        ('weight = "0.1 mV"', 'weight = "0.1 mV"\nJ = "1 mV"', ["E->I", "either weight", "or J"]),
        ('"E->I"', '"E->J"', ["projection E->J", "target 'J' is not a population"]),
        ('"E->I"', '"E to I"', ["source->target", '"E->I"']),
        ('name = "short"', 'nmae = "short"', ["top of the file", "'name' is missing", "'nmae'"]),
        ('name = "short"', 'name = "short"\nratoi = 2', ["top of the file", "'ratoi'", "'ratio'"]),
        ('name = "short"', 'name = "short"\nratio = nan', ["ratio must be a finite number"]),
        ('name = "short"', 'name = "short"\nneurons = 3', ["'neurons' should be of type dict"]),
        ("times_in_s", "time_in_s", ["[drive]", "'times_in_s' is missing", "'time_in_s'"]),
        ("[0, 50]", '[0, "x"]', ["drive", "must be plain numbers"]),
        ("[0, 50]", "[0, [1]]", ["drive", "must be plain numbers"]),
        ("[0, 50]", "[0, 1, 2]", ["2 times and 3 values"]),
        ("[0, 50]", "[0, nan]", ["finite numbers"]),
        ("duration_in_s = 2", "duration_in_s = inf", ["positive and finite"]),
        ("[populations.E]", "[population.E]", ["top of the file", "'population'", "'populations'"]),
    ],
)
def test_a_typo_is_named_with_its_place_and_what_is_near(old, new, said):
    assert old in SHORT
    with pytest.raises(InvalidInputError) as caught:
        circuit_from_toml(SHORT.replace(old, new), TEMPLATES, where="'short.toml'")
    message = str(caught.value)
    assert message.startswith("'short.toml'")
    assert all(part in message for part in said), message


def test_a_wrong_unit_stays_a_unit_error():
    with pytest.raises(UnitError):
        circuit_from_toml(SHORT.replace("22 ms", "22 mV"), TEMPLATES)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("equations = ", "equation = ", ["[neurons.", "'equations' is missing", "'equation'"]),
        ('threshold = "v', 'treshold = "v', ["'threshold' is missing", "'treshold'"]),
        ("on_pre = ", "on_per = ", ["[synapses.", "'on_pre' is missing", "'on_per'"]),
        ('unit = "ms"', 'unti = "ms"', [".parameters.tau", "'unit' is missing", "'unti'"]),
        ("initial.v = ", "initial.v = 3 #", ["'v' should be of type str"]),
        ("membrane = ", "membrain = ", ["unknown key 'membrain'", "'membrane'"]),
    ],
)
def test_a_typo_in_a_template_is_named(old, new, said):
    written = circuit_to_toml(CIRCUITS["supersaturating"]())
    assert f"\n{old}" in written or f"{{ {old}" in written
    with pytest.raises(InvalidInputError) as caught:
        circuit_from_toml(written.replace(f"\n{old}", f"\n{new}", 1).replace(f"{{ {old}", f"{{ {new}", 1))
    assert all(part in str(caught.value) for part in said), str(caught.value)


def test_an_empty_file_and_a_circuit_without_populations():
    with pytest.raises(InvalidInputError, match=r"'name' is missing"):
        circuit_from_toml("")
    with pytest.raises(InvalidInputError, match=r"it is empty; add at least one population"):
        circuit_from_toml('name = "x"')


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InvalidInputError, match=r"there is no file '.*missing.toml'"):
        load_circuit(tmp_path / "missing.toml")
    with pytest.raises(InvalidInputError, match=r"cannot read '.*': Is a directory"):
        load_circuit(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\x7fELF\x00\xff\xfe")
    with pytest.raises(InvalidInputError, match=r"binary.toml' is not a text file; a circuit file is TOML in UTF-8"):
        load_circuit(binary)
    with pytest.raises(InvalidInputError, match=r"cannot read '.*': Not a directory"):
        load_circuit(binary / "below.toml")
    with pytest.raises(InvalidInputError, match=r"there is no circuit 'bistabel'. Did you mean 'bistable'"):
        find_circuit("bistabel")
