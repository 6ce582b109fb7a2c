"""The rate equations of the stabilized supralinear network in symbols: Eq 2 of Ekelmans et al. 2023.

Everything the theory states as a formula is derived from the value ``RateEquations.ssn()`` (see
``derivations``), so changing a term here changes every condition that depends on it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Self

import sympy

POPULATIONS = ("E", "I")


class DerivationError(ValueError):
    """A derivation met equations of a form it cannot treat."""


@dataclass(frozen=True)
class Quantity:
    """What a symbol stands for.

    Attributes
    ----------
    latex : how the symbol is typeset.
    unit : unit of its value, "1" if it has none.
    meaning : what it is, in a few words.
    minimum : smallest allowed value; None if every real number is allowed.
    strict : whether the minimum itself is excluded.
    """

    latex: str
    unit: str
    meaning: str
    minimum: float | None = None
    strict: bool = False


def _quantities() -> dict[str, Quantity]:
    table = {
        "r": Quantity("r", "1", "ratio of the external inputs, mu_ext of I over mu_ext of E", 0),
        "mu_ext": Quantity(r"\mu_{\mathrm{ext}}", "mV/s", "mean external input of E; that of I is r mu_ext"),
        "z": Quantity("z", "mV/s", "mean total input of E above the offset, mu_E - b_E"),
        "w": Quantity("w", "mV/s", "mean total input of I above the offset that goes with z"),
        "factor": Quantity("f", "1", "factor by which peak control divides r", 0, strict=True),
        "peak_mu_ext": Quantity(r"\mu_{\mathrm{ext}}^{*}", "mV/s", "external input at the peak of rate_E"),
        "peak_rate_I": Quantity(r"\nu_{I}^{*}", "Hz", "inhibitory rate at the peak of rate_E", 0),
    }
    for population, word in (("E", "excitatory"), ("I", "inhibitory")):
        of = f"of the {word} population"
        for source in POPULATIONS:
            name = f"J_{population}{source}"
            table[name] = Quantity(f"J_{{{population}{source}}}", "mV", f"weight to {population} from {source}", 0)
        table |= {
            f"rate_{population}": Quantity(rf"\nu_{{{population}}}", "Hz", f"firing rate {of}", 0),
            f"mu_{population}": Quantity(rf"\mu_{{{population}}}", "mV/s", f"mean total input {of}"),
            f"gain_{population}": Quantity(rf"\phi_{{{population}}}", "Hz/(mV/s)", f"gain {of}", 0),
            f"a_{population}": Quantity(
                f"a_{{{population}}}", "Hz/(mV/s)^n", f"prefactor of the power law {of}", 0, strict=True
            ),
            f"b_{population}": Quantity(f"b_{{{population}}}", "mV/s", f"offset of the power law {of}"),
            # Supralinear: thresholds in rates exist, and balanced limits hold, only for exponents above 1.
            f"n_{population}": Quantity(f"n_{{{population}}}", "1", f"exponent of the power law {of}", 1, strict=True),
            f"tau_{population}": Quantity(rf"\tau_{{{population}}}", "s", f"time constant {of}", 0, strict=True),
        }
    return table


#: Every name that occurs in a formula: ``weights[target, source]`` is ``J_<target><source>``, a magnitude.
QUANTITIES: Mapping[str, Quantity] = MappingProxyType(_quantities())


@functools.cache
def symbol(name: str) -> sympy.Symbol:
    """The symbol of that name, real and with the sign its quantity has.

    Raises
    ------
    ValueError : no quantity has that name.
    """
    if name not in QUANTITIES:
        raise ValueError(f"no quantity is called {name!r}; there are {', '.join(sorted(QUANTITIES))}")
    quantity = QUANTITIES[name]
    if quantity.minimum is None:
        return sympy.Symbol(name, real=True)
    return sympy.Symbol(name, positive=True) if quantity.strict else sympy.Symbol(name, nonnegative=True)


def latex(expression: sympy.Basic) -> str:
    """LaTeX of an expression, typeset with the field's letters."""
    return sympy.latex(expression, symbol_names={symbol(name): q.latex for name, q in QUANTITIES.items()})


class PositivePart(sympy.Function):
    """The positive part [x]_+ = max(x, 0). SymPy's Max would reorder its arguments and print as max."""

    nargs = 1

    @classmethod
    def eval(cls, x: sympy.Expr) -> sympy.Expr | None:
        if x.is_nonnegative:
            return x
        return sympy.S.Zero if x.is_nonpositive else None

    def _eval_is_nonnegative(self) -> bool:
        return True

    def _latex(self, printer, exp: str | None = None) -> str:
        text = rf"\left[{printer.doprint(self.args[0])}\right]_{{+}}"
        return text if exp is None else f"{text}^{{{exp}}}"


@dataclass(frozen=True)
class RateEquations:
    """Two rate equations, tau_X d rate_X / dt = drift_X(rate_X, mu_X), with mu_X = mean_input_X.

    Attributes
    ----------
    drift_E, drift_I : right-hand sides in Hz, in the symbols rate_X (Hz) and mu_X (mV/s); each holds one
        positive part, that of mu_X minus its offset.
    mean_input_E, mean_input_I : mean total inputs in mV/s, linear in rate_E, rate_I and mu_ext.
    """

    drift_E: sympy.Expr
    drift_I: sympy.Expr
    mean_input_E: sympy.Expr
    mean_input_I: sympy.Expr

    @classmethod
    @functools.cache
    def ssn(cls) -> Self:
        """Eq 2 with the inputs of Eq 3: a leak, a power law of the rectified input, linear recurrence."""

        def drift(population: str) -> sympy.Expr:
            rate, mu, a, b, n = (symbol(f"{name}_{population}") for name in ("rate", "mu", "a", "b", "n"))
            return -rate + a * PositivePart(mu - b) ** n

        def mean_input(population: str, external: sympy.Expr) -> sympy.Expr:
            excitation = symbol(f"J_{population}E") * symbol("rate_E")
            inhibition = symbol(f"J_{population}I") * symbol("rate_I")
            return excitation - inhibition + external

        mu_ext, r = symbol("mu_ext"), symbol("r")
        return cls(drift("E"), drift("I"), mean_input("E", mu_ext), mean_input("I", r * mu_ext))

    def drift(self, population: str) -> sympy.Expr:
        """Right-hand side of a population in Hz, in its rate and its mean total input."""
        return {"E": self.drift_E, "I": self.drift_I}[population]

    def mean_input(self, population: str) -> sympy.Expr:
        """Mean total input of a population in mV/s, in the rates and mu_ext."""
        return {"E": self.mean_input_E, "I": self.mean_input_I}[population]

    def right_hand_side(self, population: str) -> sympy.Expr:
        """Right-hand side of a population in Hz with its mean input inserted, in the rates and mu_ext."""
        return self.drift(population).xreplace({symbol(f"mu_{population}"): self.mean_input(population)})

    def substitute(self, replacements: Mapping[str, sympy.Expr]) -> Self:
        """The equations with symbols replaced everywhere, e.g. ``{"J_EI": -symbol("J_EI")}`` to flip a sign.

        Raises
        ------
        ValueError : a name is not that of a quantity.
        """
        table = {symbol(name): expression for name, expression in replacements.items()}
        return type(self)(*(getattr(self, field.name).xreplace(table) for field in fields(self)))
