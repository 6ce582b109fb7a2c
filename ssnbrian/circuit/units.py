"""Physical values of the description: parsed from text by a small grammar, or taken from Brian2 quantities.

A :class:`Value` is a float in SI base units with its dimension. It needs no Brian2 to exist, so that theory can
be computed without importing it; :attr:`Value.quantity` gives the Brian2 quantity.

The grammar of a unit: ``factor (('*' | '/') factor)*`` with ``factor = name [('**' | '^') exponent] |
'sqrt(' unit ')' | '1'``, e.g. ``mV/s``, ``mV/sqrt(s)``, ``mV*ms**-1``. Text is never evaluated.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from ssnbrian.circuit.errors import UnitError, nearest

Dimension = tuple[Fraction, ...]
"""Exponents of length, mass, time, current, temperature, substance, luminosity (the order of the SI)."""

_BASE_NAMES = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")
DIMENSIONLESS: Dimension = (Fraction(0),) * 7


def _dimension(**exponents: int) -> Dimension:
    return tuple(Fraction(exponents.get(name, 0)) for name in _BASE_NAMES)


_PREFIXES = {
    "": 1.0,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "μ": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
}
_UNITS: dict[str, Dimension] = {
    "V": _dimension(mass=1, length=2, time=-3, current=-1),
    "volt": _dimension(mass=1, length=2, time=-3, current=-1),
    "s": _dimension(time=1),
    "second": _dimension(time=1),
    "Hz": _dimension(time=-1),
    "hertz": _dimension(time=-1),
    "A": _dimension(current=1),
    "amp": _dimension(current=1),
    "S": _dimension(mass=-1, length=-2, time=3, current=2),
    "siemens": _dimension(mass=-1, length=-2, time=3, current=2),
    "F": _dimension(mass=-1, length=-2, time=4, current=2),
    "farad": _dimension(mass=-1, length=-2, time=4, current=2),
    "ohm": _dimension(mass=1, length=2, time=-3, current=-2),
    "m": _dimension(length=1),
    "metre": _dimension(length=1),
}


@cache
def _named_units() -> dict[str, tuple[float, Dimension]]:
    named = {"1": (1.0, DIMENSIONLESS)}
    for prefix, factor in _PREFIXES.items():
        for name, dimension in _UNITS.items():
            named[prefix + name] = (factor, dimension)
    return named


_NUMBER = re.compile(r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,9})?)(.*)", re.DOTALL)
_MAX_EXPONENT = 16
_MAX_UNIT_LENGTH = 200


class _UnitReader:
    """Recursive descent over the tokens of one unit."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def error(self, reason: str) -> UnitError:
        return UnitError(f"cannot read the unit '{self.text}': {reason} (units look like mV/s, mV/sqrt(s), ms)")

    def rest(self) -> str:
        return self.text[self.position :].strip()

    def accept(self, *symbols: str) -> str | None:
        for symbol in symbols:
            if self.text[self.position :].lstrip().startswith(symbol):
                lead = len(self.text[self.position :]) - len(self.text[self.position :].lstrip())
                self.position += lead + len(symbol)
                return symbol
        return None

    def unit(self) -> tuple[float, Dimension]:
        factor, dimension = self.factor()
        while operator := self.accept("*", "/"):
            other, other_dimension = self.factor()
            sign = 1 if operator == "*" else -1
            factor *= other**sign
            dimension = tuple(a + sign * b for a, b in zip(dimension, other_dimension, strict=True))
        return factor, dimension

    def factor(self) -> tuple[float, Dimension]:
        if self.accept("sqrt("):
            inner, dimension = self.unit()
            if not self.accept(")"):
                raise self.error("a closing bracket is missing")
            return math.sqrt(inner), tuple(exponent / 2 for exponent in dimension)
        match = re.match(r"\s*([A-Za-zµμ]+|1)", self.text[self.position :])
        if match is None:
            raise self.error(f"a unit name is missing at '{self.rest()}'" if self.rest() else "a unit name is missing")
        name = match.group(1)
        self.position += match.end()
        if name not in _named_units():
            raise self.error(f"'{name}' is not a known unit. {nearest(name, _named_units())}")
        factor, dimension = _named_units()[name]
        if self.accept("**", "^"):
            exponent = self.exponent()
            factor **= float(exponent)
            dimension = tuple(entry * exponent for entry in dimension)
        return factor, dimension

    def exponent(self) -> Fraction:
        bracket = self.accept("(")
        match = re.match(r"\s*([-+]?[0-9]+(?:\.[0-9]+)?)(?:/([1-9][0-9]*))?", self.text[self.position :])
        if match is None or (match.group(2) and not bracket):
            raise self.error("an exponent must be a number such as 2, -0.5 or (1/2)")
        self.position += match.end()
        if bracket and not self.accept(")"):
            raise self.error("a closing bracket is missing")
        exponent = Fraction(match.group(1)) / int(match.group(2) or 1)
        if abs(exponent) > _MAX_EXPONENT:
            raise self.error(f"an exponent must lie between -{_MAX_EXPONENT} and {_MAX_EXPONENT}")
        return exponent


