"""One step of the finite-size population equations, written for compilation and run as plain Python alike.

Each function is valid Python on numpy arrays and numbers; :func:`stepper` compiles the very same functions where numba
is installed. Both draw from a numpy Generator, whose draws numba reproduces bit for bit, so that the two paths give
identical results. Source: Schwalger, Deger & Gerstner 2017, in the trapezoidal form of the escape probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..compilation import compiled_last
from .discretisation import StepConstants
from .exponential import polynomial_expm1, split_exponent, to_powers_of_two

NO_DRAW, BINOMIAL, POISSON, GAUSSIAN = 0, 1, 2, 3
# exp of this is finite, and no neuron survives a step at such a hazard.
_LARGEST_EXPONENT = 600.0
# 1 - e^-x is 1 from here on.
_CERTAIN = 50.0


class Populations(NamedTuple):
    """The changing part of a run, n populations; the age bins of population x are a ring in its stretch of the arrays.

    ``mass`` (neurons by age of their last spike), ``variance``, ``membrane`` (mV), ``hazard`` (Hz) and ``counts``
    (spikes in the past step of that age) per bin; ``oldest`` (n,) place of the oldest bin in its stretch; ``pool``
    (n, 4): mass, variance, membrane (mV) and hazard (Hz) of the neurons older than the history; ``slow`` (Hz) the
    older activity filtered by each exponential of the adaptation; ``filtered`` (n, n) spikes/s of the source.
    """

    mass: np.ndarray
    variance: np.ndarray
    membrane: np.ndarray
    hazard: np.ndarray
    counts: np.ndarray
    oldest: np.ndarray
    pool: np.ndarray
    slow: np.ndarray
    filtered: np.ndarray


class Scratch(NamedTuple):
    """Room for one value per age bin; ``bits`` is ``power`` seen as whole numbers."""

    threshold: np.ndarray
    power: np.ndarray
    bits: np.ndarray
    rest: np.ndarray
    probability: np.ndarray


class Record(NamedTuple):
    """What a run writes: ``counts``, ``expected`` (n, steps); ``mass`` (n, 2), the sums over steps of the total mass
    per neuron minus 1 and of its square; ``clips`` (n,) steps whose expected count was clipped to [0, N].
    """

    counts: np.ndarray
    expected: np.ndarray
    mass: np.ndarray
    clips: np.ndarray


def escape_hazard(potential: float, threshold: float, rate: float, width: float) -> float:
    """f(u) = c exp((u - threshold)/Delta), Hz."""
    return rate * math.exp(min((potential - threshold) / width, _LARGEST_EXPONENT))


def draw_count(kind: int, size: float, expected: float, generator: Any) -> float:
    """The count of a step with the expected count given."""
    if kind == BINOMIAL:
        return float(generator.binomial(int(size), expected / size))
    if kind == POISSON:
        return float(generator.poisson(expected))
    if kind == GAUSSIAN:
        return expected + math.sqrt(expected) * generator.standard_normal()
    return expected


def mean_input(x: int, external: float, c: StepConstants, s: Populations) -> float:
    """The input (mV) of population x that, held over the step, moves its membrane as the real one does."""
    total = external * c.tau[x]
    for y in range(len(c.sizes)):
        bins = c.first_bin[y + 1] - c.first_bin[y]
        place = (s.oldest[y] + bins - c.lag[x, y]) % bins
        arriving = s.counts[c.first_bin[y] + place] / c.dt
        rest = s.filtered[x, y] - arriving
        total += c.weights[x, y] * (c.tau[x] * arriving + rest * c.synapse_carry[x, y])
        s.filtered[x, y] = arriving + rest * c.synapse_decay[x, y]
    return total


def advance_pool(x: int, held: float, threshold: float, c: StepConstants, s: Populations) -> tuple[float, float]:
    """The neurons older than the history: expected spikes and their part of the correction."""
    membrane = held + (s.pool[x, 2] - held) * c.membrane_decay[x]
    hazard = escape_hazard(membrane, threshold, c.escape_rate[x], c.width[x])
    p = -math.expm1(-0.5 * c.dt * (s.pool[x, 3] + hazard))
    mass, variance = s.pool[x, 0], s.pool[x, 1]
    s.pool[x, 0] = (1.0 - p) * mass
    s.pool[x, 1] = (1.0 - p) * (1.0 - p) * variance + p * mass
    s.pool[x, 2] = membrane
    s.pool[x, 3] = hazard
    return p * mass, p * variance


def set_thresholds(
    base: float, size: float, own: np.ndarray, later: np.ndarray, counts: np.ndarray, oldest: int, out: np.ndarray
) -> float:
    """Thresholds (mV) of consecutive ages from the ``oldest`` down, and that of the next younger one without its own.

    ``own`` and ``later`` by age from the youngest; ``counts`` in the order of ``out``.
    """
    for i in range(len(out)):
        out[i] = base + own[oldest - i]
        base += counts[i] / size * later[oldest - i]
    return base


def move_membranes(
    membrane: np.ndarray, threshold: np.ndarray, held: float, decay: float, per_width: float, w: Scratch
) -> None:
    """Potentials after the step, and the exponents of their hazards, split, in the scratch arrays."""
    for i in range(len(membrane)):
        membrane[i] = held + (membrane[i] - held) * decay
        exponent = (membrane[i] - threshold[i]) * per_width
        w.power[i], w.rest[i] = split_exponent(min(max(exponent, -_LARGEST_EXPONENT), _LARGEST_EXPONENT))


def set_hazards(hazard: np.ndarray, rate: float, half: float, w: Scratch) -> None:
    """Hazards after the step; minus their mean over the step times its length, split, in the scratch arrays."""
    for i in range(len(hazard)):
        after = rate * (w.power[i] + w.power[i] * polynomial_expm1(w.rest[i]))
        w.power[i], w.rest[i] = split_exponent(max(-half * (hazard[i] + after), -_CERTAIN))
        hazard[i] = after


def set_probabilities(probability: np.ndarray, w: Scratch) -> None:
    """1 - e^-x from the split -x."""
    for i in range(len(probability)):
        probability[i] = (1.0 - w.power[i]) - w.power[i] * polynomial_expm1(w.rest[i])


def advance_free(
    free: int, mass: np.ndarray, variance: np.ndarray, probability: np.ndarray
) -> tuple[float, float, float, float]:
    """Consecutive ages of which the first ``free`` can spike: mass, expected spikes, variance, its spiking part."""
    total, spikes, spread, spiking = 0.0, 0.0, 0.0, 0.0
    for i in range(free):
        total += mass[i]
        spikes += probability[i] * mass[i]
        spread += variance[i]
        spiking += probability[i] * variance[i]
    for i in range(free, len(mass)):
        total += mass[i]
    for i in range(free):
        stays = 1.0 - probability[i]
        variance[i] = stays * stays * variance[i] + probability[i] * mass[i]
        mass[i] = stays * mass[i]
    return total, spikes, spread, spiking


def advance_ages(
    x: int, held: float, base: float, c: StepConstants, s: Populations, w: Scratch
) -> tuple[float, float, float, float]:
    """All ages, oldest first: total mass, expected spikes, total variance, its part that spikes."""
    start, end, split = c.first_bin[x], c.first_bin[x + 1], c.first_bin[x] + s.oldest[x]
    own, later = c.own_threshold[start:end], c.later_threshold[start:end]
    total, spikes, spread, spiking = 0.0, 0.0, 0.0, 0.0
    oldest = end - start - 1
    for piece in range(2):
        first, last = (split, end) if piece == 0 else (start, split)
        free = min(max(oldest + 1 - c.refractory[x], 0), last - first)
        threshold, probability = w.threshold[: last - first], w.probability[:free]
        if c.first_slow[x + 1] > c.first_slow[x]:
            base = set_thresholds(base, c.sizes[x], own, later, s.counts[first:last], oldest, threshold)
        else:
            threshold[:] = base
        move_membranes(s.membrane[first : first + free], threshold, held, c.membrane_decay[x], 1.0 / c.width[x], w)
        to_powers_of_two(w.bits[:free])
        set_hazards(s.hazard[first : first + free], c.escape_rate[x], 0.5 * c.dt, w)
        to_powers_of_two(w.bits[:free])
        set_probabilities(probability, w)
        part = advance_free(free, s.mass[first:last], s.variance[first:last], probability)
        total, spikes, spread, spiking = total + part[0], spikes + part[1], spread + part[2], spiking + part[3]
        oldest -= last - first
    return total, spikes, spread, spiking


def replace_oldest(x: int, count: float, c: StepConstants, s: Populations) -> None:
    """The oldest bin joins the pool and becomes the youngest, the neurons that have just spiked."""
    place = c.first_bin[x] + s.oldest[x]
    s.pool[x, 0] += s.mass[place]
    s.pool[x, 1] += s.variance[place]
    for one in range(c.first_slow[x], c.first_slow[x + 1]):
        activity = s.counts[place] / (c.sizes[x] * c.dt)
        s.slow[one] = activity + (s.slow[one] - activity) * c.slow_decay[one]
    s.mass[place] = count
    s.counts[place] = count
    s.variance[place] = 0.0
    s.membrane[place] = c.reset[x]
    s.hazard[place] = escape_hazard(c.reset[x], c.threshold[x], c.escape_rate[x], c.width[x])
    s.oldest[x] = (s.oldest[x] + 1) % (c.first_bin[x + 1] - c.first_bin[x])


def advance_population(
    x: int, step: int, held: float, corrected: bool, kind: int, c: StepConstants, s: Populations, w: Scratch,
    r: Record, generator: Any
) -> None:
    """One step of population x at the held input (mV), written to the record."""
    threshold = c.threshold[x]
    for one in range(c.first_slow[x], c.first_slow[x + 1]):
        threshold += c.slow_threshold[one] * s.slow[one]
    pool_mass, pool_variance = s.pool[x, 0], s.pool[x, 1]
    pool_spikes, pool_spiking = advance_pool(x, held, threshold, c, s)
    total, spikes, variance, spiking = advance_ages(x, held, threshold, c, s, w)
    total += pool_mass
    variance += pool_variance
    expected = spikes + pool_spikes
    size = c.sizes[x]
    if corrected and variance > 0.0:
        expected += (spiking + pool_spiking) / variance * (size - total)
    if expected < 0.0 or expected > size:
        r.clips[x] += 1
        expected = min(max(expected, 0.0), size)
    count = draw_count(kind, size, expected, generator)
    replace_oldest(x, count, c, s)
    r.counts[x, step] = count
    r.expected[x, step] = expected
    r.mass[x, 0] += total / size - 1.0
    r.mass[x, 1] += (total / size - 1.0) ** 2


def advance(
    drive: np.ndarray, corrected: bool, kind: int, c: StepConstants, s: Populations, r: Record, generator: Any
) -> None:
    """As many steps as ``r`` has columns; ``drive`` (n, steps or 1) mV/s."""
    n = len(c.sizes)
    held = np.zeros(n)
    longest = c.first_bin[n]
    power = np.zeros(longest)
    w = Scratch(np.zeros(longest), power, power.view(np.int64), np.zeros(longest), np.zeros(longest))
    for step in range(r.counts.shape[1]):
        for x in range(n):
            held[x] = mean_input(x, drive[x, min(step, drive.shape[1] - 1)], c, s)
        for x in range(n):
            advance_population(x, step, held[x], corrected, kind, c, s, w, r, generator)


# Each after those it calls.
_COMPILED = (
    split_exponent, to_powers_of_two, polynomial_expm1, escape_hazard, draw_count, mean_input, advance_pool,
    set_thresholds, move_membranes, set_hazards, set_probabilities, advance_free, advance_ages, replace_oldest,
    advance_population, advance,
)  # fmt: skip


@cache
def _compiled() -> Callable[..., None] | None:
    """:func:`advance` compiled, or None where numba is not installed, which is then said once."""
    return compiled_last(_COMPILED, "the mesoscopic model runs as plain Python, about a thousand times slower")


def stepper(compiled: bool = True) -> Callable[..., None]:
    """:func:`advance`, compiled if asked for and possible; both forms give the same numbers to the last bit."""
    return (_compiled() if compiled else None) or advance
