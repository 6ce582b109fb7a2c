"""Weights adjusted until the self-consistent theory, rather than the SSN, gives what was asked for."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import root

from ssnbrian.circuit import Circuit, InvalidInputError

from ..self_consistent import SelfConsistent
from .realisation import realised
from .request import Candidate, InfeasibleDesignError, Regime, Setting, Verification

TOLERANCE = 1e-4
"""Largest relative distance of what the self-consistent theory gives from what was asked for."""
_LOST = 1e3


def refined(
    regime: Regime, candidate: Candidate, verification: Verification, setting: Setting, template: Circuit
) -> tuple[Candidate, Verification]:
    """The candidate with the weights in ``regime.adjusted`` changed, and its verification by Eq 14.

    ``found`` holds what the SSN gives for the new weights, with the values of the self-consistent theory in the place
    of those it gives; ``asked`` holds what was adjusted to. The self-consistent branch is followed by continuation, so
    that no other state exists is not proven.

    Raises
    ------
    InvalidInputError : the regime names no weights to adjust, or the theory does not apply to the template.
    InfeasibleDesignError : no weights near by and within the bounds have the regime in that theory (not proven).
    """
    if not regime.adjusted:
        raise InvalidInputError(f"theory='self_consistent' is not offered for {regime.name}; use 'ssn'")
    SelfConsistent.require(template)
    pairs = tuple(regime.adjusted)
    targets = np.array([float(verification.asked[name]) for name in regime.adjusted.values()])
    start = np.log([candidate.weights[pair] for pair in pairs])

    def changed(x: np.ndarray) -> Candidate:
        weights = {**candidate.weights, **dict(zip(pairs, map(float, np.exp(x)), strict=True))}
        return Candidate(weights, candidate.ratio, f"{candidate.note}, adjusted to Eq 14")

    def given(x: np.ndarray) -> dict[str, float]:
        one = changed(x)
        theory = SelfConsistent.from_circuit(realised(one.weights, one.ratio, template, setting.bounds))
        return dict(regime.self_consistent(one, verification, theory) or {})

    def residual(x: np.ndarray) -> np.ndarray:
        if np.any(np.abs(x - start) > math.log(2)) or not setting.bounds.contains(changed(x).weights, candidate.ratio):
            return np.full(len(x), _LOST)
        found = given(x)
        if not found:
            return np.full(len(x), _LOST)
        return np.array([found[name] for name in regime.adjusted.values()]) / targets - 1

    solved = root(residual, start, tol=1e-8, options={"eps": 1e-5, "maxfev": 40})
    if np.max(np.abs(residual(solved.x))) > TOLERANCE:
        raise InfeasibleDesignError(
            f"no J_{' and J_'.join(pairs)} near {np.round(np.exp(start), 3).tolist()} mV within the bounds give "
            f"{regime} in the self-consistent theory",
            proven=False,
        )
    best = changed(solved.x)
    of_ssn = regime.verify(best, setting)
    asked = {name: verification.asked[name] for name in regime.adjusted.values()}
    return best, Verification(True, asked, {**of_ssn.found, **given(solved.x)}, (), of_ssn.margins)
