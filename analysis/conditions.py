"""The conditions of the two-population network: what each says, its formula, its LaTeX, its numeric function.

``condition("supersaturation")`` derives one formula from the rate equations, ``derive()`` all of them. The
formulas are those of ``derivations`` and ``global_derivations``; none is written out here. Equation numbers
are those of Ekelmans, Kraynyukova, Tchumatchenko 2023, S-numbers those of its supporting text.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike

from . import derivations as local
from . import global_derivations as overall
from .derivations import Definitions, Derived
from .rate_equations import QUANTITIES, RateEquations, latex

_GAINS = ("gain_E", "gain_I")


@functools.cache
def _compiled(expression: sympy.Basic) -> Callable[..., Any]:
    """NumPy function of the free symbols of the expression, called by keyword."""
    positive_part = {"PositivePart": lambda x: np.maximum(x, 0.0)}
    return sympy.lambdify(_symbols(expression), expression, modules=[positive_part, "numpy"], cse=True)


def _symbols(*expressions: sympy.Basic) -> list[sympy.Symbol]:
    return sorted(set().union(*(expression.free_symbols for expression in expressions)), key=str)


@dataclass(frozen=True)
class Condition:
    """A condition or value derived from the rate equations.

    Attributes
    ----------
    name : by which ``condition`` finds it.
    source : equation number in the paper.
    meaning : what it says, in one line.
    unit : unit of the value; "1" for a relation, which is true or false.
    expression : SymPy relation or expression. Gains and other abbreviations are symbols, see ``definitions``.
    threshold : SymPy expression of the bound at which the relation turns, or None.
    threshold_symbol : the quantity that the threshold bounds, in its own unit, or None.
    domain : where relation and threshold exist. Elsewhere the relation is false and the threshold infinite.
    assumptions : relations without which the formula has no value; their violation is an error.
    definitions : pairs (symbol, SymPy expression) of the abbreviations; each may use those after it.
    """

    name: str
    source: str
    meaning: str
    unit: str
    expression: sympy.Basic
    threshold: sympy.Expr | None = None
    threshold_symbol: sympy.Symbol | None = None
    domain: sympy.Basic = sympy.true
    assumptions: tuple[sympy.Basic, ...] = ()
    definitions: Definitions = ()

    @property
    def latex(self) -> str:
        """LaTeX of the expression, without dollar signs."""
        return latex(self.expression)

    @property
    def threshold_latex(self) -> str | None:
        """LaTeX of the threshold, or None."""
        return None if self.threshold is None else latex(self.threshold)

    @property
    def definitions_latex(self) -> tuple[str, ...]:
        """LaTeX of the definitions of the abbreviations, as equations."""
        return tuple(latex(sympy.Eq(short, long, evaluate=False)) for short, long in self.definitions)

    @property
    def is_relation(self) -> bool:
        """Whether the expression is true or false rather than a number."""
        return isinstance(self.expression, sympy.logic.boolalg.Boolean)

    def expanded(self, *, keep: frozenset[str] = frozenset()) -> sympy.Basic:
        """The expression with its abbreviations written out, except those whose names are in ``keep``."""
        return self._written_out(self.expression, keep)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the values that ``evaluate`` needs, when no gain is given directly."""
        return tuple(map(str, _symbols(*self._parts(self.expression, frozenset()))))

    @property
    def threshold_symbols(self) -> tuple[str, ...]:
        """Names of the values that ``evaluate_threshold`` needs; empty if there is no threshold."""
        if self.threshold is None:
            return ()
        return tuple(map(str, _symbols(*self._parts(self.threshold, frozenset()))))

    @property
    def function(self) -> Callable[..., Any]:
        """The expression, written out, as a plain NumPy function of keyword arguments ``symbols``.

        For inner loops: floats or arrays of one shape in the units of ``QUANTITIES``, and no checks. Domain
        and assumptions are not applied, so some of ``symbols`` may not be among its arguments.
        """
        return _compiled(self.expanded())

    def evaluate(self, values: Mapping[str, ArrayLike]) -> Any:
        """Value of the expression, element by element.

        Parameters
        ----------
        values : numbers or arrays that broadcast to one shape, by name (J_EE, r, rate_I, …; see ``symbols``),
            in the units of ``QUANTITIES``: rates Hz, J mV, mu_ext and z mV/s, tau s. Names that are not
            needed are ignored. ``gain_E`` and ``gain_I`` in Hz/(mV/s) may be given in place of what they are
            computed from, and then are used: so the condition serves any transfer function of the input.

        Returns
        -------
        bool or float for numbers, array of that type for arrays.

        Raises
        ------
        ValueError : a value is missing, not a number, or out of the range its quantity allows; an assumption
            is violated; or the result is undefined.
        """
        outside = False if self.is_relation else np.inf
        return self._numbers(self.expression, values, outside)

    def evaluate_threshold(self, values: Mapping[str, ArrayLike]) -> Any:
        """Bound on ``threshold_symbol``, in its unit, element by element; infinite where it cannot be reached.

        Takes values and raises as ``evaluate``; needs ``threshold_symbols``. ValueError if there is none.
        """
        if self.threshold is None:
            raise ValueError(f"the condition {self.name!r} was not solved for a threshold")
        bounded_above = any(
            isinstance(part, sympy.StrictLessThan) and part.lhs == self.threshold_symbol
            for part in (self.expression, *self.expression.args)
        )
        return self._numbers(self.threshold, values, -np.inf if bounded_above else np.inf)

    def __str__(self) -> str:
        return f"{self.name} ({self.source}): {self.meaning}"

    def _written_out(self, expression: sympy.Basic, keep: frozenset[str]) -> sympy.Basic:
        for short, long in self.definitions:
            if short.name not in keep:
                expression = expression.xreplace({short: long})
        return expression

    def _parts(self, expression: sympy.Basic, keep: frozenset[str]) -> tuple[sympy.Basic, ...]:
        return tuple(self._written_out(part, keep) for part in (expression, self.domain, *self.assumptions))

    def _numbers(self, expression: sympy.Basic, values: Mapping[str, ArrayLike], outside: float | bool) -> Any:
        keep = frozenset(name for name in _GAINS if name in values)
        formula, domain, *assumptions = self._parts(expression, keep)
        arrays = self._checked([str(s) for s in _symbols(formula, domain, *assumptions)], values)
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
        flat = {name: np.broadcast_to(array, shape).ravel() for name, array in arrays.items()}
        size = int(np.prod(shape))
        for assumption in assumptions:
            if not np.all(_apply(assumption, flat, size, bool)):
                raise ValueError(f"{self.name!r} has a value only where {assumption}, which the values given violate")
        inside = _apply(domain, flat, size, bool)
        result = np.full(size, outside)
        masked = {name: array[inside] for name, array in flat.items()}
        result[inside] = _apply(formula, masked, int(inside.sum()), result.dtype)
        if np.isnan(result).any():
            where = {name: float(array[np.isnan(result)][0]) for name, array in flat.items()}
            raise ValueError(f"{self.name!r} is undefined at {where}")
        return result.reshape(shape) if shape else result[0].item()

    def _checked(self, names: list[str], values: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
        missing = [
            f"{name} ({QUANTITIES[name].meaning}, {QUANTITIES[name].unit})" for name in names if name not in values
        ]
        if missing:
            raise ValueError(f"{self.name!r} also needs {'; '.join(missing)}")
        arrays = {name: np.asarray(values[name], dtype=float) for name in names}
        for name, array in arrays.items():
            quantity = QUANTITIES[name]
            low = -np.inf if quantity.minimum is None else quantity.minimum
            bad = np.isnan(array) | ((array <= low) if quantity.strict else (array < low))
            if bad.any():
                bound = "" if quantity.minimum is None else f" {'above' if quantity.strict else 'at least'} {low:g}"
                raise ValueError(f"{name} ({quantity.meaning}) must be a number{bound}, not {array[bad].flat[0]:g}")
        return arrays


def _apply(expression: sympy.Basic, values: Mapping[str, np.ndarray], size: int, dtype: Any) -> np.ndarray:
    needed = {str(s): values[str(s)] for s in _symbols(expression)}
    # Division by zero and overflow give the infinities that are meant; what is undefined is found by the caller.
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        return np.broadcast_to(np.asarray(_compiled(expression)(**needed), dtype=dtype), (size,))


@dataclass(frozen=True)
class _Entry:
    derivation: Callable[..., Derived]
    source: str
    unit: str
    meaning: str
    arguments: tuple[str, ...] = ()


def _catalogue() -> dict[str, _Entry]:
    """What is derived: names, derivations, sources, units, meanings."""
    table = {
        "supersaturation_possible": _Entry(
            local.supersaturation_possible,
            "Eq 4",
            "1",
            ("rate_E falls with mu_ext once the inhibitory gain is large enough"),
        ),
        "supersaturation": _Entry(
            local.supersaturation,
            "S6",
            "1",
            ("rate_E of a state with D > 0 falls when mu_ext grows at constant r (at a saddle it rises)"),
        ),
        "inhibition_stabilized": _Entry(
            local.inhibition_stabilized, "Eq 7", "1", ("the excitatory population alone would be unstable at this rate")
        ),
        "determinant": _Entry(
            local.determinant, "S10", "1", ("D, determinant of minus the Jacobian times the time constants")
        ),
        "det_J": _Entry(local.determinant_of_weights, "S1", "mV^2", "determinant of minus the recurrent weights"),
        "saddle": _Entry(local.saddle, "S10", "1", "one eigenvalue is positive and one negative"),
        "hopf": _Entry(
            local.hopf,
            "S10",
            "1",
            ("the trace is positive: with D > 0 the state lost stability in a Hopf bifurcation, at equality"),
        ),
        "hopf_rate_E": _Entry(
            local.hopf_rate_E, "S10", "Hz", "rate_E at which the trace vanishes, at the given rate_I"
        ),
        "cusp": _Entry(
            local.cusp, "S10", "1/Hz", "derivative of D along the critical direction: a fold where it is zero is a cusp"
        ),
        "stable": _Entry(local.stable, "S10", "1", "both eigenvalues have negative real parts"),
        "balanced_exists": _Entry(
            overall.balanced_exists, "S2", "1", ("both balanced rates are positive for positive mu_ext")
        ),
        "balanced_stable": _Entry(
            overall.balanced_stable,
            "S4",
            "1",
            ("the balanced state exists and is no saddle at large gains (stable if balanced_trace holds too)"),
        ),
        "balanced_trace": _Entry(
            overall.balanced_trace,
            "S4, trace",
            "1",
            ("the trace is negative at the balanced rates to leading order in the gains"),
        ),
        "balanced_gain_exponent": _Entry(
            overall.balanced_gain_exponent,
            "S4, trace",
            "1",
            ("power of mu_ext in gain_E/gain_I at the balanced rates; below 0, balanced_trace holds in the end"),
        ),
        "inhibitory_drive": _Entry(
            overall.inhibitory_drive,
            "S10",
            "mV/s",
            ("w(z), input of I above its offset at a steady state where that of E is z"),
        ),
        "characteristic": _Entry(overall.characteristic, "S10", "mV/s", "F(z), zero exactly at the steady states"),
        "characteristic_slope": _Entry(
            overall.characteristic_slope, "S10", "1", ("F'(z): positive at saddles, zero at folds")
        ),
        "peak_rate_I": _Entry(overall.peak_rate_I, "S6", "Hz", "inhibitory rate where rate_E peaks over mu_ext"),
        "peak_mu_ext": _Entry(overall.peak_mu_ext, "S7-S9", "mV/s", "external input where rate_E, given, peaks"),
        "peak_residual_E": _Entry(
            overall.peak_residual_E,
            "S7-S9",
            "Hz",
            ("right-hand side of E at the peak as a function of rate_E; zero at the height of the peak"),
        ),
    }
    for population, number in (("E", "Eq 5"), ("I", "Eq 6")):
        this = (population,)
        table |= {
            f"gain_{population}": _Entry(
                local.gain,
                "gain",
                "Hz/(mV/s)",
                (f"slope of the transfer function of {population} in its mean input, at its rate"),
                this,
            ),
            f"rate_response_{population}": _Entry(
                local.rate_response, "S6", "Hz/(mV/s)", (f"slope of rate_{population} in mu_ext at constant r"), this
            ),
            f"required_mu_ext_{population}": _Entry(
                local.required_mu_ext,
                number,
                "mV/s",
                (f"external input of {population} that makes the given rates a steady state"),
                this,
            ),
            f"balanced_rate_{population}": _Entry(
                overall.balanced_rate,
                "S1",
                "Hz",
                (f"rate of {population} at large mu_ext to leading order, if positive"),
                this,
            ),
        }
    for weight in ("J_EI", "J_IE"):
        table[f"peak_control_{weight}"] = _Entry(
            overall.peak_control,
            "S7-S9",
            "mV",
            (f"new {weight} that keeps peak_rate_I and det_J when r is divided by the factor"),
            (weight,),
        )
    return table


_CATALOGUE: Mapping[str, _Entry] = MappingProxyType(_catalogue())

#: Names of all conditions.
NAMES: tuple[str, ...] = tuple(_CATALOGUE)


def condition(name: str, equations: RateEquations | None = None) -> Condition:
    """The condition of that name (see ``NAMES``), derived once from the equations, Eq 2 by default.

    Raises
    ------
    ValueError : there is no such condition.
    DerivationError : the equations have a form from which it cannot be derived.
    """
    if name not in _CATALOGUE:
        raise ValueError(f"no condition is called {name!r}; there are {', '.join(NAMES)}")
    return _derived(name, RateEquations.ssn() if equations is None else equations)


@functools.cache
def _derived(name: str, equations: RateEquations) -> Condition:
    entry = _CATALOGUE[name]
    result = entry.derivation(equations, *entry.arguments)
    return Condition(name, entry.source, entry.meaning, entry.unit, **vars(result))


def derive(equations: RateEquations | None = None) -> dict[str, Condition]:
    """All conditions by name, derived from the equations (Eq 2 by default). Raises as ``condition``."""
    return {name: condition(name, equations) for name in NAMES}