@cache
def parse_unit(text: str) -> tuple[float, Dimension]:
    """Read a unit such as ``mV/sqrt(s)``.

    Returns the factor to SI base units and the dimension. Raises :class:`UnitError` with the reason.
    """
    if len(text) > _MAX_UNIT_LENGTH:
        raise UnitError(f"cannot read the unit '{text[:20]}…': it is longer than {_MAX_UNIT_LENGTH} characters")
    reader = _UnitReader(text)
    factor, dimension = reader.unit()
    if reader.rest():
        raise reader.error(f"'{reader.rest()}' is left over")
    if not 1e-300 < factor < 1e300:
        raise reader.error("it is too large or too small")
    power = _power_of_ten(factor)
    return (factor if power is None else float(f"1e{power}")), dimension


def _power_of_ten(factor: float) -> int | None:
    """The exponent of a factor that is a power of ten up to rounding, None for any other."""
    power = round(math.log10(factor))
    return power if math.isclose(factor, float(f"1e{power}"), rel_tol=1e-14) else None


@dataclass(frozen=True)
class Value:
    """A physical value: ``si`` in SI base units, with its dimension."""

    si: float
    dimension: Dimension = DIMENSIONLESS

    def __post_init__(self) -> None:
        # A numpy float prints as np.float64(…), which no file should hold.
        object.__setattr__(self, "si", float(self.si))

    def to(self, unit: str) -> float:
        """The number in front of ``unit``; :class:`UnitError` when the dimension differs."""
        factor, dimension = parse_unit(unit)
        if dimension != self.dimension:
            raise UnitError(f"expected a value in {unit}, got one in {self.natural_unit()}")
        return _divide_exactly(self.si, factor)

    @property
    def quantity(self) -> Any:
        """The same value as a Brian2 quantity."""
        from brian2.units.fundamentalunits import Quantity, get_or_create_dimension

        return Quantity(self.si, dim=get_or_create_dimension([float(exponent) for exponent in self.dimension]))

    def natural_unit(self) -> str:
        """A unit of this dimension that a reader knows."""
        for text in ("mV/s", "mV/sqrt(s)", "mV", "ms", "Hz", "mV**2", "nA", "nS", "pF", "1"):
            if parse_unit(text)[1] == self.dimension:
                return text
        return _base_unit(self.dimension)

    def text(self, unit: str) -> str:
        """Number and unit such that reading the text gives the same value to the last bit."""
        factor, _ = parse_unit(unit)
        number = repr(self.to(unit))
        if _times(number, factor) != self.si and (power := _power_of_ten(factor)) is not None:
            # The nearest double in this unit may belong to another double in SI units; the decimal does not.
            number = _shifted(repr(self.si), -power)
        if _times(number, factor) != self.si:
            number, unit = repr(self.si), _base_unit(self.dimension)
        return f"{number} {unit}"

    def __str__(self) -> str:
        unit = self.natural_unit()
        if unit.count("**") and unit != "mV**2":
            return f"{self.si:g} {unit}"
        return f"{self.to(unit):g} {unit}".removesuffix(" 1")


def _base_unit(dimension: Dimension) -> str:
    """A dimension in V, A, s and m, as text that can be read back."""
    length, mass, time, current, *others = dimension
    powers = {"V": mass, "A": current + mass, "s": time + 3 * mass, "m": length - 2 * mass}
    powers |= dict(zip(("K", "mol", "cd"), others, strict=True))
    parts = (name if e == 1 else f"{name}**{f'({e})' if e.denominator > 1 else e}" for name, e in powers.items() if e)
    return "*".join(parts) or "1"


def _shifted(number: str, power: int) -> str:
    """A decimal number times a power of ten, as text."""
    mantissa, _, exponent = number.lower().partition("e")
    return f"{mantissa}e{int(exponent or 0) + power}"


def _divide_exactly(si: float, factor: float) -> float:
    # Dividing by 0.001 and multiplying by 1000 round differently; shifting the decimal point and rounding once
    # gives what a person would type (0.02 s is 20 ms, not 20.000000000000004 ms).
    power = _power_of_ten(factor)
    return si / factor if power is None or not math.isfinite(si) else float(_shifted(repr(si), -power))


def _times(number: str, factor: float) -> float:
    power = _power_of_ten(factor)
    return float(number) * factor if power is None else float(_shifted(number, power))


