"""Curves of folds and of Hopf points over any two parameters, with cusps and Bogdanov-Takens points.

A fold solves the steady-state equations together with D = 0, a Hopf point together with a vanishing sum of two
eigenvalues; either is a curve in the states and two parameters, traced by ``continuation``. With the left and right
null vectors w, v of the steady-state Jacobian a fold is degenerate, a cusp, where w . B(v, v) = 0, B the second
derivative: there both parameters turn. Where D and the sum of eigenvalues vanish together, a fold and a Hopf curve
meet: a Bogdanov-Takens point. Where the first Lyapunov coefficient vanishes, super- and subcritical Hopf points meet
(generalized Hopf point). Source: Kuznetsov, Elements of Applied Bifurcation Theory, chapters 8 and 10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.units import floats_of

from .bifurcation import drive_of, parameter_limits
from .bifurcation_builder import DiagramBuilder
from .bifurcation_equations import SSNEquations
from .bifurcation_parameters import ssn_family
from .bifurcation_points import hopf_point
from .continuation import Array, Curve, Trace, at_value, corrected, differences, tangent, trace
from .power_law import PowerLaw
from .ssn import SSN

_SLICES = 7
_SLICE_VALUES = 41
_TEST = {"fold": 0, "hopf": 1}


@dataclass(frozen=True)
class CodimensionTwoPoint:
    """A point on a curve: ``kind`` is "cusp", "bogdanov_takens" or "generalized_hopf"; two parameters; rates in Hz."""

    kind: str
    values: tuple[float, float]
    rates: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class BifurcationCurve:
    """A curve of folds or Hopf points.

    Attributes
    ----------
    kind : "fold" or "hopf".
    parameters, units : the two parameters.
    values : shape (k, 2), in the order of arclength.
    rates : Hz, shape (k, populations).
    frequency : Hz, shape (k,), for a Hopf curve, 0 at its Bogdanov-Takens end; None for a fold curve.
    points : cusps, Bogdanov-Takens and generalized Hopf points on it.
    ends : at either side "window", "closed", "bogdanov_takens", "stalled" or "long".
    """

    kind: str
    parameters: tuple[str, str]
    units: tuple[str, str]
    values: Array
    rates: Array
    frequency: Array | None
    points: tuple[CodimensionTwoPoint, ...]
    ends: tuple[str, str]


def fold_curve(subject: Circuit | SSN, first: str, second: str, ranges: Any, **options: Any) -> tuple:
    """Curves of folds over two parameters, each a :class:`BifurcationCurve`.

    Parameters
    ----------
    subject, first, second : a circuit or an SSN and two different names as for ``bifurcation_diagram``.
    ranges : ((lowest, highest) of the first, (lowest, highest) of the second), in their units.
    start : (first, second) near a fold, to follow the curve through the fold nearest in ``first`` only. Default:
        all curves that cross one of seven values of either parameter; curves between them are not found.
    mu_ext, ratio, mu_ext_I, transfer, tau_population, maximum_rate : as for ``bifurcation_diagram``.

    Raises
    ------
    InvalidInputError : as ``bifurcation_diagram``; or there is no fold at ``start``.
    """
    return _curves("fold", subject, first, second, ranges, **options)


def hopf_curve(subject: Circuit | SSN, first: str, second: str, ranges: Any, **options: Any) -> tuple:
    """Curves of Hopf points over two parameters; parameters and errors as for :func:`fold_curve`.

    They end on the window or at a Bogdanov-Takens point, beyond which the two eigenvalues of sum 0 are real.
    """
    return _curves("hopf", subject, first, second, ranges, **options)


def _curves(
    kind: str,
    subject: Circuit | SSN,
    first: str,
    second: str,
    ranges: Sequence[Any],
    start: Sequence[float] | None = None,
    mu_ext: Any = None,
    ratio: float | None = None,
    mu_ext_I: Any = None,
    transfer: Mapping[str, PowerLaw] | None = None,
    tau_population: Any = None,
    maximum_rate: Any = 1000.0,
) -> tuple[BifurcationCurve, ...]:
    names = (first, second)
    limits = [parameter_limits(one, name) for one, name in zip(ranges, names, strict=True)]
    drive = drive_of(subject, names, mu_ext, ratio, mu_ext_I)
    ssn, family = ssn_family(subject, names, limits, drive, transfer, tau_population)
    limit = float(floats_of(maximum_rate, "Hz", "maximum_rate"))
    follower = _Follower(kind, SSNEquations(ssn.populations, family, limit))
    if start is not None:
        follower.follow(follower.near(start))
    else:
        for held, (low, high) in zip((second, first), (limits[1], limits[0]), strict=True):
            for value in low + (high - low) * (np.arange(_SLICES) + 0.5) / _SLICES:
                for y in follower.on_slice(held, float(value)):
                    if not follower.passed(y):
                        follower.follow(y)
    return tuple(follower.curves)


class _Follower:
    """Traces the curves of one kind."""

    def __init__(self, kind: str, equations: SSNEquations) -> None:
        self.kind, self.equations = kind, equations
        self.P = len(equations.populations)
        self.states = equations.curve()
        self.curve = Curve(self._residual, self._jacobian, self.states.scale)
        self.traces: list[Array] = []
        self.curves: list[BifurcationCurve] = []

    def _condition(self, y: Array) -> Array:
        x, p = y[: self.P], y[self.P :]
        if self.kind == "fold":
            return np.array([self.equations.determinant(x, p)])
        return np.array([self.equations.pair_sums(x, p) * float(np.prod(self.equations.tau(p)) ** 0.5)])

    def _residual(self, y: Array) -> Array:
        return np.concatenate([self.states.residual(y), self._condition(y)])

    def _jacobian(self, y: Array) -> Array:
        return np.vstack([self.states.jacobian(y), differences(self._condition, y, self.curve.scale)])

    def on_slice(self, held: str, value: float) -> list[Array]:
        """The points of this kind with one parameter held, as y = (x, first, second)."""
        family = self.equations.family.at(held, value)  # type: ignore[union-attr]
        limit = self.equations.maximum_rate
        sliced = SSNEquations(self.equations.populations, family, limit)
        builder = DiagramBuilder(sliced, family.ranges[0], _SLICE_VALUES, {})
        builder.trace_all()
        found = []
        for test, one in builder.events:
            if test == _TEST[self.kind]:
                rest = (value, one[self.P]) if family.held == 0 else (one[self.P], value)
                y = np.concatenate([one[: self.P], rest])
                if self.kind == "fold" or self._is_hopf(y):
                    found.append(y)
        return found

    def _is_hopf(self, y: Array) -> bool:
        return hopf_point(self.equations, y[: self.P], y[self.P :]) is not None

    def near(self, start: Sequence[float]) -> Array:
        """The point of this kind nearest to ``start`` in the first parameter."""
        first, second = self.equations.family.names
        found = self.on_slice(second, float(start[1]))
        if not found:
            raise InvalidInputError(f"there is no {self.kind} over {first} at {second} = {float(start[1]):g}")
        return min(found, key=lambda y: abs(y[self.P] - float(start[0])))

    def passed(self, y: Array) -> bool:
        """Whether a curve traced before goes through y."""
        scale = self.curve.scale
        for points in self.traces:
            nearest = int(np.argmin(np.linalg.norm((points - y) / scale, axis=1)))
            if np.linalg.norm((points[nearest] - y) / scale) > 0.5:
                continue
            ahead = tangent(self.curve, points[nearest])
            if ahead is None:
                continue
            along = ahead @ ((y - points[nearest]) / scale)
            on_it = corrected(self.curve, points[nearest] + along * ahead * scale, ahead)
            if on_it is not None and np.linalg.norm((on_it - y) / scale) < 1e-5:
                return True
        return False

    def _tests(self, y: Array) -> Array:
        x, p = y[: self.P], y[self.P :]
        top = self.equations.maximum_rate - np.max(self.equations.rates(x, p))
        if self.kind == "fold":
            return np.array([self.equations.pair_sums(x, p), self._cusp(x, p), top])
        D = self.equations.determinant(x, p)
        point = hopf_point(self.equations, x, p) if D > 1e-9 else None
        l1 = np.nan if point is None or point.first_lyapunov is None else point.first_lyapunov
        return np.array([D, l1, top])

    def _cusp(self, x: Array, p: Array) -> float:
        """w . B(v, v) with unit null vectors, independent of their signs: w counts with the sign of its first entry."""
        left, _, right = np.linalg.svd(self.equations.state_jacobian(x, p))
        w, v = left[:, -1], right[-1]
        step = 1e-5 * self.equations.state_scale
        ahead, behind = (self.equations.state_jacobian(x + sign * step * v, p) @ v for sign in (1, -1))
        return float(w @ (ahead - behind) / (2 * step) * np.sign(w[0]))

    def follow(self, start: Array) -> None:
        """Trace both ways from a point and keep the curve."""
        point = at_value(self.curve, start, self.P + 1, float(start[self.P + 1]))
        ahead = None if point is None else tangent(self.curve, point)
        if point is None or ahead is None:
            return
        low, high = np.full(self.P + 2, -np.inf), np.full(self.P + 2, np.inf)
        low[self.P :], high[self.P :] = np.array(self.equations.family.ranges).T
        ending = (2,) if self.kind == "fold" else (0, 2)
        pieces = [trace(self.curve, point, ahead, (low, high), self._tests, ending)]
        if pieces[0].end == "closed":
            pieces.append(Trace(point[None], (), "closed"))
        else:
            pieces.append(trace(self.curve, point, -ahead, (low, high), self._tests, ending))
        forward, backward = pieces
        points = np.concatenate([backward.points[::-1], forward.points[1:]])
        self.traces.append(points)
        self.curves.append(self._curve(points, (backward, forward)))

    def _curve(self, points: Array, pieces: tuple[Trace, Trace]) -> BifurcationCurve:
        names = self.equations.populations
        kinds = ("bogdanov_takens", "cusp") if self.kind == "fold" else ("bogdanov_takens", "generalized_hopf")
        rates = np.array([self.equations.rates(y[: self.P], y[self.P :]) for y in points])
        special = []
        for event in (*pieces[0].events[::-1], *pieces[1].events):
            if event.test < 2:
                x, p = event.point[: self.P], event.point[self.P :]
                here = dict(zip(names, self.equations.rates(x, p).tolist(), strict=True))
                special.append(CodimensionTwoPoint(kinds[event.test], (float(p[0]), float(p[1])), here))
        frequency = None
        if self.kind == "hopf":
            found = [hopf_point(self.equations, y[: self.P], y[self.P :]) for y in points]
            frequency = np.array([0.0 if one is None else one.frequency for one in found])
        family = self.equations.family
        return BifurcationCurve(
            self.kind,
            (family.names[0], family.names[1]),
            (family.units[0], family.units[1]),
            points[:, self.P :],
            rates,
            frequency,
            tuple(special),
            (self._end(pieces[0]), self._end(pieces[1])),
        )

    def _end(self, piece: Trace) -> str:
        if piece.end != "stopped":
            return piece.end
        return "bogdanov_takens" if piece.events[-1].test == 0 else "maximum_rate"
