"""What Brian2 objects say about themselves, as text and values of the description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS
from brian2.core.variables import Constant

from ssnbrian.circuit import InvalidInputError, Parameter, Value
from ssnbrian.circuit.equations import in_one_line
from ssnbrian.engine.network import brian_unit

DIFFERENTIAL, SUBEXPRESSION, PARAMETER = "differential equation", "subexpression", "parameter"
_BASE = ("length", "mass", "time", "current", "temperature", "substance", "luminosity")
_OF_BRIAN2 = frozenset(
    {"t", "dt", "t_in_timesteps", "i", "j", "N", "N_pre", "N_post", "N_incoming", "N_outgoing"}
    | {"lastspike", "not_refractory", "lastupdate", "delay", "xi"}
    | {"True", "False", "and", "or", "not"}
)


def value_from(number: Any, dimensions: Any) -> Value:
    """A number in SI units with Brian2's dimensions as a value."""
    exponents = (Fraction(float(dimensions.get_dimension(name))).limit_denominator(64) for name in _BASE)
    return Value(float(number), tuple(exponents))


def unit_text(dimensions: Any) -> str:
    """Brian2 text of a unit."""
    return brian_unit(value_from(0.0, dimensions).natural_unit())


def parameter_from(name: str, value: Value, owner: str) -> Parameter:
    """A parameter whose default is the value."""
    unit = value.natural_unit()
    return Parameter(name, unit, value.text(unit).removesuffix(" 1"), f"from {owner}")


def literal(value: Value) -> str:
    """A value as a Brian2 expression."""
    unit = brian_unit(value.natural_unit())
    return f"{value.si!r}" if unit == "1" else f"{value.si!r}*{unit}"


def equation_line(name: str, equation: Any, expression: str | None = None) -> str:
    """One equation of Brian2 as text, with another right side where one is given."""
    unit = equation.var_type if equation.var_type != "float" else unit_text(equation.dim)
    flags = f" ({', '.join(equation.flags)})" if equation.flags else ""
    if equation.expr is None:
        return f"{name} : {unit}{flags}"
    left = f"d{name}/dt" if equation.type == DIFFERENTIAL else name
    return f"{left} = {in_one_line(expression or equation.expr.code)} : {unit}{flags}"


def is_external(name: str) -> bool:
    """Whether a name that no equation declares has its value from a namespace."""
    known = name in DEFAULT_UNITS or name in DEFAULT_FUNCTIONS or name in DEFAULT_CONSTANTS or name in _OF_BRIAN2
    return not known and not name.startswith("xi_")


def external_values(owner: Any, names: Iterable[str], namespace: Mapping[str, Any], where: str) -> dict[str, Value]:
    """Values of external names, from the object's own namespace or the one given, as Brian2 resolves them."""
    values = {}
    for name in sorted(filter(is_external, names)):
        try:
            found = owner._resolve_external(name, run_namespace=namespace, user_identifier=False)
        except KeyError as error:
            if "not a scalar" in str(error):
                raise InvalidInputError(f"{where}: '{name}' is an array; a parameter has one value") from None
            raise InvalidInputError(
                f"{where}: '{name}' is declared nowhere; give its value, e.g. namespace={{'{name}': …}}"
            ) from None
        if not isinstance(found, Constant):
            raise InvalidInputError(
                f"{where}: '{name}' is a function or an array over time, which a description cannot hold; "
                f"write it out in the equations, or give the course as a drive"
            )
        values[name] = value_from(found.value, found.dim)
    return values


def array_of(owner: Any, name: str, where: str) -> np.ndarray:
    """All values of a variable in SI units."""
    try:
        return np.atleast_1d(np.asarray(owner.variables[name].get_value()))
    except NotImplementedError:
        raise InvalidInputError(
            f"{where}: the values of '{name}' are known after a run only on this device; "
            f"build the objects with set_device('runtime')"
        ) from None


def uniform_value(owner: Any, name: str, where: str, cure: str) -> Value | None:
    """The one value that a variable has everywhere, None where it has no elements."""
    array = array_of(owner, name, where)
    if array.size == 0:
        return None
    low, high = (value_from(one, owner.variables[name].dim) for one in (array.min(), array.max()))
    if low != high:
        raise InvalidInputError(f"{where}: '{name}' has different values, from {low} to {high}; {cure}")
    return low
