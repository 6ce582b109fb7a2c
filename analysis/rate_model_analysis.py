"""Fixed points, eigenvalues, Hopf points and trajectories of a rate model, from the SymPy form of its equations.

Values are returned in the units that the model declares for its state variables and parameters, times in s,
eigenvalues in 1/s and frequencies in Hz. Inside, everything is in SI base units.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from scipy.integrate import solve_ivp
from scipy.optimize import root
from scipy.stats import qmc

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.rate_model import RateModel
from ssnbrian.circuit.units import floats_of, parse_unit, value_of

from .symbolic import to_sympy

Array = Any
_LINE, _PLANE, _STARTS = 20001, 401, 512
"""Points of the grid on a line and along each side in the plane; starting points in more dimensions."""
_MARGIN = 0.01
"""The search reaches beyond the ranges by this part of their widths, so that a fixed point may lie on their border."""
_STEP = 1e-9
"""Largest Newton step (in widths of the ranges) left at a point that counts as a fixed point."""
_SAME = 1e-6
_HYPERBOLIC = 1e-9
_HOPF_VALUES = 201


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
        small = residual <= _STEP * max(np.abs(scaled).max(), np.finfo(float).tiny)
        return state if small and np.abs(step).max() <= _STEP else None

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


@dataclass(frozen=True)
class FixedPoint:
    """A fixed point: ``values`` in the units of the state variables, ``eigenvalues`` (1/s) of the Jacobian there.

    ``kind`` is stable, unstable or saddle with node or focus; a focus has a complex leading pair. ``frequency`` (Hz) is
    \\|Im λ\\|/2π of the complex pair with the largest real part, None without one. ``stable`` means all Re λ < 0.
    """

    values: Mapping[str, float]
    eigenvalues: tuple[complex, ...]
    stable: bool
    kind: str
    frequency: float | None


@dataclass(frozen=True)
class FixedPoints(Sequence[FixedPoint]):
    """Fixed points in order of their first variable; ``complete`` with a ``reason``: why these are all, or not."""

    points: tuple[FixedPoint, ...]
    complete: bool
    reason: str

    def __getitem__(self, index: Any) -> Any:
        return self.points[index]

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True)
class HopfPoint:
    """A complex pair of eigenvalues crosses the imaginary axis: ``value`` of ``parameter`` in its ``unit``,
    ``frequency`` (Hz), and the fixed point's ``values``."""

    parameter: str
    value: float
    unit: str
    frequency: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class Trajectory:
    """``times`` (n,) in s and ``states`` (d, n) in ``units``, in the order of ``names``."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    times: Array
    states: Array

    def __getitem__(self, name: str) -> Array:
        return self.states[self.names.index(name)]


def _kind(eigenvalues: Array) -> str:
    real, size = eigenvalues.real, np.abs(eigenvalues).max()
    if np.any(np.abs(real) <= _HYPERBOLIC * size):
        return "not hyperbolic"
    if np.any(real > 0) and np.any(real < 0):
        return "saddle focus" if np.any(eigenvalues.imag != 0) else "saddle"
    leading = eigenvalues[np.argmax(real)]
    return f"{'stable' if real[0] < 0 else 'unstable'} {'focus' if leading.imag != 0 else 'node'}"


def _described(system: RateSystem, state: Array) -> FixedPoint:
    eigenvalues = np.linalg.eigvals(system.jacobian_at(state)).astype(complex)
    eigenvalues = eigenvalues[np.lexsort((eigenvalues.imag, -eigenvalues.real))]
    pairs = eigenvalues[eigenvalues.imag != 0]
    return FixedPoint(
        system.shown(state),
        tuple(complex(one) for one in eigenvalues),
        bool(np.all(eigenvalues.real < 0)),
        _kind(eigenvalues),
        float(abs(pairs[0].imag) / (2 * np.pi)) if len(pairs) else None,
    )


def _grid(system: RateSystem, points: int, values: Array | None = None) -> tuple[Array, Array]:
    """Grid over the ranges and their margin: axes (d, points) and slopes (d, points, …)."""
    axes = np.linspace(system.low - _MARGIN * system.width, system.high + _MARGIN * system.width, points, axis=1)
    return axes, system.slope(np.stack(np.meshgrid(*axes, indexing="ij")), values)


def _starts(system: RateSystem, points: int, values: Array | None = None) -> Array:
    """Starting points (m, d): cells of a grid in which every component changes sign, or a Sobol sequence."""
    dimension = len(system.names)
    if dimension > 2:
        return qmc.scale(qmc.Sobol(dimension, seed=1).random(points), system.low, system.high)
    axes, slopes = _grid(system, points, values)
    cells = np.ones((points - 1,) * dimension, dtype=bool)
    for component in slopes:
        corners = [
            component[tuple(slice(k, points - 1 + k) for k in shift)]
            for shift in itertools.product((0, 1), repeat=dimension)
        ]
        cells &= (np.min(corners, axis=0) <= 0) & (np.max(corners, axis=0) >= 0)
    index = np.argwhere(cells).T
    return np.stack([(axis[k] + axis[k + 1]) / 2 for axis, k in zip(axes, index, strict=True)], axis=1)


def _found(system: RateSystem, starts: Array, values: Array | None = None) -> list[Array]:
    """Distinct fixed points inside the ranges and their margin, reached from ``starts``."""
    known: list[Array] = []
    for start in starts:
        state = system.solve(start, values)
        if state is None or np.any(np.abs((state - (system.low + system.high) / 2) / system.width) > 0.5 + _MARGIN):
            continue
        if all(np.abs((state - other) / system.width).max() > _SAME for other in known):
            known.append(state)
    return sorted(known, key=tuple)


def _inside(system: RateSystem, state: Array) -> bool:
    slack = _STEP * system.width
    return bool(np.all((state >= system.low - slack) & (state <= system.high + slack)))


def _border_degree(system: RateSystem) -> int | None:
    """Turns of the vector field of a planar system once around its ranges; None where it vanishes or jumps there."""
    _, slopes = _grid(system, 4 * _PLANE)
    edges = (slopes[:, :, 0], slopes[:, -1, 1:], slopes[:, -2::-1, -1], slopes[:, 0, -2::-1])
    around = np.concatenate([edge / system.width[:, None] for edge in edges], axis=1)
    if np.any(np.all(around == 0, axis=0)):
        return None
    turns = np.angle(np.exp(1j * np.diff(np.arctan2(around[1], around[0]))))
    return None if np.abs(turns).max() > 2 else int(np.rint(turns.sum() / (2 * np.pi)))


def _completeness(system: RateSystem, states: Sequence[Array]) -> tuple[bool, str]:
    dimension = len(system.names)
    if dimension > 2:
        return False, f"search from {_STARTS} starting points in {dimension} variables; others may exist"
    if dimension == 1:
        return True, f"every change of sign on {_LINE} points"
    degree = _border_degree(system)
    indices = sum(int(np.sign(np.linalg.det(system.jacobian_at(state)))) for state in states)
    words = f"every crossing of the nullclines on a grid of {_PLANE} x {_PLANE} points"
    if degree is None:
        return False, f"{words}, but the index along the border of the ranges is not defined"
    if degree != indices:
        return False, f"{words}, but their indices add up to {indices} and the border of the ranges demands {degree}"
    return True, f"{words}; their indices add up to that of the border of the ranges ({degree})"


def fixed_points(model: RateModel | RateSystem, **values: Any) -> FixedPoints:
    """All fixed points found in the model's ranges, with the eigenvalues of the symbolic Jacobian.

    One and two variables: every cell of a fine grid in which all components of the slope change sign, refined
    (``scipy.optimize.root``); in the plane the sum of the indices is checked against the turns of the vector field
    around the ranges (Poincaré-Hopf). More variables: a multistart, ``complete`` is then False. ``values`` are other
    values of parameters (text with unit).
    """
    system = model if isinstance(model, RateSystem) else RateSystem.from_model(model, **values)
    points = {1: _LINE, 2: _PLANE}.get(len(system.names), _STARTS)
    states = _found(system, _starts(system, points))
    complete, reason = _completeness(system, states)
    return FixedPoints(tuple(_described(system, one) for one in states if _inside(system, one)), complete, reason)


def _unstable_pairs(system: RateSystem, state: Array, values: Array) -> int:
    eigenvalues = np.linalg.eigvals(system.jacobian_at(state, values))
    return int(np.sum((eigenvalues.imag > 0) & (eigenvalues.real > 0)))


def hopf_points(
    model: RateModel | RateSystem, parameter: str, limits: tuple[float, float], **values: Any
) -> tuple[HopfPoint, ...]:
    """Where a complex pair crosses the imaginary axis, for ``parameter`` between ``limits`` (numbers in its unit).

    Every fixed point found at one of 201 values is followed to the next value; between two of them the crossing is
    bisected to the last digits. Two crossings of one branch within one step are not seen. Ordered by value.
    """
    system = model if isinstance(model, RateSystem) else RateSystem.from_model(model, **values)
    unit = system.model.parameter(parameter).unit
    low, high = (float(one) for one in limits)
    if not (np.isfinite([low, high]).all() and low < high):
        raise InvalidInputError(f"the range of '{parameter}' must go up, got {low:g} to {high:g} {unit}")
    index, factor = system.parameter_names.index(parameter), parse_unit(unit)[0]
    grid = np.linspace(low, high, _HOPF_VALUES) * factor
    found: list[HopfPoint] = []
    states: list[Array] = []
    for k, value in enumerate(grid):
        here = _with(system, index, value)
        # What was followed from the last value stays; new branches appear by a fresh search.
        search = _fresh_starts(system, here) if k % 10 == 0 else np.empty((0, len(system.names)))
        states = _found(system, [*states, *search], here)
        if k + 1 < len(grid):
            for state in states:
                point = _crossing(system, index, state, value, grid[k + 1])
                if point is not None:
                    frequency, where, at = point
                    found.append(HopfPoint(parameter, float(where / factor), unit, frequency, system.shown(at)))
    return tuple(sorted(found, key=lambda one: one.value))


def _with(system: RateSystem, index: int, value: float) -> Array:
    values = system.values.copy()
    values[index] = value
    return values


def _fresh_starts(system: RateSystem, values: Array) -> Array:
    return _starts(system, 101 if len(system.names) <= 2 else 64, values)


def _crossing(
    system: RateSystem, index: int, state: Array, low: float, high: float
) -> tuple[float, float, Array] | None:
    """(frequency Hz, parameter SI, state) of the crossing between two values of the parameter, None without one."""
    end = system.solve(state, _with(system, index, high))
    if end is None:
        return None
    count = _unstable_pairs(system, state, _with(system, index, low))
    if _unstable_pairs(system, end, _with(system, index, high)) == count:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        at = system.solve(state, _with(system, index, middle))
        if at is None:
            return None
        if _unstable_pairs(system, at, _with(system, index, middle)) == count:
            low, state = middle, at
        else:
            high = middle
    eigenvalues = np.linalg.eigvals(system.jacobian_at(state, _with(system, index, low)))
    pair = eigenvalues[np.argmin(np.where(eigenvalues.imag > 0, np.abs(eigenvalues.real), np.inf))]
    # A pair that became real (a node) changes the count, too, but does not reach the axis.
    if pair.imag <= 0 or abs(pair.real) > 1e-6 * abs(pair):
        return None
    return float(pair.imag / (2 * np.pi)), low, state


def trajectory(
    model: RateModel | RateSystem,
    duration: float,
    initial: Mapping[str, Any] | None = None,
    inputs: Iterable[tuple[float, Mapping[str, Any]]] = (),
    points: int = 2001,
) -> Trajectory:
    """Integrate for ``duration`` s from the model's initial state, changed by ``initial`` (text or numbers in units).

    ``inputs`` are (time in s, {parameter: value as text}): from that time on the parameter has that value. Adaptive
    integration (``scipy.integrate.solve_ivp``, LSODA, relative tolerance 1e-9), returned at ``points`` equal steps.
    Raises :class:`InvalidInputError` for wrong input and ArithmeticError where the solution ends before the duration.
    """
    system = model if isinstance(model, RateSystem) else RateSystem.from_model(model)
    if not (np.isfinite(duration) and duration > 0) or points < 2:
        raise InvalidInputError(f"trajectory: needs a positive duration and two points, got {duration} s and {points}")
    changes = sorted(inputs, key=lambda change: change[0])
    if any(not 0 <= time <= duration for time, _ in changes):
        raise InvalidInputError(f"trajectory: the changes of inputs must lie between 0 and {duration:g} s")
    times = np.linspace(0, duration, points)
    states = np.empty((len(system.names), points))
    state, values, start = system.state_from(initial), system.values, 0.0
    states[:, 0] = state
    for end, change in [*changes, (duration, {})]:
        if end > start:
            inside = np.flatnonzero((times > start) & (times <= end))
            done = solve_ivp(
                lambda t, x, values=values: system.slope(x, values), (start, end), state, method="LSODA", rtol=1e-9,
                atol=1e-12 * system.width, jac=lambda t, x, values=values: system.jacobian_at(x, values),
                t_eval=[*times[inside], *([] if len(inside) and times[inside[-1]] == end else [end])],
            )  # fmt: skip
            if not done.success or not np.all(np.isfinite(done.y)):
                raise ArithmeticError(f"rate model {system.model.name}: the solution ends before {end:g} s")
            states[:, inside] = done.y[:, : len(inside)]
            state, start = done.y[:, -1], end
        values = _changed(system, values, change)
    return Trajectory(system.names, system.units, times, states / system.factors[:, None])


def _changed(system: RateSystem, values: Array, change: Mapping[str, Any]) -> Array:
    values = values.copy()
    for name, given in change.items():
        unit = system.model.parameter(name).unit
        values[system.parameter_names.index(name)] = value_of(given, unit, f"{system.model.name}.{name}").si
    return values
