"""The units of Brian2 by name, and the dimension that the unit of an equation has."""

from __future__ import annotations

import ast
from fractions import Fraction
from functools import cache

from ssnbrian.circuit.units import DIMENSIONLESS, Dimension


def base_power(
    length: int = 0, mass: int = 0, time: Fraction | int = 0, current: int = 0, amount: int = 0, light: int = 0
) -> Dimension:
    return tuple(Fraction(exponent) for exponent in (length, mass, time, current, 0, amount, light))


_KELVIN = (*DIMENSIONLESS[:4], Fraction(1), *DIMENSIONLESS[5:])
_PREFIXED: dict[str, Dimension] = {
    **dict.fromkeys(("metre", "meter"), base_power(1)),
    **dict.fromkeys(("gram", "gramme"), base_power(mass=1)),
    "second": base_power(time=1),
    **dict.fromkeys(("amp", "ampere"), base_power(current=1)),
    **dict.fromkeys(("mole", "mol"), base_power(amount=1)),
    **dict.fromkeys(("candle", "lumen"), base_power(light=1)),
    **dict.fromkeys(("radian", "steradian"), DIMENSIONLESS),
    **dict.fromkeys(("hertz", "becquerel"), base_power(time=-1)),
    "newton": base_power(1, 1, -2),
    "pascal": base_power(-1, 1, -2),
    "joule": base_power(2, 1, -2),
    "watt": base_power(2, 1, -3),
    "coulomb": base_power(time=1, current=1),
    "volt": base_power(2, 1, -3, -1),
    "farad": base_power(-2, -1, 4, 2),
    "ohm": base_power(2, 1, -3, -2),
    "siemens": base_power(-2, -1, 3, 2),
    "weber": base_power(2, 1, -2, -1),
    "tesla": base_power(0, 1, -2, -1),
    "henry": base_power(2, 1, -2, -2),
    "lux": base_power(-2, light=1),
    **dict.fromkeys(("gray", "sievert"), base_power(2, time=-2)),
    "katal": base_power(time=-1, amount=1),
    "molar": base_power(-3, amount=1),
}
_UNPREFIXED: dict[str, Dimension] = {"kelvin": _KELVIN, **dict.fromkeys(("kilogram", "kilogramme"), base_power(mass=1))}
_PREFIXES = ("", *"YZEPTGMkmunpfazy")
# Brian2's short names.
_SHORT = {
    **{f"{prefix}S": f"{prefix}siemens" for prefix in "num"},
    **{f"{prefix}A": f"{prefix}amp" for prefix in "pnum"},
    **{f"{prefix}F": f"{prefix}farad" for prefix in "pnu"},
    **{f"{prefix}M": f"{prefix}molar" for prefix in "num"},
    **{f"{prefix}Hz": f"{prefix}hertz" for prefix in ("", "k", "M")},
    **{"mV": "mvolt", "ms": "msecond", "us": "usecond"},
}
_LENGTHS = ("cm", "mm", "um")
# The names that an equation's unit may use: those of the value 1 in SI units.
_OF_EQUATIONS = frozenset(
    {*_PREFIXED, *_UNPREFIXED, "kgram", "kgramme", "kliter", "klitre", "mmolar", "mM", "Hz"}
    - {"gram", "gramme", "molar"}
)


@cache
def brian_units() -> dict[str, Dimension]:
    """Every unit name that a Brian2 expression may use, with its dimension."""
    units = dict(_UNPREFIXED)
    units |= {prefix + name: one for name, one in _PREFIXED.items() for prefix in _PREFIXES}
    for name in [one for one in units if one not in ("liter", "litre")]:
        for exponent in (2, 3):
            units[f"{name}{exponent}"] = power(units[name], Fraction(exponent))
    for prefix in (*_PREFIXES, "c", "d", "da", "h"):
        units |= {f"{prefix}liter": base_power(3), f"{prefix}litre": base_power(3)}
    units |= {short: units[long] for short, long in _SHORT.items()}
    for name in _LENGTHS:
        units |= {name: base_power(1), f"{name}2": base_power(2), f"{name}3": base_power(3)}
    return units


def power(dimension: Dimension, exponent: Fraction) -> Dimension:
    """The dimension of a power."""
    return tuple(entry * exponent for entry in dimension)


def product(first: Dimension, second: Dimension) -> Dimension:
    """The dimension of a product."""
    return tuple(a + b for a, b in zip(first, second, strict=True))


def equation_dimension(unit: str) -> Dimension:
    """The dimension of the unit of an equation, such as ``volt/second`` or ``siemens/metre**2``.

    ``1``, ``boolean`` and ``integer`` have none. Raises ``ValueError`` saying what is wrong and what would be right.
    """
    if unit in ("1", "boolean", "integer"):
        return DIMENSIONLESS
    try:
        return _unit_node(ast.parse(unit, mode="eval").body, unit)
    except SyntaxError:
        raise ValueError(f"the unit '{unit}' cannot be read; units look like volt, volt/second or 1") from None


def _unit_node(node: ast.expr, unit: str) -> Dimension:
    if isinstance(node, ast.Name):
        if node.id in _OF_EQUATIONS:
            return brian_units()[node.id]
        if node.id in brian_units():
            raise ValueError(
                f"'{node.id}' cannot be the unit of a variable; use units without prefix, such as volt, second or amp"
            )
        raise ValueError(f"'{node.id}' is not the name of a unit; units look like volt, volt/second, 1 or boolean")
    if isinstance(node, ast.Constant) and node.value == 1:
        return DIMENSIONLESS
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        sign = Fraction(1 if isinstance(node.op, ast.Mult) else -1)
        return product(_unit_node(node.left, unit), power(_unit_node(node.right, unit), sign))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return power(_unit_node(node.left, unit), _number(node.right, unit))
    raise ValueError(f"the unit '{unit}' cannot be read; units look like volt, volt/second or 1")


def _number(node: ast.expr, unit: str) -> Fraction:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand, unit)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and abs(node.value) < 1e6:
        return Fraction(node.value).limit_denominator(1000)
    raise ValueError(f"the exponent in the unit '{unit}' is not a number; write e.g. second**-0.5")
