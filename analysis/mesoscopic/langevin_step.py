"""One step of the Langevin equations of a network, written for compilation and run as plain Python alike.

Each function is valid Python on numpy arrays and numbers, and only adds, multiplies, divides and takes square roots, so
that compiled and uncompiled give the same numbers to the last bit; exponentials are in the tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..compilation import compiled_last
from .discretisation import StepConstants

# Columns of a table: stationary rate (Hz), correction Lambda (1/s), decay and gain (s) of the mass, weight c_M w_c (Hz)
# with decay and gain of the closure, part of the way that h goes to its input in a step.
RATE, CORRECTION, MASS_DECAY, MASS_GAIN, CLOSURE, CLOSURE_DECAY, CLOSURE_GAIN, FOLLOW = range(8)
FIRST_PAIR = 8
# Of every pair from there: decay of z_0 and z_1, of z_0 by z_1, of z_1 by z_0, gain of z_0 and z_1, their weights in
# the rate. The couplings to h follow, row by row.
DECAY, BY_SECOND, BY_FIRST, GAIN, SECOND_GAIN, WEIGHT, SECOND_WEIGHT = range(7)
PAIR_COLUMNS = 7


class Tables(NamedTuple):
    """Coefficients of n populations along h: ``rows`` (n, k, columns) at ``origin`` + j ``spacing`` (n,), mV.

    ``last`` (n,) number of intervals between rows. h must stay between row 1 and row last - 1, where four rows
    surround it; where ``closed`` (n, 2), below or above, rows further out do not exist and those at the end serve.
    """

    rows: np.ndarray
    origin: np.ndarray
    spacing: np.ndarray
    last: np.ndarray
    closed: np.ndarray


class Populations(NamedTuple):
    """``potential`` h (mV), ``mass`` a_0 and ``closure`` y (n,); ``modes`` z (n, 2M); ``filtered`` spikes/s (n, n)."""

    potential: np.ndarray
    mass: np.ndarray
    closure: np.ndarray
    modes: np.ndarray
    filtered: np.ndarray


class Record(NamedTuple):
    """``activity`` A_N and ``rate`` r, Hz, ``potential`` h, mV, (n, steps).

    ``mass`` (n, 2) sums over the steps of a_0 - 1 and of its square; ``clips`` and ``outside`` (n,) count steps in
    which r was negative, and in which h was beyond a table.
    """

    activity: np.ndarray
    rate: np.ndarray
    potential: np.ndarray
    mass: np.ndarray
    clips: np.ndarray
    outside: np.ndarray


def interpolate(x: int, potential: float, t: Tables, out: np.ndarray) -> int:
    """Coefficients at h in ``out``, by the cubic through the four rows around it.

    Returns 0, or 1 beyond a closed end, or -1 beyond another end, with nothing in ``out``. The result depends on these
    rows only, not on how far the table reaches.
    """
    place = (potential - t.origin[x]) / t.spacing[x]
    status = 0
    if not place >= 1.0:
        if not t.closed[x, 0]:
            return -1
        place, status = 1.0, 1
    elif not place <= t.last[x] - 1.0:
        if not t.closed[x, 1]:
            return -1
        place, status = t.last[x] - 1.0, 1
    k = min(int(place), t.last[x] - 2)
    u = place - k
    before = -u * (u - 1.0) * (u - 2.0) / 6.0
    left = (u + 1.0) * (u - 1.0) * (u - 2.0) / 2.0
    right = -(u + 1.0) * u * (u - 2.0) / 2.0
    after = (u + 1.0) * u * (u - 1.0) / 6.0
    for i in range(len(out)):
        out[i] = before * t.rows[x, k - 1, i] + left * t.rows[x, k, i]
        out[i] += right * t.rows[x, k + 1, i] + after * t.rows[x, k + 2, i]
    return status


def intensity(x: int, now: np.ndarray, s: Populations) -> float:
    """r, Hz, which truncation and fluctuations can make negative."""
    rate = s.mass[x] * now[RATE] + now[CORRECTION] * (1.0 - s.mass[x]) - now[CLOSURE] * s.closure[x]
    for n in range(s.modes.shape[1] // 2):
        first = FIRST_PAIR + n * PAIR_COLUMNS
        rate += now[first + WEIGHT] * s.modes[x, 2 * n] + now[first + SECOND_WEIGHT] * s.modes[x, 2 * n + 1]
    return rate


def mean_input(
    x: int, step: int, external: float, before: np.ndarray, c: StepConstants, s: Populations, r: Record
) -> float:
    """The input (mV) of population x that, held over the step, moves a membrane as the real one does.

    ``before`` (n,) Hz: the activities before the first step.
    """
    total = external * c.tau[x]
    for y in range(len(c.sizes)):
        source = step - c.lag[x, y]
        arriving = c.sizes[y] * (r.activity[y, source] if source >= 0 else before[y])
        rest = s.filtered[x, y] - arriving
        total += c.weights[x, y] * (c.tau[x] * arriving + rest * c.synapse_carry[x, y])
        s.filtered[x, y] = arriving + rest * c.synapse_decay[x, y]
    return total


def move_modes(x: int, change: float, forcing: float, now: np.ndarray, s: Populations, moved: np.ndarray) -> None:
    """Modes after the step: what the ``change`` of h mixes in, then the exact response to a constant forcing."""
    size = s.modes.shape[1]
    first = FIRST_PAIR + size // 2 * PAIR_COLUMNS
    for i in range(size):
        mixed = now[first] * s.mass[x]
        for j in range(size):
            mixed += now[first + 1 + j] * s.modes[x, j]
        moved[i] = s.modes[x, i] + change * mixed
        first += size + 1
    for n in range(size // 2):
        at = FIRST_PAIR + n * PAIR_COLUMNS
        one, other = moved[2 * n], moved[2 * n + 1]
        s.modes[x, 2 * n] = now[at + DECAY] * one + now[at + BY_SECOND] * other + now[at + GAIN] * forcing
        s.modes[x, 2 * n + 1] = now[at + BY_FIRST] * one + now[at + DECAY] * other + now[at + SECOND_GAIN] * forcing


def advance(
    first: int, drive: np.ndarray, before: np.ndarray, noisy: bool, c: StepConstants, t: Tables, s: Populations,
    r: Record, generator: Any
) -> int:
    """Steps from ``first`` to the end of the record, or to one at whose start an h is beyond its table; its number."""
    n, steps = r.activity.shape
    now = np.zeros((n, t.rows.shape[2]))
    moved = np.zeros(s.modes.shape[1])
    status = np.zeros(n, np.int64)
    for step in range(first, steps):
        for x in range(n):
            status[x] = interpolate(x, s.potential[x], t, now[x])
            if status[x] < 0:
                return step
        for x in range(n):
            rate = intensity(x, now[x], s)
            if rate < 0.0:
                r.clips[x] += 1
                rate = 0.0
            r.outside[x] += status[x]
            r.rate[x, step] = rate
            r.activity[x, step] = rate
            if noisy:
                r.activity[x, step] += math.sqrt(rate / (c.sizes[x] * c.dt)) * generator.standard_normal()
            r.potential[x, step] = s.potential[x]
            r.mass[x, 0] += s.mass[x] - 1.0
            r.mass[x, 1] += (s.mass[x] - 1.0) ** 2
        for x in range(n):
            held = mean_input(x, step, drive[x, min(step, drive.shape[1] - 1)], before, c, s, r)
            change = now[x, FOLLOW] * (held - s.potential[x])
            noise = r.activity[x, step] - r.rate[x, step]
            forcing = now[x, CORRECTION] * (1.0 - s.mass[x]) + noise
            move_modes(x, change, forcing, now[x], s, moved)
            s.closure[x] = now[x, CLOSURE_DECAY] * s.closure[x] + now[x, CLOSURE_GAIN] * forcing
            s.mass[x] = 1.0 + now[x, MASS_DECAY] * (s.mass[x] - 1.0) + now[x, MASS_GAIN] * noise
            s.potential[x] += change
    return steps


# Each after those it calls.
_COMPILED = (interpolate, intensity, mean_input, move_modes, advance)


@cache
def _compiled() -> Callable[..., int] | None:
    """:func:`advance` compiled, or None where numba is not installed, which is then said once."""
    return compiled_last(_COMPILED, "the Langevin equations run as plain Python, about a hundred times slower")


def stepper(compiled: bool = True) -> Callable[..., int]:
    """:func:`advance`, compiled if asked for and possible; both forms give the same numbers to the last bit."""
    return (_compiled() if compiled else None) or advance
