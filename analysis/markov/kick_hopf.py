"""Hopf points of networks of kicks along one of their parameters.

The stationary state is continued along the parameter by Newton's method from its rates at the value before. Where a
complex pair of eigenvalues crosses the imaginary axis between two values of the grid, the real part of that pair is
solved for zero. The sign of the first Lyapunov coefficient tells whether stable oscillations grow from zero amplitude
(supercritical) or not; the equations are bilinear, so that it needs no third derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from ssnbrian.circuit import InvalidInputError

from .fixed_points import FixedPoint
from .kick_equations import KickEquations, KickState
from .kick_fixed_points import fixed_point, fixed_points, reduced
from .parameters import MarkovNetwork

__all__ = ["KickHopfPoint", "hopf_points", "stationary_branch", "with_value"]

_BY_PAIR = ("weights", "probabilities", "decay_times")
_BY_POPULATION = ("drive", "refractory")


@dataclass(frozen=True, eq=False)
class KickHopfPoint:
    """A Hopf point.

    Attributes
    ----------
    value : of the parameter, in its unit.
    point : the stationary state there.
    frequency : Hz, of the pair of eigenvalues on the imaginary axis.
    first_lyapunov : the first Lyapunov coefficient for a critical eigenvector of length 1 (Kuznetsov's definition).
    criticality : "supercritical" or "subcritical".
    """

    value: float
    point: FixedPoint[KickState]
    frequency: float
    first_lyapunov: float
    criticality: str


def with_value(network: MarkovNetwork, parameter: Sequence[str], value: float) -> MarkovNetwork:
    """The network with one parameter changed.

    ``parameter``: ``("decay_times", target, source)``, also weights and probabilities, or ``("drive", population)``,
    also refractory; without populations all elements are set. In the units of the network (s, mV, Hz).
    Raises InvalidInputError for other names and for values the network refuses.
    """
    name, populations = parameter[0], tuple(parameter[1:])
    if name not in _BY_PAIR + _BY_POPULATION:
        raise InvalidInputError(f"there is no parameter {name!r}; take {', '.join(_BY_PAIR + _BY_POPULATION)}")
    needed = 2 if name in _BY_PAIR else 1
    if len(populations) not in {0, needed}:
        raise InvalidInputError(f"{name} needs {needed} population(s), target before source, or none for all of them")
    values = np.array(getattr(network, name))
    values[tuple(network.index(one) for one in populations) or ...] = value
    return replace(network, **{name: values})


def stationary_branch(
    network: MarkovNetwork,
    parameter: Sequence[str],
    values: Sequence[float] | np.ndarray,
    near: Sequence[float] | np.ndarray | None = None,
) -> tuple[FixedPoint[KickState], ...]:
    """The stationary states along ``values`` of a parameter (see :func:`with_value`), each continued from the last.

    Begins with the state near the rates ``near`` (n,) Hz, or with the only state at the first value.

    Raises InvalidInputError if there are several and ``near`` is missing; SsnbrianError where the branch ends.
    """
    branch: list[FixedPoint[KickState]] = []
    for value in values:
        changed = with_value(network, parameter, float(value))
        if not branch and near is None:
            found = fixed_points(changed)
            if len(found) != 1:
                listed = "; ".join(str(np.round(one.rates, 3).tolist()) for one in found.points)
                raise InvalidInputError(f"there are {len(found)} stationary states ({listed} Hz); say near which")
            branch.append(found.points[0])
        else:
            branch.append(fixed_point(changed, branch[-1].rates if branch else np.asarray(near, float)))
    return tuple(branch)


def hopf_points(
    network: MarkovNetwork,
    parameter: Sequence[str],
    values: Sequence[float] | np.ndarray,
    near: Sequence[float] | np.ndarray | None = None,
) -> tuple[KickHopfPoint, ...]:
    """The Hopf points of a branch of stationary states (see :func:`stationary_branch`), in the order of ``values``.

    ``values`` ascending or descending. A pair that crosses forth and back between two of them is not seen: take more.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) < 2 or not (np.all(np.diff(values) > 0) or np.all(np.diff(values) < 0)):
        raise InvalidInputError("values must be at least two, ascending or descending")
    branch = stationary_branch(network, parameter, values, near)
    unstable = [int(np.sum(one.eigenvalues.real > 0)) for one in branch]
    found = []
    for left, right, first, before, after in zip(values, values[1:], branch, unstable, unstable[1:], strict=False):
        index = min(before, after)
        while index < max(before, after):
            value = _crossing(network, parameter, (left, right), first, index)
            changed = with_value(network, parameter, value)
            point = fixed_point(changed, first.rates)
            if abs(point.eigenvalues[index].imag) > 1e-6 * np.max(np.abs(point.eigenvalues)):
                found.append(_hopf_point(changed, value, point, index))
                index += 1  # its conjugate crosses with it
            index += 1
    return tuple(found)


def _crossing(
    network: MarkovNetwork,
    parameter: Sequence[str],
    between: tuple[float, float],
    near: FixedPoint[KickState],
    index: int,
) -> float:
    """The value at which the eigenvalue that is number ``index`` by its real part lies on the imaginary axis."""

    def real_part(value: float) -> float:
        return float(fixed_point(with_value(network, parameter, value), near.rates).eigenvalues[index].real)

    return float(brentq(real_part, *between, xtol=1e-12 * max(abs(one) for one in between), rtol=1e-12))


def _hopf_point(network: MarkovNetwork, value: float, point: FixedPoint[KickState], index: int) -> KickHopfPoint:
    from ..bifurcation_points import first_lyapunov

    equations = KickEquations(network)
    embedding, kept = equations.embedding, equations.kept
    omega = abs(float(point.eigenvalues[index].imag))
    A = reduced(equations, equations.jacobian(equations.vector(point.state)))

    def bilinear(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return equations.second_derivative(embedding @ u, embedding @ v)[kept]

    l1 = first_lyapunov(A, omega, bilinear, lambda u, v, w: np.zeros(len(kept)))
    return KickHopfPoint(value, point, omega / (2 * np.pi), l1, "supercritical" if l1 < 0 else "subcritical")
