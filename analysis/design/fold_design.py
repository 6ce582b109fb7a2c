"""What designs with folds have in common: refusals, the states along mu_ext, margins. Units: mV/s, Hz, mV, s."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..characteristic import TwoPopulationSSN, eigenvalues
from ..conditions import condition
from ..steady_state_search import steady_states_of_many
from .request import PAIRS, InfeasibleDesignError, Setting

FOLD_TOLERANCE = 1e-6
"""Largest distance of a fold from where it was asked for, mV/s."""


def lowest_branch_end(setting: Setting) -> float:
    """Infimum, over the weights within the bounds, of the input at which the branch from silence can end, mV/s.

    That branch starts with E silent and can turn only where gain_E J_EE >= 1, since D = 0 implies it. On its way it
    passes the z at which gain_E J_EE = 1, and needs there at least the input it would need with I silent, which is
    lowest for the highest J_EE. Infinite if J_EE must be 0.
    """
    return isolated_branch_end(setting, setting.bounds.weights_realisable["EE"][1])


def isolated_branch_end(setting: Setting, J_EE: float) -> float:
    """Input at which the branch from silence ends if I is silent: the largest z - J_EE rate_E + b_E, mV/s."""
    values = setting.values(J_EE=J_EE, J_EI=0.0)
    rate = condition("inhibition_stabilized").evaluate_threshold(values)
    if not math.isfinite(rate):
        return math.inf
    return float(condition("required_mu_ext_E").evaluate(values | {"rate_E": rate, "rate_I": 0.0}))


def ratio_refusal(setting: Setting, ratio: float) -> InfeasibleDesignError | None:
    """The ratio asked for lies outside the bounds."""
    low, high = setting.bounds.ratio
    if low <= ratio <= high:
        return None
    return InfeasibleDesignError(
        f"the ratio asked for, {ratio:g}, lies outside its bounds ({low:g}, {high:g})",
        proven=True,
        feasible=f"a ratio from {low:g} to {high:g}",
    )


def branch_end_refusal(setting: Setting, mu_ext: float, what: str) -> InfeasibleDesignError | None:
    """The branch from silence cannot end as early as at ``mu_ext`` (mV/s), which is ``what``."""
    lowest = lowest_branch_end(setting)
    if mu_ext >= lowest:
        return None
    highest = setting.bounds.weights_realisable["EE"][1]
    if math.isinf(lowest):
        return InfeasibleDesignError("a fold needs gain_E J_EE >= 1, but J_EE = 0 mV", proven=True, feasible="J_EE > 0")
    return InfeasibleDesignError(
        f"{what} = {mu_ext:g} mV/s < {lowest:.6g} mV/s, the lowest input at which the branch from silence can end:"
        f" gain_E J_EE > 1 is not reached below it with J_EE <= {highest:g} mV",
        proven=True,
        feasible=f"{what} above {lowest:.6g} mV/s, or a larger J_EE",
    )


@dataclass(frozen=True)
class StatesAlong:
    """Steady states at inputs mu_ext of shape (m,); the states of all inputs in a row, by ascending input and z.

    Attributes
    ----------
    mu_ext : mV/s, shape (m,).
    problem : index into mu_ext of each state, shape (k,).
    z : mu_E - b_E, mV/s, shape (k,).
    rates : Hz, shape (k, 2).
    stable : shape (k,).
    complete : whether no state is missing at any input.
    """

    mu_ext: np.ndarray
    problem: np.ndarray
    z: np.ndarray
    rates: np.ndarray
    stable: np.ndarray
    complete: bool

    @classmethod
    def of(cls, network: TwoPopulationSSN, setting: Setting, mu_ext: np.ndarray, ratio: float) -> StatesAlong:
        """All steady states at mu_ext_E = mu_ext and mu_ext_I = ratio mu_ext (mV/s)."""
        found = steady_states_of_many(network, mu_ext, ratio * np.asarray(mu_ext))
        spectrum = eigenvalues(network, found.rates, *setting.tau_population)
        stable = np.all(spectrum.real < 0, axis=-1)
        return cls(np.asarray(mu_ext), found.problem, found.z, found.rates, stable, bool(np.all(found.complete)))

    @property
    def count(self) -> np.ndarray:
        """Number of states at each input."""
        return np.bincount(self.problem, minlength=len(self.mu_ext))

    @property
    def stable_count(self) -> np.ndarray:
        """Number of stable states at each input."""
        return np.bincount(self.problem, weights=self.stable, minlength=len(self.mu_ext)).astype(int)


def hopf_margin(network: TwoPopulationSSN, setting: Setting, rates: np.ndarray) -> float:
    """Relative growth of tau_I that makes the trace vanish at one of the rates (Hz, shape (k, 2)); negative if it is
    positive already, infinite where no tau_I does."""
    weights = {pair: getattr(network, f"J_{pair}") for pair in PAIRS}
    values = setting.values(weights, rate_E=rates[:, 0], rate_I=rates[:, 1])
    limits = np.atleast_1d(condition("hopf").evaluate_threshold(values))
    return float(np.min(limits, initial=math.inf)) / setting.tau_population[1] - 1


def fitted_margins(setting: Setting, rates: np.ndarray) -> np.ndarray:
    """Relative growth of the rates (Hz, shape (..., 2)) that leads out of the fitted range; negative if outside."""
    limits = np.array([law.rate_range[1] for law in setting.transfer])
    with np.errstate(divide="ignore"):
        return np.min(limits / rates, axis=-1) - 1


def finite_margins(**margins: float) -> dict[str, float]:
    """The margins that are numbers: one that is infinite limits nothing."""
    return {name: value for name, value in margins.items() if math.isfinite(value)}


def graded(low: float, high: float, count: int) -> np.ndarray:
    """Inputs strictly between low and high, shape (count,), denser towards both ends."""
    phase = np.pi * (np.arange(count) + 0.5) / count
    return low + (high - low) * 0.5 * (1 - np.cos(phase))


def counted(counts: np.ndarray) -> list[int]:
    """Lowest and highest of some numbers of states."""
    return [int(counts.min()), int(counts.max())]
