"""Fixed points of the differential equations of a network, with their linear stability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

__all__ = ["FixedPoint", "FixedPoints"]

State = TypeVar("State")


@dataclass(frozen=True, eq=False)
class FixedPoint(Generic[State]):
    """A fixed point F(state) = 0 of X' = F(X): a stationary state of the network.

    Attributes
    ----------
    names : of the n populations.
    rates : (n,) Hz.
    state : in the form of the equations it belongs to.
    eigenvalues : 1/s, of the equations with the mass of every population kept, by falling real part.
    residual : largest |F|, 1/s, next to kick rates of thousands; of conductances that of the shares of neurons alone.
    """

    names: tuple[str, ...]
    rates: np.ndarray
    state: State
    eigenvalues: np.ndarray
    residual: float

    @property
    def leading(self) -> complex:
        """1/s, the eigenvalue of the largest real part; of a pair that with positive imaginary part."""
        return complex(self.eigenvalues[0].real, abs(self.eigenvalues[0].imag))

    @property
    def frequency(self) -> float:
        """Hz, of the leading eigenvalue; 0 where it is real."""
        return self.leading.imag / (2 * np.pi)

    @property
    def stable(self) -> bool:
        """Whether all eigenvalues have negative real parts."""
        return self.leading.real < 0


@dataclass(frozen=True, eq=False)
class FixedPoints(Sequence[FixedPoint[State]]):
    """Fixed points by rising rate of the first population.

    ``complete`` if there is proven to be no other; ``reason`` says how that is known, or why it is not.
    """

    points: tuple[FixedPoint[State], ...]
    complete: bool
    reason: str

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index):  # type: ignore[override]
        return self.points[index]

    def __iter__(self) -> Iterator[FixedPoint[State]]:
        return iter(self.points)
