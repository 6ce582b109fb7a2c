"""Activity that stays after its input is gone: a stable active state beside a quiet one at zero input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Drive, InvalidInputError, PiecewiseLinear

from ..conditions import condition
from ..self_consistent import SelfConsistent
from ..states import SteadyState
from .boxes import DRAW_BOXES, PROOF_BOXES, Boxes, Requirement, batches, feasible_boxes, kept_within
from .inverse import weight_at_state
from .request import PAIRS, Candidate, InfeasibleDesignError, Regime, Setting, Verification, positive_number

TOLERANCE = 1e-6
"""Largest relative distance of the rate found from the one asked for."""


@final
@dataclass(frozen=True)
class Persistence(Regime):
    """At mu_ext = 0 a stable state with nu_E = ``rate`` (Hz) and, below a saddle, a stable quiet one.

    ``quiet`` (Hz) is the highest nu_E of the quiet state; noise alone gives the neurons of the paper some 0.2 Hz.
    J_EE and J_IE follow from Eq 5 and 6 at zero input (Ekelmans et al. 2023) for given nu_I, J_EI and J_II, which the
    search draws. The ratio matters only for the input that switches the state on: 1, or its nearest bound.
    """

    name: ClassVar[str] = "persistence"
    filtered: ClassVar[tuple[str, ...]] = ("EE", "II")
    adjusted: ClassVar[Mapping[str, str]] = MappingProxyType({"EE": "persistent_Hz"})
    rate: Any
    quiet: Any = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", positive_number(self.rate, "Hz", "persistent rate"))
        object.__setattr__(self, "quiet", positive_number(self.quiet, "Hz", "highest rate of the quiet state"))
        if self.quiet >= self.rate:
            raise InvalidInputError(
                f"persistent rate: must lie above the highest rate of the quiet state, {self.quiet:g} Hz, "
                f"got {self.rate:g} Hz"
            )

    def __str__(self) -> str:
        return f"persistent activity of {self.rate:.4g} Hz at zero input"

    def drive(self, candidate: Candidate, setting: Setting) -> Drive:
        """5 s without input, an input at which only an active state is left, its slow end, and 14 s without.

        An input that ended at once would leave I more active than E and could end the activity, too.
        """
        folds = setting.ssn(candidate.weights).folds(candidate.ratio).mu_ext
        kick = 1.5 * max(folds.max(initial=0.0), 0.0) + 5.0
        return PiecewiseLinear([0, 5, 5, 6, 9, 23], [0, 0, kick, kick, 0, 0])

    def neighbours(self) -> Iterator[Regime]:
        """Other rates, the nearest first."""
        for step in range(1, 17):
            for factor in (1.15**-step, 1.15**step):
                if self.rate * factor > self.quiet:
                    yield replace(self, rate=self.rate * factor)

    def _boxes(self, setting: Setting, most: int) -> tuple[Boxes, dict[str, str]]:
        """Boxes of (rate_I, J_EI, J_II) that may hold a solution; rate_I is at most what J_IE alone could drive."""
        limits = setting.bounds.weights_realisable
        most = float(setting.transfer[1](limits["IE"][1] * self.rate))
        requirements = _Requirements(self, setting)
        boxes = feasible_boxes(((0.0, most), limits["EI"], limits["II"]), requirements.in_order(), most)
        return boxes, requirements.words

    def refusal(self, setting: Setting) -> InfeasibleDesignError | None:
        """What cannot hold for any (rate_I, J_EI, J_II) within the bounds, by interval bounds on J_EE, J_IE and D."""
        boxes, words = self._boxes(setting, PROOF_BOXES)
        return None if boxes.violated is None else InfeasibleDesignError(words[boxes.violated], proven=True)

    def candidates(self, setting: Setting, rng: np.random.Generator) -> Iterator[Candidate]:
        """Networks with a stable, inhibition-stabilised state of the rate asked for at zero input."""
        boxes, _ = self._boxes(setting, DRAW_BOXES)
        if boxes.violated is not None:
            return
        low, high = setting.bounds.ratio
        ratio = min(max(1.0, low), high)
        for rate_I, J_EI, J_II in batches(boxes, rng):
            values = setting.values(rate_E=self.rate, rate_I=rate_I, J_EI=J_EI, J_II=J_II)
            values |= {f"J_{pair}": weight_at_state(pair)(**values, mu_ext=0.0) for pair in ("EE", "IE")}
            weights = {pair: values[f"J_{pair}"] for pair in PAIRS}
            within = np.flatnonzero(setting.bounds.inside(weights, np.full_like(rate_I, ratio)))
            chosen = {name: value[within] if np.ndim(value) else value for name, value in values.items()}
            for k in within[condition("stable").evaluate(chosen)]:
                yield Candidate({pair: float(weights[pair][k]) for pair in PAIRS}, ratio, "Eq 5, Eq 6 at zero input")

    def verify(self, candidate: Candidate, setting: Setting) -> Verification:
        """All steady states at zero input: a quiet stable one, a saddle, and the persistent one, nothing else."""
        ssn = setting.ssn(candidate.weights)
        states = ssn.steady_states(0.0, candidate.ratio)
        asked = {"persistent_Hz": self.rate, "quiet_Hz_at_most": self.quiet}
        found: dict[str, Any] = {"rates_E_Hz": [state.rates["E"] for state in states]}
        found |= {"stable": [state.stable for state in states], "complete": states.complete}
        reasons = self._shortcomings(tuple(states))
        if not states.complete:
            reasons.append("that these are all steady states is not proven")
        margins: dict[str, float] = {}
        if [state.stable for state in states] == [True, False, True]:
            quiet, saddle, active = states
            found |= {"persistent_Hz": active.rates["E"], "persistent_rate_I_Hz": active.rates["I"]}
            found |= {"quiet_Hz": quiet.rates["E"], "saddle_Hz": saddle.rates["E"]}
            found["extrapolated"] = active.extrapolated
            folds = ssn.folds(candidate.ratio).mu_ext
            found["folds_mV_per_s"] = folds.tolist()
            margins["rate_above_saddle"] = 1 - saddle.rates["E"] / active.rates["E"]
            margins["saddle_above_quiet"] = 1 - quiet.rates["E"] / saddle.rates["E"]
            slowest = min(-value.real for state in (quiet, active) for value in state.eigenvalues)
            margins["decay_per_tau"] = slowest * setting.tau_population[0]
            if len(folds):
                above = active.inputs["E"] - setting.transfer[0].b
                margins["fold_distance_per_input"] = float(np.abs(folds).min()) / above
        return Verification(not reasons, asked, found, tuple(reasons), margins)

    def self_consistent(
        self, candidate: Candidate, verification: Verification, theory: SelfConsistent
    ) -> Mapping[str, Any]:
        """The self-consistent states at zero input, if they are a quiet one, a saddle and a persistent one."""
        states = theory.steady_states(0.0, candidate.ratio)
        if [state.stable for state in states] != [True, False, True]:
            return {}
        rates = [next(iter(state.rates.values())) for state in states]
        if rates[0] > self.quiet:
            return {}
        return {"quiet_Hz": rates[0], "saddle_Hz": rates[1], "persistent_Hz": rates[2]}

    def _shortcomings(self, states: tuple[SteadyState, ...]) -> list[str]:
        if [state.stable for state in states] != [True, False, True]:
            kinds = ", ".join("stable" if state.stable else "unstable" for state in states) or "none"
            return [f"the steady states at zero input are {kinds}, not stable, unstable, stable"]
        quiet, _, active = (state.rates["E"] for state in states)
        reasons = []
        if abs(active / self.rate - 1) > TOLERANCE:
            reasons.append(f"the upper stable state has {active:.6g} Hz, not {self.rate:.6g} Hz")
        if quiet > self.quiet:
            reasons.append(f"the lower stable state has {quiet:.4g} Hz, more than {self.quiet:.4g} Hz")
        return reasons


class _Requirements:
    """Interval tests on boxes of (rate_I, J_EI, J_II); ``words`` says what each of them met.

    J_EE and J_IE of Eq 5 and 6 grow with rate_I and with the inhibitory weight. A quiet state below the persistent one
    needs phi_E J_EE > 1 there (Eq 7): phi_E grows with the rate, so otherwise the characteristic function G would fall
    all the way up to it and have no other zero.
    """

    def __init__(self, regime: Persistence, setting: Setting) -> None:
        self.regime, self.setting = regime, setting
        self.limits = setting.bounds.weights_realisable
        self.words: dict[str, str] = {}

    def in_order(self) -> list[Requirement]:
        return [("IE", self.inhibition), ("EE", self.excitation), ("Eq 7", self.self_exciting), ("D", self.stable)]

    def _weights(self, pair: str, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = 1 if pair == "EE" else 2
        return tuple(
            np.asarray(
                weight_at_state(pair)(
                    **self.setting.values(
                        **{f"J_{pair[0]}I": corner[own]}, rate_E=self.regime.rate, rate_I=corner[0]
                    ),
                    mu_ext=0.0,
                )
            )
            for corner in (low, high)
        )

    def _within(self, pair: str, source: str, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        needed = f"for {self.regime} {source} needs J_{pair}"
        return kept_within(self.limits[pair], *self._weights(pair, low, high), needed, self.words, pair)

    def inhibition(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return self._within("IE", "Eq 6", low, high)

    def excitation(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return self._within("EE", "Eq 5", low, high)

    def self_exciting(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        J_EE = np.clip(self._weights("EE", low, high)[1], 0.0, self.limits["EE"][1])
        kept = np.asarray(
            condition("inhibition_stabilized").evaluate(self.setting.values(J_EE=J_EE, rate_E=self.regime.rate))
        )
        if not kept.any():
            threshold = condition("inhibition_stabilized").evaluate_threshold(self.setting.values(J_EE=J_EE.max()))
            self.words["Eq 7"] = (
                f"for {self.regime} beside a quiet state Eq 7 must hold there, but with J_EE <= {J_EE.max():.4g} mV it "
                f"holds only above nu_E = {threshold:.4g} Hz"
            )
        return kept

    def stable(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """D falls with J_EE, grows with J_EI and J_IE and is linear in J_II and the gain of I."""
        J_EE = np.maximum(self._weights("EE", low, high)[0], self.limits["EE"][0])
        J_IE = np.minimum(self._weights("IE", low, high)[1], self.limits["IE"][1])
        gains = [condition("gain_I").evaluate(self.setting.values(rate_I=corner[0])) for corner in (low, high)]
        kept = np.zeros(low.shape[1], dtype=bool)
        for gain_I in gains:
            for J_II in (low[2], high[2]):
                weights = {"EE": J_EE, "EI": high[1], "IE": np.maximum(J_IE, 0.0), "II": J_II}
                values = self.setting.values(weights, rate_E=self.regime.rate, gain_I=gain_I)
                kept |= np.asarray(condition("determinant").evaluate(values)) > 0
        trace = self.setting.values({"EE": J_EE, "II": high[2]}, rate_E=self.regime.rate, gain_I=gains[1])
        kept &= ~np.asarray(condition("hopf").evaluate(trace))
        if not kept.any():
            self.words["D"] = (
                f"wherever Eq 5 and 6 at zero input give {self.regime} within the bounds, it is unstable (D > 0 and a "
                f"negative trace cannot both hold)"
            )
        return kept
