"""The loops of the simulations, compiled by numba where it is installed; uncompiled they are the reference.

Both draw from one ``numpy.random.Generator`` in the same order, so that they give the same spikes for the same seed.
h is in mV, times in s, rates in Hz; ``table`` is the argument of the rate function that stands for the transfers.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .transfer import BoundedTransfer, Transfer, tabulated_rate

DONE, DIVERGED, BOUND_EXCEEDED, TOO_MANY_SPIKES = 0, 1, 2, 3
NOBODY, WRONG_BOUND = -1, -2
# Expected spikes per s of a network (or per step): beyond, the rates run away.
LARGEST_INTENSITY = 1e12
LARGEST_MEAN = 1e9


class Kernels(NamedTuple):
    """The loops; arguments at their definitions below."""

    exact: Callable[..., int]
    passage: Callable[..., tuple[int, float]]
    mesoscopic: Callable[..., int]
    microscopic: Callable[..., int]


def numba_is_installed() -> bool:
    """Whether loops can be compiled."""
    return importlib.util.find_spec("numba") is not None


def kernels_for(transfers: Sequence[Transfer], compiled: bool | None) -> tuple[Kernels, Any]:
    """The loops and their ``table`` for these transfers; ``compiled`` None takes what is possible.

    Raises InvalidInputError where compiled loops are asked for without numba or for a transfer that is a function.
    """
    own = any(isinstance(one, BoundedTransfer) for one in transfers)
    possible = numba_is_installed() and not own
    if compiled and not possible:
        raise InvalidInputError(
            "compiled loops need numba, which is not installed"
            if not own
            else "a BoundedTransfer cannot be compiled; leave `compiled` out"
        )
    if own:
        return _kernels("functions"), tuple(transfers)
    table = np.array([one.row() for one in transfers if not isinstance(one, BoundedTransfer)])
    return _kernels("compiled" if possible and compiled is not False else "reference"), table


def _monotonic_bound(table: np.ndarray, population: int, one: float, other: float) -> float:
    return max(tabulated_rate(table, population, one), tabulated_rate(table, population, other))


@functools.cache
def _kernels(kind: str) -> Kernels:
    if kind == "functions":
        return _build(
            lambda functions, population, h: functions[population](h),
            lambda functions, population, one, other: functions[population].bound(one, other),
            lambda function: function,
        )
    if kind == "reference":
        return _build(tabulated_rate, _monotonic_bound, lambda function: function)
    from numba import njit

    compiled_rate = njit(tabulated_rate)

    def bound(table: np.ndarray, population: int, one: float, other: float) -> float:
        return max(compiled_rate(table, population, one), compiled_rate(table, population, other))

    return _build(compiled_rate, njit(bound), njit)


def _build(rate: Callable[..., float], bound: Callable[..., float], compile_: Callable[[Any], Any]) -> Kernels:
    parts = _parts(rate, bound, compile_)
    return Kernels(
        compile_(_exact(*parts)),
        compile_(_passage(*parts)),
        compile_(_mesoscopic(rate)),
        compile_(_microscopic(rate)),
    )


def _parts(
    rate: Callable[..., float], bound: Callable[..., float], compile_: Callable[[Any], Any]
) -> tuple[Callable[..., Any], ...]:
    def bounds_of(table, sizes, mu, h, bounds):
        """Bounds on N f for each population until the next spike, in which time h_X moves towards mu_X; their sum."""
        total = 0.0
        for x in range(len(h)):
            bounds[x] = sizes[x] * bound(table, x, h[x], mu[x])
            total += bounds[x]
        return total

    def choose(table, sizes, h, bounds, left):
        """The population that spikes, or NOBODY; ``left`` is uniform below the sum of the bounds (thinning)."""
        for x in range(len(h)):
            if left < bounds[x]:
                intensity = sizes[x] * rate(table, x, h[x])
                if intensity > bounds[x] * (1 + 1e-12):
                    return WRONG_BOUND
                return x if left < intensity else NOBODY
            left -= bounds[x]
        return NOBODY

    def relax(h, mu, tau, time):
        for x in range(len(h)):
            h[x] = mu[x] + (h[x] - mu[x]) * math.exp(-time / tau[x])

    return compile_(bounds_of), compile_(choose), compile_(relax)


def _exact(bounds_of: Callable[..., Any], choose: Callable[..., Any], relax: Callable[..., Any]) -> Callable[..., int]:
    def exact(generator, table, sizes, tau, jumps, drive, width, h, most, counts, potential):
        """Fill counts (n, bins) and potential (n, bins + 1) with ``drive`` (bins, n) constant in bins of ``width``."""
        bounds = np.empty(len(h))
        spikes = 0
        potential[:, 0] = h
        for k in range(counts.shape[1]):
            mu = drive[k]
            rest = width
            while True:
                total = bounds_of(table, sizes, mu, h, bounds)
                if not total < LARGEST_INTENSITY:
                    return DIVERGED
                wait = generator.standard_exponential() / total if total > 0 else math.inf
                if wait >= rest:
                    relax(h, mu, tau, rest)
                    break
                rest -= wait
                relax(h, mu, tau, wait)
                x = choose(table, sizes, h, bounds, generator.random() * total)
                if x == WRONG_BOUND:
                    return BOUND_EXCEEDED
                if x != NOBODY:
                    counts[x, k] += 1
                    spikes += 1
                    if spikes > most:
                        return TOO_MANY_SPIKES
                    for y in range(len(h)):
                        h[y] += jumps[y, x]
            potential[:, k + 1] = h
        return DONE

    return exact


def _passage(
    bounds_of: Callable[..., Any], choose: Callable[..., Any], relax: Callable[..., Any]
) -> Callable[..., tuple[int, float]]:
    def passage(generator, table, sizes, tau, jumps, mu, h, observed, target, upward, limit, most):
        """(status, time) when h of ``observed`` first passes ``target``; the time is ``limit`` if it did not."""
        bounds = np.empty(len(h))
        now = 0.0
        spikes = 0
        while True:
            total = bounds_of(table, sizes, mu, h, bounds)
            if not total < LARGEST_INTENSITY:
                return DIVERGED, now
            wait = generator.standard_exponential() / total if total > 0 else math.inf
            # Between spikes h moves monotonically towards mu and can pass the target on the way.
            between = (mu[observed] - target) * (h[observed] - target) < 0
            if between:
                reach = tau[observed] * math.log((h[observed] - mu[observed]) / (target - mu[observed]))
                if reach <= wait:
                    return DONE, min(now + reach, limit)
            if now + wait >= limit:
                return DONE, limit
            now += wait
            relax(h, mu, tau, wait)
            x = choose(table, sizes, h, bounds, generator.random() * total)
            if x == WRONG_BOUND:
                return BOUND_EXCEEDED, now
            if x != NOBODY:
                spikes += 1
                if spikes > most:
                    return TOO_MANY_SPIKES, now
                for y in range(len(h)):
                    h[y] += jumps[y, x]
                if (h[observed] >= target) if upward else (h[observed] <= target):
                    return DONE, now

    return passage


def _mesoscopic(rate: Callable[..., float]) -> Callable[..., int]:
    def mesoscopic(generator, table, sizes, decay, gain, jumps, drive, step, per_bin, h, diffusion, counts, potential):
        """Steps with a number of spikes per population, Poisson or (``diffusion``) Gaussian of the same mean."""
        number = np.empty(len(h))
        potential[:, 0] = h
        for k in range(counts.shape[1]):
            for _ in range(per_bin):
                for x in range(len(h)):
                    mean = sizes[x] * rate(table, x, h[x]) * step
                    if not mean < LARGEST_MEAN:
                        return DIVERGED
                    if diffusion:
                        number[x] = mean + math.sqrt(mean) * generator.standard_normal()
                    else:
                        number[x] = generator.poisson(mean)
                    counts[x, k] += number[x]
                for x in range(len(h)):
                    change = 0.0
                    for y in range(len(h)):
                        change += jumps[x, y] * number[y]
                    h[x] = drive[k, x] + (h[x] - drive[k, x]) * decay[x] + change * gain[x]
            potential[:, k + 1] = h
        return DONE

    return mesoscopic


def _microscopic(rate: Callable[..., float]) -> Callable[..., int]:
    def microscopic(generator, table, first, decay, gain, jumps, drive, step, per_bin, each, counts, potential):
        """Steps with a state and a Poisson number of spikes for each neuron; population X is first[X]:first[X + 1]."""
        n = len(first) - 1
        number = np.empty(n)
        for x in range(n):
            potential[x, 0] = np.mean(each[first[x] : first[x + 1]])
        for k in range(counts.shape[1]):
            for _ in range(per_bin):
                for x in range(n):
                    number[x] = 0.0
                    for i in range(first[x], first[x + 1]):
                        mean = rate(table, x, each[i]) * step
                        if not mean < LARGEST_MEAN:
                            return DIVERGED
                        number[x] += generator.poisson(mean)
                    counts[x, k] += number[x]
                for x in range(n):
                    change = 0.0
                    for y in range(n):
                        change += jumps[x, y] * number[y]
                    for i in range(first[x], first[x + 1]):
                        each[i] = drive[k, x] + (each[i] - drive[k, x]) * decay[x] + change * gain[x]
            for x in range(n):
                potential[x, k + 1] = np.mean(each[first[x] : first[x + 1]])
        return DONE

    return microscopic
