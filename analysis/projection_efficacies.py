"""The efficacies of all plastic projections between n populations, and their synapses in linearised dynamics.

A static projection has the efficacy 1. Index [target, source]; rates in Hz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .mean_efficacy import Efficacy
from .rational_function import RationalFunction

__all__ = ["NOT_CONSTANT", "ProjectionEfficacies"]

NOT_CONSTANT = "this is derived for constant weights; those of plastic synapses depend on the rates"
"""Why a formula does not apply to plastic synapses."""


@dataclass(frozen=True)
class ProjectionEfficacies:
    """What multiplies the weights, by the rates of their sources.

    Attributes
    ----------
    size : number of populations n.
    entries : (target, source, efficacy) of every plastic projection whose weight is not 0.

    ``power`` is 1 for what goes into the mean input, nu e, and 2 for what goes into its variance, nu e².
    """

    size: int
    entries: tuple[tuple[int, int, Efficacy], ...]

    @classmethod
    def of_rows(cls, rows: Sequence[Sequence[Efficacy | None]], weights: np.ndarray) -> ProjectionEfficacies:
        """From n rows of n entries, None where the weight is constant; ``weights`` (n, n)."""
        entries = tuple(
            (target, source, one)
            for target, row in enumerate(rows)
            for source, one in enumerate(row)
            if one is not None and weights[target, source] != 0
        )
        return cls(len(rows), entries)

    def _filled(self, shape: Sequence[int], static: Any) -> np.ndarray:
        return np.array(np.broadcast_to(static, (*shape, self.size, self.size)), dtype=float)

    def factors(self, rates: np.ndarray) -> np.ndarray:
        """e at rates (..., n), shape (..., n, n)."""
        values = self._filled(rates.shape[:-1], 1.0)
        for target, source, efficacy in self.entries:
            values[..., target, source] = efficacy(rates[..., source])
        return values

    def sent(self, rates: np.ndarray, power: int = 1) -> np.ndarray:
        """nu e^power at rates (..., n), shape (..., n, n), Hz."""
        values = self._filled(rates.shape[:-1], rates[..., None, :])
        for target, source, efficacy in self.entries:
            values[..., target, source] = _transmitted(efficacy, power)(rates[..., source])
        return values

    def slopes(self, rates: np.ndarray, power: int = 1) -> np.ndarray:
        """d(nu e^power)/d nu at rates (..., n), shape (..., n, n)."""
        values = self._filled(rates.shape[:-1], 1.0)
        for target, source, efficacy in self.entries:
            values[..., target, source] = _transmitted(efficacy, power).slope(rates[..., source])
        return values

    def sent_bounds(self, low: np.ndarray, high: np.ndarray, power: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of :meth:`sent` over boxes (m, n), (m, n, n) each."""
        bounds = tuple(self._filled(one.shape[:-1], one[..., None, :]) for one in (low, high))
        for target, source, efficacy in self.entries:
            found = _transmitted(efficacy, power).bounds(low[:, source], high[:, source])
            for bound, one in zip(bounds, found, strict=True):
                bound[:, target, source] = one
        return bounds[0], bounds[1]

    def slope_bounds(self, low: np.ndarray, high: np.ndarray, power: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of :meth:`slopes` over boxes (m, n), (m, n, n) each."""
        bounds = self._filled((2, len(low)), 1.0)
        for target, source, efficacy in self.entries:
            slope = _transmitted(efficacy, power).derivative
            bounds[:, :, target, source] = slope.bounds(low[:, source], high[:, source])
        return bounds[0], bounds[1]

    def linearisation(
        self, rates: np.ndarray, direct: np.ndarray, by_factor: np.ndarray, tau: Sequence[float] | np.ndarray
    ) -> np.ndarray:
        """Jacobian in 1/s of tau_X d nu_X/dt = -nu_X + Phi_X together with the means of the synapses' variables.

        Parameters
        ----------
        rates : (n,), Hz, of a steady state.
        direct : d Phi_X / d nu_Y with the synapses held, (n, n).
        by_factor : d Phi_X by what multiplies the weight of Y to X, (n, n), Hz.
        tau : (n,), s.

        Unknowns: the n rates, then the variables of every entry.
        """
        n, time = self.size, np.asarray(tau, dtype=float)
        total = n + sum(len(one.variables) for *_, one in self.entries)
        matrix = np.zeros((total, total))
        matrix[:n, :n] = (direct - np.eye(n)) / time[:, None]
        first = n
        for target, source, efficacy in self.entries:
            own = slice(first, first + len(efficacy.variables))
            matrix[own, own], matrix[own, source], released = efficacy.linearised(rates[source])
            matrix[target, own] = by_factor[target, source] / time[target] * released
            first = own.stop
        return matrix

    def excitation_unstable(self, linearisation: np.ndarray, kinds: Sequence[str]) -> bool:
        """Whether the excitatory populations with the synapses among them are unstable with inhibition held."""
        chosen = [index for index, kind in enumerate(kinds) if kind == "excitatory"]
        first = self.size
        for target, source, efficacy in self.entries:
            if kinds[target] == kinds[source] == "excitatory":
                chosen += range(first, first + len(efficacy.variables))
            first += len(efficacy.variables)
        block = linearisation[np.ix_(chosen, chosen)]
        return bool(np.max(np.linalg.eigvals(block).real, initial=-np.inf) > 0)


def _transmitted(efficacy: Efficacy, power: int) -> RationalFunction:
    return efficacy.transmitted if power == 1 else efficacy.transmitted_squared
