"""A peak of the excitatory rate of given height at a given input: supersaturation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, final

import numpy as np
from scipy.optimize import minimize_scalar

from ssnbrian.circuit import Drive, Ramp

from ..conditions import condition
from ..self_consistent import SelfConsistent
from ..steady_state_search import steady_states_of_many
from .boxes import DRAW_BOXES, PROOF_BOXES, Boxes, batches, feasible_boxes, kept_within
from .inverse import weight_at_state
from .ramp import RampBranch, ramp_branch
from .request import Candidate, InfeasibleDesignError, Regime, Setting, Verification, positive_number
from .self_consistent_branch import SelfConsistentBranch

RAMP_END = 2.5
"""The ramp on which the peak must be the highest rate ends at this multiple of its input."""
TOLERANCE = 1e-4
"""Largest relative distance of the peak found from the one asked for."""


@final
@dataclass(frozen=True)
class Supersaturation(Regime):
    """nu_E peaks with height ``peak`` (Hz) at mu_ext = ``at`` (mV/s) on a slow ramp from 0, and falls after it.

    ``ratio`` is mu_ext of I over that of E; None leaves it to the search. For given (r, J_EI, J_II) the inhibitory
    rate at the peak follows from S6, then J_EE and J_IE from Eq 5 and 6 (Ekelmans et al. 2023): three weights are
    free, and the search draws them where the other two lie within the bounds.
    """

    name: ClassVar[str] = "supersaturation"
    adjusted: ClassVar[Mapping[str, str]] = MappingProxyType({"EE": "peak_Hz", "IE": "at_mV_per_s"})
    peak: Any
    at: Any
    ratio: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "peak", positive_number(self.peak, "Hz", "peak of the excitatory rate"))
        object.__setattr__(self, "at", positive_number(self.at, "mV/s", "input at the peak (a ramp starts at 0)"))
        if self.ratio is not None:
            object.__setattr__(self, "ratio", positive_number(self.ratio, "1", "ratio"))

    def __str__(self) -> str:
        fixed = "" if self.ratio is None else f" at ratio {self.ratio:g}"
        return f"a peak of {self.peak:.4g} Hz at mu_ext = {self.at:.4g} mV/s{fixed}"

    def drive(self, candidate: Candidate, setting: Setting) -> Drive:
        """A ramp through the peak."""
        return Ramp(0.0, RAMP_END * self.at, duration=50.0)

    def neighbours(self) -> Iterator[Regime]:
        """Other heights at the same input, the nearest first."""
        for step in range(1, 17):
            for factor in (1.15**-step, 1.15**step):
                yield replace(self, peak=self.peak * factor)

    def _weights(self, setting: Setting, r: np.ndarray, J_EI: np.ndarray, J_II: np.ndarray) -> dict[str, np.ndarray]:
        """J by pair of the networks that peak as asked for; infinite J_EE and J_IE where r J_EI <= J_II."""
        values = setting.values(r=r, J_EI=J_EI, J_II=J_II, rate_E=self.peak)
        values["rate_I"] = condition("peak_rate_I").evaluate(values)
        J_EE = weight_at_state("EE")(**values, mu_ext=self.at)
        J_IE = weight_at_state("IE")(**values, mu_ext=r * self.at)
        return {"EE": J_EE, "EI": J_EI, "IE": J_IE, "II": J_II}

    def _boxes(self, setting: Setting, most: int) -> tuple[Boxes, dict[str, str]]:
        """Boxes of (r, J_EI, J_II) that may hold a solution, and each requirement in words."""
        limits = setting.bounds.weights_realisable
        ratio = setting.bounds.ratio if self.ratio is None else (self.ratio, self.ratio)
        requirements = _Requirements(self, setting)
        boxes = feasible_boxes((ratio, limits["EI"], limits["II"]), requirements.in_order(), most)
        return boxes, requirements.words

    def refusal(self, setting: Setting) -> InfeasibleDesignError | None:
        """What cannot hold for any (r, J_EI, J_II) within the bounds, by interval bounds on J_EE, J_IE and D."""
        low, high = setting.bounds.ratio
        if self.ratio is not None and not low <= self.ratio <= high:
            text = f"the ratio {self.ratio:g} lies outside its bounds ({low:g}, {high:g})"
            return InfeasibleDesignError(text, proven=True)
        boxes, words = self._boxes(setting, PROOF_BOXES)
        return None if boxes.violated is None else InfeasibleDesignError(words[boxes.violated], proven=True)

    def candidates(self, setting: Setting, rng: np.random.Generator) -> Iterator[Candidate]:
        """Networks with a stationary point of nu_E of the height asked for at the input asked for."""
        boxes, _ = self._boxes(setting, DRAW_BOXES)
        if boxes.violated is not None:
            return
        for points in batches(boxes, rng):
            weights = self._weights(setting, *points)
            for k in np.flatnonzero(setting.bounds.inside(weights, points[0])):
                chosen = {pair: float(value[k]) for pair, value in weights.items()}
                yield Candidate(chosen, float(points[0, k]), "S6, Eq 5, Eq 6")

    def verify(self, candidate: Candidate, setting: Setting) -> Verification:
        """Follow the steady states of a slow ramp from 0 and find the highest excitatory rate on it."""
        end = RAMP_END * self.at
        branch = ramp_branch(setting, candidate.weights, candidate.ratio, end)
        reasons = [f"on the ramp there is {obstacle}" for obstacle in branch.obstacles]
        found: dict[str, Any] = {"ramp_end_mV_per_s": end}
        margins: dict[str, float] = {}
        if not branch.obstacles:
            mu, rates = _highest(branch, candidate, setting)
            last = float(branch.rates[-1, 0])
            found |= {
                "peak_Hz": rates[0],
                "at_mV_per_s": mu,
                "rate_I_at_peak_Hz": rates[1],
                "rate_E_at_ramp_end_Hz": last,
                "extrapolated": any(x > law.rate_range[1] for x, law in zip(rates, setting.transfer, strict=True)),
            }
            reasons += self._differences(mu, rates[0], end)
            margins["fall_after_peak"] = 1 - last / rates[0]
            margins["decay_per_tau"] = branch.smallest_decay * setting.tau_population[0]
        asked = {"peak_Hz": self.peak, "at_mV_per_s": self.at}
        return Verification(not reasons, asked, found, tuple(reasons), margins)

    def self_consistent(
        self, candidate: Candidate, verification: Verification, theory: SelfConsistent
    ) -> Mapping[str, Any]:
        """The peak of the self-consistent rate on the same ramp."""
        top = SelfConsistentBranch(theory, candidate.ratio).peak(RAMP_END * self.at)
        if top is None:
            return {}
        mu, rates = top
        return {"peak_Hz": float(rates[0]), "at_mV_per_s": mu, "rate_I_at_peak_Hz": float(rates[1])}

    def _differences(self, mu: float, peak: float, end: float) -> list[str]:
        reasons = []
        if mu >= end:
            reasons.append(f"the rate still rises at the end of the ramp, {end:.4g} mV/s")
        if abs(mu / self.at - 1) > TOLERANCE * 10:
            reasons.append(f"the highest rate is met at {mu:.5g} mV/s, not at {self.at:.5g} mV/s")
        if abs(peak / self.peak - 1) > TOLERANCE:
            reasons.append(f"the highest rate is {peak:.5g} Hz, not {self.peak:.5g} Hz")
        return reasons


def _highest(branch: RampBranch, candidate: Candidate, setting: Setting) -> tuple[float, tuple[float, float]]:
    """(mu_ext, rates) of the highest excitatory rate on a branch of single states."""
    network = setting.network(candidate.weights)

    def rates(mu: float) -> np.ndarray:
        return steady_states_of_many(network, np.array([mu]), np.array([candidate.ratio * mu])).rates[0]

    top = int(branch.rates[:, 0].argmax())
    near = branch.mu_ext[max(top - 1, 0)], branch.mu_ext[min(top + 1, len(branch.mu_ext) - 1)]
    refined = minimize_scalar(lambda mu: -rates(mu)[0], bounds=near, method="bounded", options={"xatol": 1e-7})
    best = max((float(refined.x), *map(float, near)), key=lambda mu: rates(mu)[0])
    nu_E, nu_I = rates(best)
    return best, (float(nu_E), float(nu_I))


class _Requirements:
    """Interval tests on boxes of (r, J_EI, J_II); ``words`` says what each of them met.

    rate_I at the peak falls with r J_EI - J_II; J_EE and J_IE of Eq 5 and 6 grow with rate_I and with the inhibitory
    weight, and J_IE falls with r. So corners bound all of them.
    """

    def __init__(self, regime: Supersaturation, setting: Setting) -> None:
        self.regime, self.setting = regime, setting
        self.limits = setting.bounds.weights_realisable
        self.words: dict[str, str] = {}

    def in_order(self):
        return [("Eq 4", self.possible), ("IE", self.inhibition), ("EE", self.excitation), ("stable", self.stable)]

    def possible(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        largest = {"r": high[0], "J_EI": high[1], "J_II": low[2]}
        kept = condition("supersaturation_possible").evaluate(largest)
        if not kept.any():
            self.words["Eq 4"] = (
                f"supersaturation needs r J_EI > J_II (Eq 4), but r <= {high[0].max():g}, J_EI <= {high[1].max():g} mV "
                f"and J_II >= {low[2].min():g} mV"
            )
        return kept

    def _rate_I(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest rate_I at the peak; infinite where r J_EI - J_II may vanish."""
        peak = condition("peak_rate_I")
        return tuple(
            np.asarray(peak.evaluate(self.setting.values(r=r, J_EI=J_EI, J_II=J_II)))
            for r, J_EI, J_II in ((high[0], high[1], low[2]), (low[0], low[1], high[2]))
        )

    def _weight(self, pair: str, own: np.ndarray, rate_I: np.ndarray, mu_ext: Any) -> np.ndarray:
        values = self.setting.values(**{f"J_{pair[0]}I": own}, rate_E=self.regime.peak, rate_I=rate_I)
        return np.asarray(weight_at_state(pair)(**values, mu_ext=mu_ext))

    def _J_IE(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nu_I = self._rate_I(low, high)
        at = self.regime.at
        return self._weight("IE", low[2], nu_I[0], high[0] * at), self._weight("IE", high[2], nu_I[1], low[0] * at)

    def _J_EE(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nu_I = self._rate_I(low, high)
        at = self.regime.at
        return self._weight("EE", low[1], nu_I[0], at), self._weight("EE", high[1], nu_I[1], at)

    def inhibition(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return self._within("IE", "Eq 6", *self._J_IE(low, high))

    def excitation(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return self._within("EE", "Eq 5", *self._J_EE(low, high))

    def _within(self, pair: str, source: str, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
        needed = f"for {self.regime} {source} needs J_{pair}"
        return kept_within(self.limits[pair], lowest, highest, needed, self.words, pair)

    def stable(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Stability at the peak: D falls with J_EE, grows with J_EI and J_IE, is linear in J_II and the gain of I."""
        nu_I = self._rate_I(low, high)
        J_EE = np.maximum(self._J_EE(low, high)[0], self.limits["EE"][0])
        J_IE = np.minimum(self._J_IE(low, high)[1], self.limits["IE"][1])
        kept = np.zeros(low.shape[1], dtype=bool)
        most = condition("gain_I").evaluate(self.setting.values(rate_I=np.minimum(nu_I[1], 1e12)))
        least = condition("gain_I").evaluate(self.setting.values(rate_I=np.minimum(nu_I[0], 1e12)))
        for gain_I in (least, most):
            for J_II in (low[2], high[2]):
                weights = {"EE": J_EE, "EI": high[1], "IE": J_IE, "II": J_II}
                values = self.setting.values(weights, rate_E=self.regime.peak, gain_I=gain_I)
                kept |= condition("determinant").evaluate(values) > 0
        trace = self.setting.values({"EE": J_EE, "II": high[2]}, rate_E=self.regime.peak, gain_I=most)
        kept &= ~np.asarray(condition("hopf").evaluate(trace))
        if not kept.any():
            self.words["stable"] = (
                f"wherever Eq 4, 5 and 6 give {self.regime} within the bounds, it is unstable (D > 0 and a negative "
                f"trace cannot both hold)"
            )
        return kept
