"""One step of the moment-binned density, in closed form, compiled where numba is installed and plain Python alike.

A bin holds a mass n and a first moment m, that is a mean v = m/n, and stands for the uniform density between its edges
L < R that has them and is anchored at the edge nearer to v: on [L, 2v - L] below the centre, on [2v - R, R] above. The
step moves everything in the bin by Normal(mu dt, s²), with mu and s² = sigma² dt of its mean potential. For u uniform
on [a, b], with z_u = x - u - mu dt, phi and Phi of the standard normal at z/s,

    G0 = z Phi + s phi,    G1 = [(z² - s²) Phi + s z phi]/2,
    P(V' <= x) = [G0(z_a) - G0(z_b)]/(b - a),
    E[V'; V' <= x] = {x [G0(z_a) - G0(z_b)] - [G1(z_a) - G1(z_b)] - s² [Phi(z_a) - Phi(z_b)]}/(b - a).

Differences between the edges are the masses and moments that the bins receive. What comes out above the threshold is
the flux; what comes out below the lowest edge is reflected there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from ..compilation import compiled_last
from .conductance_step import Record, StepNumbers, drift_and_spread, share, step_moments

__all__ = ["Density", "bin_stepper"]

# Standard deviations beyond which the normal distribution has less than 1e-15 of its mass.
_TAIL = 8.0
# Widths below this many standard deviations are taken by their expansion, whose error is then below 1e-13.
_NARROW = 1e-3


class Density(NamedTuple):
    """n populations: ``mass`` (n, bins) share of the neurons, ``moment`` (n, bins) mV, ``refractory`` (n,) share,
    ``mean`` and ``variance`` (n, n) of the pending kicks, target by source; ``edges`` (bins + 1,) mV.
    """

    mass: np.ndarray
    moment: np.ndarray
    refractory: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    edges: np.ndarray


def held_interval(mean: float, low: float, high: float) -> tuple[float, float]:
    """The interval [a, b] on which the density of a bin is uniform, given its mean."""
    inside = min(max(mean, low), high)
    if 2.0 * inside <= low + high:
        return low, 2.0 * inside - low
    return 2.0 * inside - high, high


def below(x: float, a: float, b: float, s: float) -> tuple[float, float]:
    """P(V' <= x) and E[V'; V' <= x] (mV) of V' = u + Normal(0, s²), u uniform on [a, b]."""
    low, high = x - b, x - a
    if low >= _TAIL * s:
        return 1.0, 0.5 * (a + b)
    if high <= -_TAIL * s:
        return 0.0, 0.0
    if b - a <= _NARROW * s:
        z = 0.5 * (low + high) / s
        phi = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        correction = (b - a) ** 2 / (24.0 * s)
        share_below = 0.5 * math.erfc(-z / math.sqrt(2.0)) - correction / s * z * phi
        centre = 0.5 * (a + b)
        return share_below, centre * share_below - (s + correction * (1.0 + z * z)) * phi
    if s <= 0.0:
        part = min(max((x - a) / (b - a), 0.0), 1.0)
        return part, part * (a + 0.5 * part * (b - a))
    big0, big1, area = 0.0, 0.0, 0.0
    for sign in range(2):
        z = high if sign == 0 else low
        phi = s * math.exp(-0.5 * (z / s) ** 2) / math.sqrt(2.0 * math.pi)
        normal = 0.5 * math.erfc(-z / (s * math.sqrt(2.0)))
        way = 1.0 if sign == 0 else -1.0
        big0 += way * (z * normal + phi)
        big1 += way * 0.5 * ((z * z - s * s) * normal + z * phi)
        area += way * normal
    return big0 / (b - a), (x * big0 - big1 - s * s * area) / (b - a)


def spread_bin(
    mass: float, a: float, b: float, s: float, edges: np.ndarray, mass_after: np.ndarray, moment_after: np.ndarray
) -> float:
    """Spreads ``mass``, uniform on [a, b] and then moved by Normal(0, s²), over the bins; what leaves at the top.

    Edge number -k is the mirror image, at the lowest edge, of edge k.
    """
    bins = len(mass_after)
    bottom, width = edges[0], edges[1] - edges[0]
    first = min(max(math.floor((a - _TAIL * s - bottom) / width), -bins), bins)
    share_before, moment_before = 0.0, 0.0
    for k in range(first, bins):
        share_below, moment_below = below(bottom + (k + 1) * width, a, b, s)
        part = mass * max(share_below - share_before, 0.0)
        moment = mass * (moment_below - moment_before)
        if k >= 0:
            mass_after[k] += part
            moment_after[k] += moment
        else:
            mass_after[-1 - k] += part
            moment_after[-1 - k] += 2.0 * bottom * part - moment
        share_before, moment_before = share_below, moment_below
        if share_below >= 1.0:
            return 0.0
    return mass * max(1.0 - share_before, 0.0)


def step_population(
    x: int, d: Density, c: StepNumbers, mass_after: np.ndarray, moment_after: np.ndarray
) -> float:
    """Moves population x by one step; its flux, as a share of its neurons."""
    mass_after[:] = 0.0
    moment_after[:] = 0.0
    flux = 0.0
    for j in range(len(mass_after)):
        mass = d.mass[x, j]
        if mass <= 0.0:
            continue
        a, b = held_interval(d.moment[x, j] / mass, d.edges[j], d.edges[j + 1])
        drift, spread = drift_and_spread(x, 0.5 * (a + b), d.mean, d.variance, c)
        flux += spread_bin(mass, a + drift, b + drift, math.sqrt(spread), d.edges, mass_after, moment_after)
    d.mass[x] = mass_after
    d.moment[x] = moment_after
    return flux


def release(x: int, flux: float, d: Density, c: StepNumbers) -> None:
    """Neurons that end their refractory period enter at the reset; those that have just spiked follow them."""
    freed = c.ends[x] * d.refractory[x]
    d.refractory[x] += flux - freed
    if c.ends[x] >= 1.0:
        freed = flux
        d.refractory[x] = 0.0
    width = d.edges[1] - d.edges[0]
    k = math.floor((c.reset - d.edges[0]) / width + 1e-9)
    d.mass[x, k] += freed
    d.moment[x, k] += freed * c.reset


def advance_density(d: Density, c: StepNumbers, r: Record) -> None:
    """As many bins of time as ``r`` has; its counts are spikes, fractions included."""
    n = len(c.drive)
    mass_after, moment_after = np.zeros(d.mass.shape[1]), np.zeros(d.mass.shape[1])
    flux, spikes = np.zeros(n), np.zeros(n)
    for one in range(r.counts.shape[1]):
        for _ in range(r.steps_per_bin):
            for x in range(n):
                flux[x] = step_population(x, d, c, mass_after, moment_after)
                release(x, flux[x], d, c)
                spikes[x] = flux[x] * (c.first[x + 1] - c.first[x])
                r.counts[x, one] += spikes[x]
            step_moments(d.mean, d.variance, spikes, c)
        r.pending[:, :, one] = d.mean


_COMPILED = (
    share, drift_and_spread, step_moments, held_interval, below, spread_bin, step_population, release, advance_density,
)  # fmt: skip


@cache
def _compiled() -> Callable[..., None] | None:
    return compiled_last(_COMPILED, "the binned density runs as plain Python, about 70 times slower")


def bin_stepper(compiled: bool = True) -> Callable[..., None]:
    """:func:`advance_density`, compiled if asked for and possible."""
    return (_compiled() if compiled else None) or advance_density
