"""Tables of the Langevin equations of a network: coefficients of each population along its input h."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from ..renewal.escape_noise import EscapeNoiseIntervals
from ..renewal.langevin_equation import decay_and_gain
from ..renewal.pair_table import PairCoefficients, PairTable
from .langevin_step import Tables
from .parameters import EscapeNeuron, MesoscopicNetwork

CORRECTIONS = ("langevin", "integral equation")
INPUT_FILTERS = ("response", "membrane")
# Rows per escape width, and rows added at once beyond those that are needed.
_PER_WIDTH, _AHEAD = 3, 3
# Difference of two exponents below which the exponentials are taken as at a double eigenvalue.
_DOUBLE = 1e-5


def intervals_of(neuron: EscapeNeuron, potential: float) -> EscapeNoiseIntervals:
    """Intervals of the neuron at the constant input h = ``potential`` (mV above rest)."""
    return EscapeNoiseIntervals(
        mu=potential,
        tau_m=neuron.tau,
        threshold=neuron.threshold,
        reset=neuron.reset,
        softness=neuron.escape_width,
        threshold_hazard=neuron.escape_rate,
        dead_time=neuron.refractory,
    )


@lru_cache(maxsize=64)
def pair_table(neuron: EscapeNeuron, pairs: int) -> PairTable:
    """The pairs of modes of a neuron (without ``history``), kept for other networks and other steps of time."""
    spacing = neuron.escape_width / _PER_WIDTH
    return PairTable(lambda h: intervals_of(neuron, h), neuron.threshold, spacing, pairs)


def _pair_columns(point: PairCoefficients, dt: float) -> np.ndarray:
    """(M, 7): exact responses of z_0, z_1 over a step to their values and to a constant forcing of z_0, and weights."""
    columns = []
    for center, half in zip(point.centers, point.half_distances, strict=True):
        (decay, gain), (other, other_gain) = (decay_and_gain(np.array(center + one), dt) for one in (half, -half))
        if abs(half) * dt < _DOUBLE:
            # The derivatives of e^(s dt) and (e^(s dt) - 1)/s with respect to s.
            by_first = dt * np.exp(center * dt)
            second_gain = (by_first - (gain + other_gain) / 2) / center
        else:
            by_first, second_gain = (decay - other) / (2 * half), (gain - other_gain) / (2 * half)
        of_pair = [(decay + other) / 2, half**2 * by_first, by_first, (gain + other_gain) / 2, second_gain]
        columns.append(np.real(of_pair))
    weights = [point.activities, point.activities_of_differences]
    return np.column_stack([np.array(columns), *weights])


def row_of(point: PairCoefficients, dt: float, correction: str, input_filter: str, closure: bool) -> np.ndarray:
    """The columns of :mod:`.langevin_step` at one h, of weight 0 for the closure where it is not wanted."""
    intervals = point.intervals
    by_name = {"langevin": "langevin_correction_rate", "integral equation": "integral_equation_correction_rate"}
    rate_of_mass = getattr(intervals, by_name[correction])
    follow = intervals.response_time if input_filter == "response" else intervals.tau_m
    closing = point.closure_rate
    single = [
        intervals.rate,
        rate_of_mass,
        *(float(one) for one in decay_and_gain(np.array(-rate_of_mass), dt)),
        point.closure_weight * closing if closure else 0.0,
        *(float(one) for one in decay_and_gain(np.array(-closing), dt)),
        -np.expm1(-dt / follow),
    ]
    return np.concatenate([single, _pair_columns(point, dt).ravel(), point.couplings.ravel()])


class NetworkTables:
    """Tables of all populations for one step of time, which grow as the inputs go."""

    def __init__(
        self, network: MesoscopicNetwork, dt: float, modes: int, correction: str, input_filter: str, closure: bool
    ) -> None:
        self._tables = [pair_table(replace(one, history=None), modes) for one in network.neurons]
        self._names = network.names
        self._options = dt, correction, input_filter, closure
        self._rows: dict[tuple[int, int], np.ndarray] = {}
        self._ends = np.zeros((len(self._tables), 2), np.int64)
        self._closed = np.zeros((len(self._tables), 2), bool)
        self._empty = True

    def _row(self, x: int, place: int) -> np.ndarray:
        key = id(self._tables[x]), place
        if key not in self._rows:
            row = row_of(self._tables[x].point(place), *self._options)
            if not np.all(np.isfinite(row)):
                raise ArithmeticError(f"the coefficients at h = {self._tables[x].potential(place):g} mV are not finite")
            self._rows[key] = row
        return self._rows[key]

    def covering(self, potentials: np.ndarray) -> Tables:
        """Tables that reach beyond the potentials (n,) mV, as far as there are coefficients."""
        if not np.all(np.isfinite(potentials)):
            raise SsnbrianError("the run left the finite numbers; check weights, drive and the size of the step")
        for x, potential in enumerate(potentials):
            place = int(np.floor((potential - self._tables[x].origin) / self._tables[x].spacing))
            if self._empty:
                self._ends[x] = place - 1, place + 2
                self._row_or_refuse(x, place)
            # One row more than needed, for rounding at a row.
            self._grow(x, 0, place - 2)
            self._grow(x, 1, place + 3)
        self._empty = False
        return self._arrays()

    def _row_or_refuse(self, x: int, place: int) -> None:
        try:
            for one in range(place - 1, place + 3):
                self._row(x, one)
        except (ArithmeticError, InvalidInputError) as error:
            raise InvalidInputError(
                f"population {self._names[x]!r}: {self._tables[x].pairs} pairs of eigenmodes cannot be found around "
                f"its first input of {self._tables[x].potential(place):.4g} mV; take fewer or another input ({error})"
            ) from error

    def _grow(self, x: int, side: int, wanted: int) -> None:
        direction = 1 if side else -1
        missing = direction * (wanted - int(self._ends[x, side]))
        if missing <= 0 or self._closed[x, side]:
            return
        for _ in range(missing + _AHEAD):
            try:
                self._row(x, int(self._ends[x, side]) + direction)
            except (ArithmeticError, InvalidInputError):
                self._closed[x, side] = True
                return
            self._ends[x, side] += direction

    def _arrays(self) -> Tables:
        counts = self._ends[:, 1] - self._ends[:, 0] + 1
        width = len(self._row(0, int(self._ends[0, 0])))
        rows = np.zeros((len(counts), counts.max(), width))
        for x, (first, last) in enumerate(self._ends):
            rows[x, : counts[x]] = [self._row(x, one) for one in range(int(first), int(last) + 1)]
        origin = np.array([one.potential(int(end)) for one, end in zip(self._tables, self._ends[:, 0], strict=True)])
        spacing = np.array([one.spacing for one in self._tables])
        return Tables(rows, origin, spacing, counts - 1, self._closed.copy())
