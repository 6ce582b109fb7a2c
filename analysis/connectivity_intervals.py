"""Confidence intervals of measured connectivity: of p, j and J, and a box that holds all J at once.

* p: Clopper-Pearson, the exact interval of a binomial proportion (its coverage is never below the level).
* A measured mean x with standard error s: x exp(t s/|x|), that is symmetric in log x, with t from Student's
  distribution of count - 1 degrees of freedom, or the normal one where the standard error is taken as known.
* j and J: quantiles of samples. p is drawn from Beta(connected + 1/2, probed - connected + 1/2) (Jeffreys), every
  measured mean from the distribution above; membrane time constant and threshold are drawn once per target, so the
  projections onto it vary together.
* The box: p and the means each at the level 1 - (1 - confidence)/m, m of them being uncertain; all J lie in the box
  with at least the confidence (Bonferroni), whatever their dependence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.templates import whole_number

from .measured_connectivity import Measured, MeasuredConnectivity, MeasuredProjection, weight_of

METHOD = (
    "p: Clopper-Pearson; j and J: quantiles of samples, p from Beta(connected + 1/2, probed - connected + 1/2), "
    "measured means log-symmetric (Student's t, or normal where no count is given); box: Bonferroni over all uncertain "
    "values"
)
FEWEST_SAMPLES, MOST_SAMPLES = 100, 1_000_000
# Student's t of few values has no bound; factors beyond 1e86 would overflow in products and tell nobody anything.
_LARGEST_EXPONENT = 200.0


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    ``monte_carlo_error`` is the standard error of the ends that comes from the finite number of samples (the larger
    one); 0 for an interval that is computed and not sampled, infinite where an end is not known to be finite.
    """

    value: float
    low: float
    high: float
    monte_carlo_error: float = 0.0

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class ProjectionEstimate:
    """p, j and J of one projection.

    Attributes
    ----------
    name : ``source->target``.
    connected, probed : the counts.
    probability : p.
    weight : j in units of V_th - V_rest of the target (mV where that is 1 mV).
    weight_spread_known : whether a spread of the PSP or the membrane was given; if not, j is taken as exact.
    in_degree : K = floor(N p).
    J : N p j, in the unit of the weight.
    box : (low, high) of J; all projections lie within their boxes at once with the confidence.
    """

    name: str
    connected: int
    probed: int
    probability: Interval
    weight: Interval
    weight_spread_known: bool
    in_degree: int
    J: Interval
    box: tuple[float, float]


@dataclass(frozen=True)
class ConnectivityEstimate:
    """Estimates of all projections with the samples of J behind them.

    Attributes
    ----------
    measured : what was measured.
    confidence : level of the intervals and of the box.
    projections : in the order of the measured ones.
    samples : J, magnitudes in mV, shape (samples, projections).
    seed : of the samples.
    """

    measured: MeasuredConnectivity
    confidence: float
    projections: tuple[ProjectionEstimate, ...]
    samples: np.ndarray
    seed: int

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the intervals leave out, in sentences."""
        exact = [one.name for one in self.projections if not one.weight_spread_known]
        if not exact:
            return ()
        return (
            f"no spread of PSPs or membranes is given for {', '.join(exact)}: j is taken as exact there, and the "
            f"interval of J holds the uncertainty of p alone",
        )


def estimate_connectivity(
    measured: MeasuredConnectivity, confidence: float = 0.95, samples: int = 2000, seed: int = 1
) -> ConnectivityEstimate:
    """p, j and J of every projection with their intervals; the method is in :data:`METHOD`.

    Parameters
    ----------
    confidence : level of all intervals, above 0 and below 1.
    samples : number of samples of J, 100 to 1 000 000.
    seed : of the samples.

    Raises
    ------
    InvalidInputError : an argument is out of range.
    """
    if not 0 < confidence < 1:
        raise InvalidInputError(f"confidence must lie between 0 and 1, e.g. 0.95, got {confidence}")
    number = whole_number(samples)
    if number is None or not FEWEST_SAMPLES <= number <= MOST_SAMPLES:
        raise InvalidInputError(
            f"samples must be a whole number from {FEWEST_SAMPLES} to {MOST_SAMPLES}, got {samples}"
        )
    p, j = _draw(measured, number, np.random.default_rng(seed))
    sizes = np.array([measured.population(one.source).size for one in measured.projections])
    total = sizes * p * j
    level = _bonferroni(measured, confidence)
    projections = tuple(
        _projection(measured, one, confidence, level, j[:, k], total[:, k])
        for k, one in enumerate(measured.projections)
    )
    return ConnectivityEstimate(measured, confidence, projections, total, seed)


def proportion_interval(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Clopper-Pearson interval of a binomial proportion, from quantiles of the Beta distribution."""
    tail, missed = (1 - confidence) / 2, trials - successes
    low = betaincinv(successes, missed + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, missed, 1 - tail) if missed else 1.0
    return float(low), float(high)


