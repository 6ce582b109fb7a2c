"""Steady states of many SSNs that differ in their weights: bistability in a window, and no state at large input."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from .characteristic import TwoPopulationSSN, eigenvalues
from .folds import Folds, folds
from .ssn import SSN
from .steady_state_search import steady_states_of_many

#: Where between two neighbouring folds stability and rates are looked at.
BETWEEN_FOLDS = (0.02, 0.25, 0.5, 0.75, 0.98)


@dataclass(frozen=True)
class StateSearch:
    """Decides regimes of one SSN after the other.

    Attributes
    ----------
    ssn : transfer functions and population time constants; its weights are replaced.
    ratio : mu_ext of I over mu_ext of E.
    window : (lowest, highest) mu_ext in mV/s.
    limit : Hz, the highest rate within range.
    """

    ssn: SSN
    ratio: float
    window: tuple[float, float]
    limit: float

    def regimes(self, J: np.ndarray) -> dict[str, bool | None]:
        """For J_EE, J_EI, J_IE, J_II in mV: bistability, bistability_within_range, no_steady_state_at_large_input.

        The number of states changes at folds only (all of them are known), so the intervals between them are looked
        at, each at the inputs of ``BETWEEN_FOLDS``: a window of stability that a Hopf bifurcation opens and closes
        between two of these is missed. None where the search was not complete.
        """
        weights = dict(zip(("J_EE", "J_EI", "J_IE", "J_II"), map(float, J), strict=True))
        network = dataclasses.replace(self.ssn.network, **weights)
        found = folds(network, self.ratio)
        bistable, within = self._bistable(network, found)
        return {
            "bistability": bistable,
            "bistability_within_range": within,
            "no_steady_state_at_large_input": self._none_at_large_input(network, found),
        }

    def _bistable(self, network: TwoPopulationSSN, found: Folds) -> tuple[bool | None, bool | None]:
        if not found.complete:
            return None, None
        low, high = self.window
        if not len(found):
            middle = np.array([(low + high) / 2])
            states = steady_states_of_many(network, middle, self.ratio * middle)
            if states.complete[0] and states.count[0] < 2:
                return False, False
        inside = found.mu_ext[(found.mu_ext > low) & (found.mu_ext < high)]
        edges = np.unique(np.concatenate([[low], inside, [high]]))
        mu = (edges[:-1, None] + np.diff(edges)[:, None] * np.array(BETWEEN_FOLDS)).ravel()
        states = steady_states_of_many(network, mu, self.ratio * mu)
        spectrum = eigenvalues(network, states.rates, *self.ssn.tau_population)
        stable = np.all(spectrum.real < 0, axis=-1)
        near = stable & np.all(states.rates <= self.limit, axis=-1)
        several, several_near = (np.bincount(states.problem[which], minlength=len(mu)) > 1 for which in (stable, near))
        complete = bool(np.all(states.complete))
        return (
            bool(several.any()) if several.any() or complete else None,
            bool(several_near.any()) if several_near.any() or complete else None,
        )

    def _none_at_large_input(self, network: TwoPopulationSSN, found: Folds) -> bool | None:
        if network.det_J_exact > 0:
            return False
        if not found.complete:
            return None
        last = float(found.mu_ext[-1]) if len(found) else 0.0
        beyond = np.array([last + 1.0 + abs(last)])
        states = steady_states_of_many(network, beyond, self.ratio * beyond)
        return bool(states.count[0] == 0) if states.complete[0] else None
