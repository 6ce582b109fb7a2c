"""Populations of integrate-and-fire neurons with escape noise, as plain numbers.

u' = (tau mu - u)/tau with u in mV above rest and mu in mV/s, reset after a spike, held there for the absolute
refractory period, and hazard f(u) = c exp((u - threshold)/Delta). From the end t' of the refractory period on this is
u(t) = reset e^(-(t - t')/tau) + int_t'^t e^(-(t - s)/tau) mu(s) ds; the slides of :mod:`..mesoscopic` print
e^((t - s)/tau). Source: Schwalger, Deger & Gerstner 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError


def _refuse_unless(condition: bool, text: str) -> None:
    if not condition:
        raise InvalidInputError(text)


def _is_positive(value: float) -> bool:
    return bool(np.isfinite(value) and value > 0)


@dataclass(frozen=True)
class EscapeNeuron:
    """Integrate-and-fire neuron with exponential escape noise and spike-triggered adaptation of the threshold.

    ``tau`` s; ``threshold``, ``reset`` mV above rest; ``escape_rate`` (the hazard at threshold) Hz; ``escape_width``
    (Delta) mV, infinite for a hazard that does not depend on the potential; ``refractory`` s. A spike raises the
    threshold by sum_l (J_l/tau_l) exp(-s/tau_l) with J_l ``adaptation_amplitudes`` (mV s) and tau_l
    ``adaptation_times`` (s), both empty without adaptation. ``history`` (s) is how long ages are followed before
    neurons join the free pool; None takes the shortest that is enough (:func:`.discretisation.history_steps`).

    Raises InvalidInputError for values out of range and for a history not longer than the refractory period.
    """

    tau: float
    threshold: float
    reset: float
    escape_rate: float
    escape_width: float
    refractory: float = 0.0
    adaptation_amplitudes: tuple[float, ...] = ()
    adaptation_times: tuple[float, ...] = ()
    history: float | None = None

    def __post_init__(self) -> None:
        for name in ("adaptation_amplitudes", "adaptation_times"):
            object.__setattr__(self, name, tuple(float(one) for one in getattr(self, name)))
        for name in ("tau", "escape_rate"):
            _refuse_unless(_is_positive(getattr(self, name)), f"{name} must be positive, not {getattr(self, name)}")
        _refuse_unless(self.escape_width > 0, f"escape_width must be positive, not {self.escape_width}")
        finite = np.all(np.isfinite([self.threshold, self.reset, *self.adaptation_amplitudes]))
        _refuse_unless(bool(finite), "threshold, reset and adaptation_amplitudes must be finite")
        refractory_ok = np.isfinite(self.refractory) and self.refractory >= 0
        _refuse_unless(refractory_ok, f"refractory must be finite and not negative, not {self.refractory}")
        _refuse_unless(
            len(self.adaptation_amplitudes) == len(self.adaptation_times),
            f"{len(self.adaptation_amplitudes)} adaptation_amplitudes but {len(self.adaptation_times)} "
            "adaptation_times; give one time for each amplitude",
        )
        _refuse_unless(all(map(_is_positive, self.adaptation_times)), "adaptation_times must be positive")
        if self.history is not None:
            _refuse_unless(
                np.isfinite(self.history) and self.history > self.refractory,
                f"history is {self.history} s; it must be finite and longer than the refractory period, "
                f"{self.refractory} s",
            )

    def threshold_kernel(self, ages: np.ndarray) -> np.ndarray:
        """theta(s), mV, the change of a neuron's own threshold at ages s (s) after its spike; shape of ``ages``."""
        ages = np.asarray(ages, float)
        parts = zip(self.adaptation_amplitudes, self.adaptation_times, strict=True)
        return sum((jump / time * np.exp(-ages / time) for jump, time in parts), np.zeros(ages.shape))

    def renewal_kernel(self, ages: np.ndarray) -> np.ndarray:
        """Quasi-renewal kernel Delta (1 - exp(-theta(s)/Delta)), mV, of spikes before the last one."""
        kernel = self.threshold_kernel(ages)
        if np.isinf(self.escape_width):
            return kernel
        with np.errstate(over="ignore"):
            effect = -self.escape_width * np.expm1(-kernel / self.escape_width)
        _refuse_unless(
            bool(np.all(np.isfinite(effect))),
            f"adaptation lowers the threshold by up to {-np.min(kernel):.3g} mV, too many times the escape width",
        )
        return effect