def mean_interval(measured: Measured, confidence: float) -> tuple[float, float]:
    """Interval of the magnitude of a measured mean, symmetric in its logarithm."""
    level = (1 + confidence) / 2
    quantile = ndtri(level) if measured.count is None else stdtrit(measured.count - 1, level)
    reach = float(np.exp(min(quantile * measured.relative_error, _LARGEST_EXPONENT)))
    return abs(measured.value) / reach, abs(measured.value) * reach


def _draw(measured: MeasuredConnectivity, samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Samples of p and j, each of shape (samples, projections)."""

    def draw(one: Measured) -> np.ndarray:
        if one.standard_error == 0:
            return np.full(samples, abs(one.value))
        t = rng.standard_normal(samples) if one.count is None else rng.standard_t(one.count - 1, samples)
        return abs(one.value) * np.exp(np.clip(t * one.relative_error, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))

    membranes = {
        population.name: {name: draw(getattr(population, name)) for name in ("tau_membrane", "threshold_minus_rest")}
        for population in measured.populations
    }
    p, j = np.empty((2, samples, len(measured.projections)))
    for k, projection in enumerate(measured.projections):
        found, missed = projection.connected, projection.probed - projection.connected
        p[:, k] = rng.beta(found + 0.5, missed + 0.5, samples)
        shared = membranes[projection.target]
        own = {name: draw(one) for name, one in measured.factors(projection).items() if name not in shared}
        j[:, k] = weight_of(shared | own)
    return p, j


def _uncertain(measured: MeasuredConnectivity, projection: MeasuredProjection) -> list[Measured]:
    return [one for one in measured.factors(projection).values() if one.standard_error > 0]


def _bonferroni(measured: MeasuredConnectivity, confidence: float) -> float:
    """The level of each uncertain value at which all of them hold at once with the confidence."""
    means = {id(one) for projection in measured.projections for one in _uncertain(measured, projection)}
    return 1 - (1 - confidence) / max(1, len(measured.projections) + len(means))


def _projection(
    measured: MeasuredConnectivity,
    one: MeasuredProjection,
    confidence: float,
    level: float,
    j: np.ndarray,
    total: np.ndarray,
) -> ProjectionEstimate:
    size = measured.population(one.source).size
    known = bool(_uncertain(measured, one))
    weight = measured.weight(one)
    p_low, p_high = proportion_interval(one.connected, one.probed, level)
    j_low, j_high = _weight_bounds(measured, one, level)
    return ProjectionEstimate(
        name=one.name,
        connected=one.connected,
        probed=one.probed,
        probability=Interval(one.probability, *proportion_interval(one.connected, one.probed, confidence)),
        weight=sampled_interval(weight, j, confidence) if known else Interval(weight, weight, weight),
        weight_spread_known=known,
        in_degree=measured.in_degree(one),
        J=sampled_interval(measured.J(one), total, confidence),
        box=(size * p_low * j_low, size * p_high * j_high),
    )


def _weight_bounds(measured: MeasuredConnectivity, one: MeasuredProjection, level: float) -> tuple[float, float]:
    """j with every factor at the end of its interval that makes j least, and most."""
    ends = {name: mean_interval(factor, level) for name, factor in measured.factors(one).items()}
    divisors = ("tau_membrane", "threshold_minus_rest")
    least = {name: high if name in divisors else low for name, (low, high) in ends.items()}
    most = {name: low if name in divisors else high for name, (low, high) in ends.items()}
    return float(weight_of(least)), float(weight_of(most))


def sampled_interval(value: float, samples: np.ndarray, confidence: float) -> Interval:
    """Equal-tailed interval from samples, some of which may be infinite, with the error of its ends.

    The error is that of the rank of an end, which is binomial. The interval is widened to hold the estimate where the
    samples do not: at a count of 0, or of all pairs.
    """
    tail = (1 - confidence) / 2
    error = np.sqrt(tail * (1 - tail) / len(samples))
    ranks = np.clip([tail, tail - error, tail + error], 0, 1)
    low, *low_range = np.quantile(samples, ranks, method="higher")
    high, *high_range = np.quantile(samples, 1 - ranks, method="higher")
    spreads = (0.0 if a == b else abs(b - a) / 2 for a, b in (low_range, high_range))
    return Interval(value, float(min(low, value)), float(max(high, value)), float(max(spreads)))
