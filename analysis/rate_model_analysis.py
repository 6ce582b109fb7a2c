"""Fixed points, eigenvalues and trajectories of a rate model, from the SymPy form of its equations.

Values are returned in the units that the model declares for its state variables and parameters, times in s,
eigenvalues in 1/s and frequencies in Hz. Inside, everything is in SI base units.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.stats import qmc

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.rate_model import RateModel
from ssnbrian.circuit.units import value_of

from .rate_system import RESOLVED_STEP, RateSystem

Array = Any
_LINE, _PLANE, _STARTS = 20001, 401, 512
"""Points of the grid on a line and along each side in the plane; starting points in more dimensions."""
_MARGIN = 0.01
"""The search reaches beyond the ranges by this part of their widths, so that a fixed point may lie on their border."""
_SAME = 1e-6
_HYPERBOLIC = 1e-9


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


def starting_points(system: RateSystem, points: int, values: Array | None = None) -> Array:
    """Starting points (m, d), SI: cells of a grid in which every component changes sign, or a Sobol sequence."""
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


def find_from(system: RateSystem, starts: Array, values: Array | None = None) -> list[Array]:
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
    slack = RESOLVED_STEP * system.width
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
    states = find_from(system, starting_points(system, points))
    complete, reason = _completeness(system, states)
    return FixedPoints(tuple(_described(system, one) for one in states if _inside(system, one)), complete, reason)


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
