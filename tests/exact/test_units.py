"""Values and units: the grammar, the exact bits, and the errors."""

import math
from fractions import Fraction

import brian2
import numpy as np
import pytest
from brian2 import Quantity, ms, mV, nS, second, volt
from hypothesis import example, given
from hypothesis import strategies as st

from ssnbrian.circuit import UnitError, Value, parse_value
from ssnbrian.circuit.units import floats_of, parse_unit, value_of

VOLT = parse_unit("V")[1]
TIME = parse_unit("s")[1]
UNITS = ["mV", "ms", "mV/s", "mV/sqrt(s)", "mV/sqrt(ms)", "nA", "pF", "nS", "Hz", "1", "mV**2", "uV*ms**(1/2)", "1/ms"]
finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200, allow_subnormal=False)


@pytest.mark.parametrize(
    ("text", "si", "unit"),
    [
        ("22 ms", 0.022, second),
        ("22ms", 0.022, second),
        (" 0.0254  mV ", 0.0254e-3, volt),
        ("-3e-2 mV/s", -3e-5, volt / second),
        ("3 mV/sqrt(s)", 3e-3, volt / second**0.5),
        ("3 mV/s**0.5", 3e-3, volt / second**0.5),
        ("3 mV*s**(-1/2)", 3e-3, volt / second**0.5),
        ("2 mV^2", 2e-6, volt**2),
        (".5 kHz", 500, 1 / second),
        ("4 /s", 4, 1 / second),
        ("4 * mV", 4e-3, volt),
        ("7 nS", 7e-9, brian2.siemens),
        ("7 µA", 7e-6, brian2.amp),
        ("0.25", 0.25, 1),
        ("5 mV*ms**-1", 5, volt / second),
    ],
)
def test_text_reads_as_the_quantity_that_brian2_makes_of_it(text, si, unit):
    value = parse_value(text)
    assert value.si == si
    assert brian2.have_same_dimensions(value.quantity, unit)
    assert float(np.asarray(value.quantity)) == si
    assert value_of(si * unit, value.natural_unit(), "x").dimension == value.dimension


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("22 mx", ["'mx'", "not a known unit", "Did you mean"]),
        ("22 milivolt", ["'milivolt'", "not a known unit"]),
        ("ms", ["cannot read 'ms'", "a number and a unit"]),
        ("", ["a number and a unit"]),
        ("nan mV", ["cannot read 'nan mV'"]),
        ("3 mV/", ["a unit name is missing"]),
        ("3 mV/sqrt(s", ["closing bracket"]),
        ("3 mV s", ["'s' is left over"]),
        ("3 mV**x", ["exponent must be a number"]),
        ("3 mV**(1/0)", ["closing bracket"]),
        ("3 kV**99999", ["exponent must lie between"]),
        ("3 " + "sqrt(" * 5000, ["longer than"]),
        ("3 mV; import os", ["left over"]),
        ("__import__('os')", ["a number and a unit"]),
        ("1e" + "9" * 5000, ["cannot read"]),
        ("3 GV**16*GV**16*GV**16", ["too large"]),
    ],
)
def test_unreadable_text_says_why(text, said):
    with pytest.raises(UnitError) as caught:
        parse_value(text)
    assert all(part in str(caught.value) for part in said), str(caught.value)


@given(finite, st.sampled_from(UNITS))
@example(0.000123456789012345, "mV")
@example(math.nextafter(0.001, 1), "mV")
@example(0.0, "mV")
def test_text_keeps_every_bit(si, unit):
    value = Value(si, parse_unit(unit)[1])
    again = parse_value(value.text(unit))
    assert (again.si.hex(), again.dimension) == (si.hex(), value.dimension)


@given(st.integers(-(10**6), 10**6), st.integers(0, 6), st.sampled_from(["mV", "ms", "mV/s", "mV/sqrt(s)", "nS"]))
def test_numbers_that_people_type_come_back_as_typed(digits, places, unit):
    number = float(f"{digits}e-{places}")
    value = parse_value(f"{number!r} {unit}")
    assert value.to(unit) == number
    assert value.text(unit) == f"{number!r} {unit}"


@given(finite, st.sampled_from(["mV", "mV/s", "ms"]))
def test_value_is_correctly_rounded(number, unit):
    exact = Fraction(repr(number)) / 1000
    assert parse_value(f"{number!r} {unit}").si == float(exact)


@pytest.mark.parametrize("exponents", [(2, 1, -3, -1), (2, 1, -4, -1), (0, 0, 3, 0), (1, -1, 0, 2), (0, 1, 0, 0)])
def test_the_natural_unit_of_any_dimension_can_be_read_back(exponents):
    dimension = tuple(Fraction(e) for e in exponents) + (Fraction(0),) * 3
    for given_dimension in (dimension, tuple(e / 2 for e in dimension)):
        assert parse_unit(Value(1.0, given_dimension).natural_unit())[1] == given_dimension
        str(Value(1.5, given_dimension))


def test_to_refuses_another_dimension():
    with pytest.raises(UnitError, match="expected a value in ms, got one in mV"):
        parse_value("3 mV").to("ms")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (20 * ms, "got 20 ms (in ms)"),
        (3, "got a plain number (3)"),
        ("3 Hz", "got 3 Hz"),
        ("3 mx", "'mx' is not a known unit"),
        (np.nan * mV, "finite"),
        (np.inf * mV, "finite"),
        ([1, 2] * mV, "expected one value in mV"),
        (None, "expected one value in mV"),
        ({}, "expected one value in mV"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(wrong, said):
    with pytest.raises(UnitError) as caught:
        value_of(wrong, "mV", "E.threshold")
    message = str(caught.value)
    assert message.startswith("E.threshold: ")
    assert said in message
    assert "mV" in message


def test_quantities_units_and_values_are_taken():
    for given_value in (3 * mV, Quantity(0.003, dim=volt.dim), "3 mV", Value(0.003, VOLT)):
        assert value_of(given_value, "mV", "x") == Value(0.003, VOLT)
    assert value_of(mV, "mV", "x") == Value(0.001, VOLT)
    assert value_of(0.5, "1", "x").si == 0.5


@pytest.mark.parametrize(
    ("quantity", "unit", "number"),
    [
        (20 * mV / second, "mV/s", 20.0),
        (3 * mV / second**0.5, "mV/sqrt(s)", 3.0),
        (3 * mV / ms**0.5, "mV/sqrt(ms)", 3.0),
        (5 * ms, "s", 0.005),
        (7 * nS, "nS", 7.0),
        (2 * brian2.kHz, "Hz", 2000.0),
    ],
)
def test_floats_of_converts_scalars_and_arrays(quantity, unit, number):
    assert floats_of(quantity, unit, "x") == pytest.approx(number, rel=1e-14)
    array = floats_of(np.array([[1.0, 2.0]]) * quantity, unit, "x")
    np.testing.assert_allclose(array, [[number, 2 * number]], rtol=1e-14)
    assert floats_of(number, unit, "x") == number
    assert floats_of(f"{number} {unit}", unit, "x") == pytest.approx(number)


@pytest.mark.parametrize("wrong", [3 * mV, [1, np.nan], np.inf, "3 ms", None, [1, "a"], {}])
def test_floats_of_refuses_what_is_no_number_of_that_unit(wrong):
    with pytest.raises(UnitError, match=r"^drive: .*mV/s"):
        floats_of(wrong, "mV/s", "drive")
