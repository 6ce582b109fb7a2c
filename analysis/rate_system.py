"""A rate model as functions of numbers: right-hand side and Jacobian in SI base units, from the SymPy form of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import sympy
from scipy.optimize import root

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.rate_model import RateModel
from ssnbrian.circuit.units import floats_of, parse_unit, value_of

from .symbolic import to_sympy

Array = Any
RESOLVED_STEP = 1e-9
"""Largest Newton step (in widths of the ranges) left at a point that counts as a fixed point."""


def _largest(values: Iterable[Array], axis: int) -> Array:
    """Older SymPy writes max(0, x) as ``amax((0, x), axis=0)``, which NumPy refuses for a number beside an array."""
    return functools.reduce(np.maximum, values)


def _smallest(values: Iterable[Array], axis: int) -> Array:
    return functools.reduce(np.minimum, values)


_NUMPY = [{"amax": _largest, "amin": _smallest}, "numpy"]


class RateSystem:
    """The right-hand side and the symbolic Jacobian of a rate model, as functions of state and parameters.

    ``right_hand_side`` (d expressions) and ``jacobian`` (d × d) are SymPy in the symbols ``states`` and ``parameters``.
    ``low`` and ``high`` (d,) are the ranges and ``initial`` (d,) the state at t = 0, in SI base units.
    """

    def __init__(self, model: RateModel) -> None:
        self.model = model
        self.names = tuple(one.name for one in model.states)
        self.units = tuple(one.unit.strip() for one in model.states)
        self.factors = np.array([parse_unit(unit)[0] for unit in self.units])
        self.states = [sympy.Symbol(name, real=True) for name in self.names]
        self.parameter_names = tuple(one.name for one in model.parameters)
        self.parameters = [sympy.Symbol(name, real=True) for name in self.parameter_names]
        symbols = dict(zip(self.names + self.parameter_names, self.states + self.parameters, strict=True))
        where = f"rate model {model.name}"
        for one in model.subexpressions:
            symbols[one.name] = to_sympy(one.expression, symbols, where)
        self.right_hand_side = sympy.Matrix([to_sympy(one.expression, symbols, where) for one in model.states])
        # Without powsimp the slope of max(0, x)**n holds max(0, x)**n/max(0, x), 0/0 below the threshold.
        self.jacobian = self.right_hand_side.jacobian(self.states).applyfunc(sympy.powsimp)
        arguments = [*self.states, *self.parameters]
        self._function = sympy.lambdify(arguments, list(self.right_hand_side), modules=_NUMPY, cse=True)
        self._slopes = sympy.lambdify(arguments, list(self.jacobian), modules=_NUMPY, cse=True)
        self.values = np.array([model.values[name].si for name in self.parameter_names])
        ranges, initial = dict(model.ranges), dict(model.initial)
        limits = [
            [value_of(text, unit, name).si for text in ranges[name]]
            for name, unit in zip(self.names, self.units, strict=True)
        ]
        self.low, self.high = np.array(limits).T
        self.initial = np.array([value_of(initial[n], u, n).si for n, u in zip(self.names, self.units, strict=True)])

    @classmethod
    def from_model(cls, model: RateModel, **values: Any) -> RateSystem:
        """The system of a model, with other values (text with unit) of some parameters."""
        return cls(model.with_parameters(**values) if values else model)

    @property
    def width(self) -> Array:
        """Widths of the ranges (d,), SI."""
        return self.high - self.low

    def slope(self, state: Array, values: Array | None = None) -> Array:
        """dx/dt at a state of shape (d, …), SI; the same shape. ``values``: of all parameters, SI."""
        state = np.asarray(state, dtype=float)
        with np.errstate(over="ignore"):
            rows = self._function(*state, *(self.values if values is None else values))
        return np.stack([np.broadcast_to(np.asarray(row, dtype=float), state.shape[1:]) for row in rows])

    def jacobian_at(self, state: Array, values: Array | None = None) -> Array:
        """∂(dx/dt)/∂x at one state (d,), SI, shape (d, d)."""
        with np.errstate(over="ignore"):
            entries = self._slopes(*state, *(self.values if values is None else values))
        return np.array(entries, dtype=float).reshape(len(self.names), len(self.names))

    def solve(self, start: Array, values: Array | None = None) -> Array | None:
        """The fixed point (d,), SI, that Newton-like iteration reaches from ``start``; None where it reaches none."""
        width = self.width
        found = root(
            lambda z: self.slope(z * width, values) / width,
            start / width,
            jac=lambda z: self.jacobian_at(z * width, values) * width / width[:, None],
            options={"xtol": 1e-14},
        )
        state = found.x * width
        jacobian = self.jacobian_at(state, values)
        if not np.all(np.isfinite(jacobian)):
            return None
        scaled = jacobian * width / width[:, None]
        step = np.linalg.lstsq(scaled, self.slope(state, values) / width, rcond=None)[0]
        residual = np.abs(self.slope(state, values) / width).max()
        small = residual <= RESOLVED_STEP * max(np.abs(scaled).max(), np.finfo(float).tiny)
        return state if small and np.abs(step).max() <= RESOLVED_STEP else None

    def shown(self, state: Array) -> dict[str, float]:
        """A state (d,) in SI as name → value in the unit of the model."""
        return {name: float(one) for name, one in zip(self.names, state / self.factors, strict=True)}

    def state_from(self, given: Mapping[str, Any] | None) -> Array:
        """A state (d,) in SI: the model's initial one with those values (text or numbers in their units) replaced."""
        state = self.initial.copy()
        for name, value in (given or {}).items():
            if name not in self.names:
                raise InvalidInputError(f"rate model {self.model.name}: no state variable '{name}'. "
                                        f"{nearest(name, self.names)}")  # fmt: skip
            k = self.names.index(name)
            state[k] = floats_of(value, self.units[k], f"{self.model.name}.{name}") * self.factors[k]
        return state
