"""Two stable states in a given window of inputs: S10 of Ekelmans et al. 2023, solved for the weights.

Two of the weights are drawn, the other two follow from the folds at both ends of the window (``fold_pairs``). What is
proposed is then examined through all its folds and steady states. Units: mV/s, Hz, mV, s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Drive, InvalidInputError, PiecewiseLinear

from ..conditions import condition
from ..folds import Folds, folds
from .fold_design import (
    FOLD_TOLERANCE,
    StatesAlong,
    branch_end_refusal,
    counted,
    finite_margins,
    fitted_margins,
    graded,
    hopf_margin,
    ratio_refusal,
)
from .fold_networks import (
    HIGHEST_RATE,
    FoldNetworks,
    drawn,
    pulled_into_bounds,
)
from .fold_pairs import networks_with_both_folds
from .request import PAIRS, Candidate, InfeasibleDesignError, Range, Regime, Setting, Verification, one_number

_PAIRS_PER_BATCH = 48
_BATCHES, _FRUITLESS = 16, 4
"""Batches at most, and without any candidate."""
_REACH = 2.0
"""Rates of the upper state at the end of the window, in those where it begins; a guess, for the order only."""


@final
@dataclass(frozen=True)
class Bistability(Regime):
    """Two stable states for mu_ext inside ``window`` and one outside, at a fixed ratio.

    Attributes
    ----------
    window : (lowest, highest) mu_ext in mV/s: the folds at which the upper branch ends and at which the lower one ends.
    ratio : mu_ext of I over mu_ext of E.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for an empty window, a negative ratio or a wrong unit.
    """

    window: Range
    ratio: float = 1.0
    name: ClassVar[str] = "bistability"
    filtered: ClassVar[tuple[str, ...]] = ("EE", "II")

    def __post_init__(self) -> None:
        try:
            low, high = self.window
        except (TypeError, ValueError):
            raise InvalidInputError(f"window: expected (lowest, highest) in mV/s, got {self.window!r}") from None
        low, high = one_number(low, "mV/s", "start of the window"), one_number(high, "mV/s", "end of the window")
        if not high - low > 100 * FOLD_TOLERANCE:
            wanted = f"lowest and highest more than {100 * FOLD_TOLERANCE:g} mV/s apart"
            raise InvalidInputError(f"window: expected {wanted}, got ({low:g}, {high:g})")
        ratio = one_number(self.ratio, "1", "ratio")
        if ratio < 0:
            raise InvalidInputError(f"ratio: must not be negative, got {ratio:g}")
        object.__setattr__(self, "window", (low, high))
        object.__setattr__(self, "ratio", ratio)

    def __str__(self) -> str:
        low, high = self.window
        return f"two stable states from mu_ext = {low:.4g} to {high:.4g} mV/s at ratio {self.ratio:g}"

    def drive(self, candidate: Candidate, setting: Setting) -> Drive:
        """A slow ramp up through the window and back: the hysteresis shows both branches."""
        low, high = self.window
        margin = max(1.0, 0.5 * (high - low))
        start = min(0.0, low - margin)
        return PiecewiseLinear([0.0, 100.0, 200.0], [start, high + margin, start])

    def neighbours(self) -> Iterator[Regime]:
        """Narrower windows that end at the same input, then at others."""
        low, high = self.window
        width = high - low
        for part in (0.8, 0.5, 0.2, 0.05):
            yield replace(self, window=(high - part * width, high))
        for end in (low + 0.2 * width, (low + high) / 2, high + 2.0, high + 5.0):
            yield replace(self, window=(end - 0.2 * width, end))

    def refusal(self, setting: Setting) -> InfeasibleDesignError | None:
        """A ratio out of its bounds, no feedback inhibition, or an end before the branch from silence can end."""
        return (
            ratio_refusal(setting, self.ratio)
            or _feedback_refusal(setting)
            or branch_end_refusal(setting, self.window[1], "end of the window")
        )

    def candidates(self, setting: Setting, rng: np.random.Generator) -> Iterator[Candidate]:
        """Networks with folds at both ends of the window, most robust of each batch first."""
        limits = setting.bounds.weights_realisable
        found = False
        for batch in range(_BATCHES):
            if batch >= _FRUITLESS and not found:
                return
            J_EI, J_II = (drawn(limits[pair], rng, _PAIRS_PER_BATCH) for pair in ("EI", "II"))
            ends = networks_with_both_folds(setting, self.window, self.ratio, J_EI, J_II)
            ends = [end.where(ends[0].z > ends[1].z) for end in ends]
            inside = ends[0].where(ends[0].bounds_margin(setting) >= 0)
            if len(inside.z) == 0:
                inside = pulled_into_bounds(setting, self.window, self.ratio, ends)
            found = found or len(inside.z) > 0
            yield from self._ranked(inside, setting)

    def _ranked(self, networks: FoldNetworks, setting: Setting) -> Iterator[Candidate]:
        """Candidates, det J > 0 first, then by the rates of the upper state and the distance to the bounds."""
        # With det J < 0 a further saddle lies beyond the upper state, and the rates escape from there.
        values = {f"J_{pair}": getattr(networks, f"J_{pair}") for pair in PAIRS}
        escapes = condition("det_J").evaluate(values) < 0
        fitted = fitted_margins(setting, _REACH * networks.rates(setting))
        score = np.minimum(networks.bounds_margin(setting), fitted)
        for k in np.lexsort((-score, escapes)):
            yield Candidate(networks.weights(k), self.ratio, "folds at both ends of the window")

    def verify(self, candidate: Candidate, setting: Setting) -> Verification:
        """All folds, and all steady states inside the window and on both sides of it."""
        return _Examination(self, candidate, setting).verification()


@dataclass
class _Examination:
    """Folds and states of a candidate, and what speaks against it."""

    regime: Bistability
    candidate: Candidate
    setting: Setting
    reasons: list[str] = field(default_factory=list)

    def verification(self) -> Verification:
        low, high = self.regime.window
        network = self.setting.network(self.candidate.weights)
        ratio = self.candidate.ratio
        if abs(ratio - self.regime.ratio) > 1e-12 * max(1.0, ratio):
            self.reasons.append(f"the ratio is {ratio:g}, asked for was {self.regime.ratio:g}")
        found = folds(network, ratio)
        self._check_folds(found)
        width = high - low
        beyond = max(width, 1.0)
        inside = StatesAlong.of(network, self.setting, graded(low, high, 41), ratio)
        below, above = (
            StatesAlong.of(network, self.setting, graded(*side, 31), ratio)
            for side in ((min(0.0, low - beyond), low), (high, high + beyond))
        )
        self._check_states(inside, 2, "inside the window")
        self._check_states(below, 1, "below the window")
        self._check_states(above, 1, "above the window")
        if not self.reasons:
            self._check_branches(found, below, above)
        margins = self._margins(network, found, inside, below, above) if not self.reasons else {}
        return Verification(
            satisfied=not self.reasons,
            asked={"window_mV_per_s": [low, high], "ratio": self.regime.ratio},
            found={
                "folds_mV_per_s": found.mu_ext.tolist(),
                "fold_rates_Hz": found.rates.tolist(),
                "stable_states_inside": counted(inside.stable_count),
                "stable_states_below": counted(below.stable_count),
                "stable_states_above": counted(above.stable_count),
                "highest_stable_rates_inside_Hz": _highest(inside),
                "extrapolated": bool(np.any(fitted_margins(self.setting, inside.rates) < 0)),
                "complete": found.complete and inside.complete and below.complete and above.complete,
            },
            reasons=tuple(self.reasons),
            margins=margins,
        )

    def _check_folds(self, found: Folds) -> None:
        at = ", ".join(f"{mu:.6g}" for mu in found.mu_ext) or "none"
        if not found.complete:
            self.reasons.append(f"it is not proven that all folds are known: {found.reason}")
        if len(found) != 2:
            self.reasons.append(f"the number of folds is not two but {len(found)} (mV/s: {at})")
        elif np.any(np.abs(found.mu_ext - self.regime.window) > FOLD_TOLERANCE):
            low, high = self.regime.window
            self.reasons.append(f"the folds lie at {at} mV/s instead of {low:g}, {high:g}")
        elif np.max(found.rates) > HIGHEST_RATE:
            self.reasons.append(f"a rate at a fold is higher than those considered ({HIGHEST_RATE:g} Hz)")

    def _check_states(self, states: StatesAlong, wanted: int, where: str) -> None:
        if not states.complete:
            self.reasons.append(f"it is not proven that all steady states {where} are known")
        wrong = np.flatnonzero(states.stable_count != wanted)
        if len(wrong):
            mu, count = states.mu_ext[wrong[0]], states.stable_count[wrong[0]]
            self.reasons.append(f"{count} stable states instead of {wanted} {where}, at mu_ext = {mu:.6g} mV/s")

    def _check_branches(self, found: Folds, below: StatesAlong, above: StatesAlong) -> None:
        """At the lower end the upper branch ends and the low state remains, at the upper end the other way round."""
        remaining_low = below.z[below.stable][-1]
        remaining_high = above.z[above.stable][0]
        if not remaining_low < found.z[0]:
            self.reasons.append("at the lower end of the window not the upper branch ends")
        if not remaining_high > found.z[1]:
            self.reasons.append("at the upper end of the window not the lower branch ends")

    def _margins(self, network: Any, found: Folds, inside: StatesAlong, *outside: StatesAlong) -> dict[str, float]:
        stable = [inside.rates[inside.stable], *(side.rates[side.stable] for side in outside)]
        middle = inside.rates[inside.problem == len(inside.mu_ext) // 2, 0]
        low, saddle, high = middle[:3]
        return finite_margins(
            separation=float(min(saddle / low if low > 0 else np.inf, high / saddle)) - 1,
            hopf=hopf_margin(network, self.setting, np.concatenate([found.rates, *stable])),
            fitted_range=float(np.min(fitted_margins(self.setting, inside.rates))),
        )


def _feedback_refusal(setting: Setting) -> InfeasibleDesignError | None:
    """With J_EI J_IE = 0 a stable state has gain_E J_EE < 1, and there the excitatory balance has one solution."""
    limits = setting.bounds.weights_realisable
    for pair in ("EI", "IE"):
        if limits[pair][1] == 0:
            text = f"a second stable state needs feedback inhibition, J_EI J_IE > 0, but J_{pair} = 0 mV"
            return InfeasibleDesignError(text, proven=True, feasible=f"J_{pair} > 0")
    return None


def _highest(states: StatesAlong) -> list[float]:
    return np.max(states.rates[states.stable], axis=0, initial=0.0).tolist()
