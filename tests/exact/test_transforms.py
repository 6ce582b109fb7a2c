"""Circuits made from circuits: sizes, in-degrees, weights and J follow the scaling laws exactly."""

import math

import pytest
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.papers import ekelmans2023
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import (
    AllToAll,
    Bernoulli,
    Circuit,
    Constant,
    FixedInDegree,
    InvalidInputError,
    Population,
    Projection,
)
from ssnbrian.circuit.transforms import drive_factor, fully_connected, resized, scaled_to

SUPERSATURATING = ekelmans2023.supersaturating()


@pytest.mark.parametrize("neurons", [10_000, 20_000, 40_000])
def test_scaling_with_the_square_root_of_the_size(neurons):
    """j(N) = j·sqrt(4000/N) and J(N) = J·sqrt(N/4000); where K·N/N0 is whole, j is exact too."""
    scaled, ratio = scaled_to(SUPERSATURATING, neurons), neurons / 4000
    assert {one.name: one.size for one in scaled.populations} == {"E": 3000 * ratio, "I": 1000 * ratio}
    for before, after in zip(SUPERSATURATING.projections, scaled.projections, strict=True):
        rounded = round(before.rule.in_degree * ratio)
        assert after.rule == FixedInDegree(rounded)
        old, new = SUPERSATURATING.weight_total(before).si, scaled.weight_total(after).si
        assert new == pytest.approx(old * math.sqrt(ratio), rel=4e-16)
        if rounded == before.rule.in_degree * ratio:
            assert after.weight.si == pytest.approx(before.weight.si / math.sqrt(ratio), rel=1e-15)
    assert [one.parameters for one in scaled.populations] == [one.parameters for one in SUPERSATURATING.populations]


def test_the_round_off_of_an_in_degree_goes_into_the_weight():
    """K = 195·4012/4000 = 195.585 becomes 196; J is exact, j is not."""
    scaled = scaled_to(SUPERSATURATING, 4012)
    projection = scaled.projection("E", "E")
    assert projection.rule.in_degree == 196
    assert scaled.weight_total(projection).to("mV") == pytest.approx(2 * math.sqrt(1.003), rel=1e-15)
    assert projection.weight.to("mV") == pytest.approx(2 * math.sqrt(1.003) / 196, rel=1e-15)


def test_bernoulli_keeps_its_probability():
    population = Population("E", 100, LIF)
    circuit = Circuit("one", (population,), (Projection("E", "E", "0.1 mV", Bernoulli(0.1), DELTA),))
    scaled = scaled_to(circuit, 400)
    assert scaled.projections[0].rule == Bernoulli(0.1)
    assert scaled.weight_total(scaled.projections[0]).to("mV") == pytest.approx(2 * 9.9 * 0.1, rel=1e-15)


def test_the_drive_is_scaled_only_when_asked_for():
    assert drive_factor(SUPERSATURATING, 40_000) == pytest.approx(math.sqrt(10), rel=1e-15)
    assert scaled_to(SUPERSATURATING, 40_000).drive == SUPERSATURATING.drive
    scaled = scaled_to(SUPERSATURATING, 40_000, scale_drive=True)
    assert scaled.drive(50.0) == pytest.approx(50 * math.sqrt(10), rel=1e-15)
    assert scaled_to(SUPERSATURATING.replace(drive=None), 8000, scale_drive=True).drive is None
    assert scaled_to(SUPERSATURATING.replace(drive=Constant(4)), 1000, scale_drive=True).drive(0) == 2


@pytest.mark.parametrize("between", [4000, 40_000])
def test_there_and_back_again(between):
    back = scaled_to(scaled_to(SUPERSATURATING, between), 4000)
    assert back.populations == SUPERSATURATING.populations
    for before, after in zip(SUPERSATURATING.projections, back.projections, strict=True):
        assert after.rule == before.rule
        assert after.weight.si == pytest.approx(before.weight.si, rel=1e-15)


@pytest.mark.parametrize(
    ("neurons", "message"),
    [
        (4001, r"cannot be split 3000:1000.*multiple of 4, e.g. 4000 or 4004"),
        (2, r"multiple of 4, e.g. 4$"),
        (0, "whole number of neurons"),
        (4000.5, "whole number of neurons"),
        (4, "nothing would be left of it"),
    ],
)
def test_sizes_that_cannot_be(neurons, message):
    with pytest.raises(InvalidInputError, match=message):
        scaled_to(SUPERSATURATING, neurons)


def test_resized_keeps_J():
    smaller = resized(SUPERSATURATING, {"E": 300, "I": 100})
    for before, after in zip(SUPERSATURATING.projections, smaller.projections, strict=True):
        assert smaller.weight_total(after).si == pytest.approx(SUPERSATURATING.weight_total(before).si, rel=1e-15)


def test_input_populations_stay_as_they_are():
    from ssnbrian.circuit.circuit import InputPopulation

    source = InputPopulation("X", 2000, "5 Hz")
    into = Projection("X", "E", "0.0025 mV", FixedInDegree(1000), DELTA)
    circuit = SUPERSATURATING.replace(inputs=(source,), projections=(*SUPERSATURATING.projections, into))
    for changed in (scaled_to(circuit, 8000), resized(circuit, {"E": 300, "I": 100})):
        assert changed.inputs == (source,)
        assert changed.projection("X", "E") == into


def test_variants_of_the_paper_keep_J_and_name_their_synapses():
    for plain, slow, tau_EE in (
        (ekelmans2023.supersaturating(), ekelmans2023.supersaturating(slow_synapses=True), 50.0),
        (ekelmans2023.bistable(), ekelmans2023.bistable(slow_synapses=True), 250.0),
    ):
        for one, other in zip(plain.projections, slow.projections, strict=True):
            assert (one.weight, one.rule, other.synapse.name) == (other.weight, other.rule, "exponential")
            within = other.name == "E->E"
            assert other.parameters["tau_synapse"].to("ms") == (tau_EE if within else 50.0)
            assert other.parameters["delay_high"].to("ms") == (150.0 if within else 0.0)
        assert slow.content_hash != plain.content_hash
    assert ekelmans2023.bistable("22 ms").population("E").parameters["tau"].to("ms") == 22
    assert ekelmans2023.bistable("20 ms") == ekelmans2023.bistable()
    with pytest.raises(InvalidInputError, match=r"E\.tau"):
        ekelmans2023.bistable(20)


def test_all_pairs_connected_with_the_same_total_weight():
    full = fully_connected(SUPERSATURATING)
    assert {one.rule for one in full.projections} == {AllToAll(autapses=True)}
    for before, after in zip(SUPERSATURATING.projections, full.projections, strict=True):
        assert full.weight_total(after).si == pytest.approx(SUPERSATURATING.weight_total(before).si, rel=1e-15)
        assert full.in_degree(after) == SUPERSATURATING.source_of(before).size
    assert full.populations == SUPERSATURATING.populations
