"""Regime maps: which steady states a two-population SSN has at every (mu_ext, ratio) of a grid (Fig 5 of the paper).

At each point all steady states are found (``steady_state_search``, with its proof of completeness) and judged by the
conditions derived from the rate equations: stable, inhibition-stabilised (Eq 7), supersaturating (S6). The balanced
limit (S2, S4 and the trace) depends on the ratio alone. ``regime_boundaries`` gives the exact curves between regions.
Source: Ekelmans, Kraynyukova & Tchumatchenko 2023. Units: mV/s, Hz, s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.units import floats_of

from .balanced import balanced_limit
from .conditions import condition
from .reduction import LARGEST_INPUT
from .ssn import SSN
from .steady_state_search import REASONS, RootArrays, steady_states_of_many

if TYPE_CHECKING:
    from .boundary_results import RegimeBoundaries

_CHUNK = 8192
"""Points solved at once: keeps the memory bounded and the arrays in the processor's cache."""


@dataclass(frozen=True)
class RegimeMap:
    """What is where in the plane of mu_ext and ratio; arrays are indexed [ratio, mu_ext].

    Attributes
    ----------
    populations : names, excitatory first.
    mu_ext : external input of E in mV/s, shape (m,), ascending; I receives ratio * mu_ext.
    ratio : shape (k,), ascending.
    states : number of distinct steady states, shape (k, m).
    stable : number of stable ones, shape (k, m).
    isn_states : number of stable states that are inhibition-stabilised (Eq 7), shape (k, m).
    supersaturating_states : number of stable states whose excitatory rate falls when mu_ext grows at constant ratio
        (S6), shape (k, m).
    extrapolated_states : number of stable states with a rate outside the range its power law was fitted on, (k, m).
    lowest, highest : (nu_E, nu_I) in Hz of the stable states of lowest and highest nu_E, shape (k, m, 2); NaN where
        no state is stable (``stable`` is 0 there).
    complete : whether it is proven that no state of the point is missing, shape (k, m).
    reason : how that is known for the whole map, or why not and for how many points.
    balanced : "stable", "unstable" or "none" for each ratio: the state of the limit of large inputs (or networks),
        shape (k,). "stable" includes the trace condition.
    tau_population : population time constants in s on which stability rests.
    rate_limits : upper end in Hz of the range on which each power law was fitted.
    """

    populations: tuple[str, str]
    mu_ext: np.ndarray
    ratio: np.ndarray
    states: np.ndarray
    stable: np.ndarray
    isn_states: np.ndarray
    supersaturating_states: np.ndarray
    extrapolated_states: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    complete: np.ndarray
    reason: str
    balanced: np.ndarray
    tau_population: tuple[float, float]
    rate_limits: tuple[float, float]

    @property
    def isn(self) -> np.ndarray:
        """Whether some stable state is inhibition-stabilised, shape (k, m)."""
        return self.isn_states > 0

    @property
    def supersaturating(self) -> np.ndarray:
        """Whether some stable state is supersaturating, shape (k, m)."""
        return self.supersaturating_states > 0

    @property
    def extrapolated(self) -> np.ndarray:
        """Whether some stable state lies outside the fitted range, shape (k, m)."""
        return self.extrapolated_states > 0

    @property
    def multistable(self) -> np.ndarray:
        """Whether at least two states are stable, shape (k, m)."""
        return self.stable > 1

    @property
    def empty(self) -> np.ndarray:
        """Whether there is no steady state at all, shape (k, m): the rates run away."""
        return self.states == 0

    def plot(self, path: str | Path, boundaries: RegimeBoundaries | None = None) -> None:
        """Draw the map in the manner of Fig 5 into a file, with exact boundary curves if they are given.

        Raises :class:`~ssnbrian.circuit.InvalidInputError` if the file cannot be written or the grid is a line.
        """
        from .regime_figure import regime_figure

        regime_figure(self, path, boundaries)


def _axis(given: Any, unit: str, name: str) -> np.ndarray:
    values = np.atleast_1d(np.asarray(floats_of(given, unit, name), dtype=float))
    if values.ndim != 1 or values.size == 0:
        raise InvalidInputError(f"{name}: expected an array of shape (count,), got shape {values.shape}")
    if np.any(np.diff(values) <= 0):
        raise InvalidInputError(f"{name}: the values must ascend, none twice")
    if np.max(np.abs(values)) > LARGEST_INPUT:
        raise InvalidInputError(f"{name}: {np.abs(values).max():g} is beyond {LARGEST_INPUT:g}, where no neuron works")
    return values


