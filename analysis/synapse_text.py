"""What a presynaptic spike does, read from the text of a synapse model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sympy

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.equations import parse_equations

from .model_text import read

__all__ = ["MEMBRANE", "WEIGHT", "UntreatedError", "is_linear", "relaxation", "spike_areas", "spike_effect"]

WEIGHT = sympy.Symbol("weight")
MEMBRANE = sympy.Symbol("v")
"""The potential of the target, as synapses name it."""
_STATEMENT = re.compile(r"(\w+)\s*(=|\+=|-=|\*=|/=)\s*([^=].*)")
_EQUATION = re.compile(r"(?:d(\w+)/dt|(\w+))\s*(?:=\s*([^:]+))?:")


class UntreatedError(ValueError):
    """A synapse outside what can be averaged, with the reason."""


def _lines(text: str) -> list[str]:
    bare = (re.sub(r"#.*", "", line) for line in re.split(r"[\n;]", text))
    return [line.strip() for line in bare if line.strip()]


def is_linear(expression: sympy.Expr, symbols: list[sympy.Symbol]) -> bool:
    """Whether an expression is a polynomial of the first degree, or a constant, in ``symbols``."""
    return bool(expression.is_polynomial(*symbols)) and sympy.Poly(expression, *symbols).total_degree() <= 1


def relaxation(equations: str, known: Mapping[str, sympy.Expr]) -> dict[str, sympy.Expr]:
    """ds/dt between spikes of every variable of a synapse; 0 for one that only spikes change.

    Raises :class:`UntreatedError` where it is not linear in the variables.
    """
    variables: dict[str, str] = {}
    for line in _lines(equations):
        match = _EQUATION.match(line)
        if match is None:
            raise UntreatedError(f"'{line}' is not an equation of the form 'dx/dt = … : unit'")
        if match[2] and match[3]:
            raise UntreatedError(f"'{match[2]}' is an expression of other variables; write it out where it is used")
        variables[match[1] or match[2]] = match[3] or "0"
    symbols = {name: sympy.Symbol(name) for name in variables}
    relax = {name: read(text, {**known, **symbols}, f"d{name}/dt") for name, text in variables.items()}
    for name, expression in relax.items():
        if not is_linear(expression, list(symbols.values())):
            raise UntreatedError(f"d{name}/dt is not linear in the variables of the synapse")
    return relax


def spike_effect(
    on_pre: str, states: Mapping[str, sympy.Symbol], known: Mapping[str, sympy.Expr]
) -> tuple[dict[str, sympy.Expr], str, sympy.Expr]:
    """Every variable after a presynaptic spike, the variable of the target that it adds to, and how much.

    All in the variables before the spike and :data:`WEIGHT`. Raises :class:`UntreatedError` where a spike does
    anything else, or does not add in proportion to the weight.
    """
    values: dict[str, sympy.Expr] = dict(states)
    increments: dict[str, sympy.Expr] = {}
    for line in _lines(on_pre):
        match = _STATEMENT.fullmatch(line)
        if match is None:
            raise UntreatedError(f"'{line}' is not a statement of the form 'X = …' or 'X += …'")
        name, operator, text = match.groups()
        amount = read(text, {**known, "weight": WEIGHT, **values}, "on_pre")
        if name in values:
            before = values[name]
            by = {"=": amount, "+=": before + amount, "-=": before - amount, "*=": before * amount}
            values[name] = by[operator] if operator in by else before / amount
        elif name.endswith("_post") and operator in ("+=", "-="):
            target = name.removesuffix("_post")
            increments[target] = increments.get(target, 0) + (amount if operator == "+=" else -amount)
        else:
            raise UntreatedError(f"'{line}' changes neither a variable of the synapse nor adds to one of its target")
    if len(increments) != 1:
        raise UntreatedError(f"on_pre must add to one variable of the target, and it adds to {len(increments)}")
    if any(value.has(WEIGHT) for value in values.values()):
        raise UntreatedError("a variable of the synapse depends on its weight")
    ((target, amount),) = increments.items()
    amount = sympy.expand(amount)
    if amount.coeff(WEIGHT, 0) != 0 or not amount.is_polynomial(WEIGHT) or sympy.degree(amount, WEIGHT) != 1:
        raise UntreatedError(f"what a spike adds to {target} is not proportional to the weight")
    return values, target, amount


def spike_areas(
    target_equations: str, current: str | None, known: Mapping[str, sympy.Expr]
) -> dict[str, sympy.Expr]:
    """Area under the input per unit added to each variable of the target, linear in :data:`MEMBRANE` at most; v: 1.

    Empty where the equations of the target are not linear in their variables, or the input is not linear in the
    membrane's potential.
    """
    if current is None:
        return {"v": sympy.Integer(1)}
    try:
        equations = parse_equations(target_equations, "synapse")
    except InvalidInputError:
        return {}
    symbols = {one.name: sympy.Symbol(one.name) for one in equations if one.kind == "differential"}
    others = [one for one in equations if one.kind != "differential"]
    if any(one.expression is None for one in others):
        return {}
    names = {**known, **symbols, "v": MEMBRANE}
    try:
        while others:
            ready = [one for one in others if not _waits(one.expression or "", others)]
            names |= {one.name: read(one.expression or "", names, one.name) for one in ready}
            if not ready:
                return {}
            others = [one for one in others if one not in ready]
        rows = [read(one.expression or "", names, one.name) for one in equations if one.kind == "differential"]
        return _integrated(rows, names[current], symbols)
    except (InvalidInputError, KeyError, sympy.solvers.solveset.NonlinearError):
        return {}


def _waits(expression: str, others: list[Any]) -> bool:
    return bool(set(re.findall(r"[A-Za-z_]\w*", expression)) & {one.name for one in others})


def _integrated(
    rows: list[sympy.Expr], current: sympy.Expr, symbols: Mapping[str, sympy.Symbol]
) -> dict[str, sympy.Expr]:
    """The integral of ``current`` after a unit step of each variable, ds/dt being ``rows``."""
    states = list(symbols.values())
    matrix, constant = sympy.linear_eq_to_matrix(rows, states)
    weights, offset = sympy.linear_eq_to_matrix([current], states)
    if any(constant) or any(offset) or matrix.has(MEMBRANE) or matrix.det() == 0:
        return {}
    areas = (-weights * matrix.inv()).applyfunc(sympy.simplify)
    if not all(is_linear(one, [MEMBRANE]) for one in areas):
        return {}
    return dict(zip(symbols, areas, strict=True))
