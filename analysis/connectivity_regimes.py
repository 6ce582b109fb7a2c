"""Which regimes a measured circuit can have: probabilities over the uncertainty of J, and what holds for all of it.

Every sample of J is a two-population SSN with the transfer functions of the circuit. A regime's probability is the
share of samples that have it; ``guaranteed`` says whether all weights of the simultaneous box have it ('always'),
none ('never'), or whether that depends on where in the box they lie. The transfer functions are taken as known.
Conditions are those of :mod:`.conditions`; rates in Hz, mu_ext in mV/s, J in mV.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .conditions import condition
from .connectivity_box import ALWAYS, DEPENDS, NEVER, over_box, range_over_box
from .connectivity_intervals import ConnectivityEstimate, Interval, sampled_interval
from .connectivity_states import StateSearch
from .measured_connectivity import MeasuredConnectivity
from .ssn import SSN

_WEIGHTS = ("J_EE", "J_EI", "J_IE", "J_II")


@dataclass(frozen=True)
class Regime:
    """One regime.

    Attributes
    ----------
    meaning : what it is, in words.
    at_estimate : whether the point estimate of J has it; None if that could not be decided.
    probability, standard_error : share of the decided samples that have it, and its Monte-Carlo standard error, that
        of (k + 1/2)/(n + 1) so that it is not 0 where all samples agree; None if no sample could be decided.
    samples, undetermined : samples looked at, and those among them that could not be decided.
    guaranteed : 'always', 'never' or 'depends' over the simultaneous box; None where that is not proven either way
        by a closed form.
    """

    meaning: str
    at_estimate: bool | None
    probability: float | None
    standard_error: float | None
    samples: int
    undetermined: int = 0
    guaranteed: str | None = None


@dataclass(frozen=True)
class Regimes:
    """Regimes at one ratio of the inputs.

    Attributes
    ----------
    ratio : mu_ext of I over mu_ext of E.
    maximum_rate : Hz, the end of the range that "within range" refers to: that of the fitted transfer functions.
    window : (lowest, highest) mu_ext in which bistability is looked for.
    regimes : by name.
    thresholds : quantities with intervals over the samples, by name; an end is infinite where there is no threshold.
    """

    ratio: float
    maximum_rate: float
    window: tuple[float, float]
    regimes: dict[str, Regime]
    thresholds: dict[str, Interval]


def regimes_of(
    estimate: ConnectivityEstimate,
    ssn: SSN,
    ratio: float = 1.0,
    window: tuple[float, float] = (0.0, 100.0),
    state_samples: int = 1000,
) -> Regimes:
    """The regimes within the uncertainty of measured connectivity.

    Parameters
    ----------
    estimate : of one excitatory and one inhibitory population and all four projections, with its samples of J.
    ssn : the SSN of the circuit; its transfer functions and population time constants are used, not its weights.
    ratio : mu_ext of I over mu_ext of E, at least 0.
    window : (lowest, highest) mu_ext of E in mV/s for bistability.
    state_samples : how many samples are searched for their steady states, the first of them (at most all).

    Raises
    ------
    InvalidInputError : a projection was not measured, or ratio or window is out of range.
    """
    if not (np.isfinite(ratio) and ratio >= 0):
        raise InvalidInputError(f"ratio must be a finite number of at least 0, got {ratio}")
    if not (np.all(np.isfinite(window)) and window[0] < window[1]):
        raise InvalidInputError(f"the window of mu_ext must be LOW, HIGH with LOW below HIGH, got {window}")
    order = _columns(estimate, ssn)
    samples = estimate.samples[:, order]
    point = np.array([[estimate.projections[k].J.value for k in order]])
    box = dict(zip(_WEIGHTS, (estimate.projections[k].box for k in order), strict=True))
    limit = min(law.rate_range[1] for law in ssn.transfer)
    values = ssn.values(r=float(ratio), rate_E=limit, rate_I=limit)
    search = StateSearch(ssn, float(ratio), (float(window[0]), float(window[1])), limit)
    regimes = _closed_forms(values, point, samples, box, limit)
    no_negative_determinant = regimes["det_J_positive"].guaranteed == ALWAYS
    regimes |= _searched(search, point, samples[:state_samples], no_negative_determinant)
    thresholds = _thresholds(values, point, samples, estimate.confidence)
    return Regimes(float(ratio), limit, search.window, regimes, thresholds)


def _columns(estimate: ConnectivityEstimate, ssn: SSN) -> list[int]:
    """Columns of the samples in the order J_EE, J_EI, J_IE, J_II."""
    reason = regimes_refusal(estimate.measured)
    if reason is not None:
        raise InvalidInputError(f"regimes: {reason}")
    if {one.name for one in estimate.measured.populations} != set(ssn.populations):
        raise InvalidInputError(
            f"regimes: the SSN has the populations {', '.join(ssn.populations)}, the measurements have others"
        )
    names = [one.name for one in estimate.projections]
    return [names.index(name) for name in _wanted(*ssn.populations)]


def _wanted(E: str, I: str) -> list[str]:
    return [f"{E}->{E}", f"{I}->{E}", f"{E}->{I}", f"{I}->{I}"]


def regimes_refusal(measured: MeasuredConnectivity) -> str | None:
    """Why there are no regimes of this connectivity, or None."""
    ordered = sorted(measured.populations, key=lambda population: population.kind)
    kinds = [population.kind for population in ordered]
    if kinds != ["excitatory", "inhibitory"]:
        return f"they need one excitatory and one inhibitory population, not {', '.join(kinds)}"
    known = [projection.name for projection in measured.projections]
    missing = [name for name in _wanted(ordered[0].name, ordered[1].name) if name not in known]
    if missing:
        return (
            f"they need all four projections, and {', '.join(missing)} was not measured; a projection that was probed "
            f"and not found has connected = 0"
        )
    return None


def _with_weights(values: dict[str, Any], J: np.ndarray) -> dict[str, Any]:
    return values | dict(zip(_WEIGHTS, J.T, strict=True))


def _closed_forms(
    values: dict[str, Any], point: np.ndarray, samples: np.ndarray, box: dict[str, Any], limit: float
) -> dict[str, Regime]:
    """Regimes that a condition decides, by the condition's relation."""
    table = {
        "supersaturation_possible": ("supersaturation_possible", "r allows supersaturation (Eq 4)"),
        "supersaturation_within_range": (
            "supersaturation",
            f"supersaturation starts at an inhibitory rate below {limit:g} Hz (S6)",
        ),
        "isn_threshold_within_range": (
            "inhibition_stabilized",
            f"a network with an excitatory rate of {limit:g} Hz is inhibition-stabilized (Eq 7)",
        ),
        "balanced_exists": ("balanced_exists", "the balanced limit has positive rates (S2)"),
        "balanced_stable": ("balanced_stable", "the balanced limit exists and is stable (S4)"),
    }
    regimes = {}
    for name, (relation, meaning) in table.items():
        formula = condition(relation)
        has, there = (formula.evaluate(_with_weights(values, J)) for J in (samples, point))
        regimes[name] = _regime(meaning, there, has, guaranteed=over_box(formula, box, values))
    least, most = range_over_box(condition("det_J"), box, {})
    has, there = (condition("det_J").evaluate(_with_weights(values, J)) > 0 for J in (samples, point))
    regimes["det_J_positive"] = _regime(
        "det J > 0: an odd number of steady states, at least one",
        there,
        has,
        ALWAYS if least > 0 else NEVER if most <= 0 else DEPENDS,
    )
    has, there = (isn_reached(_with_weights(values, J), limit) for J in (samples, point))
    regimes["isn_reached_within_range"] = _regime(
        f"some mu_ext at this ratio has an inhibition-stabilized steady state, stable or not, with both rates up to "
        f"{limit:g} Hz",
        there,
        has,
        NEVER if regimes["isn_threshold_within_range"].guaranteed == NEVER else None,
    )
    return regimes


