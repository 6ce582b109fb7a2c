"""How many neurons fire together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError

from ..statistics import BATCHES
from .run import MarkovRun

__all__ = ["Synchrony", "position", "synchrony"]


@dataclass(frozen=True)
class Synchrony:
    """The spike synchrony index of a population.

    ``index`` : mean over all spikes of the part of the population's neurons that fire in a window around the spike,
    the neuron itself included where neurons are finite in number. ``standard_error`` : 0 for a deterministic run, NaN
    for fewer than 20 bins. ``independent`` : the index of Poisson neurons of the same rate. ``width`` : s, of all the
    bins that belong to a window.
    """

    index: float
    standard_error: float
    independent: float
    width: float


def synchrony(run: MarkovRun, population: str | None = None, window: float = 1e-3) -> Synchrony:
    """Spike synchrony index of a population (the first by default).

    With c_t spikes of N neurons in bin t, and a window of ``window`` (s) centred at each spike,

        sum_t c_t (sum_k c_(t + k)) / (N sum_t c_t),    |k| dt <= window/2,

    1 where all neurons always fire together, rate x width + 1/N for independent Poisson neurons, rate x width for a
    constant rate. Both ends of the window belong to it, so that its width is (2 K + 1) dt, K the largest k: 1.1 ms for
    1 ms in bins of 0.1 ms, in which the known indices of clocked networks are given; 1 ms in bins of 1 ms. It is
    ``window`` itself for narrow bins. Compare runs of the same bins.

    Raises InvalidInputError for a window narrower than a bin or longer than a third of the run, an unknown population,
    and a run without spikes.
    """
    which = position(run, population)
    bins = run.rates.shape[1]
    if not run.dt * (1 - 1e-9) <= window < bins * run.dt / 3:
        raise InvalidInputError(
            f"a window of {window:g} s must be at least one bin ({run.dt:g} s) and shorter than a third of the run "
            f"({bins * run.dt:g} s)"
        )
    reach = int(window / 2 / run.dt * (1 + 1e-9))
    counts, size = run.counts[which], float(run.sizes[which])
    total = np.concatenate(([0.0], np.cumsum(counts)))
    together = total[2 * reach + 1 :] - total[: bins - 2 * reach]
    centre = counts[reach : bins - reach]
    if centre.mean() <= 0:
        raise InvalidInputError(f"{run.names[which]} has no spike in the run, so there is no synchrony to measure")
    joint = centre * together / size
    width = (2 * reach + 1) * run.dt
    own, error = (0.0, 0.0) if run.deterministic else (1 / size, _ratio_error(joint, centre))
    return Synchrony(float(joint.mean() / centre.mean()), error, float(run.rates[which].mean() * width + own), width)


def _ratio_error(numerator: np.ndarray, denominator: np.ndarray) -> float:
    """Standard error of the ratio of two means, from batches."""
    per_batch = len(numerator) // BATCHES
    if per_batch == 0:
        return float("nan")
    above, below = (one[: per_batch * BATCHES].reshape(BATCHES, -1).mean(axis=1) for one in (numerator, denominator))
    rest = above - above.mean() / below.mean() * below
    return float(np.sqrt((rest**2).sum() / (BATCHES - 1) / BATCHES) / below.mean())


def position(run: MarkovRun, population: str | None) -> int:
    """Of a population in a run, the first by default; raises InvalidInputError for an unknown one."""
    if population is None:
        return 0
    if population not in run.names:
        raise InvalidInputError(f"there is no population {population!r} in the run; there are {', '.join(run.names)}")
    return run.names.index(population)
