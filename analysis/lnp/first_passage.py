"""Times at which h of one LNP population first passes a value: from the equations of the process, and simulated.

The mean time T(h) solves the backward equation of the process. With jumps J/N it is a linear equation with a shift,
(mu - h)/tau T'(h) + N f(h) (T(h + J/N) - T(h)) = -1, with T = 0 at and beyond the target; for the diffusion limit it is
drift(h) T' + J^2 f(h)/(2 N) T'' = -1, solved by two integrals. No large N is assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.integrate import cumulative_simpson, cumulative_trapezoid
from scipy.interpolate import CubicSpline
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from ssnbrian.circuit import InvalidInputError

from .escape import single_population
from .kernels import kernels_for
from .network import LNPNetwork
from .simulation import MOST_SPIKES, check_status, generators

LARGEST_SYSTEM = 500_000
POINTS = 10_001
# exp(-LOST) of the density lies beyond the range of the integrals.
LOST = 40.0
# Beyond this barrier the integrals overflow.
HIGHEST_BARRIER = 600.0


@dataclass(frozen=True)
class MeanPassage:
    """``time``: mean first passage time, s; ``error``: estimate of its numerical error, s."""

    time: float
    error: float


@dataclass(frozen=True)
class _Side:
    """The problem with a positive weight: for J < 0, h, mu and the target change sign."""

    f: Callable[[float], float]
    tau: float
    mu: float
    weight: float
    size: int
    start: float
    target: float

    @property
    def jump(self) -> float:
        return self.weight / self.size


def _side(network: LNPNetwork, start: float, target: float) -> _Side:
    weight = single_population(network)
    (f,), (tau,), (mu,), (size,) = network.transfers, network.tau, network.mu, network.sizes
    if not (math.isfinite(start) and math.isfinite(target)) or start == target:
        raise InvalidInputError(f"start and target must be finite and differ, in mV; got {start} and {target}")
    if weight > 0:
        return _Side(f, tau, mu, weight, size, start, target)
    return _Side(lambda h: f(-h), tau, -mu, -weight, size, -start, -target)


def mean_first_passage(network: LNPNetwork, start: float, target: float, *, cells_per_jump: int = 8) -> MeanPassage:
    """Mean time from ``start`` to the first h at or beyond ``target`` (mV), of the jump process.

    The backward equation on a grid with ``cells_per_jump`` and twice as many cells per jump J/N, extrapolated (second
    order). Start and target must lie on the side of mu to which spikes drive h. On the way against the spikes the
    grid ends where its end no longer matters. Raises InvalidInputError for other problems, also where no spike would
    come at mu, and ArithmeticError where the error exceeds one percent: a coarse grid, or a time so long (about 1e13
    mean intervals between spikes) that the rounding of numbers limits it; use the action there.
    """
    side = _side(network, start, target)
    if not min(side.start, side.target) > side.mu - 1e-12 * abs(side.mu) or side.target == side.mu:
        raise InvalidInputError(f"start and target must lie beyond mu in the direction of J; got {start} and {target}")
    coarse, fine = (_solved(side, cells) for cells in (cells_per_jump, 2 * cells_per_jump))
    time, error = (4 * fine - coarse) / 3, abs(fine - coarse) / 3
    if not (math.isfinite(time) and time > 0 and error < 0.01 * time):
        raise ArithmeticError(
            f"mean first passage time {time:g} s with an error of {error:g} s: refine cells_per_jump, or use the action"
        )
    return MeanPassage(time, error)


def _solved(side: _Side, cells: int) -> float:
    if side.start < side.target:
        return _upward(side, cells)
    margin = 12 * side.jump * (1 + math.sqrt(side.size * side.f(side.start) * side.tau))
    before = math.nan
    for _ in range(12):
        time = _downward(side, cells, side.start + margin)
        if abs(time - before) < 1e-9 * abs(time):
            return time
        before, margin = time, 1.5 * margin
    raise ArithmeticError("the mean first passage time depends on how far h can go: the state above is not stable")


def _upward(side: _Side, cells: int) -> float:
    if side.f(side.mu) <= 0:
        raise InvalidInputError("no spikes come at mu: the mean first passage time is infinite")
    width = side.jump / cells
    number = _checked((side.target - side.mu) / width)
    nodes = side.target - width * np.arange(number, -1, -1)
    nodes = np.concatenate([[side.mu], nodes[nodes > side.mu + 1e-9 * width]])
    return _time(side, nodes, "spikes", beyond=0.0)


def _downward(side: _Side, cells: int, top: float) -> float:
    width = side.jump / cells
    nodes = side.target + width * np.arange(_checked((top - side.target) / width) + 1)
    return _time(side, nodes, "target", beyond=1.0)


def _checked(number: float) -> int:
    if not number < LARGEST_SYSTEM:
        raise InvalidInputError(f"{number:.3g} grid cells are too many; the jumps J/N are too small for this distance")
    return math.ceil(number - 1e-9)


def _entries(nodes: np.ndarray, h: np.ndarray, beyond: float) -> tuple[np.ndarray, np.ndarray]:
    """T(h) at h (m,) as a sum of two nodes each: their numbers and weights, (2, m).

    Above the last node T is ``beyond`` times its value there.
    """
    k = np.clip(np.searchsorted(nodes, h, side="right") - 1, 0, len(nodes) - 2)
    part = (h - nodes[k]) / (nodes[k + 1] - nodes[k])
    above = h >= nodes[-1]
    return np.array([k, k + 1]), np.array([np.where(above, 0.0, 1 - part), np.where(above, beyond, part)])


def _time(side: _Side, nodes: np.ndarray, bottom: str, beyond: float) -> float:
    """Solve the backward equation at the midpoints of the cells, and interpolate at the start.

    ``bottom`` 'spikes': at the lowest node, mu, h stays until a spike, N f (T(mu + J/N) - T(mu)) = -1; 'target': T = 0.
    """
    cells = np.arange(1, len(nodes))
    middles = (nodes[1:] + nodes[:-1]) / 2
    slopes = (side.mu - middles) / (side.tau * np.diff(nodes))
    intensities = side.size * np.array([side.f(float(h)) for h in middles])
    later, weights = _entries(nodes, middles + side.jump, beyond)
    right = np.full(len(nodes), -1.0)
    right[0] = 0.0
    first = np.zeros(1, dtype=int)
    rows, columns = [cells, cells, cells, cells, first], [cells, cells - 1, *later, first]
    values = [slopes - intensities / 2, -slopes - intensities / 2, *(intensities * weights), np.ones(1)]
    if bottom == "spikes":
        right[0] = 1 / (side.size * side.f(side.mu))
        numbers, parts = _entries(nodes, np.array([side.mu + side.jump]), beyond)
        rows, columns, values = [*rows, first, first], [*columns, *numbers], [*values, *-parts]
    data = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    matrix = coo_array(data, shape=(len(nodes), len(nodes))).tocsc()
    return float(CubicSpline(nodes, spsolve(matrix, right))(side.start))


def diffusion_first_passage(network: LNPNetwork, start: float, target: float) -> MeanPassage:
    """Mean time from ``start`` to ``target`` (mV) of the diffusion limit, with noise J^2 f(h)/N in the sense of Ito.

    f must be above 0 wherever the density is not negligible. Raises InvalidInputError where it is not, and
    ArithmeticError where the density does not fall off behind the start or the barrier is too high for the integrals.
    """
    side = _side(network, start, target)
    sign = 1.0 if side.start < side.target else -1.0

    def noise_and_pull(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Noise intensity and 2 drift/noise at x = sign h, in which the way is upward."""
        rates = np.array([side.f(float(sign * one)) for one in x])
        noise = side.weight * side.jump * rates
        if np.any(noise <= 0):
            raise InvalidInputError("no diffusion limit: the rate is 0 at an h within reach")
        drift = sign * ((side.mu - sign * x) / side.tau + side.weight * rates)
        return noise, 2 * drift / noise

    begin, end = sign * side.start, sign * side.target
    floor = begin - (end - begin)
    for _ in range(20):
        x = np.linspace(floor, end, 2001)
        potential = cumulative_trapezoid(noise_and_pull(x)[1], x, initial=0.0)
        if potential[0] < potential.max() - LOST:
            break
        floor -= end - floor
    else:
        raise ArithmeticError("the density of the diffusion limit does not fall off behind the start")
    # Cut what the density does not reach, which would only coarsen the grid.
    floor = float(x[np.flatnonzero(potential >= potential.max() - LOST - 20)[0]])
    coarse, fine = (_double_integral(noise_and_pull, floor, begin, end, points) for points in (POINTS // 2 + 1, POINTS))
    return MeanPassage(fine, abs(fine - coarse))


def _double_integral(
    noise_and_pull: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    floor: float,
    begin: float,
    end: float,
    points: int,
) -> float:
    below = np.linspace(floor, begin, points)
    x = np.concatenate([below, np.linspace(begin, end, points)[1:]])
    noise, pull = noise_and_pull(x)
    potential = cumulative_simpson(pull, x=x, initial=0.0)
    if np.ptp(potential[points - 1 :]) > HIGHEST_BARRIER:
        raise ArithmeticError("the barrier is too high for the integrals; use the action")
    potential -= potential.max()
    inner = cumulative_simpson(2 / noise * np.exp(potential), x=x, initial=0.0)
    outer = (np.exp(-potential) * inner)[points - 1 :]
    return float(cumulative_simpson(outer, x=x[points - 1 :], initial=0.0)[-1])


@dataclass(frozen=True)
class PassageTimes:
    """Simulated first passage times.

    Attributes
    ----------
    times : s, (R,); those that reached the limit are ``limit``. ``reached`` : whether the target was, (R,).
    """

    times: np.ndarray
    reached: np.ndarray

    @property
    def rate(self) -> float:
        """Passages over the total time, 1/s: the maximum likelihood estimate if the times are exponential."""
        return float(self.reached.sum() / self.times.sum())

    @property
    def mean(self) -> float:
        """Mean time, s. Raises ValueError if some realisations did not reach the target."""
        if not np.all(self.reached):
            raise ValueError(f"{np.sum(~self.reached)} of {len(self.times)} realisations did not reach the target")
        return float(self.times.mean())

    @property
    def mean_error(self) -> float:
        """Standard error of the mean, s."""
        return float(self.times.std(ddof=1) / np.sqrt(len(self.times)))


def simulated_first_passage(
    network: LNPNetwork,
    start: tuple[float, ...],
    target: float,
    *,
    limit: float,
    realisations: int,
    seed: int,
    population: int = 0,
    compiled: bool | None = None,
    most_spikes: int = MOST_SPIKES,
) -> PassageTimes:
    """Times at which h of ``population`` first passes ``target`` (mV) from ``start`` (n,), spike by spike, no step.

    ``limit`` (s): realisations are followed until then. Raises as :func:`~ssnbrian.analysis.lnp.simulate`.
    """
    begin = np.array(start, float)
    if begin.shape != (len(network.sizes),) or not np.all(np.isfinite(begin)) or not limit > 0:
        raise InvalidInputError(f"start must be one finite h (mV) per population, and the limit above 0; got {start}")
    if not 0 <= population < len(network.sizes) or not math.isfinite(target) or begin[population] == target:
        raise InvalidInputError(f"the target {target} mV of population {population} must be finite and not the start")
    kernels, table = kernels_for(network.transfers, compiled)
    sizes, tau, mu = (np.array(one, float) for one in (network.sizes, network.tau, network.mu))
    upward = bool(target > begin[population])
    times = np.empty(realisations)
    for index, random in enumerate(generators(seed, realisations)):
        status, times[index] = kernels.passage(
            random, table, sizes, tau, network.jumps, mu, begin.copy(), population, target, upward, limit, most_spikes
        )
        check_status(status, most_spikes)
    return PassageTimes(times, times < limit)
