"""Checks of the arguments that all simulations share."""

from __future__ import annotations

import numpy as np

from ssnbrian.circuit import InvalidInputError

__all__ = ["bins_of", "generators", "realisations_of", "steps_of"]


def bins_of(duration: float, bin: float) -> int:
    """Number of bins of width ``bin`` in ``duration``, both in s; InvalidInputError unless it is whole and positive."""
    return _parts("duration", duration, "bin", bin)


def steps_of(bin: float, dt: float) -> int:
    """Number of steps of ``dt`` in a bin of width ``bin``, in s; InvalidInputError unless it is whole and positive."""
    return _parts("bin", bin, "dt", dt)


def _parts(name: str, whole: float, part_name: str, part: float) -> int:
    if not (np.isfinite(whole) and np.isfinite(part) and part > 0):
        raise InvalidInputError(f"{name} and {part_name} must be positive and finite, not {whole} and {part} s")
    parts = round(whole / part)
    if parts < 1 or abs(parts - whole / part) > 1e-6 * parts:
        raise InvalidInputError(f"{name} ({whole} s) must be a whole number of times {part_name} ({part} s)")
    return parts


def realisations_of(number: int) -> int:
    """How many realisations; InvalidInputError unless a whole number of at least 1."""
    if isinstance(number, bool) or not (isinstance(number, int | np.integer) and number >= 1):
        raise InvalidInputError(f"realisations must be a whole number of at least 1, not {number!r}")
    return int(number)


def generators(seed: int | None, realisations: int) -> list[np.random.Generator]:
    """PCG64 for each realisation i, seeded by (``seed``, i); InvalidInputError for wrong arguments, None included."""
    if isinstance(seed, bool) or not (isinstance(seed, int | np.integer) and seed >= 0):
        raise InvalidInputError(f"seed must be a whole number that is not negative, not {seed!r}")
    sequences = (np.random.SeedSequence(seed, spawn_key=(index,)) for index in range(realisations_of(realisations)))
    return [np.random.Generator(np.random.PCG64(one)) for one in sequences]