def isn_reached(values: dict[str, Any], limit: float) -> np.ndarray:
    """Whether some mu_ext at ratio r has an inhibition-stabilized steady state with both rates at most ``limit``.

    The rates are a steady state at ratio r where the excess, the external input that I requires (Eq 6) less r times
    that of E (Eq 5), vanishes; with I silent it may also be positive. The excess is a convex function of rate_E plus
    a concave one of rate_I, which is greatest where supersaturation starts (S6 with equality) or at the limit. Its
    greatest value over the rates above the threshold of Eq 7 thus lies at an end of that range of rate_E; where it
    is negative there is no such state, and where it is not, lowering rate_I finds a zero or a silent I.
    ``values`` are those of the conditions, weights as arrays (m,); returns an array (m,).
    """
    threshold = np.asarray(condition("inhibition_stabilized").evaluate_threshold(values))
    best_I = np.minimum(condition("supersaturation").evaluate_threshold(values), limit)
    greatest = np.full(threshold.shape, -np.inf)
    for rate_E in (np.minimum(threshold, limit), np.full(threshold.shape, limit)):
        rates = values | {"rate_E": rate_E, "rate_I": best_I}
        required_E, required_I = (condition(f"required_mu_ext_{one}").evaluate(rates) for one in "EI")
        greatest = np.maximum(greatest, required_I - values["r"] * required_E)
    return (threshold < limit) & (greatest >= 0)


def _searched(
    search: StateSearch, point: np.ndarray, samples: np.ndarray, no_negative_determinant: bool
) -> dict[str, Regime]:
    """Regimes that need the steady states themselves."""
    low, high = search.window
    window = f"some mu_ext from {low:g} to {high:g} mV/s"
    meanings = {
        "bistability": f"two or more stable steady states at {window}",
        "bistability_within_range": f"the same with two stable states at rates up to {search.limit:g} Hz",
        "no_steady_state_at_large_input": "above some mu_ext there is no steady state (det J < 0)",
    }
    found = [search.regimes(J) for J in (*point, *samples)]
    columns = {name: [one[name] for one in found] for name in meanings}
    guaranteed = {"no_steady_state_at_large_input": NEVER if no_negative_determinant else None}
    return {
        name: _regime(meanings[name], column[0], column[1:], guaranteed.get(name)) for name, column in columns.items()
    }


def _regime(meaning: str, there: Any, has: Any, guaranteed: str | None = None) -> Regime:
    there = there if there is None else bool(np.ravel(there)[0])
    answers = np.array(has, dtype=float)  # None becomes NaN
    decided = answers[~np.isnan(answers)]
    number, holding = len(decided), float(decided.sum())
    share = (holding + 0.5) / (number + 1)
    return Regime(
        meaning,
        there,
        holding / number if number else None,
        float(np.sqrt(share * (1 - share) / (number + 1))) if number else None,
        len(answers),
        len(answers) - number,
        guaranteed,
    )


def _thresholds(
    values: dict[str, Any], point: np.ndarray, samples: np.ndarray, confidence: float
) -> dict[str, Interval]:
    """The bounds at which regimes begin."""
    intervals = {}
    for name, formula in (
        ("supersaturation_ratio", "supersaturation_possible"),
        ("supersaturation_rate_I", "supersaturation"),
        ("isn_rate_E", "inhibition_stabilized"),
    ):
        at, spread = (condition(formula).evaluate_threshold(_with_weights(values, J)) for J in (point, samples))
        intervals[name] = sampled_interval(float(at[0]), spread, confidence)
    return intervals
