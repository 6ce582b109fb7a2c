"""Pseudo-arclength continuation of a curve F(y) = 0 with m equations in m + 1 unknowns.

Steady states over one parameter, folds and Hopf points over two, and limit cycles are all traced by :func:`trace`.
Each step predicts along the tangent and corrects by Newton's method in the hyperplane orthogonal to it; its length
follows the curvature of the curve. Zeros of test functions are located on the curve itself; a test function that
dips towards zero and back within one step is minimised there, so that two zeros close together are not stepped over.
Source: H. B. Keller's method as in Kuznetsov, Elements of Applied Bifurcation Theory, chapter 10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar

Array = np.ndarray
_SHARPEST_TURN = 0.985
_SMALLEST_STEP = 1e-9


@dataclass(frozen=True)
class Curve:
    """F(y) = 0 in m + 1 unknowns.

    Attributes
    ----------
    residual : y of shape (m + 1,) -> F of shape (m,).
    jacobian : y -> dF/dy of shape (m, m + 1).
    scale : typical size of a change of each unknown, shape (m + 1,); arclength is measured in these units.
    tolerance : of Newton's last step, relative to 1 + |y / scale|; what the accuracy of F allows.
    """

    residual: Callable[[Array], Array]
    jacobian: Callable[[Array], Array]
    scale: Array
    tolerance: float = 1e-13


@dataclass(frozen=True)
class Event:
    """A zero of test function number ``test`` at ``point`` (m + 1,), which is point number ``index`` of the trace."""

    test: int
    index: int
    point: Array


@dataclass(frozen=True)
class Trace:
    """A traced piece of a curve.

    Attributes
    ----------
    points : shape (k, m + 1), in order, events included.
    events : zeros of the test functions, in order.
    end : "window" (left it), "closed" (came back to the start), "stopped" (an ending test), "stalled" (no step
        converged) or "long" (the number of points reached its limit).
    side : number of the unknown whose limit was reached if end is "window", else None.
    """

    points: Array
    events: tuple[Event, ...]
    end: str
    side: int | None = None


def differences(function: Callable[[Array], Array], y: Array, scale: Array, relative: float = 1e-5) -> Array:
    """Derivatives of ``function`` (m,) at y (k,) by central differences of ``relative`` times scale, shape (m, k)."""
    columns = []
    for k in range(len(y)):
        step = np.zeros(len(y))
        step[k] = relative * scale[k]
        columns.append((np.asarray(function(y + step)) - np.asarray(function(y - step))) / (2 * step[k]))
    return np.stack(columns, axis=-1)


def corrected(curve: Curve, guess: Array, row: Array, value: float | None = None) -> Array | None:
    """The point near ``guess`` with F = 0 and row . (y / scale) = value (that of the guess by default).

    Newton's method; None if it does not converge. ``row`` has shape (m + 1,) and is not orthogonal to the curve.
    """
    u = guess / curve.scale
    target = float(row @ u) if value is None else value
    smallest = np.inf
    for _ in range(12):
        y = u * curve.scale
        residual = np.append(curve.residual(y), row @ u - target)
        matrix = np.vstack([curve.jacobian(y) * curve.scale, row])
        if not (np.isfinite(residual).all() and np.isfinite(matrix).all()):
            return None
        try:
            step = np.linalg.solve(matrix, -residual)
        except np.linalg.LinAlgError:
            return None
        u = u + step
        size = float(np.max(np.abs(step) / (1 + np.abs(u))))
        if size < curve.tolerance or (size < 1e3 * curve.tolerance and size >= 0.5 * smallest):
            return u * curve.scale
        if size > 10 * max(smallest, 1e-6):
            return None
        smallest = min(smallest, size)
    return u * curve.scale if size < 1e4 * curve.tolerance else None


def tangent(curve: Curve, y: Array, along: Array | None = None) -> Array | None:
    """Unit tangent at y in scaled unknowns, shape (m + 1,), pointing as ``along`` does; None where there is none."""
    matrix = curve.jacobian(y) * curve.scale
    if not np.isfinite(matrix).all():
        return None
    direction = np.linalg.svd(matrix)[2][-1]
    return -direction if along is not None and direction @ along < 0 else direction


def at_value(curve: Curve, guess: Array, unknown: int, value: float) -> Array | None:
    """The point near ``guess`` on the curve with y[unknown] = value."""
    row = np.zeros(len(guess))
    row[unknown] = 1.0
    point = corrected(curve, guess, row, value / curve.scale[unknown])
    if point is not None:
        point[unknown] = value
    return point


class _Tracer:
    def __init__(self, curve: Curve, tests: Callable[[Array], Array] | None) -> None:
        self.curve = curve
        self.tests = tests if tests is not None else lambda y: np.zeros(0)

    def slopes(self, y: Array, direction: Array) -> Array:
        step = 1e-5 * direction * self.curve.scale
        return (np.asarray(self.tests(y + step)) - np.asarray(self.tests(y - step))) / 2e-5

    def between(self, y: Array, direction: Array, s: float) -> Array:
        guess = y + s * direction * self.curve.scale
        point = corrected(self.curve, guess, direction)
        return guess if point is None else point

    def events(self, y: Array, direction: Array, h: float, values: tuple[Array, ...]) -> list[tuple[float, int]]:
        """(arclength, test) of the zeros of the test functions within one step; values: (c0, d0, c1, d1)."""
        found = []
        for k, (c0, d0, c1, d1) in enumerate(zip(*values, strict=True)):

            def test(s: float, k: int = k) -> float:
                return float(self.tests(self.between(y, direction, s))[k])

            if c0 * c1 < 0:
                brackets = [(0.0, h)]
            elif c0 * c1 > 0 and c0 * d0 < 0 < c1 * d1 and _dips(c0, d0, c1, d1, h):
                sign = float(np.sign(c0))
                low = minimize_scalar(lambda s, sign=sign: sign * test(s), bounds=(0, h), method="bounded")
                brackets = [(0.0, float(low.x)), (float(low.x), h)] if low.fun < 0 else []
            else:
                brackets = []
            for left, right in brackets:
                if test(left) * test(right) < 0:
                    found.append((float(brentq(test, left, right, xtol=1e-15, rtol=1e-14)), k))
        return sorted(found)


def _dips(c0: float, d0: float, c1: float, d1: float, h: float) -> bool:
    """Whether the cubic through the values and slopes at both ends comes near zero in between."""
    t = np.linspace(0, 1, 33)[1:-1]
    cubic = (1 + 2 * t) * (1 - t) ** 2 * c0 + t * (1 - t) ** 2 * h * d0
    cubic = cubic + t**2 * (3 - 2 * t) * c1 + t**2 * (t - 1) * h * d1
    return bool(np.min(np.sign(c0) * cubic) < 0.5 * min(abs(c0), abs(c1)))


def trace(
    curve: Curve,
    start: Array,
    along: Array,
    window: tuple[Array, Array],
    tests: Callable[[Array], Array] | None = None,
    ending: tuple[int, ...] = (),
    largest_step: float = 0.05,
    most_points: int = 4000,
) -> Trace:
    """Follow the curve from ``start`` until it leaves the window, closes, stalls or an ending test vanishes.

    Parameters
    ----------
    start : a point on the curve, shape (m + 1,).
    along : direction in scaled unknowns, shape (m + 1,): the first step goes to this side.
    window : (lowest, highest) of every unknown, shape (m + 1,) each, infinities allowed; the trace ends on it.
    tests : y -> values of the test functions, shape (t,).
    ending : numbers of the tests at whose first zero the trace stops.
    largest_step : arclength in scaled units.
    """
    tracer = _Tracer(curve, tests)
    y, direction = np.array(start, dtype=float), tangent(curve, start, along)
    if direction is None:
        return Trace(y[None], (), "stalled")
    first, first_direction = y, direction
    points, events = [y], []
    h, left_start = 0.1 * largest_step, False
    values, slopes = np.asarray(tracer.tests(y)), tracer.slopes(y, direction)
    while len(points) < most_points:
        limit = largest_step * (1 + np.max(np.abs(y / curve.scale)) / 20)
        h = min(h, limit)
        new, new_direction = _step(curve, y, direction, h)
        if new is None or new_direction is None:
            h /= 2
            if h < _SMALLEST_STEP:
                return Trace(np.array(points), tuple(events), "stalled")
            continue
        outside = np.flatnonzero((new < window[0]) | (new > window[1]))
        end, side = None, None
        if len(outside):
            border = _on_window(curve, y, new, window, outside)
            if border is None:
                h /= 2
                if h < _SMALLEST_STEP:
                    return Trace(np.array(points), tuple(events), "stalled")
                continue
            (new, side), end = border, "window"
        elif left_start and _passes(first, first_direction, y, new, curve.scale):
            end, new = "closed", first
        length = float(direction @ ((new - y) / curve.scale))
        new_values, new_slopes = np.asarray(tracer.tests(new)), tracer.slopes(new, new_direction)
        for s, k in tracer.events(y, direction, length, (values, slopes, new_values, new_slopes)):
            point = tracer.between(y, direction, s)
            events.append(Event(k, len(points), point))
            points.append(point)
            if k in ending:
                return Trace(np.array(points), tuple(events), "stopped")
        points.append(new)
        if end is not None:
            return Trace(np.array(points), tuple(events), end, side)
        left_start = left_start or np.linalg.norm((new - first) / curve.scale) > 3 * limit
        turn = float(direction @ new_direction)
        y, direction, values, slopes = new, new_direction, new_values, new_slopes
        h *= 1.6 if turn > 0.998 else 1.0
    return Trace(np.array(points), tuple(events), "long")


def _step(curve: Curve, y: Array, direction: Array, h: float) -> tuple[Array | None, Array | None]:
    """The next point and its tangent; None if the corrector fails, goes far or the curve turns sharply."""
    guess = y + h * direction * curve.scale
    new = corrected(curve, guess, direction)
    if new is None or np.linalg.norm((new - guess) / curve.scale) > 0.2 * h:
        return None, None
    following = tangent(curve, new, direction)
    if following is None or direction @ following < _SHARPEST_TURN:
        return None, None
    return new, following


def _on_window(
    curve: Curve, y: Array, new: Array, window: tuple[Array, Array], outside: Array
) -> tuple[Array, int] | None:
    """The point at which the step from y to new leaves the window, and the unknown whose limit it is."""
    limits = np.where(new < window[0], window[0], window[1])
    fractions = (limits[outside] - y[outside]) / (new[outside] - y[outside])
    side = int(outside[np.argmin(fractions)])
    if y[side] == limits[side]:
        return y, side
    point = at_value(curve, y + np.clip(np.min(fractions), 0, 1) * (new - y), side, float(limits[side]))
    step = np.linalg.norm((new - y) / curve.scale)
    if point is None or np.linalg.norm((point - y) / curve.scale) > 1.2 * step:
        return None
    return point, side


def _passes(first: Array, first_direction: Array, y: Array, new: Array, scale: Array) -> bool:
    """Whether the step from y to new goes through ``first`` in its direction."""
    before, after = (y - first) / scale, (new - first) / scale
    step = np.linalg.norm(after - before)
    near = np.linalg.norm(before) <= 1.05 * step and np.linalg.norm(after) <= 1.05 * step
    return bool(near and before @ first_direction < 0 <= after @ first_direction)
