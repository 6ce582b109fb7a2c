"""Transfer functions f(h) of LNP neurons, Hz of mV, with what exact simulation needs: an upper bound between jumps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ssnbrian.circuit import InvalidInputError

LINEAR, EXPONENTIAL, SIGMOID = 0.0, 1.0, 2.0
# exp of more overflows; a simulation whose rates get there stops with an error.
LARGEST_EXPONENT = 700.0


def tabulated_rate(table: np.ndarray, population: int, h: float) -> float:
    """f(h), Hz, of one population; ``table`` (n, 5) holds a kind and four parameters per population. Compilable."""
    kind = table[population, 0]
    first, second, third, fourth = (
        table[population, 1],
        table[population, 2],
        table[population, 3],
        table[population, 4],
    )
    if kind == LINEAR:
        return max(0.0, first + second * h)
    if kind == EXPONENTIAL:
        return first * math.exp(min((h - second) / third, LARGEST_EXPONENT))
    return fourth + (first - fourth) / (1.0 + math.exp(min((second - h) / third, LARGEST_EXPONENT)))


class _Tabulated:
    """A monotonic transfer function given by a row of the table of :func:`tabulated_rate`."""

    def row(self) -> tuple[float, float, float, float, float]:
        raise NotImplementedError

    def __call__(self, h: Any) -> Any:
        """F(h) in Hz for h in mV of any shape; a float for a float."""
        table = np.array([self.row()])
        if np.ndim(h) == 0:
            return float(tabulated_rate(table, 0, float(h)))
        return np.vectorize(lambda one: tabulated_rate(table, 0, one), otypes=[float])(h)

    def bound(self, one: float, other: float) -> float:
        """The largest f between two h (mV), Hz; f is monotonic."""
        return max(self(float(one)), self(float(other)))


@dataclass(frozen=True)
class LinearTransfer(_Tabulated):
    """f = max(0, offset + gain h); ``offset`` in Hz, ``gain`` in Hz/mV."""

    offset: float
    gain: float
    maximum: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        _finite(self, offset=self.offset, gain=self.gain)

    def row(self) -> tuple[float, float, float, float, float]:
        return LINEAR, float(self.offset), float(self.gain), 0.0, 0.0

    def slope(self, h: float) -> float:
        """df/dh, Hz/mV; 0 where the rate is rectified."""
        return self.gain if self.offset + self.gain * h > 0 else 0.0


@dataclass(frozen=True)
class ExponentialTransfer(_Tabulated):
    """f = rate exp((h - threshold)/width); ``rate`` in Hz, ``threshold`` and ``width`` in mV."""

    rate: float
    threshold: float
    width: float
    maximum: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        _finite(self, rate=self.rate, threshold=self.threshold, width=self.width)
        if self.rate <= 0 or self.width == 0:
            raise InvalidInputError(f"ExponentialTransfer: rate must be above 0 and width not 0, got {self}")

    def row(self) -> tuple[float, float, float, float, float]:
        return EXPONENTIAL, float(self.rate), float(self.threshold), float(self.width), 0.0

    def slope(self, h: float) -> float:
        """df/dh, Hz/mV."""
        return self(h) / self.width


@dataclass(frozen=True)
class SigmoidTransfer(_Tabulated):
    """f = base + (maximum - base)/(1 + exp((threshold - h)/width)); Hz and mV; a ``width`` below 0 makes f fall."""

    maximum: float
    threshold: float
    width: float
    base: float = 0.0

    def __post_init__(self) -> None:
        _finite(self, maximum=self.maximum, threshold=self.threshold, width=self.width, base=self.base)
        if not 0 <= self.base < self.maximum or self.width == 0:
            raise InvalidInputError(f"SigmoidTransfer: need 0 <= base < maximum and width not 0, got {self}")

    def row(self) -> tuple[float, float, float, float, float]:
        return SIGMOID, float(self.maximum), float(self.threshold), float(self.width), float(self.base)

    def slope(self, h: float) -> float:
        """df/dh, Hz/mV."""
        part = (self(h) - self.base) / (self.maximum - self.base)
        return (self.maximum - self.base) * part * (1 - part) / self.width


@dataclass(frozen=True)
class BoundedTransfer:
    """Any function f(h) of one h, Hz of mV, never negative.

    ``bound_of(low, high)`` must be at least the largest f for low <= h <= high (mV); a number serves for every
    interval. ``maximum`` (Hz) is the supremum, if there is one. A simulation that meets a rate above its bound stops
    with an error. Simulations with such a function are not compiled.
    """

    function: Callable[[float], float]
    bound_of: Callable[[float, float], float] | float
    maximum: float = math.inf

    def __call__(self, h: Any) -> Any:
        """F(h) in Hz for h in mV of any shape; a float for a float. Raises InvalidInputError for a negative rate."""
        if np.ndim(h):
            return np.vectorize(self, otypes=[float])(h)
        rate = float(self.function(float(h)))
        if not rate >= 0:
            raise InvalidInputError(f"BoundedTransfer: the function gives {rate} Hz at h = {float(h)} mV; need f >= 0")
        return rate

    def bound(self, one: float, other: float) -> float:
        """The bound (Hz) between two h (mV)."""
        low, high = min(one, other), max(one, other)
        return float(self.bound_of(low, high)) if callable(self.bound_of) else float(self.bound_of)

    def slope(self, h: float) -> float:
        """df/dh, Hz/mV, by a central difference."""
        step = 1e-5 * max(1.0, abs(h))
        return (self(h + step) - self(h - step)) / (2 * step)


Transfer = LinearTransfer | ExponentialTransfer | SigmoidTransfer | BoundedTransfer


def _finite(transfer: object, **values: float) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise InvalidInputError(f"{type(transfer).__name__}: {name} must be finite, got {value}")