def _matrix(name: str, values: object, n: int) -> np.ndarray:
    try:
        matrix = np.array(values, float)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must be a matrix of numbers: {error}") from None
    if matrix.ndim == 0:
        matrix = np.full((n, n), float(matrix))
    _refuse_unless(matrix.shape == (n, n), f"{name} has shape {matrix.shape}; it must be ({n}, {n}), target by source")
    _refuse_unless(bool(np.all(np.isfinite(matrix))), f"{name} must be finite")
    matrix.flags.writeable = False
    return matrix


@dataclass(frozen=True, eq=False)
class MesoscopicNetwork:
    """Populations of :class:`EscapeNeuron` and the couplings of their activities.

    ``names`` and ``neurons`` one per population; ``sizes`` (n,) neurons. ``weights`` (n, n), target by source, mV: the
    jump of the target's mean membrane per spike of the source population, each spike counted once, that is connection
    probability times the jump of one synapse; the mean input is tau_X sum_Y weights[X, Y] sizes[Y] A_Y with A_Y in
    spikes per neuron per s. ``delays`` (n, n) s; ``tau_synapse`` (n, n) s of an exponential current of the same area,
    0 for a jump. A single number stands for a matrix of it.

    Raises InvalidInputError for wrong shapes, repeated names, sizes below 1 or not whole, negative or infinite times.
    """

    names: tuple[str, ...]
    sizes: np.ndarray
    neurons: tuple[EscapeNeuron, ...]
    weights: np.ndarray
    delays: np.ndarray
    tau_synapse: np.ndarray

    def __init__(
        self,
        names: Sequence[str],
        sizes: Sequence[int] | np.ndarray,
        neurons: Sequence[EscapeNeuron],
        weights: object = 0.0,
        delays: object = 0.0,
        tau_synapse: object = 0.0,
    ) -> None:
        _refuse_unless(not isinstance(names, str), "names must be a sequence of names, not one text")
        names, neurons = tuple(names), tuple(neurons)
        n = len(names)
        _refuse_unless(n > 0 and len(set(names)) == n, f"names must be different and at least one: {names}")
        _refuse_unless(len(neurons) == n, f"{n} names but {len(neurons)} neurons")
        _refuse_unless(all(isinstance(one, EscapeNeuron) for one in neurons), "neurons must be EscapeNeuron")
        numbers = np.array(sizes, float)
        _refuse_unless(numbers.shape == (n,), f"sizes has shape {numbers.shape}; it must be ({n},)")
        whole = np.all(np.isfinite(numbers)) and np.all(numbers >= 1) and np.all(numbers == np.round(numbers))
        _refuse_unless(bool(whole), f"sizes must be whole numbers of at least 1: {numbers.tolist()}")
        numbers.flags.writeable = False
        for field, value in (("names", names), ("sizes", numbers), ("neurons", neurons)):
            object.__setattr__(self, field, value)
        for field, given in (("weights", weights), ("delays", delays), ("tau_synapse", tau_synapse)):
            object.__setattr__(self, field, _matrix(field, given, n))
        for field in ("delays", "tau_synapse"):
            _refuse_unless(bool(np.all(getattr(self, field) >= 0)), f"{field} must not be negative")
        for name, neuron, longest in zip(names, neurons, self.delays.max(axis=0), strict=True):
            _refuse_unless(
                neuron.history is None or neuron.history > longest,
                f"population {name!r}: history is {neuron.history} s; it must be longer than the delay, {longest} s",
            )
