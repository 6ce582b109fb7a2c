"""An inhibition-stabilised state from a given excitatory rate on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, final

import numpy as np
from scipy.optimize import brentq

from ssnbrian.circuit import Drive, InvalidInputError, Ramp

from ..conditions import condition
from ..self_consistent import SelfConsistent
from ..steady_state_search import steady_states_of_many
from .boxes import DRAW_BOXES, PROOF_BOXES, Boxes, Requirement, batches, feasible_boxes
from .inverse import rate_I_at_state, weight_at_isn_threshold, weight_at_state
from .ramp import RampBranch, ramp_branch
from .request import (
    Candidate,
    InfeasibleDesignError,
    Regime,
    Setting,
    Verification,
    one_number,
    positive_number,
)
from .self_consistent_branch import SelfConsistentBranch

TOLERANCE = 1e-6
"""Largest relative distance of the threshold found from the one asked for."""


@final
@dataclass(frozen=True)
class InhibitionStabilized(Regime):
    """Inhibition-stabilised at excitatory rates above ``from_rate`` (Hz), which a slow ramp of the input passes.

    The ramp starts at 0 below that rate and reaches ``up_to`` times it, stable all the way, at an input of at most
    ``largest_input`` (mV/s). ``ratio`` is mu_ext of I over that of E; None leaves it to the search. J_EE follows from
    Eq 7, J_IE and the inhibitory rate from Eq 5 and 6 (Ekelmans et al. 2023) for the input at which the rate is
    passed.
    """

    name: ClassVar[str] = "inhibition_stabilized"
    adjusted: ClassVar[Mapping[str, str]] = MappingProxyType({"EE": "isn_from_Hz"})
    from_rate: Any
    ratio: Any = None
    up_to: Any = 2.0
    largest_input: Any = 100.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "from_rate", positive_number(self.from_rate, "Hz", "rate from which on it is an ISN"))
        object.__setattr__(self, "largest_input", positive_number(self.largest_input, "mV/s", "largest input"))
        up_to = one_number(self.up_to, "1", "up_to")
        if up_to <= 1:
            raise InvalidInputError(f"up_to: the ramp must go beyond the threshold, so above 1, got {up_to:g}")
        object.__setattr__(self, "up_to", up_to)
        if self.ratio is not None:
            object.__setattr__(self, "ratio", positive_number(self.ratio, "1", "ratio"))

    def __str__(self) -> str:
        fixed = "" if self.ratio is None else f" at ratio {self.ratio:g}"
        return f"inhibition-stabilized above nu_E = {self.from_rate:.4g} Hz{fixed}"

    def drive(self, candidate: Candidate, setting: Setting) -> Drive:
        """A ramp up to ``up_to`` times the threshold."""
        reached = _input_at(candidate, setting, self.up_to * self.from_rate, self.largest_input)
        return Ramp(0.0, self.largest_input if reached is None else reached, duration=50.0)

    def weight(self, setting: Setting) -> float:
        """J_EE in mV, the same for every network with this threshold (Eq 7 with equality)."""
        return float(weight_at_isn_threshold()(**setting.values(rate_E=self.from_rate)))

    def refusal(self, setting: Setting) -> InfeasibleDesignError | None:
        """J_EE outside its bounds (Eq 7), or no input, ratio and weights for which Eq 5 and 6 hold at the threshold."""
        low, high = setting.bounds.ratio
        if self.ratio is not None and not low <= self.ratio <= high:
            text = f"the ratio {self.ratio:g} lies outside its bounds ({low:g}, {high:g})"
            return InfeasibleDesignError(text, proven=True)
        J_EE, (floor, ceiling) = self.weight(setting), setting.bounds.weights_realisable["EE"]
        if not floor <= J_EE <= ceiling:
            threshold = condition("inhibition_stabilized").evaluate_threshold
            rates = [threshold(setting.values({"EE": bound})) if bound else np.inf for bound in (ceiling, floor)]
            side = f"above its bound of {ceiling:g}" if ceiling < J_EE else f"below its bound of {floor:g}"
            return InfeasibleDesignError(
                f"Eq 7 with equality at nu_E = {self.from_rate:g} Hz needs J_EE = {J_EE:.4g} mV, {side} mV",
                proven=True,
                feasible=f"as far as Eq 7 goes, thresholds from {rates[0]:.4g} to {rates[1]:.4g} Hz",
            )
        boxes, words = self._boxes(setting, PROOF_BOXES)
        return None if boxes.violated is None else InfeasibleDesignError(words[boxes.violated], proven=True)

    def _boxes(self, setting: Setting, most: int) -> tuple[Boxes, dict[str, str]]:
        """Boxes of (mu_ext at the threshold, r, J_EI, J_II) that may hold a solution."""
        limits = setting.bounds.weights_realisable
        ratio = setting.bounds.ratio if self.ratio is None else (self.ratio, self.ratio)
        requirements = _Requirements(self, setting)
        ranges = ((0.0, self.largest_input), ratio, limits["EI"], limits["II"])
        return feasible_boxes(ranges, requirements.in_order(), most), requirements.words

    def candidates(self, setting: Setting, rng: np.random.Generator) -> Iterator[Candidate]:
        """Networks with the threshold asked for that pass it at an input within the range of the ramp."""
        boxes, _ = self._boxes(setting, DRAW_BOXES)
        if boxes.violated is not None:
            return
        J_EE = self.weight(setting)
        for mu_ext, r, J_EI, J_II in batches(boxes, rng):
            values = setting.values(J_EE=J_EE, J_EI=J_EI, J_II=J_II, rate_E=self.from_rate)
            rate_I = rate_I_at_state()(**values, mu_ext=mu_ext)
            active = rate_I > 0
            values |= {"rate_I": np.where(active, rate_I, 0.0)}
            J_IE = weight_at_state("IE")(**values, mu_ext=r * mu_ext)
            weights = {"EE": np.full_like(r, J_EE), "EI": J_EI, "IE": J_IE, "II": J_II}
            for k in np.flatnonzero(active & setting.bounds.inside(weights, r)):
                chosen = {pair: float(value[k]) for pair, value in weights.items()}
                yield Candidate(chosen, float(r[k]), "Eq 7, Eq 5, Eq 6")

    def verify(self, candidate: Candidate, setting: Setting) -> Verification:
        """Follow a slow ramp from 0 up to the rate asked for and find where the states become inhibition-stabilised."""
        top = self.up_to * self.from_rate
        asked = {"isn_from_Hz": self.from_rate, "reached_Hz": top}
        start = _lowest(candidate, setting, np.zeros(1))[0, 0]
        if start >= self.from_rate:
            return Verification(False, asked, {}, (f"nu_E is above {self.from_rate:.4g} Hz already at zero input",))
        end = _input_at(candidate, setting, top, self.largest_input)
        if end is None:
            reason = f"nu_E does not reach {top:.4g} Hz for mu_ext up to {self.largest_input:g} mV/s"
            return Verification(False, asked, {}, (reason,))
        branch = ramp_branch(setting, candidate.weights, candidate.ratio, end)
        reasons = [f"on the ramp there is {obstacle}" for obstacle in branch.obstacles]
        found: dict[str, Any] = {"reached_Hz": float(branch.rates[-1, 0]), "reached_at_mV_per_s": end}
        margins: dict[str, float] = {}
        if not branch.obstacles:
            mu, rates = _turning_point(branch, candidate, setting)
            found |= {"isn_from_Hz": rates[0], "isn_from_mV_per_s": mu, "rate_I_there_Hz": rates[1]}
            found["rates_at_zero_Hz"] = branch.rates[0].tolist()
            found["extrapolated"] = bool(
                np.any(branch.rates.max(axis=0) > [law.rate_range[1] for law in setting.transfer])
            )
            if abs(rates[0] / self.from_rate - 1) > TOLERANCE or mu <= 0:
                reasons.append(f"the ramp meets an inhibition-stabilised state from {rates[0]:.6g} Hz on")
            margins["start_below_threshold"] = 1 - float(branch.rates[0, 0]) / self.from_rate
            margins["input_range"] = self.largest_input / end - 1
            margins["decay_per_tau"] = branch.smallest_decay * setting.tau_population[0]
        return Verification(not reasons, asked, found, tuple(reasons), margins)

    def self_consistent(
        self, candidate: Candidate, verification: Verification, theory: SelfConsistent
    ) -> Mapping[str, Any]:
        """Where d Phi_E / d nu_E passes 1 on the ramp of the self-consistent theory."""
        branch = SelfConsistentBranch(theory, candidate.ratio)
        end = verification.found["reached_at_mV_per_s"]
        inputs, states = branch.follow(1.5 * end)
        gains = np.array([branch.excitatory_gain(rates, mu) for mu, rates in zip(inputs, states, strict=True)])
        first = np.flatnonzero(gains > 1)
        if not len(first) or first[0] == 0:
            return {}
        mu, rates = branch.where_gain_is_one(inputs[first[0] - 1 : first[0] + 1], states[first[0] - 1])
        found = {"isn_from_Hz": float(rates[0]), "isn_from_mV_per_s": mu, "rate_I_there_Hz": float(rates[1])}
        if inputs[-1] < end:
            return found
        return {**found, "reached_Hz": float(np.interp(end, inputs, states[:, 0])), "reached_at_mV_per_s": end}


def _lowest(candidate: Candidate, setting: Setting, mu_ext: np.ndarray) -> np.ndarray:
    """Rates of the lowest state at each input, Hz, shape (m, 2); NaN where there is none."""
    found = steady_states_of_many(setting.network(candidate.weights), mu_ext, candidate.ratio * mu_ext)
    rates = np.full((len(mu_ext), 2), np.nan)
    inputs, first = np.unique(found.problem, return_index=True)
    rates[inputs] = found.rates[first]
    return rates


def _input_at(candidate: Candidate, setting: Setting, rate_E: float, largest: float) -> float | None:
    """The lowest mu_ext (mV/s) at which nu_E of the lowest branch reaches ``rate_E``, None if it does not."""
    grid = np.linspace(0.0, largest, 101)
    above = np.flatnonzero(_lowest(candidate, setting, grid)[:, 0] >= rate_E)
    if not len(above):
        return None
    if above[0] == 0:
        return 0.0

    def excess(mu: float) -> float:
        return _lowest(candidate, setting, np.array([mu]))[0, 0] - rate_E

    if np.isnan(excess(grid[above[0] - 1])):
        return None
    return float(brentq(excess, grid[above[0] - 1], grid[above[0]], xtol=1e-12, rtol=1e-14))


def _turning_point(branch: RampBranch, candidate: Candidate, setting: Setting) -> tuple[float, tuple[float, float]]:
    """(mu_ext, rates) at which the state of the ramp becomes inhibition-stabilised; its end if it does not."""
    threshold = condition("inhibition_stabilized").evaluate_threshold(setting.values(candidate.weights))
    first = np.flatnonzero(branch.rates[:, 0] > threshold)
    if not len(first):
        return float(branch.mu_ext[-1]), (float("inf"), float("inf"))
    mu = float(branch.mu_ext[first[0]])
    if first[0]:
        near = branch.mu_ext[first[0] - 1], branch.mu_ext[first[0]]
        mu = float(brentq(lambda x: _lowest(candidate, setting, np.array([x]))[0, 0] - threshold, *near, xtol=1e-10))
    nu_E, nu_I = _lowest(candidate, setting, np.array([mu]))[0]
    return mu, (float(nu_E), float(nu_I))


class _Requirements:
    """Interval tests on boxes of (mu_ext, r, J_EI, J_II) at the threshold; ``words`` says what each of them met.

    With J_EE given, rate_I of Eq 5 grows with mu_ext and falls with J_EI; J_IE of Eq 6 grows with rate_I and J_II and
    falls with the input of I. At the threshold any state with active inhibition is stable.
    """

    def __init__(self, regime: InhibitionStabilized, setting: Setting) -> None:
        self.regime, self.setting = regime, setting
        self.J_EE = regime.weight(setting)
        self.words: dict[str, str] = {}

    def in_order(self) -> list[Requirement]:
        return [("Eq 5", self.inhibited), ("Eq 6", self.balanced)]

    def _rate_I(self, mu_ext: np.ndarray, J_EI: np.ndarray) -> np.ndarray:
        values = self.setting.values(J_EE=self.J_EE, J_EI=np.maximum(J_EI, 1e-300), rate_E=self.regime.from_rate)
        return np.asarray(rate_I_at_state()(**values, mu_ext=mu_ext))

    def inhibited(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        kept = self._rate_I(high[0], low[2]) > 0
        if not kept.any():
            self.words["Eq 5"] = (
                f"Eq 5 at nu_E = {self.regime.from_rate:g} Hz leaves nothing for inhibition: the excitatory population "
                f"alone needs mu_ext above the largest input of {self.regime.largest_input:g} mV/s"
            )
        return kept

    def balanced(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        floor, ceiling = self.setting.bounds.weights_realisable["IE"]
        nu_I = np.maximum(self._rate_I(low[0], high[2]), 0), np.minimum(self._rate_I(high[0], low[2]), 1e12)
        lowest, highest = (
            weight_at_state("IE")(
                **self.setting.values(rate_E=self.regime.from_rate, rate_I=rate, J_II=J_II), mu_ext=mu_I
            )
            for rate, J_II, mu_I in ((nu_I[0], low[3], high[0] * high[1]), (nu_I[1], high[3], low[0] * low[1]))
        )
        kept = (lowest <= ceiling * (1 + 1e-9)) & (highest >= floor * (1 - 1e-9))
        if not kept.any():
            if np.all(lowest > ceiling):
                self.words["Eq 6"] = f"Eq 6 needs J_IE >= {lowest.min():.4g} mV, above its bound of {ceiling:g} mV"
            else:
                self.words["Eq 6"] = f"Eq 6 needs J_IE <= {highest.max():.4g} mV, below its bound of {floor:g} mV"
        return kept
