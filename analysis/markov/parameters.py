"""Homogeneous networks of neurons that collect kicks, as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ssnbrian.circuit import InvalidInputError

__all__ = ["MarkovNetwork"]


def _refuse_unless(condition: bool, text: str) -> None:
    if not condition:
        raise InvalidInputError(text)


def _array(name: str, values: object, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.array(values, float)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must be numbers: {error}") from None
    if array.ndim == 0:
        array = np.full(shape, float(array))
    _refuse_unless(array.shape == shape, f"{name} has shape {array.shape}; it must be {shape}, target by source")
    _refuse_unless(bool(np.all(np.isfinite(array))), f"{name} must be finite")
    _refuse_unless(bool(np.all(array >= 0)), f"{name} must not be negative")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class MarkovNetwork:
    """Populations of neurons between ``reversal`` and ``threshold`` whose spikes leave pending kicks at their targets.

    A spike of population Y adds one pending kick to every neuron of population X with probability
    ``probabilities[X, Y]``, drawn anew at every spike. A pending kick is delivered after an exponential time of mean
    ``decay_times[X, Y]`` (s) and moves the membrane in total by ``weights[X, Y]`` (mV, not negative): upwards from an
    excitatory source; from an inhibitory one downwards, times (V - reversal)/(threshold - reversal). At the threshold
    a neuron spikes, is refractory for an exponential time of mean ``refractory`` (s), and starts from ``reset``.
    ``drive`` (n,) Hz: external kicks of 1 mV. ``leak_time`` s, infinite without a leak, is used by the
    conductance model alone. ``names``, ``inhibitory`` and ``sizes`` (n,) one per population; matrices (n, n) target by
    source, a single number stands for all its elements. Potentials in mV.

    Raises InvalidInputError for wrong shapes, negative or infinite values, probabilities above 1, sizes that are not
    whole, and a reset outside of the potentials between reversal and threshold.
    Source: Li, Chariker, Young 2019; Cai et al. 2021.
    """

    names: tuple[str, ...]
    inhibitory: tuple[bool, ...]
    sizes: np.ndarray
    weights: np.ndarray
    probabilities: np.ndarray
    decay_times: np.ndarray
    drive: np.ndarray
    refractory: np.ndarray
    threshold: float = 100.0
    reset: float = 0.0
    reversal: float = -66.0
    leak_time: float = np.inf

    def __post_init__(self) -> None:
        _refuse_unless(not isinstance(self.names, str), "names must be a sequence of names, not one text")
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "inhibitory", tuple(bool(one) for one in self.inhibitory))
        n = len(self.names)
        _refuse_unless(n > 0 and len(set(self.names)) == n, f"names must be different and at least one: {self.names}")
        _refuse_unless(len(self.inhibitory) == n, f"{n} names but {len(self.inhibitory)} entries of inhibitory")
        for name, shape in (("sizes", (n,)), ("drive", (n,)), ("refractory", (n,))):
            object.__setattr__(self, name, _array(name, getattr(self, name), shape))
        for name in ("weights", "probabilities", "decay_times"):
            object.__setattr__(self, name, _array(name, getattr(self, name), (n, n)))
        whole = np.all(self.sizes >= 1) and np.all(self.sizes == np.round(self.sizes))
        _refuse_unless(bool(whole), f"sizes must be whole numbers of at least 1: {self.sizes.tolist()}")
        _refuse_unless(bool(np.all(self.probabilities <= 1)), "probabilities must not be above 1")
        _refuse_unless(bool(np.all(self.decay_times > 0)), "decay_times must be positive")
        _refuse_unless(
            self.reversal <= self.reset < self.threshold,
            f"reset ({self.reset} mV) must lie between reversal ({self.reversal} mV) and threshold "
            f"({self.threshold} mV)",
        )
        _refuse_unless(self.leak_time > 0, f"leak_time must be positive, not {self.leak_time}")

    def scaled(self, factor: float) -> MarkovNetwork:
        """``factor`` times as many neurons with 1/``factor`` of the probabilities: the same equations in the limit."""
        return replace(self, sizes=np.round(self.sizes * factor), probabilities=self.probabilities / factor)

    def index(self, name: str) -> int:
        """Position of a population; raises InvalidInputError for an unknown one."""
        if name not in self.names:
            raise InvalidInputError(f"there is no population {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)

    @property
    def populations(self) -> Sequence[int]:
        """0 … n - 1."""
        return range(len(self.names))
