"""The numbers of a theory as smooth functions of one or two parameters (see ``bifurcation_parameters``)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

DRIVE_UNITS = {"mu_ext": "mV/s", "ratio": "1", "mu_ext_I": "mV/s"}
_DEGREE = {1: 10, 2: 6}
_NODES = {1: 33, 2: 13}
SSN_FIELDS = ("a_E", "b_E", "n_E", "a_I", "b_I", "n_I", "J_EE", "J_EI", "J_IE", "J_II", "tau_E", "tau_I")
LOGARITHMIC = np.array([name.startswith("a_") for name in SSN_FIELDS])


@dataclass(frozen=True)
class SmoothNumbers:
    """A vector of numbers over one or two parameters, as Chebyshev polynomials on ``ranges``.

    ``coefficients`` has shape (degree + 1, ..., numbers): one axis for each parameter, then the numbers.
    """

    ranges: tuple[tuple[float, float], ...]
    coefficients: np.ndarray

    def __call__(self, values: Sequence[float]) -> np.ndarray:
        """The numbers at the parameter values."""
        result = self.coefficients
        for value, (low, high) in zip(values, self.ranges, strict=True):
            polynomials = chebyshev.chebvander((2 * value - low - high) / (high - low), len(result) - 1)[0]
            result = np.tensordot(polynomials, result, axes=(0, 0))
        return result

    @classmethod
    def fitted(cls, function: Callable[[Sequence[float]], np.ndarray], ranges: Sequence[tuple[float, float]]) -> Any:
        """Least-squares polynomials through ``function`` at Chebyshev points of the ranges; degree 0 for none."""
        ranges = tuple(ranges)
        count, degree = _NODES.get(len(ranges), 1), _DEGREE.get(len(ranges), 0)
        unit = chebyshev.chebpts1(count)
        axes = [low + (high - low) * (unit + 1) / 2 for low, high in ranges]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(ranges)) if ranges else [()]
        table = np.array([function([float(one) for one in values]) for values in grid])
        table = table.reshape(*(len(axis) for axis in axes), -1)
        inverse = np.linalg.pinv(chebyshev.chebvander(unit, degree))
        for axis in range(len(ranges)):
            table = np.moveaxis(np.tensordot(inverse, table, axes=(1, axis)), 0, axis)
        # Numbers that are polynomials of low degree, as all weights are, keep no rounding in the higher terms.
        largest = np.max(np.abs(table), axis=tuple(range(len(ranges))), keepdims=True)
        return cls(ranges, np.where(np.abs(table) > 1e-13 * largest, table, 0.0))


@dataclass(frozen=True)
class Drive:
    """The external input as given: mu_ext of E (mV/s), and of I either at ``ratio`` or on its own (mV/s)."""

    mu_ext: float
    ratio: float
    mu_ext_I: float | None = None

    def inputs(self, values: Mapping[str, float]) -> np.ndarray:
        """(mu_ext_E, mu_ext_I) in mV/s with the parameters among ``values`` in place of what was given."""
        mu_E = values.get("mu_ext", self.mu_ext)
        mu_I = values.get("mu_ext_I", self.mu_ext_I)
        if mu_I is None or "ratio" in values:
            mu_I = values.get("ratio", self.ratio) * mu_E
        return np.array([mu_E, mu_I])


@dataclass(frozen=True)
class Family:
    """A theory along parameters.

    Attributes
    ----------
    names, units, ranges : of the parameters.
    drive : the external input.
    base : the numbers of the theory over the circuit's own parameters among them.
    replaced : position in the numbers of each parameter that is one of them, by name.
    error : largest difference in Hz between the smooth transfer functions and single fits, from 0 to 10 Hz, at
        values between the nodes; 0 where nothing is fitted along.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    drive: Drive
    base: SmoothNumbers
    replaced: Mapping[str, int]
    error: float = 0.0

    def numbers(self, values: Sequence[float]) -> np.ndarray:
        """The numbers of the theory at the parameter values."""
        fitted = [value for name, value in zip(self.names, values, strict=True) if self._is_fitted(name)]
        numbers = self.base(fitted)
        for name, value in zip(self.names, values, strict=True):
            if name in self.replaced:
                if numbers is self.base.coefficients:
                    numbers = numbers.copy()
                k = self.replaced[name]
                numbers[k] = np.log(value) if k < len(SSN_FIELDS) and LOGARITHMIC[k] else value
        return numbers

    def at(self, name: str, value: float) -> Slice:
        """The family over the other parameter, with ``name`` held at a value."""
        return Slice.of(self, name, value)

    def _is_fitted(self, name: str) -> bool:
        return name not in self.replaced and name not in DRIVE_UNITS

    def inputs(self, values: Sequence[float]) -> np.ndarray:
        """(mu_ext_E, mu_ext_I) in mV/s."""
        return self.drive.inputs(dict(zip(self.names, values, strict=True)))


@dataclass(frozen=True)
class Slice:
    """A family of two parameters with one of them, number ``held``, kept at ``value``; used as a Family of one."""

    family: Family
    held: int
    value: float
    names: tuple[str, ...]
    units: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    drive: Drive

    @classmethod
    def of(cls, family: Family, name: str, value: float) -> Slice:
        """The slice of a family at one value of one of its two parameters."""
        held = family.names.index(name)
        rest = slice(1 - held, 2 - held)
        drive = dataclasses.replace(family.drive, **{name: value}) if name in DRIVE_UNITS else family.drive
        return cls(family, held, value, family.names[rest], family.units[rest], family.ranges[rest], drive)

    @property
    def error(self) -> float:
        """As of the family."""
        return self.family.error

    def _both(self, values: Sequence[float]) -> tuple[float, float]:
        return (self.value, values[0]) if self.held == 0 else (values[0], self.value)

    def numbers(self, values: Sequence[float]) -> np.ndarray:
        """The numbers of the theory at the one parameter."""
        return self.family.numbers(self._both(values))

    def inputs(self, values: Sequence[float]) -> np.ndarray:
        """(mu_ext_E, mu_ext_I) in mV/s."""
        return self.family.inputs(self._both(values))