def checked_ratios(ratio: Any) -> np.ndarray:
    """Ratios as an ascending array (k,); :class:`~ssnbrian.circuit.InvalidInputError` for a negative one."""
    values = _axis(ratio, "1", "ratio")
    if values[0] < 0:
        raise InvalidInputError(f"ratio must not be negative, got {values[0]:g}; start the range at 0 or above")
    return values


def regime_map(
    ssn: SSN,
    mu_ext: Any,
    ratio: Any,
    progress: Callable[[str, float], None] = lambda stage, fraction: None,
) -> RegimeMap:
    """All steady states at every pair of mu_ext and ratio, and what they are.

    Parameters
    ----------
    ssn : the network with its transfer functions and time constants.
    mu_ext : external input of E, mV/s or a quantity, shape (m,), ascending.
    ratio : mu_ext of I over that of E, shape (k,), ascending, at least 0.
    progress : called with the stage and the fraction done.

    Raises
    ------
    NotApplicableError : not one excitatory and one inhibitory population, or input populations that fire.
    InvalidInputError : an axis is not finite, not ascending or not one-dimensional, or a ratio is negative.
    """
    network = ssn.pair_driven_by_mu_ext
    mu, ratios = _axis(mu_ext, "mV/s", "mu_ext"), checked_ratios(ratio)
    shape = len(ratios), len(mu)
    counts = {name: np.zeros(shape, dtype=np.int16) for name in _COUNTS}
    rates = {name: np.full((*shape, 2), np.nan) for name in ("lowest", "highest")}
    reasons = np.zeros(shape, dtype=np.int8)
    size = reasons.size
    for first in range(0, size, _CHUNK):
        points = np.arange(first, min(first + _CHUNK, size))
        at_ratio, at_mu = np.divmod(points, len(mu))
        roots = steady_states_of_many(network, mu[at_mu], ratios[at_ratio] * mu[at_mu])
        stable, judged = _judge(ssn, roots, ratios[at_ratio])
        for name, count in judged.items():
            counts[name].flat[points] = count
        reasons.flat[points] = roots.reason
        extremes = rates["lowest"].reshape(-1, 2), rates["highest"].reshape(-1, 2)
        # The states of a point stand by ascending nu_E: the last one written stays.
        extremes[1][points[roots.problem[stable]]] = roots.rates[stable]
        extremes[0][points[roots.problem[stable][::-1]]] = roots.rates[stable][::-1]
        progress("steady states", (points[-1] + 1) / size)
    return RegimeMap(
        populations=ssn.populations,
        mu_ext=mu,
        ratio=ratios,
        **counts,
        **rates,
        complete=reasons == 0,
        reason=_reason(reasons),
        balanced=balanced_limit(ssn, ratios),
        tau_population=ssn.tau_population,
        rate_limits=(ssn.transfer[0].rate_range[1], ssn.transfer[1].rate_range[1]),
    )


_COUNTS = ("states", "stable", "isn_states", "supersaturating_states", "extrapolated_states")


def state_values(ssn: SSN, rates: np.ndarray, **more: Any) -> dict[str, Any]:
    """What the conditions need at states with rates in Hz of shape (s, 2), gains included."""
    gains = ssn.network.gains(rates)
    return ssn.values(rate_E=rates[:, 0], rate_I=rates[:, 1], gain_E=gains[:, 0], gain_I=gains[:, 1], **more)


def _judge(ssn: SSN, roots: RootArrays, ratio: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Whether each state is stable, and the numbers of states of each kind at every point, shape of ``ratio``."""
    values = state_values(ssn, roots.rates, r=ratio[roots.problem])
    stable = np.asarray(condition("stable").evaluate(values), dtype=bool) & (roots.multiplicity == 1)
    isn = np.asarray(condition("inhibition_stabilized").evaluate(values), dtype=bool)
    falling = np.asarray(condition("supersaturation").evaluate(values), dtype=bool) & (roots.rates[:, 0] > 0)
    limits = np.array([law.rate_range[1] for law in ssn.transfer])
    beyond = np.any(roots.rates > limits, axis=1)

    def count(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(roots.problem[chosen], minlength=len(ratio))

    kinds = (np.ones_like(stable), stable, stable & isn, stable & falling, stable & beyond)
    return stable, {name: count(chosen) for name, chosen in zip(_COUNTS, kinds, strict=True)}


def _reason(reasons: np.ndarray) -> str:
    open_ = np.unique(reasons[reasons > 0])
    if not len(open_):
        return f"at every point {REASONS[0]}"
    return "; ".join(f"at {np.sum(reasons == one)} of {reasons.size} points {REASONS[one]}" for one in open_)
