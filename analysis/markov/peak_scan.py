"""How the peaks of a rate follow each other along a parameter: period doublings as they are seen in any run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import wasserstein_distance

from ssnbrian.circuit import InvalidInputError

from .periods import Period, period_of
from .run import MarkovRun
from .volleys import PUBLISHED_RULE, PeakRule, Volleys, find_volleys

__all__ = ["PeakScan", "Quantity", "scan_distance", "scan_peaks"]

Quantity = Literal["height_differences", "intervals"]


@dataclass(frozen=True, eq=False)
class PeakScan:
    """Volleys of one population at ``values`` (p,) of a parameter; ``volleys`` and ``periods`` one for each."""

    population: str
    values: np.ndarray
    volleys: tuple[Volleys, ...]
    periods: tuple[Period, ...]

    def samples(self, quantity: Quantity) -> list[np.ndarray]:
        """At each value: differences of successive peaks' heights (Hz), or intervals between the peaks (s).

        With a period 1 all differences are 0 but for noise, with a period 2 they are two of opposite sign. Raises
        InvalidInputError for another quantity.
        """
        if quantity == "height_differences":
            return [np.diff(one.heights) for one in self.volleys]
        if quantity == "intervals":
            return [one.intervals for one in self.volleys]
        raise InvalidInputError(f"quantity must be 'height_differences' or 'intervals', not {quantity!r}")

    def histograms(self, quantity: Quantity, edges: np.ndarray) -> np.ndarray:
        """(values, bins) part of the samples in each bin between ``edges`` (bins + 1,); 0 where there are no peaks."""
        rows = [np.histogram(one, edges)[0] / max(1, len(one)) for one in self.samples(quantity)]
        return np.array(rows)


def scan_peaks(
    run_at: Callable[[float], MarkovRun],
    values: Sequence[float] | np.ndarray,
    population: str | None = None,
    *,
    rule: PeakRule = PUBLISHED_RULE,
    discard: float = 0.0,
) -> PeakScan:
    """Peaks of the runs ``run_at(value)`` at all ``values``, without the first ``discard`` (s) of each.

    Works alike on a network and on differential equations; the bins of their runs bound how well a height is known.
    Raises InvalidInputError without values, for an unknown population, or a run shorter than ``discard``.
    """
    scanned = np.array(values, float)
    if scanned.ndim != 1 or len(scanned) == 0 or not np.all(np.isfinite(scanned)):
        raise InvalidInputError("values must be at least one finite number of the parameter")
    volleys, periods, name = [], [], ""
    for value in scanned:
        run = run_at(float(value)).after(discard)
        if run.rates.shape[1] == 0:
            raise InvalidInputError(f"the run at {value:g} is not longer than the {discard:g} s that are left out")
        name = run.names[0] if population is None else population
        volleys.append(find_volleys(run, name, rule))
        periods.append(period_of(run, volleys[-1]))
    return PeakScan(name, scanned, tuple(volleys), tuple(periods))


def scan_distance(scan: PeakScan, other: PeakScan, quantity: Quantity) -> np.ndarray:
    """(values,) Wasserstein distance of the two distributions of a quantity, in its unit; NaN where one has no peaks.

    Raises InvalidInputError for scans of different values.
    """
    if not np.array_equal(scan.values, other.values):
        raise InvalidInputError("the two scans must be over the same values")
    pairs = zip(scan.samples(quantity), other.samples(quantity), strict=True)
    return np.array([wasserstein_distance(a, b) if len(a) and len(b) else np.nan for a, b in pairs])
