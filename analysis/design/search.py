"""``design``: from a regime to networks that are verified to have it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, InvalidInputError

from ..power_law import PowerLaw
from ..self_consistent import SelfConsistent
from ..ssn import SSN
from .realisation import realised, template_populations
from .refinement import refined
from .request import PAIRS, Candidate, DesignBounds, InfeasibleDesignError, Regime, Setting, Verification

THEORIES = ("ssn", "self_consistent")
TRIES = 3000
"""Candidates that a search examines at most."""
ROBUST = 0.1
"""A search goes on beyond ``count`` networks, up to twice as many, until one has margins of this size."""
FRAGILE = 0.05
"""Smallest margin below which a design is called fragile."""
_NEIGHBOUR_TRIES = 30
_CROSS_CHECKED = 6
_SAME = 0.1


@dataclass(frozen=True)
class Solution:
    """A network that was verified to have the regime.

    Attributes
    ----------
    weights : J in mV by pair, target before source. ratio : mu_ext of I over mu_ext of E.
    verification : what was asked for and what the steady states and folds give.
    robustness : the smallest of the margins, by which solutions are ranked.
    """

    weights: Mapping[str, float]
    ratio: float
    verification: Verification

    @property
    def margins(self) -> Mapping[str, float]:
        """Relative distances to where the regime or the bounds are lost (see :class:`Verification`)."""
        return self.verification.margins

    @property
    def robustness(self) -> float:
        """The smallest margin."""
        return self.verification.robustness

    @property
    def extrapolated(self) -> bool:
        """Whether rates of the regime lie beyond those that the power laws were fitted to."""
        return bool(self.verification.found.get("extrapolated", False))


@dataclass(frozen=True)
class DesignResult(Solution):
    """The most robust network found, with others.

    Attributes
    ----------
    regime : what was asked for. setting : transfer functions, time constants and bounds. seed : of the search.
    alternatives : further networks, each at least 10 % different in one weight, the most robust first.
    examined, verified : how many candidates were examined, and how many of them had the regime.
    template : the circuit whose neurons and synapses are used, or None.
    theory : which theory was to give what was asked for. The alternatives are those of the SSN.
    """

    regime: Regime
    setting: Setting
    seed: int
    alternatives: tuple[Solution, ...]
    examined: int
    verified: int
    template: Circuit | None = None
    theory: str = "ssn"

    @cached_property
    def of_ssn(self) -> Mapping[str, Any]:
        """What the SSN gives; that of the verification, unless the design was made for the self-consistent theory."""
        return self.regime.verify(Candidate(self.weights, self.ratio), self.setting).found

    @property
    def ssn(self) -> SSN:
        """The SSN with these weights."""
        return self.setting.ssn(self.weights)

    @property
    def circuit(self) -> Circuit:
        """The spiking circuit with these weights, made from the template.

        Raises :class:`~ssnbrian.circuit.InvalidInputError` if the design had no template; :func:`realised` takes one.
        """
        return self.circuit_of(self)

    def circuit_of(self, solution: Solution) -> Circuit:
        """The spiking circuit of this or an alternative solution; raises as :attr:`circuit`."""
        if self.template is None:
            raise InvalidInputError(
                "a circuit needs neurons and synapses: give them to design(…, template=…), e.g. template="
                "ssnbrian.models.papers.ekelmans2023.supersaturating(), or use ssnbrian.workflow.verify_design.designed"
            )
        return _realised(solution, self.regime, self.setting, self.template)

    @cached_property
    def self_consistent(self) -> Mapping[str, Any] | None:
        """What the self-consistent theory (Eq 14) gives for the circuit, by the names of ``verification.found``.

        Its difference from the SSN is the known error of the design. Empty if the circuit lacks the regime there, None
        if that was not examined or needs a template.
        """
        if self.template is None or not SelfConsistent.applies_to(self.template):
            return None
        theory = SelfConsistent.from_circuit(self.circuit)
        return self.regime.self_consistent(Candidate(self.weights, self.ratio), self.verification, theory)

    def __str__(self) -> str:
        weights = ", ".join(f"J_{pair} = {self.weights[pair]:.4g} mV" for pair in PAIRS)
        lines = [f"{self.regime}", f"  {weights}, ratio {self.ratio:.4g}"]
        for name, value in self.verification.found.items():
            asked = self.verification.asked.get(name)
            note = "" if asked is None else f"  (asked {_shown(asked)})"
            lines.append(f"  {name.replace('_', ' ')}: {_shown(value)}{note}")
        for name, value in (self.self_consistent or {}).items():
            lines.append(f"  self-consistent {name.replace('_', ' ')}: {_shown(value)}")
        margins = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in self.margins.items())
        lines.append(f"  margins: {margins}")
        if self.extrapolated:
            lines.append("  beyond the rates that the power laws were fitted to: the spiking network will differ")
        elif self.robustness < FRAGILE:
            lines.append("  fragile: a small change loses it, and so may the fluctuations of a spiking network")
        lines.append(f"  {self.verified} of {self.examined} candidates had it; {len(self.alternatives)} alternatives")
        return "\n".join(lines)


def _realised(solution: Solution, regime: Regime, setting: Setting, template: Circuit) -> Circuit:
    return realised(
        solution.weights,
        solution.ratio,
        template,
        setting.bounds,
        drive=regime.drive(Candidate(solution.weights, solution.ratio), setting),
        name=f"designed_{regime.name}",
        description=f"designed for {regime}",
    )


def _cross_checked(ranked: list[Solution], regime: Regime, setting: Setting, template: Circuit) -> list[Solution]:
    """The same, with that one of the best on top on which the two theories agree best about what was asked for."""
    if not SelfConsistent.applies_to(template):
        return ranked
    misses = []
    for solution in ranked[:_CROSS_CHECKED]:
        if solution.extrapolated and not ranked[0].extrapolated:
            break
        theory = SelfConsistent.from_circuit(_realised(solution, regime, setting, template))
        found = regime.self_consistent(
            Candidate(solution.weights, solution.ratio), solution.verification, theory
        )
        if found is None:
            return ranked
        asked = solution.verification.asked
        common = [abs(found[name] / asked[name] - 1) for name in asked if name in found]
        misses.append(max(common, default=math.inf))
    best = ranked[int(np.argmin(misses))]
    return [best, *(one for one in ranked if one is not best)]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    return ", ".join(map(_shown, value)) if isinstance(value, (tuple, list)) else str(value)


def _setting_of(template: Circuit, transfer: Any, tau_population: Any, bounds: DesignBounds) -> Setting:
    """The transfer functions of the neurons of a template."""
    template_populations(template)
    ssn = SSN.from_circuit(template, transfer, tau_population)
    return Setting(ssn.transfer, ssn.tau_population, bounds)


def design(
    regime: Regime,
    bounds: DesignBounds | None = None,
    *,
    seed: int = 1,
    count: int = 24,
    tries: int = TRIES,
    template: Circuit | None = None,
    transfer: Mapping[str, PowerLaw] | None = None,
    tau_population: Any = None,
    theory: str = "ssn",
) -> DesignResult:
    """Networks of one excitatory and one inhibitory population that have a regime.

    Parameters
    ----------
    regime : what is wanted, e.g. ``Supersaturation(peak=3, at=20)``.
    bounds : what the weights, the ratio and the realisation may be; default :class:`DesignBounds`.
    seed : whole number; the same seed gives the same answer.
    count : verified networks among which the most robust is chosen, one within the fitted rates if there is one.
    tries : candidates examined at most.
    template : circuit whose neurons and synapses the result uses; its transfer functions are fitted. Default: the
        transfer functions of the neurons of Ekelmans et al. 2023, and no circuit in the result.
    transfer, tau_population : of the template's populations, by name, as for :meth:`SSN.from_circuit`.
    theory : which theory must give what is asked for: 'ssn', or 'self_consistent' (Eq 14), which spiking networks
        follow more closely; it adjusts one or two weights of the best network and needs a template.

    Raises
    ------
    InfeasibleDesignError : no network within the bounds meets the request, with the inequality that is violated
        (``proven``), or none was found among ``tries`` candidates (not ``proven``).
    InvalidInputError : an argument is out of its range.
    """
    if not isinstance(regime, Regime):
        raise InvalidInputError(f"design expects a regime, e.g. Supersaturation(peak=3, at=20), got {regime!r}")
    for what, number, least in (("seed", seed, 0), ("count", count, 1), ("tries", tries, 1)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < least:
            raise InvalidInputError(f"{what} must be a whole number of at least {least}, got {number!r}")
    if theory not in THEORIES:
        raise InvalidInputError(f"theory must be 'ssn' or 'self_consistent', got {theory!r}")
    if theory == "self_consistent" and template is None:
        raise InvalidInputError("theory='self_consistent' needs the neurons and synapses of a template")
    bounds = bounds or DesignBounds()
    if template is None and (transfer is not None or tau_population is not None):
        raise InvalidInputError("transfer and tau_population belong to the populations of a template; give one")
    setting = Setting.default(bounds) if template is None else _setting_of(template, transfer, tau_population, bounds)
    result = _searched(regime, setting, int(seed), int(count), int(tries), template)
    return result if theory == "ssn" or template is None else _refined(result, template)


def _searched(
    regime: Regime, setting: Setting, seed: int, count: int, tries: int, template: Circuit | None
) -> DesignResult:
    refusal = regime.refusal(setting)
    if refusal is not None:
        raise _with_neighbour(refusal, regime, setting, seed)
    solutions: list[Solution] = []
    shortcomings: Counter[str] = Counter()
    examined = 0
    for candidate in itertools.islice(regime.candidates(setting, np.random.default_rng(seed)), tries):
        examined += 1
        solution, shortcoming = _judged(regime, candidate, setting)
        if solution is None:
            shortcomings[shortcoming] += 1
        else:
            solutions.append(solution)
            best = max((one.robustness for one in solutions if not one.extrapolated), default=-math.inf)
            if len(solutions) >= count and (best >= ROBUST or len(solutions) >= 2 * count):
                break
    if not solutions:
        often = "; ".join(f"{number} times: {text}" for text, number in shortcomings.most_common(3))
        text = f"none of {examined} candidates gives {regime}" + (f" ({often})" if often else "")
        if examined == 0:
            text = f"of all networks drawn for {regime} none lies within the bounds"
        raise _with_neighbour(InfeasibleDesignError(text, proven=False), regime, setting, seed)
    ranked = list(_different(sorted(solutions, key=lambda one: (one.extrapolated, -one.robustness))))
    best, *others = ranked if template is None else _cross_checked(ranked, regime, setting, template)
    return DesignResult(
        best.weights,
        best.ratio,
        best.verification,
        regime,
        setting,
        seed,
        tuple(others),
        examined,
        len(solutions),
        template,
    )


def _refined(result: DesignResult, template: Circuit) -> DesignResult:
    """The result for the self-consistent theory."""
    candidate, verification = refined(
        result.regime, Candidate(result.weights, result.ratio), result.verification, result.setting, template
    )
    return replace(
        result,
        weights=candidate.weights,
        verification=_with_bounds(verification, candidate, result.setting),
        theory="self_consistent",
    )


def _with_bounds(verification: Verification, candidate: Candidate, setting: Setting) -> Verification:
    """With the distance from the bounds among the margins, and without margins that limit nothing."""
    margins = {**verification.margins, "bounds": setting.bounds.margin(candidate.weights, candidate.ratio)}
    return replace(verification, margins={name: value for name, value in margins.items() if math.isfinite(value)})


def _judged(regime: Regime, candidate: Candidate, setting: Setting) -> tuple[Solution | None, str]:
    """The verified solution, or None and what it lacks, without its numbers."""
    if not setting.bounds.contains(candidate.weights, candidate.ratio):
        return None, "a weight or the ratio is out of bounds"
    verification = regime.verify(candidate, setting)
    if not verification.satisfied:
        text = verification.reasons[0] if verification.reasons else "it lacks the regime"
        return None, " ".join(word for word in text.split() if not any(mark.isdigit() for mark in word))
    verification = _with_bounds(verification, candidate, setting)
    return Solution(dict(candidate.weights), float(candidate.ratio), verification), ""


def _different(ranked: list[Solution]) -> Iterator[Solution]:
    """Those that differ from every better one by at least ``_SAME`` in one weight or the ratio."""
    kept: list[np.ndarray] = []
    for one in ranked:
        place = np.log(np.maximum([*(one.weights[pair] for pair in PAIRS), one.ratio], 1e-12))
        if all(np.abs(place - other).max() >= math.log1p(_SAME) for other in kept):
            kept.append(place)
            yield one


def _with_neighbour(
    error: InfeasibleDesignError, regime: Regime, setting: Setting, seed: int
) -> InfeasibleDesignError:
    """The same refusal with the nearest request for which a network was found, where one was."""
    if error.feasible is not None:
        return error
    for other in regime.neighbours():
        if other.refusal(setting) is not None:
            continue
        few = itertools.islice(other.candidates(setting, np.random.default_rng(seed)), _NEIGHBOUR_TRIES)
        if any(_judged(other, candidate, setting)[0] is not None for candidate in few):
            return InfeasibleDesignError(error.inequality, proven=error.proven, feasible=f"{other} (found by search)")
    return error
