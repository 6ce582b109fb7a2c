"""Mean transmitted weight of a synapse with short-term plasticity, derived from its text.

The variables s of a synapse relax by ds/dt = f(s), linear in s, and jump at each presynaptic spike by g(s), the
statements of ``on_pre`` run in their order. For Poisson spikes of rate nu, products of means standing for means of
products,

    d<s>/dt = f(<s>) + nu g(<s>),    e(nu) = <what multiplies the weight at a spike>,

and 0 = f + nu g gives every mean as a rational function of nu. This is exact where f and g are linear in s and e is
one variable (depression or facilitation alone); the product u R neglects the correlation of u and R.
Source of the mean field: Tsodyks, Pawelzik & Markram 1998, Neural Computation 10. Units: Hz, s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import sympy

from ssnbrian.circuit import InvalidInputError, Projection
from ssnbrian.circuit.errors import UnitError
from ssnbrian.circuit.units import parse_unit

from .rational_function import RationalFunction, never_negative
from .reduction import NotApplicableError
from .symbolic import to_sympy

RATE = sympy.Symbol("nu", nonnegative=True)
_WEIGHT = sympy.Symbol("weight")
_STATEMENT = re.compile(r"(\w+)\s*(=|\+=|-=|\*=|/=)\s*([^=].*)")
_EQUATION = re.compile(r"(?:d(\w+)/dt|(\w+))\s*(?:=\s*([^:]+))?:")


@dataclass(frozen=True, eq=False)
class Efficacy:
    """What multiplies the weight of a projection, as a function of the rate of its source; compares by value.

    Attributes
    ----------
    variables : names of the synapse's variables.
    formula : e(nu) in the parameters of the synapse, SymPy.
    numbers : its parameters in SI units.
    drift : d<s>/dt of every variable in the means <s> (symbols named as the variables) and the rate ``RATE``.
    released : the factor at a spike in the variables before it and the rate.
    steady : the mean of every variable in the parameters and the rate.
    """

    variables: tuple[str, ...]
    formula: sympy.Expr
    numbers: tuple[tuple[str, float], ...]
    drift: tuple[sympy.Expr, ...]
    released: sympy.Expr
    steady: tuple[sympy.Expr, ...]

    def _key(self) -> tuple[Any, ...]:
        return self.variables, self.formula, self.numbers, self.drift, self.released

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Efficacy) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def with_numbers(self, expression: sympy.Expr) -> sympy.Expr:
        """An expression with the values of the parameters, as exact rationals."""
        return _with_numbers(expression, dict(self.numbers))

    @property
    def latex(self) -> str:
        """e(nu) as LaTeX, in the names of the parameters."""
        return str(sympy.latex(self.formula))

    @cached_property
    def transmitted(self) -> RationalFunction:
        """nu e(nu) in Hz, with bounds over intervals."""
        return RationalFunction.of(self.with_numbers(RATE * self.formula), RATE)

    @cached_property
    def _value(self) -> RationalFunction:
        return RationalFunction.of(self.with_numbers(self.formula), RATE)

    @property
    def increasing(self) -> bool:
        """Whether nu e(nu) provably grows with nu on nu >= 0 (exact, by Sturm's theorem)."""
        return self.transmitted.increasing

    def __call__(self, rate: Any) -> np.ndarray:
        """e at rates in Hz >= 0, of any shape."""
        return self._value(rate)

    def slope(self, rate: Any) -> np.ndarray:
        """d(nu e)/d nu at rates in Hz >= 0, of any shape."""
        return self.transmitted.slope(rate)

    @cached_property
    def _compiled(self) -> dict[str, Any]:
        symbols = [sympy.Symbol(name) for name in self.variables]
        drift = sympy.Matrix([self.with_numbers(one) for one in self.drift])
        released = sympy.Matrix([self.with_numbers(self.released)])
        wanted = {
            "drift": drift,
            "by_variables": drift.jacobian(symbols),
            "by_rate": drift.diff(RATE),
            "released": released,
            "released_by_variables": released.jacobian(symbols),
            "means": sympy.Matrix([self.with_numbers(one) for one in self.steady]),
        }
        return {name: sympy.lambdify([*symbols, RATE], matrix, "numpy") for name, matrix in wanted.items()}

    def means(self, rate: float) -> np.ndarray:
        """Mean of every variable at one rate in Hz, shape (variables,)."""
        return self._at("means", np.zeros(len(self.variables)), rate).ravel()

    def dynamics(self, means: np.ndarray, rate: float) -> tuple[np.ndarray, float]:
        """d<s>/dt (variables,), 1/s, and the factor released, at means (variables,) and one rate in Hz."""
        return self._at("drift", means, rate).ravel(), float(self._at("released", means, rate)[0, 0])

    def linearised(self, rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives at the steady means of one rate in Hz.

        d(drift)/d<s> (variables, variables) in 1/s, d(drift)/d nu (variables,) without unit, d(released)/d<s>
        (variables,).
        """
        names = ("by_variables", "by_rate", "released_by_variables")
        first, second, third = (self._at(name, self.means(rate), rate) for name in names)
        return first, second.ravel(), third.ravel()

    def _at(self, what: str, means: np.ndarray, rate: float) -> np.ndarray:
        return np.array(self._compiled[what](*means, rate), dtype=float)


def efficacy_of(projection: Projection) -> Efficacy | None:
    """The mean-field efficacy of a projection; None for synapses without variables of their own (constant weight).

    Raises :class:`~ssnbrian.analysis.reduction.NotApplicableError` with :func:`efficacy_refusal`.
    """
    found = _found(projection)
    if isinstance(found, str):
        raise NotApplicableError(found)
    return found


def efficacy_refusal(projection: Projection) -> str | None:
    """Why a projection has no mean efficacy that depends on the rate of its source alone, or None."""
    found = _found(projection)
    return found if isinstance(found, str) else None


def _found(projection: Projection) -> Efficacy | str | None:
    synapse = projection.synapse
    if not synapse.equations.strip() and not synapse.on_post.strip():
        return None
    where = f"the synapses {projection.name} ({synapse.name})"
    if synapse.on_post.strip():
        return f"{where} change at the spikes of their target: their weights have no value that the rates fix"
    numbers = tuple(sorted((name, value.si) for name, value in projection.parameters.items()))
    try:
        return _derived(synapse.equations, synapse.on_pre, synapse.target_equations, synapse.current, numbers)
    except (InvalidInputError, _UntreatedError) as error:
        return f"{where} cannot be averaged over Poisson spikes: {error}"


class _UntreatedError(ValueError):
    """A synapse outside what can be averaged, with the reason."""


@cache
def _derived(
    equations: str, on_pre: str, target_equations: str, current: str | None, numbers: tuple[tuple[str, float], ...]
) -> Efficacy:
    known = {name: sympy.Symbol(name, positive=True if value > 0 else None) for name, value in numbers}
    relax = _relaxation(equations, known)
    names = tuple(relax)
    states = {name: sympy.Symbol(name) for name in names}
    after, increments = _spike(on_pre, states, known)
    released = _released(increments, states, after, known, _areas(target_equations, current, known))
    drift = tuple(sympy.expand(relax[name] + RATE * (after[name] - states[name])) for name in names)
    steady = _steady(names, drift, states)
    formula = sympy.factor(sympy.cancel(sympy.together(released.subs(steady, simultaneous=True))))
    _check(formula, steady, dict(numbers))
    return Efficacy(names, formula, numbers, drift, released, tuple(steady[states[name]] for name in names))


def _lines(text: str) -> list[str]:
    bare = (re.sub(r"#.*", "", line) for line in re.split(r"[\n;]", text))
    return [line.strip() for line in bare if line.strip()]


def _read(text: str, symbols: Mapping[str, sympy.Expr], where: str) -> sympy.Expr:
    """An expression in which names of units stand for their SI values; decimals as exact rationals."""
    units = {}
    for name in set(re.findall(r"[A-Za-z_]\w*", text)) - set(symbols):
        try:
            units[name] = sympy.Rational(repr(parse_unit(name)[0]))
        except UnitError:
            continue
    return sympy.nsimplify(to_sympy(text, {**units, **symbols}, where), rational=True)


def _relaxation(equations: str, known: Mapping[str, sympy.Expr]) -> dict[str, sympy.Expr]:
    """ds/dt between spikes of every variable; 0 for one that only spikes change."""
    variables: dict[str, str] = {}
    for line in _lines(equations):
        match = _EQUATION.match(line)
        if match is None:
            raise _UntreatedError(f"'{line}' is not an equation of the form 'dx/dt = … : unit'")
        if match[2] and match[3]:
            raise _UntreatedError(f"'{match[2]}' is an expression of other variables; write it out where it is used")
        variables[match[1] or match[2]] = match[3] or "0"
    symbols = {name: sympy.Symbol(name) for name in variables}
    relax = {name: _read(text, {**known, **symbols}, f"d{name}/dt") for name, text in variables.items()}
    for name, expression in relax.items():
        if not _linear(expression, list(symbols.values())):
            raise _UntreatedError(f"d{name}/dt is not linear in the variables of the synapse")
    return relax


def _linear(expression: sympy.Expr, symbols: list[sympy.Symbol]) -> bool:
    return bool(expression.is_polynomial(*symbols)) and sympy.Poly(expression, *symbols).total_degree() <= 1


def _spike(
    on_pre: str, states: Mapping[str, sympy.Symbol], known: Mapping[str, sympy.Expr]
) -> tuple[dict[str, sympy.Expr], dict[str, sympy.Expr]]:
    """Every variable after a presynaptic spike, and what it adds to variables of the target, in those before it."""
    values: dict[str, sympy.Expr] = dict(states)
    increments: dict[str, sympy.Expr] = {}
    for line in _lines(on_pre):
        match = _STATEMENT.fullmatch(line)
        if match is None:
            raise _UntreatedError(f"'{line}' is not a statement of the form 'X = …' or 'X += …'")
        name, operator, text = match.groups()
        amount = _read(text, {**known, "weight": _WEIGHT, **values}, "on_pre")
        if name in values:
            before = values[name]
            by = {"=": amount, "+=": before + amount, "-=": before - amount, "*=": before * amount}
            values[name] = by[operator] if operator in by else before / amount
        elif name.endswith("_post") and operator in ("+=", "-="):
            target = name.removesuffix("_post")
            increments[target] = increments.get(target, 0) + (amount if operator == "+=" else -amount)
        else:
            raise _UntreatedError(f"'{line}' changes neither a variable of the synapse nor adds to one of its target")
    if len(increments) != 1:
        raise _UntreatedError(f"on_pre must add to one variable of the target, and it adds to {len(increments)}")
    if any(value.has(_WEIGHT) for value in values.values()):
        raise _UntreatedError("a variable of the synapse depends on its weight")
    return values, increments


def _areas(
    target_equations: str, current: str | None, known: Mapping[str, sympy.Expr]
) -> dict[str, sympy.Expr]:
    """Area under the current per unit added to each variable, where the target's equations are linear; v: 1."""
    if current is None:
        return {"v": sympy.Integer(1)}
    texts = {}
    for line in _lines(target_equations):
        match = _EQUATION.match(line)
        if match is None or not match[1] or not match[3]:
            return {}
        texts[match[1]] = match[3]
    symbols = {name: sympy.Symbol(name) for name in texts}
    try:
        rows = [_read(text, {**known, **symbols}, f"d{name}/dt") for name, text in texts.items()]
        matrix, constant = sympy.linear_eq_to_matrix(rows, list(symbols.values()))
    except (InvalidInputError, sympy.solvers.solveset.NonlinearError):
        return {}
    if current not in symbols or any(constant) or matrix.det() == 0:
        return {}
    row = -matrix.inv()[list(symbols).index(current), :]
    return {name: sympy.simplify(area) for name, area in zip(symbols, row, strict=True)}


def _released(
    increments: Mapping[str, sympy.Expr],
    states: Mapping[str, sympy.Symbol],
    after: Mapping[str, sympy.Expr],
    known: Mapping[str, sympy.Expr],
    areas: Mapping[str, sympy.Expr],
) -> sympy.Expr:
    """The factor of the weight: the area of the input per weight.

    Where that area depends on the membrane (conductances) it is the weight for the bare synapse, and the factor is
    what depends on the variables and on the parameters that change them.
    """
    ((target, amount),) = increments.items()
    amount = sympy.expand(amount)
    if amount.coeff(_WEIGHT, 0) != 0 or not amount.is_polynomial(_WEIGHT) or sympy.degree(amount, _WEIGHT) != 1:
        raise _UntreatedError(f"what a spike adds to {target} is not proportional to the weight")
    factor = sympy.factor(amount.coeff(_WEIGHT, 1))
    if target in areas:
        factor = sympy.simplify(factor * areas[target])
    else:
        own = set(states.values()).union(*(value.free_symbols for value in after.values()))
        factor = factor.as_independent(*own, as_Add=False)[1]
    if not factor.is_polynomial(*states.values()):
        raise _UntreatedError("what it transmits is not a polynomial of its variables")
    return factor


def _steady(
    names: tuple[str, ...], drift: tuple[sympy.Expr, ...], states: Mapping[str, sympy.Symbol]
) -> dict[sympy.Symbol, sympy.Expr]:
    """The means: one variable after another, each linear given those before, or the rest as one linear system."""
    open_ = dict(zip((states[name] for name in names), drift, strict=True))
    known: dict[sympy.Symbol, sympy.Expr] = {}
    while open_:
        left = {symbol: sympy.together(one.subs(known)) for symbol, one in open_.items()}
        alone = [one for one, text in left.items() if text.free_symbols & set(left) == {one}]
        chosen = alone[:1] or list(left)
        try:
            found = sympy.solve([left[one] for one in chosen], chosen, dict=True)
        except NotImplementedError:
            found = []
        listed = ", ".join(str(one) for one in chosen)
        if len(found) != 1 or len(found[0]) != len(chosen):
            raise _UntreatedError(f"the means of {listed} have {len(found)} steady values; they must have one")
        known.update({one: sympy.factor(value) for one, value in found[0].items()})
        open_ = {one: text for one, text in open_.items() if one not in known}
    return known


def _check(formula: sympy.Expr, steady: Mapping[sympy.Symbol, sympy.Expr], numbers: Mapping[str, float]) -> None:
    for what, expression in (*steady.items(), ("the efficacy", formula)):
        value = sympy.together(_with_numbers(expression, numbers))
        if not value.is_rational_function(RATE) or value.free_symbols - {RATE}:
            raise _UntreatedError(f"the mean of {what} is no rational function of the rate")
        if not RationalFunction.of(value, RATE).finite:
            raise _UntreatedError(f"the mean of {what} diverges at some rate")
    if not never_negative(sympy.cancel(_with_numbers(formula, numbers)), RATE):
        raise _UntreatedError("its efficacy would be negative at some rate")


def _with_numbers(expression: sympy.Expr, numbers: Mapping[str, float]) -> sympy.Expr:
    by_symbol = {one: sympy.Rational(numbers[one.name]) for one in expression.free_symbols if one.name in numbers}
    return expression.subs(by_symbol)
