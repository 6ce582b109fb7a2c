"""No steady state beyond a given input: det J < 0 and the last fold there (Fig 5B and S10 of Ekelmans et al. 2023).

With det J < 0 the number of steady states is even, and away from folds it does not change: at a finite input the states
stay bounded. So a network has none beyond its last fold if it has none just beyond it. Networks with a fold at the
input asked for are known explicitly (``fold_networks``). Units: mV/s, Hz, mV, s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Drive, InvalidInputError, Ramp

from ..characteristic import TwoPopulationSSN
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
    isolated_branch_end,
    ratio_refusal,
)
from .fold_networks import (
    HIGHEST_RATE,
    drawn,
    inhibitory_inputs,
    networks_with_fold,
    pulled_into_bounds,
)
from .request import PAIRS, Candidate, InfeasibleDesignError, Regime, Setting, Verification, one_number

_BATCH = 2048
_BATCHES, _FRUITLESS = 60, 6
"""Batches at most, and without any candidate."""
_PULLED = 64
"""Networks of a batch without any within the bounds that are moved there."""
_PER_BATCH = 48
"""Candidates taken from each batch, the most robust ones first."""


@final
@dataclass(frozen=True)
class NoSteadyState(Regime):
    """One stable state for mu_ext from 0 (or below) up to ``above``, no steady state for any larger mu_ext.

    Attributes
    ----------
    above : mu_ext in mV/s of the last fold.
    ratio : mu_ext of I over mu_ext of E.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for a negative ratio or a wrong unit.
    """

    above: Any
    ratio: Any = 1.0
    name: ClassVar[str] = "no_steady_state"

    def __post_init__(self) -> None:
        object.__setattr__(self, "above", one_number(self.above, "mV/s", "input above which there is no steady state"))
        ratio = one_number(self.ratio, "1", "ratio")
        if ratio < 0:
            raise InvalidInputError(f"ratio: must not be negative, got {ratio:g}")
        object.__setattr__(self, "ratio", ratio)

    def __str__(self) -> str:
        return f"no steady state above mu_ext = {self.above:.4g} mV/s at ratio {self.ratio:g}"

    @property
    def examined_from(self) -> float:
        """Lowest input, mV/s, at which the one stable state is checked."""
        return min(0.0, self.above - max(1.0, 0.5 * abs(self.above)))

    def drive(self, candidate: Candidate, setting: Setting) -> Drive:
        """A ramp through the last fold."""
        return Ramp(self.examined_from, self.above + max(1.0, 0.25 * abs(self.above)), duration=50.0)

    def neighbours(self) -> Iterator[Regime]:
        """Other inputs, the nearest first."""
        for step in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0):
            for sign in (1, -1):
                yield replace(self, above=self.above + sign * step)

    def refusal(self, setting: Setting) -> InfeasibleDesignError | None:
        """The ratio, the sign of det J, states at arbitrarily large inputs, and the lowest and highest last fold."""
        return (
            ratio_refusal(setting, self.ratio)
            or _determinant_refusal(setting)
            or self._balanced_refusal(setting)
            or branch_end_refusal(setting, self.above, "input above which there shall be no steady state")
            or self._highest_refusal(setting)
        )

    def _balanced_refusal(self, setting: Setting) -> InfeasibleDesignError | None:
        """With det J < 0 balanced states exist at large inputs once r exceeds J_II / J_EI, its larger bound in S2."""
        limits = setting.bounds.weights_realisable
        corner = {"J_EI": limits["EI"][0], "J_II": limits["II"][1]}
        highest = condition("supersaturation_possible").evaluate_threshold(corner) if corner["J_EI"] > 0 else np.inf
        if self.ratio <= highest:
            return None
        return InfeasibleDesignError(
            f"balanced states exist at arbitrarily large inputs for r > J_II / J_EI (S2 with det J < 0), and r ="
            f" {self.ratio:g} > {highest:.6g} = {corner['J_II']:g} / {corner['J_EI']:g}, the largest J_II / J_EI",
            proven=True,
            feasible=f"a ratio of at most {highest:.6g}",
        )

    def _highest_refusal(self, setting: Setting) -> InfeasibleDesignError | None:
        """As rate_I <= (J_IE rate_E + [r mu_ext - b_I]_+) / J_II, any state obeys
        mu_ext - (J_EI / J_II) [r mu_ext - b_I]_+ <= the largest z - (|det J| / J_II) rate_E + b_E."""
        limits = setting.bounds.weights_realisable
        if limits["II"][0] == 0:
            return None
        relative = limits["EI"][1] / limits["II"][0]
        excitation = limits["EE"][0] - relative * limits["IE"][1]
        if excitation <= 0 or relative * self.ratio >= 1:
            return None
        highest = isolated_branch_end(setting, excitation)
        needed = self.above - relative * max(self.ratio * self.above - setting.transfer[1].b, 0.0)
        if needed <= highest:
            return None
        return InfeasibleDesignError(
            f"a steady state needs mu_ext - (J_EI/J_II) [r mu_ext - b_I]_+ <= {highest:.6g} mV/s when J_EI/J_II <="
            f" {relative:g} and |det J|/J_II >= {excitation:g} mV; at mu_ext = {self.above:g} mV/s it is {needed:.6g}",
            proven=True,
        )

    def candidates(self, setting: Setting, rng: np.random.Generator) -> Iterator[Candidate]:
        """Networks with det J < 0, no balanced state and a fold at ``above``, most robust of each batch first."""
        limits = setting.bounds.weights_realisable
        inputs = inhibitory_inputs(setting, self.ratio * self.above)
        fruitful = False
        for batch in range(_BATCHES):
            if batch >= _FRUITLESS and not fruitful:
                return
            w = rng.choice(inputs[:-1], _BATCH) + rng.random(_BATCH) * (inputs[-1] - inputs[-2])
            J_EI, J_II = (drawn(limits[pair], rng, _BATCH) for pair in ("EI", "II"))
            found = networks_with_fold(setting, self.above, self.ratio, w, J_EI, J_II)
            inside = found.where(found.bounds_margin(setting) >= 0)
            if len(inside.z) == 0:
                inside = pulled_into_bounds(setting, [self.above], self.ratio, [found.where(slice(_PULLED))])
            found = inside
            found = found.where(np.max(found.rates(setting), axis=-1) <= HIGHEST_RATE)
            values = setting.values({pair: getattr(found, f"J_{pair}") for pair in PAIRS}, r=self.ratio)
            balanced = condition("balanced_exists").evaluate(values)
            found = found.where((condition("det_J").evaluate(values) < 0) & ~balanced)
            fruitful = fruitful or len(found.z) > 0
            score = np.minimum(found.bounds_margin(setting), fitted_margins(setting, found.rates(setting)))
            for k in np.argsort(-score, kind="stable")[:_PER_BATCH]:
                yield Candidate(found.weights(k), self.ratio, "fold at the input asked for, det J < 0")

    def verify(self, candidate: Candidate, setting: Setting) -> Verification:
        """All folds, all steady states below the last one, and that there is none just beyond it."""
        return _Examination(self, candidate, setting).verification()


@dataclass
class _Examination:
    """Folds and states of a candidate, and what speaks against it."""

    regime: NoSteadyState
    candidate: Candidate
    setting: Setting
    reasons: list[str] = field(default_factory=list)

    def verification(self) -> Verification:
        regime, ratio = self.regime, self.candidate.ratio
        network = self.setting.network(self.candidate.weights)
        values = self.setting.values(self.candidate.weights, r=ratio)
        det_J = condition("det_J").evaluate(values)
        if abs(ratio - regime.ratio) > 1e-12 * max(1.0, ratio):
            self.reasons.append(f"the ratio is {ratio:g}, asked for was {regime.ratio:g}")
        if det_J >= 0:
            self.reasons.append(f"det J = {det_J:.4g} mV^2 is not negative: the number of states is odd, or unbounded")
        elif condition("balanced_exists").evaluate(values):
            self.reasons.append("a balanced state exists at arbitrarily large inputs (S2)")
        found = folds(network, ratio)
        self._check_folds(found)
        below = StatesAlong.of(network, self.setting, graded(regime.examined_from, regime.above, 61), ratio)
        reach = max(1.0, abs(regime.above))
        beyond = StatesAlong.of(network, self.setting, regime.above + reach * np.geomspace(1e-5, 100.0, 15), ratio)
        self._check_states(below, beyond)
        stable = np.concatenate([below.rates[below.stable], found.rates[-1:]])
        return Verification(
            satisfied=not self.reasons,
            asked={"last_fold_mV_per_s": regime.above, "ratio": regime.ratio},
            found={
                "last_fold_mV_per_s": float(found.mu_ext[-1]) if len(found) else None,
                "folds_mV_per_s": found.mu_ext.tolist(),
                "fold_rates_Hz": found.rates.tolist(),
                "det_J_mV2": float(det_J),
                "stable_states_below": counted(below.stable_count),
                "states_beyond": counted(beyond.count),
                "extrapolated": bool(np.any(fitted_margins(self.setting, stable) < 0)),
                "complete": found.complete and below.complete and beyond.complete,
            },
            reasons=tuple(self.reasons),
            margins={} if self.reasons else self._margins(network, values, stable),
        )

    def _check_folds(self, found: Folds) -> None:
        above = self.regime.above
        if not found.complete:
            self.reasons.append(f"it is not proven that all folds are known: {found.reason}")
        if not len(found) or abs(found.mu_ext[-1] - above) > FOLD_TOLERANCE:
            last = f"lies at {found.mu_ext[-1]:.6g} mV/s" if len(found) else "does not exist"
            self.reasons.append(f"the last fold {last}, asked for was {above:g} mV/s")
            return
        if np.max(found.rates[-1]) > HIGHEST_RATE:
            self.reasons.append(f"a rate at the last fold is higher than those considered ({HIGHEST_RATE:g} Hz)")
        others = found.mu_ext[:-1]
        if np.any(others >= self.regime.examined_from):
            self.reasons.append(f"there is another fold at {others.max():.6g} mV/s")

    def _check_states(self, below: StatesAlong, beyond: StatesAlong) -> None:
        if not (below.complete and beyond.complete):
            self.reasons.append("it is not proven that all steady states are known")
        wrong = np.flatnonzero(below.stable_count != 1)
        if len(wrong):
            mu, count = below.mu_ext[wrong[0]], below.stable_count[wrong[0]]
            self.reasons.append(f"{count} stable states instead of one at mu_ext = {mu:.6g} mV/s")
        if np.any(beyond.count):
            mu = beyond.mu_ext[np.argmax(beyond.count > 0)]
            self.reasons.append(f"there is a steady state at mu_ext = {mu:.6g} mV/s")

    def _margins(self, network: TwoPopulationSSN, values: dict[str, Any], stable: np.ndarray) -> dict[str, float]:
        balanced_from = condition("supersaturation_possible").evaluate_threshold(values)
        return finite_margins(
            balanced=balanced_from / self.candidate.ratio - 1 if self.candidate.ratio > 0 else np.inf,
            hopf=hopf_margin(network, self.setting, stable),
            fitted_range=float(np.min(fitted_margins(self.setting, stable))),
        )


def _determinant_refusal(setting: Setting) -> InfeasibleDesignError | None:
    """det J cannot be negative within the bounds: the number of states is then odd, so there is always one."""
    limits = setting.bounds.weights_realisable
    corner = {f"J_{pair}": limits[pair][1 if pair in ("EE", "II") else 0] for pair in PAIRS}
    lowest = condition("det_J").evaluate(corner)
    if lowest < 0:
        return None
    EE, EI, IE, II = (corner[f"J_{pair}"] for pair in PAIRS)
    return InfeasibleDesignError(
        f"a network without steady states needs det J = J_EI J_IE - J_EE J_II < 0 (S10), but within the bounds it is at"
        f" least {EI:g} * {IE:g} - {EE:g} * {II:g} = {lowest:.6g} mV^2",
        proven=True,
        feasible="larger J_EE or J_II, or smaller J_EI or J_IE",
    )
