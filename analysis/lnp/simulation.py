"""Simulated LNP networks: exact, with a step (microscopic or mesoscopic), and the diffusion limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .kernels import BOUND_EXCEEDED, DIVERGED, DONE, TOO_MANY_SPIKES, kernels_for
from .network import LNPNetwork

METHODS = ("exact", "microscopic", "mesoscopic", "diffusion")
MOST_SPIKES = 10**10


@dataclass(frozen=True)
class LNPRun:
    """Realisations of an LNP network.

    Attributes
    ----------
    counts : spikes per population in each bin, (R, n, bins); numbers without unit, of the diffusion limit not whole.
    potential : h at the edges of the bins, mV, (R, n, bins + 1).
    sizes : N, (n,). ``bin_width`` : s. ``method`` : one of :data:`METHODS`.
    """

    counts: np.ndarray
    potential: np.ndarray
    sizes: tuple[int, ...]
    bin_width: float
    method: str

    @property
    def activity(self) -> np.ndarray:
        """A_N, spikes per neuron and s, Hz, (R, n, bins)."""
        return self.counts / (np.array(self.sizes)[:, None] * self.bin_width)


def generators(seed: int, number: int) -> list[np.random.Generator]:
    """One generator per realisation, which depends on the seed and its index only."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0 or number < 1:
        raise InvalidInputError(f"need a whole seed >= 0 and realisations >= 1, got {seed!r} and {number}")
    return [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,))) for index in range(number)]


def simulate(
    network: LNPNetwork,
    duration: float,
    *,
    bin_width: float,
    seed: int,
    method: str = "exact",
    step: float | None = None,
    realisations: int = 1,
    initial: Sequence[float] | None = None,
    drive: np.ndarray | None = None,
    compiled: bool | None = None,
    most_spikes: int = MOST_SPIKES,
) -> LNPRun:
    """Simulate ``duration`` (s, a multiple of ``bin_width``) of ``realisations`` networks.

    ``method``
        'exact': spike by spike; between spikes h relaxes exponentially, and a Poisson process with an upper bound of
        the rate is thinned (Lewis & Shedler 1979; Ogata 1981), so that there is no step.
        'microscopic': one h and one Poisson number of spikes per neuron and ``step``.
        'mesoscopic': one h per population and one Poisson number of mean N f(h) step. Its law is that of the
        microscopic network with the same step, because all h of a population are equal.
        'diffusion': the same with a Gaussian number of the same mean and variance: A_N = f(h) + sqrt(f(h)/N) xi in
        the sense of Ito.
        The last three need a ``step`` (s) that divides ``bin_width``; their error is of first order in it. Within a
        step A_N is constant and h is solved exactly.
    ``initial`` h in mV, (n,), by default mu. ``drive`` (bins, n) in mV replaces mu, constant within each bin.
    ``compiled``: None uses numba where it can, False does not (50 to 80 times slower); both give the same spikes
    for the same seed. numba is optional, and a BoundedTransfer is never compiled.
    A realisation depends on ``seed`` and its index only.

    Raises InvalidInputError for wrong input, and where a rate exceeds the bound of its BoundedTransfer;
    ArithmeticError where the rates run away or there are more than ``most_spikes`` in a realisation.
    """
    if method not in METHODS:
        raise InvalidInputError(f"the method must be one of {', '.join(METHODS)}, got '{method}'")
    bins = _whole(duration, bin_width, "duration", "bin width")
    per_bin = 1
    if method == "exact":
        if step is not None:
            raise InvalidInputError("the exact simulation has no step")
    elif step is None:
        raise InvalidInputError(f"the {method} simulation needs a step in s")
    else:
        per_bin = _whole(bin_width, step, "bin width", "step")
    n = len(network.sizes)
    start = _values(network.mu if initial is None else initial, (n,), "initial")
    course = np.broadcast_to(np.array(network.mu, float), (bins, n)) if drive is None else drive
    course = np.ascontiguousarray(_values(course, (bins, n), "drive"))
    kernels, table = kernels_for(network.transfers, compiled)
    counts = np.zeros((realisations, n, bins), dtype=float if method == "diffusion" else np.int64)
    potential = np.empty((realisations, n, bins + 1))
    sizes, tau, jumps = np.array(network.sizes, float), np.array(network.tau, float), network.jumps
    step = bin_width / per_bin
    decay, gain = np.exp(-step / tau), -np.expm1(-step / tau) * tau / step
    for index, random in enumerate(generators(seed, realisations)):
        if method == "exact":
            filled = (counts[index], potential[index])
            status = kernels.exact(
                random, table, sizes, tau, jumps, course, float(bin_width), start.copy(), most_spikes, *filled
            )
        elif method == "microscopic":
            first = np.concatenate([[0], np.cumsum(network.sizes)])
            each = np.repeat(start, network.sizes)
            own = np.zeros((n, bins))
            status = kernels.microscopic(
                random, table, first, decay, gain, jumps, course, step, per_bin, each, own, potential[index]
            )
            counts[index] = own
        else:
            own = np.zeros((n, bins))
            h, diffusion = start.copy(), method == "diffusion"
            status = kernels.mesoscopic(
                random, table, sizes, decay, gain, jumps, course, step, per_bin, h, diffusion, own, potential[index]
            )
            counts[index] = own
        check_status(status, most_spikes)
    return LNPRun(counts, potential, network.sizes, float(bin_width), method)


def check_status(status: int, most_spikes: int) -> None:
    """Raise what a loop of :mod:`.kernels` reports."""
    if status == DIVERGED:
        raise ArithmeticError("the rates run away: the excitation is not bounded by this transfer function")
    if status == TOO_MANY_SPIKES:
        raise ArithmeticError(f"more than {most_spikes} spikes; simulate less or raise most_spikes")
    if status == BOUND_EXCEEDED:
        raise InvalidInputError("a rate exceeds the bound of its BoundedTransfer; bound_of must be an upper bound")
    if status != DONE:
        raise ArithmeticError(f"unknown status {status} of a simulation")


def _whole(total: float, part: float, what: str, of: str) -> int:
    if not (0 < part <= total * (1 + 1e-9) and math.isfinite(total)):
        raise InvalidInputError(f"need 0 < {of} <= {what}, finite, in s; got {of} = {part}, {what} = {total}")
    number = round(total / part)
    if abs(number * part - total) > 1e-6 * part:
        raise InvalidInputError(f"the {what} of {total} s must be a multiple of the {of} of {part} s")
    return number


def _values(values: object, shape: tuple[int, ...], what: str) -> np.ndarray:
    array = np.array(values, float)
    if array.shape != shape or not np.all(np.isfinite(array)):
        raise InvalidInputError(f"{what}: expected finite mV of shape {shape}, got shape {array.shape}")
    return array
