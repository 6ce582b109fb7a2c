"""What a bifurcation diagram consists of: branches, points, stable windows, and how complete it is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .bifurcation_equations import RateTheory
from .bifurcation_points import BifurcationPoint, HopfPoint
from .continuation import Array, at_value
from .parameter_family import Drive
from .power_law import PowerLaw


@dataclass(frozen=True, eq=False)
class Branch:
    """A connected curve of steady states, in the order of its arclength.

    Attributes
    ----------
    values : parameter, shape (k,).
    rates : Hz, shape (k, populations).
    eigenvalues : 1/s, shape (k, populations), complex.
    stable, inhibition_stabilized, extrapolated : shape (k,); extrapolated: a rate lies outside the range on which its
        transfer function was fitted.
    closed : whether the curve comes back to its first point (an isola).
    ends : how it ends at either side: "window", "closed", "maximum_rate", "stalled" or "long".
    states : the unknowns of the equations, shape (k, populations), for further computation.
    """

    values: Array
    rates: Array
    eigenvalues: Array
    stable: Array
    inhibition_stabilized: Array
    extrapolated: Array
    closed: bool
    ends: tuple[str, str]
    states: Array


@dataclass(frozen=True, eq=False)
class BifurcationDiagram:
    """Steady states of a theory over one parameter.

    Attributes
    ----------
    parameter, unit, range : what was varied.
    theory : "ssn" or "self_consistent".
    populations : names, the columns of rates.
    branches : all branches, by the first population's lowest rate.
    folds, hopf : sorted by parameter value.
    silent_borders : points at which a population falls silent (its input crosses b of its power law).
    complete, reason : whether it is proven that nothing is missing, and how that is known or why it is not.
    counts_agree : whether the number of states equals the number of branches at every checked value.
    checked_values : how many values that were.
    maximum_rate : Hz, states above are left out.
    tau_population : s, the time constants on which stability and Hopf points depend, at the middle of the range.
    transfer : power laws of an SSN at the circuit's own values, by population.
    transfer_error : largest error in Hz (0 to 10 Hz) of the smooth transfer functions along the parameter.
    """

    parameter: str
    unit: str
    range: tuple[float, float]
    theory: str
    populations: tuple[str, ...]
    branches: tuple[Branch, ...]
    folds: tuple[BifurcationPoint, ...]
    hopf: tuple[HopfPoint, ...]
    silent_borders: tuple[BifurcationPoint, ...]
    complete: bool
    reason: str
    counts_agree: bool
    checked_values: int
    maximum_rate: float
    tau_population: Mapping[str, float]
    transfer: Mapping[str, PowerLaw]
    transfer_error: float
    drive: Drive
    equations: RateTheory = field(repr=False)

    def states_at(self, value: float) -> Array:
        """Rates in Hz, shape (k, populations), of all branches at one parameter value, by the first population's."""
        points = [crossing for branch in self.branches for crossing in crossings(self.equations, branch, value)]
        rates = np.array([self.equations.rates(x, [value]) for x in points]).reshape(-1, len(self.populations))
        return rates[np.argsort(rates[:, 0])]

    @cached_property
    def stable_windows(self) -> tuple[tuple[float, float, int], ...]:
        """(from, to, number of stable states): the range cut where that number changes."""
        low, high = self.range
        cuts = [point.value for point in (*self.folds, *self.hopf)]
        cuts += [float(v) for b in self.branches for v in b.values[[0, -1]] if not b.closed]
        edges = np.unique([low, high, *[cut for cut in cuts if low < cut < high]])
        windows: list[tuple[float, float, int]] = []
        for left, right in itertools.pairwise(edges):
            if right - left <= 1e-12 * (high - low):
                continue
            count = sum(
                self._is_stable(x, 0.5 * (left + right))
                for branch in self.branches
                for x in crossings(self.equations, branch, 0.5 * (left + right))
            )
            if windows and windows[-1][2] == count:
                windows[-1] = (windows[-1][0], float(right), count)
            else:
                windows.append((float(left), float(right), count))
        return tuple(windows)

    def _is_stable(self, x: Array, value: float) -> bool:
        return bool(np.all(np.linalg.eigvals(self.equations.linearisation(x, [value])).real < 0))


def crossings(equations: RateTheory, branch: Branch, value: float) -> list[Array]:
    """States x of a branch at one parameter value."""
    curve, found = equations.curve(), []
    offset = branch.values - value
    for k in np.flatnonzero((offset[:-1] * offset[1:] < 0) | (offset[:-1] == 0)):
        if offset[k] == 0:
            if not (branch.closed and k == 0):
                found.append(branch.states[k])
            continue
        share = offset[k] / (offset[k] - offset[k + 1])
        guess = branch.states[k] + share * (branch.states[k + 1] - branch.states[k])
        point = at_value(curve, np.append(guess, value), len(guess), value)
        found.append(guess if point is None else point[:-1])
    if offset[-1] == 0:
        found.append(branch.states[-1])
    return found
