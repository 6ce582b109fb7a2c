"""Drives: the external mean input mu_ext over time, as frozen values; other courses in time are the same.

Every drive is a piecewise-linear function of time given by its knots; two knots at the same time are a jump, at
which the later value holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ssnbrian.circuit.errors import InvalidInputError, nearest
from ssnbrian.circuit.units import floats_of

MU_UNIT = "mV/s"
_MOST_KNOTS = 1_000_000


@dataclass(frozen=True)
class Drive:
    """External mean input of one population: knots ``times`` (s) and ``values`` (mV/s, or ``unit``).

    ``duration`` is the time up to which the drive is defined (s), or None for a constant without an end.
    """

    kind: str
    times: tuple[float, ...]
    values: tuple[float, ...]
    duration: float | None
    unit: str = MU_UNIT

    def __post_init__(self) -> None:
        try:
            times, values = np.asarray(self.times, dtype=float), np.asarray(self.values, dtype=float)
            end = None if self.duration is None else float(self.duration)
        except (TypeError, ValueError):
            raise InvalidInputError(
                f"{self.kind} drive: times (s), values (mV/s) and duration (s) must be plain numbers"
            ) from None
        if times.size == 0 or times.ndim != 1 or times.shape != values.shape:
            raise InvalidInputError(
                f"{self.kind} drive: needs as many values as times and at least one, got {times.size} times and "
                f"{values.size} values"
            )
        if not (np.all(np.isfinite(times)) and np.all(np.isfinite(values))):
            raise InvalidInputError(f"{self.kind} drive: times and values must be finite numbers, got NaN or infinity")
        if times[0] != 0 or np.any(np.diff(times) < 0):
            raise InvalidInputError(f"{self.kind} drive: times must start at 0 s and never decrease")
        if end is not None and not 0 < end < np.inf:
            raise InvalidInputError(
                f"{self.kind} drive: its duration must be positive and finite, got {end} s; None means no end"
            )
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "values", tuple(values.tolist()))
        object.__setattr__(self, "duration", end)

    def __call__(self, time: Any) -> Any:
        """The value (mu_ext in mV/s) at ``time`` (s, any shape); beyond the last knot the last value holds."""
        times, values = np.asarray(self.times), np.asarray(self.values)
        time = np.asarray(time, dtype=float)
        right = np.searchsorted(times, time, side="right")
        left = np.clip(right - 1, 0, len(times) - 1)
        right = np.clip(right, 0, len(times) - 1)
        span = times[right] - times[left]
        fraction = np.where(span > 0, (time - times[left]) / np.where(span > 0, span, 1.0), 0.0)
        result = values[left] + fraction * (values[right] - values[left])
        return float(result) if result.ndim == 0 else result

    def scaled(self, factor: float) -> Drive:
        """The same course multiplied by ``factor``."""
        return Drive(self.kind, self.times, tuple(factor * value for value in self.values), self.duration, self.unit)


@dataclass(frozen=True, kw_only=True)
class SineDrive(Drive):
    """The chords of ``mean + amplitude*sin(2 pi frequency t + phase)``, from :func:`Sine`; mV/s, Hz, rad, s."""

    kind: str = field(init=False, default="sine")
    times: tuple[float, ...] = field(init=False, repr=False)
    values: tuple[float, ...] = field(init=False, repr=False)
    unit: str = field(init=False, default=MU_UNIT)
    duration: float
    mean: float
    amplitude: float
    frequency: float
    phase: float = 0.0
    knots_per_period: int = 100

    def __post_init__(self) -> None:
        for name in ("duration", "mean", "amplitude", "frequency", "phase"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if not 0 < self.frequency < np.inf:
            raise InvalidInputError(f"sine drive: its frequency must be positive and finite, got {self.frequency} Hz")
        if not 0 < self.duration < np.inf:
            raise InvalidInputError(f"sine drive: its duration must be positive and finite, got {self.duration} s")
        if self.knots_per_period != int(self.knots_per_period) or self.knots_per_period < 4:
            raise InvalidInputError(
                f"sine drive: needs a whole number of at least 4 knots per period, got {self.knots_per_period}"
            )
        object.__setattr__(self, "knots_per_period", int(self.knots_per_period))
        knots = self.duration * self.frequency * self.knots_per_period
        if knots > _MOST_KNOTS:
            raise InvalidInputError(
                f"sine drive: {self.frequency:g} Hz over {self.duration:g} s at {self.knots_per_period} knots per "
                f"period are {knots:.3g} knots, more than {_MOST_KNOTS}; shorten it or take fewer knots"
            )
        times = np.arange(int(np.ceil(knots * (1 - 1e-12)))) / (self.frequency * self.knots_per_period)
        times = np.append(times, self.duration)
        values = self.mean + self.amplitude * np.sin(2 * np.pi * self.frequency * times + self.phase)
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "values", tuple(values.tolist()))
        super().__post_init__()

    def scaled(self, factor: float) -> SineDrive:
        """The same course multiplied by ``factor``."""
        return dataclasses.replace(self, mean=factor * self.mean, amplitude=factor * self.amplitude)


def _unit_factor(unit: Any) -> float:
    return (
        floats_of(unit, MU_UNIT, "unit of the drive")
        if not isinstance(unit, str)
        else floats_of(f"1 {unit}", MU_UNIT, "unit of the drive")
    )


def _numbers(given: Any, unit: Any, what: str) -> Any:
    """mV/s from plain numbers times ``unit``, or from quantities that carry their own."""
    if unit is None:
        return floats_of(given, MU_UNIT, what)
    return floats_of(given, "1", what) * _unit_factor(unit)


def _seconds(given: Any, what: str) -> Any:
    return floats_of(given, "s", what)


def _one(number: Any, what: str) -> float:
    if np.ndim(number):
        raise InvalidInputError(f"{what}: expected one number, got {np.size(number)}")
    return float(number)


def Constant(level: Any, unit: Any = None, duration: Any = None) -> Drive:
    """A constant mu_ext, e.g. ``Constant(19*mV/second)`` or ``Constant(19)`` in mV/s; without duration, no end."""
    what = "duration of the constant drive"
    end = None if duration is None else _one(_seconds(duration, what), what)
    value = _one(_numbers(level, unit, "level of the constant drive"), "level of the constant drive")
    return Drive("constant", (0.0,), (value,), end)


def Ramp(start: Any, stop: Any, unit: Any = None, duration: Any = 50.0) -> Drive:
    """A straight line from ``start`` to ``stop``, e.g. ``Ramp(0, 50, unit=mV/second, duration=50*second)``."""
    end = _one(_seconds(duration, "duration of the ramp"), "duration of the ramp")
    values = (
        _one(_numbers(start, unit, "start of the ramp"), "start of the ramp"),
        _one(_numbers(stop, unit, "stop of the ramp"), "stop of the ramp"),
    )
    return Drive("ramp", (0.0, end), values, end)


def Staircase(levels: Sequence[float], unit: Any = None, step: Any = 1.0) -> Drive:
    """Constant levels, each held for ``step``."""
    values = np.atleast_1d(_numbers(levels, unit, "levels of the staircase"))
    width = _one(_seconds(step, "step of the staircase"), "step of the staircase")
    edges = np.arange(len(values) + 1) * width
    times = np.column_stack([edges[:-1], edges[1:]]).ravel()
    return Drive("staircase", tuple(times.tolist()), tuple(np.repeat(values, 2).tolist()), float(edges[-1]))


def Sine(
    mean: Any,
    amplitude: Any,
    frequency: Any,
    unit: Any = None,
    duration: Any = 20.0,
    phase: Any = 0.0,
    knots_per_period: int = 100,
) -> SineDrive:
    """``mean + amplitude*sin(2 pi frequency t + phase)``, e.g. ``Sine(20, 10, 1*Hz, duration=30*second)``.

    ``mean`` and ``amplitude`` are mu_ext, ``frequency`` is in Hz, ``phase`` in rad. The drive is made of chords between
    ``knots_per_period`` (n) knots on the sine: they are off by at most ``amplitude*(1 - cos(pi/n))``, 0.05 % of it for
    the default 100, and their component at ``frequency`` has ``(sin(pi/n)/(pi/n))**2`` of the amplitude, 0.033 % less.
    """
    what = "of the sine"
    return SineDrive(
        mean=_one(_numbers(mean, unit, f"mean {what}"), f"mean {what}"),
        amplitude=_one(_numbers(amplitude, unit, f"amplitude {what}"), f"amplitude {what}"),
        frequency=_one(floats_of(frequency, "Hz", f"frequency {what}"), f"frequency {what}"),
        duration=_one(_seconds(duration, f"duration {what}"), f"duration {what}"),
        phase=_one(floats_of(phase, "1", f"phase {what}"), f"phase {what}"),
        knots_per_period=knots_per_period,
    )


def PiecewiseLinear(times: Any, values: Any, unit: Any = None) -> Drive:
    """Straight lines between ``values`` at ``times`` (s); two equal times make a jump."""
    knots = np.atleast_1d(_seconds(times, "times of the drive"))
    levels = np.atleast_1d(_numbers(values, unit, "values of the drive"))
    end = float(knots[-1]) if len(knots) else None
    return Drive("piecewise-linear", tuple(knots.tolist()), tuple(levels.tolist()), end)


def Course(times: Any, values: Any, unit: str) -> Drive:
    """Straight lines between ``values`` at ``times`` (s) for what is no mu_ext: rates in Hz, weights in mV.

    ``values`` are numbers in ``unit`` or quantities of its dimension; two equal times make a jump, and the last
    value holds beyond the last time. ``Course([0, 5, 5], [1, 1, 10], "Hz")`` jumps from 1 to 10 Hz after 5 s.
    """
    knots = np.atleast_1d(_seconds(times, "times of the course"))
    levels = np.atleast_1d(floats_of(values, unit, "values of the course"))
    return Drive("course", tuple(knots.tolist()), tuple(levels.tolist()), None, unit)


def Samples(values: Any, dt: Any, unit: Any = None) -> Drive:
    """Samples held for ``dt`` each."""
    held = Staircase(values, unit=unit, step=dt)
    return Drive("samples", held.times, held.values, held.duration)


def resolve_drives(
    populations: Sequence[tuple[str, str]], drive: Any, ratio: float, duration: float | None
) -> tuple[dict[str, Drive], float]:
    """The drive of every population and the run's duration (s).

    ``populations`` are (name, kind) pairs. ``drive`` is one drive, taken by the excitatory populations as it is
    and by the inhibitory ones times ``ratio``, or a mapping from every population's name to its own drive.
    Raises :class:`InvalidInputError` when a population has no drive, or a drive ends before the run.
    """
    if isinstance(drive, Drive):
        drives = {name: drive if kind == "excitatory" else drive.scaled(ratio) for name, kind in populations}
    elif not isinstance(drive, Mapping):
        raise InvalidInputError(
            f"expected a drive such as Constant(10) or Ramp(0, 50, duration=50), or one drive per population, "
            f"got {drive!r}"
        )
    else:
        drives, names = dict(drive), [name for name, _ in populations]
        for name in drives:
            if name not in names:
                raise InvalidInputError(
                    f"a drive was given for '{name}', which is not a population. {nearest(name, names)}"
                )
        for name in names:
            if not isinstance(drives.get(name), Drive):
                raise InvalidInputError(f"no drive was given for population '{name}'; give one drive per population")
    for name, one in drives.items():
        if one.unit != MU_UNIT:
            raise InvalidInputError(f"the drive of {name} is in {one.unit}; a drive is a mean input in {MU_UNIT}")
    lengths = [one.duration for one in drives.values() if one.duration is not None]
    if duration is None:
        if not lengths:
            raise InvalidInputError("a constant drive has no end: give the run a duration, e.g. duration=20*second")
        duration = min(lengths)
    if not duration > 0:
        raise InvalidInputError(f"the duration of a run must be positive, got {duration:g} s")
    for name, one in drives.items():
        if one.duration is not None and one.duration < duration * (1 - 1e-9):
            raise InvalidInputError(
                f"the drive of {name} ends at {one.duration:g} s, before the end of the run at {duration:g} s; "
                f"shorten the run or lengthen the drive"
            )
    return drives, duration
