"""Designs as spiking circuits, and their verification by simulation.

Every regime has its protocol in ``design_protocols``. What is measured stands beside what was asked for and what both
theories give; the statistical error and the known error of the theory are stated apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ssnbrian.analysis.design.request import DesignBounds, Regime
from ssnbrian.analysis.design.search import DesignResult, design
from ssnbrian.circuit import Circuit
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.models.papers import ekelmans2023

STANDARD_ERRORS = 3.0
"""Statistical tolerance in standard errors."""


@dataclass(frozen=True)
class Quantity:
    """One measured value beside what was asked for.

    Attributes
    ----------
    name : with its unit, e.g. ``peak_Hz``. measured, standard_error : from the simulation.
    asked : what was wanted, or None where nothing was asked.
    ssn, self_consistent : what the theories give, None where they give nothing.
    """

    name: str
    measured: float
    standard_error: float
    asked: float | None = None
    ssn: float | None = None
    self_consistent: float | None = None

    @property
    def statistical_tolerance(self) -> float:
        """``STANDARD_ERRORS`` standard errors."""
        return STANDARD_ERRORS * self.standard_error

    @property
    def theory_error(self) -> float | None:
        """|SSN - self-consistent|: by how much the design is known to miss; None if one of them is missing."""
        if self.ssn is None or self.self_consistent is None:
            return None
        return abs(self.ssn - self.self_consistent)

    @property
    def agrees(self) -> bool | None:
        """Whether it is what was asked for within the statistical tolerance plus the known error of the theory."""
        if self.asked is None:
            return None
        return abs(self.measured - self.asked) <= self.statistical_tolerance + (self.theory_error or 0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain values; null for what is not a finite number."""
        entries = {
            "name": self.name,
            "measured": self.measured,
            "standard_error": self.standard_error,
            "asked": self.asked,
            "ssn": self.ssn,
            "self_consistent": self.self_consistent,
            "statistical_tolerance": self.statistical_tolerance,
            "theory_error": self.theory_error,
            "agrees": self.agrees,
        }
        return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in entries.items()}

    def __str__(self) -> str:
        def shown(value: float | None) -> str:
            return "-" if value is None else f"{value:.4g}"

        text = f"{self.name.replace('_', ' ')}: {self.measured:.4g} +- {self.standard_error:.2g}"
        text += f"  (asked {shown(self.asked)}, SSN {shown(self.ssn)}, self-consistent {shown(self.self_consistent)})"
        if self.agrees is not None:
            text += (
                f"  {'agrees' if self.agrees else 'DIFFERS'} within {self.statistical_tolerance:.2g} (statistics) + "
                f"{shown(self.theory_error)} (theory)"
            )
        return text


@dataclass(frozen=True)
class SimulationVerification:
    """Whether the spiking network shows the regime, and with the numbers asked for.

    Attributes
    ----------
    shown : whether the network shows the regime; ``reasons`` say why not.
    satisfied : it does, and every quantity that was asked for agrees.
    protocol : what was simulated, in a sentence.
    quantities : what was measured. reasons : what does not hold, in words.
    observations : further facts, e.g. the status of the runs.
    """

    shown: bool
    satisfied: bool
    protocol: str
    quantities: tuple[Quantity, ...]
    reasons: tuple[str, ...] = ()
    observations: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "shown": self.shown,
            "satisfied": self.satisfied,
            "protocol": self.protocol,
            "quantities": [one.to_json() for one in self.quantities],
            "reasons": list(self.reasons),
            "observations": dict(self.observations),
        }

    def __str__(self) -> str:
        wrong = [one.name.replace("_", " ") for one in self.quantities if one.agrees is False]
        text = "shows the regime" if self.shown else "does NOT show the regime"
        text += f", but {', '.join(wrong)} not as asked for" if wrong else ""
        lines = [f"simulation: {text}", self.protocol]
        lines += [str(one) for one in self.quantities]
        lines += [f"{name.replace('_', ' ')}: {value}" for name, value in self.observations.items()]
        lines += [f"against it: {reason}" for reason in self.reasons]
        return "\n  ".join(lines)


def template_of(regime: Regime) -> Circuit:
    """The library's neurons and synapses for a regime.

    Those of Ekelmans et al. 2023: delta synapses, and for regimes that name pairs to filter the E->E and I->I synapses
    of its bistable network, exponential with delays of 0-100 ms, without which spikes synchronise.
    """
    return ekelmans2023.bistable() if regime.filtered else ekelmans2023.supersaturating()


def designed(regime: Regime, bounds: DesignBounds | None = None, **options: Any) -> DesignResult:
    """:func:`ssnbrian.analysis.design.design` with the library's neurons and synapses as template."""
    return design(regime, bounds, **{"template": template_of(regime), **options})


def verify_by_simulation(
    result: DesignResult, *, seed: int = 1, dt: Any = 0.1, progress: Progress = silent
) -> SimulationVerification:
    """Run the protocol of the regime on the circuit of a design.

    Parameters
    ----------
    result : from :func:`designed`, or from ``design`` with a template.
    seed : of the simulation. dt : quantity or ms.

    Raises
    ------
    InvalidInputError : the result has no circuit, or there is no protocol for the regime.
    """
    from ssnbrian.workflow.design_protocols import Runs, protocol_of

    protocol = protocol_of(result.regime)
    text, quantities, reasons, observations = protocol(result, Runs(result.circuit, seed, dt, progress))
    agrees = all(one.agrees is not False for one in quantities)
    return SimulationVerification(
        not reasons, not reasons and agrees, text, tuple(quantities), tuple(reasons), observations
    )
