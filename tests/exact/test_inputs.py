"""Input populations and courses as part of the description."""

import dataclasses

import pytest
from ssnbrian.models.papers import ekelmans2023
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import (
    Circuit,
    Constant,
    Course,
    FixedInDegree,
    InputPopulation,
    InvalidInputError,
    Projection,
    UnitError,
    circuit_from_toml,
    circuit_to_toml,
)
from ssnbrian.circuit.drive import resolve_drives
from ssnbrian.cli.parsing import change
from ssnbrian.engine.courses import input_rate_courses, weight_courses


@pytest.fixture
def gate() -> Circuit:
    return ekelmans2023.xor_gate()


def test_round_trip_through_toml(gate):
    text = circuit_to_toml(gate)
    assert circuit_from_toml(text) == gate
    assert "[inputs.X1]" in text


def test_a_circuit_without_inputs_writes_the_text_it_wrote_before():
    assert "inputs" not in circuit_to_toml(ekelmans2023.supersaturating())


def test_weight_total_counts_the_input_neurons(gate):
    assert gate.weight_total(gate.projection("X1", "E")).to("mV") == pytest.approx(2.5, rel=1e-12)
    assert "X1: 2000 excitatory Poisson processes of 5 Hz" in str(gate)


def test_rate_can_be_set_by_name(gate):
    assert change(gate, "X1.rate=10 Hz").inputs[0].rate.to("Hz") == 10
    with pytest.raises(InvalidInputError, match=r"X1\.rate"):
        change(gate, "X1.rates=10 Hz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "1X"}, "not a usable name"),
        ({"size": 0}, "at least 1"),
        ({"rate": "-1 Hz"}, "must not be negative"),
        ({"rate": "1 mV"}, "Hz"),
        ({"kind": "modulatory"}, "'excitatory' or 'inhibitory'"),
    ],
)
def test_bad_input_populations_are_refused(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        dataclasses.replace(InputPopulation("X", 10, "5 Hz"), **changes)


def test_nothing_projects_onto_an_input_population(gate):
    onto = Projection("E", "X1", "0.1 mV", FixedInDegree(1), DELTA)
    with pytest.raises(InvalidInputError, match="an input population, which receives nothing"):
        gate.replace(projections=(*gate.projections, onto))


def test_names_are_unique_among_populations_and_inputs(gate):
    with pytest.raises(InvalidInputError, match="two populations named 'E'"):
        gate.replace(inputs=(InputPopulation("E", 10, "1 Hz"),))


def test_input_needs_no_more_sources_than_there_are(gate):
    with pytest.raises(InvalidInputError, match="in-degree"):
        gate.replace(inputs=(InputPopulation("X1", 10, "1 Hz"), gate.inputs[1]))


def test_courses_are_completed_and_checked(gate):
    courses = input_rate_courses(gate, {"X2": Course([0, 1, 1], [0, 0, 10], "Hz")}, 1e-4)
    assert list(courses) == ["X1", "X2"]
    assert courses["X1"](3.0) == 5
    assert courses["X2"](0.5) == 0
    assert courses["X2"](1.0) == 10


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X3": Course([0], [1], "Hz")}, "'X3' is not an input population"),
        ({"X1": Constant(5)}, "course in Hz"),
        ({"X1": 5}, "course in Hz"),
        ({"X1": Course([0], [-1], "Hz")}, "must not be negative"),
        ({"X1": Course([0], [20000], "Hz")}, "more than one spike per step"),
    ],
)
def test_bad_input_rates_are_refused(gate, given, message):
    with pytest.raises(InvalidInputError, match=message):
        input_rate_courses(gate, given, 1e-4)


def test_weights_by_synapse_or_by_population():
    circuit = ekelmans2023.supersaturating()
    of_one = weight_courses(circuit, {"E->E.weight": Course([0, 1], [0.01, 0.02], "mV")})
    of_all = weight_courses(circuit, {"J.EE": Course([0, 1], [1.95, 3.9], "mV")})
    assert of_one["E->E"].values == pytest.approx(of_all["E->E"].values, rel=1e-14)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"J.EX": Course([0], [1], "mV")}, r"Did you mean .J\.IE"),
        ({"J.EE": Course([0], [1], "Hz")}, "course in mV"),
        ({"J.EE": Course([0], [-1], "mV")}, "must not be negative"),
        ({"J.EE": Course([0], [1], "mV"), "E->E.weight": Course([0], [1], "mV")}, "two courses"),
    ],
)
def test_bad_weights_are_refused(given, message):
    with pytest.raises(InvalidInputError, match=message):
        weight_courses(ekelmans2023.supersaturating(), given)


def test_a_course_is_no_drive():
    with pytest.raises(InvalidInputError, match="a drive is a mean input in mV/s"):
        resolve_drives([("E", "excitatory")], Course([0], [1], "Hz"), 1.0, 5.0)
    with pytest.raises(UnitError):
        Course([0], ["1 mV"], "Hz")
