"""The event-driven network of kicks, written for compilation and run as plain Python alike.

Each function is valid Python on numpy arrays and numbers; :func:`runner` compiles the very same functions where numba
is installed. Both draw from a numpy Generator, whose draws numba reproduces bit for bit, so that the two paths give
identical results. Source: Li, Chariker & Young 2019; the method is Gillespie's direct one (1977).

All waiting times are exponential, so that the time to the next event depends on the numbers of what can happen alone:
external kicks, pending kicks of each pair of populations, and refractory neurons. Pending kicks are kept as a list of
the neurons they belong to: each is delivered next with the same probability, whatever its neuron.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..compilation import compiled_last

REFRACTORY = -1
# Room for pending kicks of one pair beyond which a run is given up.
MOST_ROOM = 20_000_000


class KickConstants(NamedTuple):
    """What does not change in a run of n populations; pairs are numbered target n + source.

    ``bin_width`` s; ``first`` (n + 1,) the first neuron of each population; ``levels`` potentials below the threshold,
    counted from the reversal; ``reset`` one of them; ``inhibitory`` (n,); ``weights`` and ``probabilities`` (n n,);
    ``rests`` (n,) whether there is a refractory time; ``each`` (2n + n n,) Hz: rate of one neuron's external kicks,
    of one pending kick, of one refractory neuron's end.
    """

    bin_width: float
    first: np.ndarray
    levels: int
    reset: int
    inhibitory: np.ndarray
    weights: np.ndarray
    probabilities: np.ndarray
    rests: np.ndarray
    each: np.ndarray


class Neurons(NamedTuple):
    """The changing part of a run.

    ``level`` (N,) potential counted from the reversal, or REFRACTORY; ``order`` (N,) the neurons of each population
    shuffled; ``resting`` (n, largest N): the refractory neurons of each population stand first in its row; ``number``
    (2n + n n,) how many there are of each kind of ``KickConstants.each``; ``rates`` their product, Hz.
    """

    level: np.ndarray
    order: np.ndarray
    resting: np.ndarray
    number: np.ndarray
    rates: np.ndarray


class Lists(NamedTuple):
    """What grows: ``pending`` (n n, room) the neuron of each pending kick; ``raster`` (2, room) times (s) and neurons
    of the spikes.
    """

    pending: np.ndarray
    raster: np.ndarray


class NetworkRecord(NamedTuple):
    """What a run writes: ``counts`` (n, bins) spikes; ``pending`` (n n, bins) pending kicks at the ends of the bins;
    ``visits`` (n, levels) neurons found at each level at the ends of the bins; ``spikes`` (1,) length of the raster.
    """

    counts: np.ndarray
    pending: np.ndarray
    visits: np.ndarray
    spikes: np.ndarray


def total_rate(number: np.ndarray, each: np.ndarray, rates: np.ndarray) -> float:
    """The rate of all events, Hz; those of each kind are written to ``rates``."""
    total = 0.0
    for kind in range(len(each)):
        rates[kind] = number[kind] * each[kind]
        total += rates[kind]
    return total


def choose(rest: float, rates: np.ndarray) -> tuple[int, float]:
    """The kind of event in whose stretch of the sum of all rates a number lies, and how far into it, Hz."""
    kind = 0
    while kind < len(rates) - 1 and rest >= rates[kind]:
        rest -= rates[kind]
        kind += 1
    return kind, rest


def whole_jump(size: float, generator: Any) -> int:
    """A whole number of the mean given: its floor, or one more."""
    whole = int(size)
    if size > whole and generator.random() < size - whole:
        whole += 1
    return whole


def with_room(array: np.ndarray, needed: int) -> np.ndarray:
    """The array, or a larger copy of it if its rows are shorter than needed."""
    if needed <= array.shape[1]:
        return array
    larger = np.empty((array.shape[0], 2 * needed), array.dtype)
    # A slice on the left would take a third of all the time of compilation.
    for row in range(array.shape[0]):
        for place in range(array.shape[1]):
            larger[row, place] = array[row, place]
    return larger


def send_kicks(pair: int, target: int, c: KickConstants, s: Neurons, lists: Lists, generator: Any) -> Lists:
    """A binomial number of different neurons of the target gets one pending kick each."""
    if c.probabilities[pair] == 0.0:
        return lists
    start, end = c.first[target], c.first[target + 1]
    kicks = int(generator.binomial(end - start, c.probabilities[pair]))
    kind = len(c.first) - 1 + pair
    pending = with_room(lists.pending, s.number[kind] + kicks)
    for place in range(start, start + kicks):
        other = place + int(generator.random() * (end - place))
        neuron = s.order[other]
        s.order[other] = s.order[place]
        s.order[place] = neuron
        pending[pair, s.number[kind]] = neuron
        s.number[kind] += 1
    return Lists(pending, lists.raster)


def fire(
    x: int, neuron: int, index: int, time: float, recorded: bool,
    c: KickConstants, s: Neurons, lists: Lists, r: NetworkRecord, generator: Any
) -> Lists:
    """A spike of a neuron of population x at the time (s) since the beginning of the bin ``index``."""
    n = len(c.first) - 1
    if c.rests[x]:
        s.level[neuron] = REFRACTORY
        kind = n + n * n + x
        s.resting[x, s.number[kind]] = neuron
        s.number[kind] += 1
    else:
        s.level[neuron] = c.reset
    r.counts[x, index] += 1
    if recorded:
        lists = Lists(lists.pending, with_room(lists.raster, r.spikes[0] + 1))
        lists.raster[0, r.spikes[0]] = index * c.bin_width + time
        lists.raster[1, r.spikes[0]] = neuron
        r.spikes[0] += 1
    for target in range(n):
        lists = send_kicks(target * n + x, target, c, s, lists, generator)
    return lists


def kicked(level: int, weight: float, inhibitory: bool, levels: int, generator: Any) -> int:
    """The level after a pending kick; from ``levels`` on, a spike."""
    if inhibitory:
        return max(level - whole_jump(weight * level / levels, generator), 0)
    return level + whole_jump(weight, generator)


def taken(lists: np.ndarray, row: int, place: int, last: int) -> int:
    """The entry at a place of a list whose last entry takes that place."""
    entry = lists[row, place]
    lists[row, place] = lists[row, last]
    return entry


def write_bin(index: int, c: KickConstants, s: Neurons, r: NetworkRecord) -> None:
    """What there is at the end of a bin."""
    n = len(c.first) - 1
    for pair in range(n * n):
        r.pending[pair, index] = s.number[n + pair]
    for x in range(n):
        for neuron in range(c.first[x], c.first[x + 1]):
            if s.level[neuron] != REFRACTORY:
                r.visits[x, s.level[neuron]] += 1


def run_events(recorded: bool, c: KickConstants, s: Neurons, lists: Lists, r: NetworkRecord, generator: Any) -> Lists:
    """As many bins as ``r`` has columns. A draw that leads out of a bin is given up: waiting times have no memory."""
    # Compiled code counts the references of a tuple's arrays at every use; this triples the time without the names.
    first, levels, inhibitory, weights, each = c.first, c.levels, c.inhibitory, c.weights, c.each
    level, resting, number, rates, pending = s.level, s.resting, s.number, s.rates, lists.pending
    n = len(first) - 1
    total = total_rate(number, each, rates)
    for index in range(r.counts.shape[1]):
        time = 0.0
        while total > 0.0:
            time += generator.standard_exponential() / total
            if time >= c.bin_width:
                break
            kind, rest = choose(generator.random() * total, rates)
            # Rounding can lead to the end of a kind's stretch, or beyond the last one.
            place = min(int(rest / each[kind]), number[kind] - 1)
            if place < 0:
                continue
            after = REFRACTORY
            if kind < n:
                x, neuron = kind, first[kind] + place
                if level[neuron] != REFRACTORY:
                    after = level[neuron] + 1
            else:
                number[kind] -= 1
                pair = kind - n
                if pair < n * n:
                    x = pair // n
                    neuron = taken(pending, pair, place, number[kind])
                    if level[neuron] != REFRACTORY:
                        after = kicked(level[neuron], weights[pair], inhibitory[pair - x * n], levels, generator)
                else:
                    x = pair - n * n
                    neuron = taken(resting, x, place, number[kind])
                    after = c.reset
            if after >= levels:
                lists = fire(x, neuron, index, time, recorded, c, s, lists, r, generator)
                pending = lists.pending
                if pending.shape[1] > MOST_ROOM:
                    return lists
            else:
                level[neuron] = after
                if kind < n:
                    continue
            total = total_rate(number, each, rates)
        write_bin(index, c, s, r)
    return lists


# Each after those it calls.
_COMPILED = (
    total_rate, choose, whole_jump, with_room, send_kicks, fire, kicked, taken, write_bin, run_events,
)  # fmt: skip


@cache
def _compiled() -> Callable[..., Lists] | None:
    """:func:`run_events` compiled, or None where numba is not installed, which is then said once."""
    return compiled_last(_COMPILED, "the network runs as plain Python, about a hundred times slower")


def runner(compiled: bool = True) -> Callable[..., Lists]:
    """:func:`run_events`, compiled if asked for and possible; both forms give the same numbers to the last bit."""
    return (_compiled() if compiled else None) or run_events
