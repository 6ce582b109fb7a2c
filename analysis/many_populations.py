"""The stabilized supralinear network of any number of populations: its coefficients and all its steady states.

Eq 1-3 of Ekelmans, Kraynyukova & Tchumatchenko 2023 for n populations of either kind,

    tau_X dnu_X/dt = -nu_X + a_X (mu_X - b_X)_+^n_X,    mu_X = sum_Y s_Y J_XY nu_Y + mu_ext_X,

with s_Y = +1 for an excitatory source and -1 for an inhibitory one. The states are found by `box_search`; that none
lies outside the box is shown by `rate_limits`. Units: mu, b in mV/s, rates in Hz, J in mV, a in Hz/(mV/s)^n.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .box_search import UNDERFLOW, BoxRoots, fixed_points
from .rate_limits import rate_limits

__all__ = ["ManyPopulationSSN", "PowerLawMap", "states_of_many_populations"]

_POWER_PAD = 2e-14  # relative; numpy's powers are good to a few units in the last place
_INPUT_PAD = 2e-15  # relative to the sum of magnitudes, per term of the sum
_UNBOUNDED = 1e200
"""mV/s, beyond any input; infinity would make 0 times infinity."""
_BOXES_WITHOUT_LIMIT = 50_000


@dataclass(frozen=True, eq=False)
class ManyPopulationSSN:
    """Coefficients of an SSN of n populations; compares by value.

    Parameters
    ----------
    a, b, n : (n,) coefficients of nu = a (mu - b)_+^n; a in Hz/(mV/s)^n, > 0; b in mV/s; n > 1.
    weights : (n, n) signed J in mV, [target, source]; negative from inhibitory sources.

    Raises
    ------
    ValueError : shapes do not fit, a value is not finite, a <= 0, n <= 1, or a source both excites and inhibits.
    """

    a: np.ndarray
    b: np.ndarray
    n: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        size = np.size(self.a)
        for name, shape in (("a", (size,)), ("b", (size,)), ("n", (size,)), ("weights", (size, size))):
            value = np.array(getattr(self, name), dtype=float)
            if value.shape != shape:
                raise ValueError(f"{name} has shape {value.shape}; expected {shape} for {size} populations")
            if not np.isfinite(value).all():
                raise ValueError(f"{name} contains values that are not finite: {value.tolist()}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if size == 0:
            raise ValueError("an SSN needs at least one population")
        if (self.a <= 0).any():
            raise ValueError(f"a must be positive, got {self.a.tolist()}: the rate is a (mu - b)^n")
        if (self.n <= 1).any():
            raise ValueError(f"n must exceed 1, got {self.n.tolist()}: the transfer function is supralinear")
        if ((self.weights > 0).any(0) & (self.weights < 0).any(0)).any():
            raise ValueError(f"a source population either excites or inhibits, got weights {self.weights.tolist()}")

    @cached_property
    def _key(self) -> tuple[bytes, ...]:
        return tuple((getattr(self, name) + 0.0).tobytes() for name in ("a", "b", "n", "weights"))

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, ManyPopulationSSN) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def rates(self, mu: np.ndarray) -> np.ndarray:
        """Rates in Hz at the total mean inputs mu in mV/s, shape (..., n) (Eq 1)."""
        above = np.maximum(np.asarray(mu, dtype=float) - self.b, 0.0)
        with np.errstate(over="ignore", under="ignore"):
            return self.a * above**self.n

    def gains(self, rates: np.ndarray) -> np.ndarray:
        """Gains phi_X = d nu_X / d mu_X in Hz/(mV/s) at the rates in Hz, shape (..., n)."""
        return self.n * self.a ** (1 / self.n) * np.asarray(rates, dtype=float) ** (1 - 1 / self.n)


@dataclass(frozen=True, eq=False)
class PowerLawMap:
    """nu -> Phi(nu) of an SSN at one external input ``mu_ext`` (n,), mV/s, as a `box_search.RateMap`.

    The power law grows with its input, which is linear in the rates, so corners of a box bound rates and slopes.
    """

    network: ManyPopulationSSN
    mu_ext: np.ndarray
    resolution: float = 1e-12

    @cached_property
    def _parts(self) -> tuple[np.ndarray, ...]:
        one = self.network
        positive, negative = np.maximum(one.weights, 0.0), np.minimum(one.weights, 0.0)
        return positive, negative, self.mu_ext - one.b, np.abs(self.mu_ext) + np.abs(one.b)

    def _input_bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        positive, negative, above, size = self._parts
        pad = _INPUT_PAD * (len(size) + 2) * (high @ (positive - negative).T + size)
        return low @ positive.T + high @ negative.T + above - pad, high @ positive.T + low @ negative.T + above + pad

    def rate_bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of Phi over boxes (m, n)."""
        one = self.network
        lower, upper = (np.maximum(z, 0.0) for z in self._input_bounds(low, high))
        least, most = one.a * lower**one.n * (1 - _POWER_PAD), one.a * upper**one.n * (1 + _POWER_PAD)
        return np.where(least < UNDERFLOW, 0.0, least), most + np.where(upper > 0, UNDERFLOW, 0.0)

    def slope_bounds(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of d Phi_X / d nu_Y over boxes, each (m, n, n)."""
        one, (positive, negative, *_) = self.network, self._parts
        lower, upper = (np.maximum(z, 0.0) for z in self._input_bounds(low, high))
        scale = one.n * one.a
        least = (scale * lower ** (one.n - 1) * (1 - _POWER_PAD))[..., None]
        most = (scale * upper ** (one.n - 1) * (1 + _POWER_PAD) + np.where(upper > 0, UNDERFLOW, 0.0))[..., None]
        return least * positive + most * negative, most * positive + least * negative

    @cached_property
    def _combinations(self) -> tuple[np.ndarray, ...]:
        """Rows y of combinations of the equations, y W, their positive and negative parts, and a bound of rounding."""
        weights = self.network.weights
        rows = np.vstack([np.eye(len(weights)), np.linalg.pinv(weights)])
        matrix = rows @ weights
        size = np.abs(rows) @ np.abs(weights)
        matrix = np.where(np.abs(matrix) > 1e-12 * size, matrix, 0.0)
        return rows, matrix, size

    def contract(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The boxes cut by the inverse of Phi: sum_Y W_XY nu_Y = (nu_X / a_X)^(1/n_X) - (mu_ext_X - b_X) if nu_X > 0.

        A silent population leaves the upper bound only. Besides the n equations themselves, their combinations by the
        (pseudo)inverse of W are used, which nearly separate the rates.
        """
        one, (_, _, above, offset) = self.network, self._parts
        rows, matrix, size = self._combinations
        root = (high / one.a) ** (1 / one.n), (low / one.a) ** (1 / one.n)
        pad = _INPUT_PAD * (len(offset) + 4) * (offset + root[0]) + _POWER_PAD * root[0]
        most = root[0] - above + pad
        least = np.where(low > 0, root[1] - above - pad, -_UNBOUNDED)
        up, down = np.maximum(rows, 0.0).T, np.minimum(rows, 0.0).T
        # Rounding of the sums, and the entries of ``matrix`` that were rounded or set to zero.
        slack = 1e-11 * (high @ size.T + (np.abs(above) + root[0]) @ np.abs(rows).T)
        slack[:, : len(offset)] *= 1e-3  # the equations themselves have exact coefficients
        total = least @ up + most @ down - slack, most @ up + least @ down + slack
        small = np.maximum(matrix, 0.0) * low[:, None] + np.minimum(matrix, 0.0) * high[:, None]
        large = np.maximum(matrix, 0.0) * high[:, None] + np.minimum(matrix, 0.0) * low[:, None]
        others = 1.0 - np.eye(len(offset))
        with np.errstate(divide="ignore", invalid="ignore"):
            bottom = (total[0][..., None] - large @ others) / matrix
            top = (total[1][..., None] - small @ others) / matrix
        lower = np.where(matrix > 0, bottom, np.where(matrix < 0, top, -np.inf)).max(1)
        upper = np.where(matrix > 0, top, np.where(matrix < 0, bottom, np.inf)).min(1)
        return np.maximum(low, lower), np.minimum(high, upper)

    def rates(self, point: np.ndarray) -> np.ndarray:
        """Phi at one point (n,), Hz."""
        return self.network.rates(self.network.weights @ point + self.mu_ext)

    def slopes(self, point: np.ndarray) -> np.ndarray:
        """d Phi_X / d nu_Y at one point (n,), shape (n, n)."""
        one = self.network
        above = np.maximum(one.weights @ point + self.mu_ext - one.b, 0.0)
        return (one.n * one.a * above ** (one.n - 1))[:, None] * one.weights


def states_of_many_populations(
    network: ManyPopulationSSN, mu_ext: np.ndarray, maximum_rate: float = 1000.0
) -> BoxRoots:
    """All steady states at the external inputs ``mu_ext`` (n,), mV/s.

    Where `rate_limits` bounds all rates and the search up to there is decided, ``complete`` means that there is
    no other state whatever its rates; otherwise (weights that are nearly singular), that there is none with all rates
    up to ``maximum_rate`` (Hz). ``reason`` says which.
    Raises ValueError if mu_ext has another shape or is not finite, or maximum_rate is not finite and positive.
    """
    size = len(network.a)
    mu_ext = np.asarray(mu_ext, dtype=float)
    if mu_ext.shape != (size,) or not np.isfinite(mu_ext).all():
        raise ValueError(f"mu_ext must be {size} finite numbers in mV/s, one per population, got {mu_ext.tolist()}")
    if not (np.isfinite(maximum_rate) and maximum_rate > 0):
        raise ValueError(f"maximum_rate={maximum_rate!r}; expected a finite rate above 0, in Hz")
    limits = rate_limits(network.a, network.n, mu_ext - network.b, network.weights)
    rate_map = PowerLawMap(network, mu_ext)
    if np.isfinite(limits).all():
        found = fixed_points(rate_map, limits, _BOXES_WITHOUT_LIMIT)
        if found.complete or (limits <= maximum_rate).all():
            return replace(found, reason=f"{found.reason}; no state has higher rates (a bound on all states)")
    found = fixed_points(rate_map, np.minimum(limits, maximum_rate))
    more = f"all states with rates up to {maximum_rate:g} Hz; higher ones are not excluded"
    return replace(found, reason=f"{found.reason}; {more}" if found.complete else found.reason)
