"""All networks with a fold at a given input, explicitly.

At a fold the two steady-state equations (Eq 3) and D = 0 hold. With the input w of the inhibitory population above its
offset and J_EI, J_II given, they have exactly one solution (z, J_EE, J_IE): both balances of input are linear in the
weights onto their population, and since the gain of a power law is n_E rate_E / z, what remains of D = 0 is linear in
z. So (w, J_EI, J_II) are coordinates of all networks with a fold at this input, with inhibition active (w > 0) or
silent (w <= 0). SymPy derives the solution from Eq 2. Units: mV/s, Hz, mV.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import sympy

from ..derivations import determinant_of_gains, gain_of_drive, linear_root, rate_of_drive, rectified
from ..rate_equations import RateEquations, symbol
from .request import PAIRS, Range, Setting

HIGHEST_RATE = 100.0
"""Rates in Hz up to which folds are looked for: ten times those up to which the power laws are fitted by default."""
_ACTIVE, _SILENT = 240, 12
"""Points of ``inhibitory_inputs`` with inhibition active and silent."""


@functools.cache
def fold_solution(equations: RateEquations | None = None) -> dict[str, sympy.Expr]:
    """z at a fold (mV/s), and the J_EE and J_IE (mV) that put it at mu_ext, by name.

    z holds mu_ext, r, J_EI, J_II, w, rate_I and gain_I; the weights hold z and rate_E as well (units: QUANTITIES).

    Raises ``DerivationError`` for equations in which these are not the roots of linear expressions.
    """
    equations = RateEquations.ssn() if equations is None else equations
    z, w, rate_E, gain_E = (symbol(name) for name in ("z", "w", "rate_E", "gain_E"))
    drives = {"E": z, "I": w}
    weights = {}
    for population, drive in drives.items():
        received = equations.mean_input(population)
        balance = rectified(equations, population).args[0].xreplace({symbol(f"mu_{population}"): received}) - drive
        weights[f"J_{population}E"] = linear_root(balance, symbol(f"J_{population}E"))
    above = sympy.Dummy("x", positive=True)
    ratio = gain_of_drive(equations, "E", above) / rate_of_drive(equations, "E", above)
    gain_per_rate = sympy.simplify(ratio).xreplace({above: z})
    substituted = determinant_of_gains(equations).xreplace({symbol(name): root for name, root in weights.items()})
    of_z = sympy.expand(sympy.expand(substituted).xreplace({gain_E: gain_per_rate * rate_E}) * z)
    return {"z": linear_root(of_z, z)} | weights


@functools.cache
def _functions() -> dict[str, tuple[tuple[str, ...], Callable[..., np.ndarray]]]:
    """Argument names and NumPy function of each part of the solution."""
    compiled = {}
    for name, expression in fold_solution().items():
        arguments = sorted(expression.free_symbols, key=str)
        compiled[name] = tuple(map(str, arguments)), sympy.lambdify(arguments, expression, modules="numpy", cse=True)
    return compiled


@dataclass(frozen=True)
class FoldNetworks:
    """Networks with a fold at one input: arrays of one shape; NaN where there is none with non-negative weights.

    Attributes
    ----------
    J_EE, J_EI, J_IE, J_II : mV.
    z, w : inputs of E and I above their offsets at the fold, mV/s.
    """

    J_EE: np.ndarray
    J_EI: np.ndarray
    J_IE: np.ndarray
    J_II: np.ndarray
    z: np.ndarray
    w: np.ndarray

    def weights(self, index: int) -> dict[str, float]:
        """J in mV by pair of one network."""
        return {pair: float(getattr(self, f"J_{pair}")[index]) for pair in PAIRS}

    def where(self, chosen: np.ndarray) -> FoldNetworks:
        """Some of the networks, by a mask or by their indices."""
        return FoldNetworks(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def rates(self, setting: Setting) -> np.ndarray:
        """(rate_E, rate_I) at the fold in Hz, shape (..., 2)."""
        parts = zip(setting.transfer, (self.z, self.w), strict=True)
        return np.stack([law(drive + law.b) for law, drive in parts], axis=-1)

    def bounds_margin(self, setting: Setting) -> np.ndarray:
        """Relative distance of the weight nearest to a bound, as ``DesignBounds.margin``; negative out of bounds."""
        margin = np.full(self.z.shape, math.inf)
        for pair, (low, high) in setting.bounds.weights_realisable.items():
            value = getattr(self, f"J_{pair}")
            with np.errstate(all="ignore"):
                distance = np.fmin(value / low if low > 0 else math.inf, high / value) - 1
            if low == high:
                distance = np.where(value == low, math.inf, -1.0)
            margin = np.fmin(margin, np.where(np.isfinite(value), distance, -1.0))
        return margin


def networks_with_fold(
    setting: Setting, mu_ext: float, ratio: float, w: np.ndarray, J_EI: np.ndarray, J_II: np.ndarray
) -> FoldNetworks:
    """The networks with a fold at ``mu_ext`` (mV/s), where I gets ``ratio`` times it and w above its offset (mV/s).

    w, J_EI and J_II (mV) broadcast to the shape of the result.
    """
    w, J_EI, J_II = np.broadcast_arrays(*(np.asarray(part, dtype=float) for part in (w, J_EI, J_II)))
    law_E, law_I = setting.transfer
    values = setting.values(mu_ext=mu_ext, r=ratio, w=w, J_EI=J_EI, J_II=J_II)
    values |= {"rate_I": law_I(w + law_I.b), "gain_I": law_I.derivative(w + law_I.b)}
    with np.errstate(all="ignore"):
        z = _applied("z", values)
        z = np.where(np.isfinite(z) & (z > 0), z, np.nan)
        values |= {"z": z, "rate_E": law_E(z + law_E.b)}
        J_EE, J_IE = (_applied(name, values) for name in ("J_EE", "J_IE"))
        possible = (J_EE > 0) & (J_IE >= 0) & np.isfinite(J_EE) & np.isfinite(J_IE)
    J_EE, J_IE, z = (np.where(possible, part, np.nan) for part in (J_EE, J_IE, z))
    return FoldNetworks(J_EE, J_EI, J_IE, J_II, z, w)


def _applied(name: str, values: Mapping[str, Any]) -> np.ndarray:
    arguments, function = _functions()[name]
    return function(*(values[one] for one in arguments))


def inhibitory_inputs(setting: Setting, mu_I: float) -> np.ndarray:
    """Inputs w of I above its offset at a fold, mV/s, ascending, if I gets mu_I (mV/s): from those that need J_IE = 0
    up to that at ``HIGHEST_RATE``."""
    law = setting.transfer[1]
    active = np.linspace(0.0, law.inverse(HIGHEST_RATE) - law.b, _ACTIVE)
    lowest = mu_I - law.b
    if lowest >= 0:
        return active
    return np.concatenate([lowest - lowest * np.geomspace(1e-3, 1, _SILENT), active[1:]])


def drawn(limits: Range, rng: np.random.Generator, size: int) -> np.ndarray:
    """Values of logarithmically uniform density within the limits, shape (size,); a lower limit of 0 counts as 1e-3
    of the upper one."""
    low, high = limits
    if high <= 0:
        return np.zeros(size)
    values = np.exp(rng.uniform(math.log(max(low, 1e-3 * high)), math.log(high), size))
    return np.clip(values, low, high)


def pulled_into_bounds(
    setting: Setting, inputs: Sequence[float], ratio: float, ends: Sequence[FoldNetworks]
) -> FoldNetworks:
    """Networks within the bounds with folds at all ``inputs`` (mV/s), from networks that have them out of bounds.

    ``ends`` describes the same networks at each fold, arrays of shape (k,); the result is described at the first one.
    All are moved at once, by the shortest Newton steps in log J and the inhibitory inputs that stay within the bounds.
    This also reaches weights that the bounds hold at a single value.
    """
    limits = [setting.bounds.weights_realisable[pair] for pair in PAIRS]
    box = weight_box(setting)
    free = [i for i, (low, high) in enumerate(box) if low < high]
    scale = inhibitory_inputs(setting, 0.0)[-1] / 8
    edges = np.array([*box[free], *[(-math.inf, math.inf)] * len(inputs)])
    with np.errstate(all="ignore"):
        starts = [np.log(getattr(ends[0], f"J_{PAIRS[i]}")) for i in free] + [end.w / scale for end in ends]
    x = np.stack(starts, axis=-1)
    x = np.clip(x[np.all(np.isfinite(x), axis=-1)], *edges.T)

    def weights_at(x: np.ndarray) -> list[np.ndarray]:
        columns = {i: np.exp(x[..., k]) for k, i in enumerate(free)}
        return [columns.get(i, np.full(x.shape[:-1], high)) for i, (_, high) in enumerate(limits)]

    def residuals(x: np.ndarray) -> np.ndarray:
        J_EE, J_EI, J_IE, J_II = weights_at(x)
        rest = []
        for k, mu in enumerate(inputs):
            needed = networks_with_fold(setting, mu, ratio, scale * x[..., len(free) + k], J_EI, J_II)
            with np.errstate(all="ignore"):
                rest += [np.log(needed.J_EE / J_EE), np.log(needed.J_IE / J_IE)]
        return np.stack(rest, axis=-1)

    x = _bounded_newton(residuals, x, edges)
    with np.errstate(invalid="ignore"):
        x = x[np.max(np.abs(residuals(x)), axis=-1) < 1e-10]
    weights = np.clip(np.stack(weights_at(x), axis=-1), *np.array(limits).T)
    found = networks_with_fold(setting, inputs[0], ratio, scale * x[:, len(free)], weights[:, 1], weights[:, 3])
    return FoldNetworks(*weights.T, found.z, found.w)


def weight_box(setting: Setting) -> np.ndarray:
    """Logarithms of the bounds on J (mV), shape (4, 2); 0 stands for 1e-3 of the upper bound."""
    limits = setting.bounds.weights_realisable
    box = [(max(limits[pair][0], 1e-3 * limits[pair][1], 1e-12), max(limits[pair][1], 1e-12)) for pair in PAIRS]
    return np.log(np.array(box))


def _bounded_newton(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Zeros of an underdetermined function (k, n) -> (k, q) from each row of x, by minimum-norm Newton steps.

    Unknowns at an edge (n, 2) that would step out stay there; where the function is NaN the row stays.
    """
    count = x.shape[-1]
    shifts = 1e-6 * np.concatenate([np.eye(count), -np.eye(count)])
    for _ in range(40):
        values = function(x)
        ahead, behind = np.split(function(x + shifts[:, None, :]), 2)
        with np.errstate(invalid="ignore"):
            slopes = np.nan_to_num(np.moveaxis((ahead - behind) / 2e-6, 0, -1), posinf=0.0, neginf=0.0)
        values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
        for _ in range(3):
            step = -(np.linalg.pinv(slopes) @ values[..., None])[..., 0]
            blocked = ((x <= edges[:, 0]) & (step < 0)) | ((x >= edges[:, 1]) & (step > 0))
            slopes = np.where(blocked[:, None, :], 0.0, slopes)
        x = np.clip(x + np.clip(np.where(blocked, 0.0, step), -0.4, 0.4), *edges.T)
    return x
