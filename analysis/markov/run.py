"""What a network of neurons that collect kicks and its differential equations give alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np

__all__ = ["MarkovRun", "RepeatedRun", "RunOfEquations"]

State = TypeVar("State")


@dataclass(frozen=True, eq=False)
class MarkovRun:
    """The course of n populations in T bins.

    ``dt`` (s) width of the bins; ``rates`` (n, T) Hz, spikes per neuron and time in each bin; ``pending`` (n, n, T),
    target by source: mean number of pending kicks of a neuron at the end of each bin; ``sizes`` (n,). ``deterministic``
    runs have no sampling error.
    """

    names: tuple[str, ...]
    sizes: np.ndarray
    dt: float
    rates: np.ndarray
    pending: np.ndarray
    deterministic: bool

    @property
    def times(self) -> np.ndarray:
        """(T,) s, middle of each bin."""
        return (np.arange(self.rates.shape[1]) + 0.5) * self.dt

    @property
    def counts(self) -> np.ndarray:
        """(n, T) spikes in each bin, not whole numbers where the run is deterministic."""
        return self.rates * self.sizes[:, None] * self.dt

    def after(self, time: float) -> MarkovRun:
        """The run without its first ``time`` seconds."""
        first = round(time / self.dt)
        return MarkovRun(
            self.names, self.sizes, self.dt, self.rates[:, first:], self.pending[:, :, first:], self.deterministic
        )


@dataclass(frozen=True, eq=False)
class RunOfEquations(MarkovRun, Generic[State]):
    """A run of differential equations and their ``final`` state, from which another may go on."""

    final: State


@dataclass(frozen=True, eq=False)
class RepeatedRun(MarkovRun):
    """Independent runs; ``rates`` and ``pending`` are means over them, each run is in ``realisations``."""

    realisations: tuple[MarkovRun, ...]

    @classmethod
    def of(cls, runs: Sequence[MarkovRun], **more: Any) -> Self:
        """The runs together, all of equal populations and bins; ``more`` are the fields of a subclass."""
        first = runs[0]
        return cls(
            names=first.names,
            sizes=first.sizes,
            dt=first.dt,
            rates=np.mean([one.rates for one in runs], axis=0),
            pending=np.mean([one.pending for one in runs], axis=0),
            deterministic=False,
            realisations=tuple(runs),
            **more,
        )
