"""The states that a slow ramp of the input meets, from 0 upwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..characteristic import eigenvalues
from ..folds import folds
from ..steady_state_search import steady_states_of_many
from .request import Setting

POINTS = 301


@dataclass(frozen=True)
class RampBranch:
    """The lowest branch of steady states from mu_ext = 0 to the end of a ramp.

    Attributes
    ----------
    mu_ext : inputs, mV/s, shape (m,). rates : (nu_E, nu_I), Hz, shape (m, 2).
    growth : largest real part of the eigenvalues, 1/s, shape (m,); negative where the state is stable.
    obstacles : what a slow ramp cannot follow or what makes it depend on its history, in words; empty if at every input
        there is exactly one steady state and it is stable.
    """

    mu_ext: np.ndarray
    rates: np.ndarray
    growth: np.ndarray
    obstacles: tuple[str, ...]

    @property
    def smallest_decay(self) -> float:
        """The slowest decay rate on the branch, 1/s; negative if a state is unstable."""
        return float(-self.growth.max())


def ramp_branch(
    setting: Setting, weights: Mapping[str, float], ratio: float, end: float, points: int = POINTS
) -> RampBranch:
    """Steady states from mu_ext = 0 to ``end`` (mV/s) with mu_ext of I = ``ratio`` times that of E.

    That no second state exists follows from one state at 0 and no fold up to ``end``, both searched with proof;
    stability is computed at ``points`` inputs.
    """
    network = setting.network(weights)
    grid = np.linspace(0.0, end, points)
    found = steady_states_of_many(network, grid, ratio * grid)
    _, first = np.unique(found.problem, return_index=True)
    obstacles = []
    if len(first) < points:
        gap = grid[np.setdiff1d(np.arange(points), found.problem)[0]]
        obstacles.append(f"no steady state at mu_ext = {gap:.4g} mV/s")
    turning = folds(network, ratio, (0.0, end))
    if len(turning):
        obstacles.append(f"a fold at mu_ext = {turning.mu_ext[0]:.4g} mV/s")
    if found.count.max(initial=0) > 1:
        where = grid[int(np.argmax(found.count > 1))]
        obstacles.append(f"{found.count.max()} steady states at mu_ext = {where:.4g} mV/s")
    if not (turning.complete and bool(found.complete.all())):
        obstacles.append("that no further state exists is not proven")
    rates = found.rates[first]
    growth = eigenvalues(network, rates, *setting.tau_population).real.max(axis=-1)
    if growth.max(initial=-np.inf) >= 0:
        obstacles.append(f"an unstable state at mu_ext = {grid[found.problem[first]][growth >= 0][0]:.4g} mV/s")
    return RampBranch(grid[found.problem[first]], rates, growth, tuple(obstacles))