def parse_value(text: str) -> Value:
    """Read a value such as ``22 ms`` or ``0.0254 mV`` (a plain number is dimensionless).

    Raises :class:`UnitError` with the reason when the number or the unit cannot be read.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise UnitError(f"cannot read '{text}' as a value: expected a number and a unit, e.g. 22 ms")
    unit = match.group(2).strip().removeprefix("*").strip()
    if unit.startswith("/"):
        unit = "1" + unit
    factor, dimension = parse_unit(unit or "1")
    return Value(_times(match.group(1), factor), dimension)


def _dimension_of(given: Any) -> Dimension | None:
    """The dimension of a Brian2 quantity or unit; None for anything else."""
    dimension = getattr(given, "dim", None)
    if dimension is None or not hasattr(dimension, "get_dimension"):
        return None
    names = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")
    return tuple(Fraction(float(dimension.get_dimension(name))).limit_denominator(64) for name in names)


def value_of(given: Any, unit: str, what: str) -> Value:
    """Take a user's scalar: text, a Brian2 quantity or a :class:`Value`; check its dimension against ``unit``.

    A bare number is accepted only where ``unit`` is ``1``. Raises :class:`UnitError` naming ``what``, the
    expected unit and an example, for a wrong dimension, a bare number, NaN or infinity.
    """
    _, expected = parse_unit(unit)
    example = (
        f"e.g. {what.rsplit('.', maxsplit=1)[-1].rsplit(' ', maxsplit=1)[-1]} = '20 {unit}'"
        if unit != "1"
        else "e.g. 0.5"
    )
    if isinstance(given, Value):
        value = given
    elif isinstance(given, str):
        try:
            value = parse_value(given)
        except UnitError as error:
            raise UnitError(f"{what}: {error}") from None
    else:
        dimension = _dimension_of(given)
        try:
            number = float(getattr(given, "base", given)) if dimension is None else float(_plain(given))
        except (TypeError, ValueError):
            raise UnitError(f"{what}: expected one value in {unit} ({example}), got {given!r}") from None
        value = Value(number, dimension or DIMENSIONLESS)
    if value.dimension != expected:
        got = (
            f"a plain number ({value.si:g})"
            if value.dimension == DIMENSIONLESS
            else f"{value} (in {value.natural_unit()})"
        )
        raise UnitError(f"{what}: expected a value in {unit} ({example}), got {got}")
    if not math.isfinite(value.si):
        raise UnitError(f"{what}: expected a finite value in {unit}, got {value.si}")
    return value


def si_of(given: Any, dimension: Dimension | None, unit: str, what: str) -> Any:
    """Finite floats in SI base units from a scalar or an array with a unit, checked unless ``dimension`` is None.

    Unlike :func:`floats_of` it takes a bare number only where nothing else is meant. ``unit`` is for the message.
    """
    import numpy

    if isinstance(given, str):
        try:
            given = parse_value(given)
        except UnitError as error:
            raise UnitError(f"{what}: {error}") from None
    got = given.dimension if isinstance(given, Value) else _dimension_of(given) or DIMENSIONLESS
    if dimension is not None and got != dimension:
        shown = "a plain number" if got == DIMENSIONLESS else f"a value in {Value(0.0, got).natural_unit()}"
        raise UnitError(f"{what}: expected a value in {unit} (a quantity or text such as '20 {unit}'), got {shown}")
    try:
        numbers = numpy.asarray(given.si if isinstance(given, Value) else given, dtype=float)
    except (TypeError, ValueError):
        raise UnitError(f"{what}: expected numbers in {unit}, got {given!r}") from None
    if not numpy.all(numpy.isfinite(numbers)):
        raise UnitError(f"{what}: the values must be finite, got NaN or infinity")
    return numbers


def _plain(given: Any) -> Any:
    import numpy

    return numpy.asarray(given, dtype=float)


def floats_of(given: Any, unit: str, what: str) -> Any:
    """Numbers in ``unit`` from a user's scalar or array: Brian2 quantity, text, or plain numbers already in it.

    This is the public border of the analysis, which computes on floats. Returns a float or an array of the
    shape given. Raises :class:`UnitError` for a wrong dimension and for NaN or infinite entries.
    """
    import numpy

    if isinstance(given, (str, Value)):
        return value_of(given, unit, what).to(unit)
    dimension = _dimension_of(given)
    try:
        numbers = numpy.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise UnitError(f"{what}: expected numbers in {unit}, got {given!r}") from None
    if dimension is not None:
        factor, expected = parse_unit(unit)
        if dimension != expected:
            got = Value(0.0, dimension).natural_unit()
            raise UnitError(f"{what}: expected {unit} (e.g. 20 {unit}), got a value in {got}")
        power = _power_of_ten(factor)
        numbers = numbers / factor if power is None or power >= 0 else numbers * 10.0**-power
    if not numpy.all(numpy.isfinite(numbers)):
        raise UnitError(f"{what}: expected finite numbers in {unit}, got {given!r}")
    return float(numbers) if numbers.ndim == 0 else numbers
