"""The settings of a run, checked before anything is built or simulated."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, InvalidInputError, Population, Projection
from ssnbrian.circuit.drive import resolve_drives
from ssnbrian.circuit.units import floats_of, si_of
from ssnbrian.engine.build import recorded_variables
from ssnbrian.engine.courses import input_rate_courses, weight_courses
from ssnbrian.engine.options import BuildOptions, RunOptions
from ssnbrian.engine.variables import find_variable


def _one(given: Any, unit: str, what: str) -> float:
    number = floats_of(given, unit, what)
    if np.ndim(number):
        raise InvalidInputError(f"{what}: expected one number, got {np.size(number)}")
    return float(number)


def checked_settings(
    circuit: Circuit,
    *,
    drive: Any,
    ratio: float | None,
    duration: Any,
    dt: Any,
    seed: int | None,
    bin_width: Any,
    spikes: bool,
    variables: Mapping[str, Sequence[int]] | None,
    initial: Mapping[str, Any] | None,
    input_rates: Mapping[str, Any] | None,
    weights: Mapping[str, Any] | None,
    grid_threshold: bool,
    runaway_rate: Any,
) -> tuple[BuildOptions, RunOptions]:
    """What a run compiles and what it is told at its start, from the arguments of ``simulate``.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` for whatever is wrong in them.
    """
    drive = circuit.drive if drive is None else drive
    if drive is None:
        raise InvalidInputError(
            f"circuit {circuit.name} has no default drive; give one, e.g. Ramp(0, 50, duration=50), "
            f"or --mu or --ramp on the command line"
        )
    step = _one(dt, "ms", "dt") / 1000
    if not step > 0:
        raise InvalidInputError(f"dt must be positive, got {step * 1000:g} ms")
    _check_step(circuit, step)
    seconds = None if duration is None else _one(duration, "s", "duration")
    kinds = [(population.name, population.kind) for population in circuit.populations]
    factor = circuit.ratio if ratio is None else _one(ratio, "1", "ratio")
    if factor < 0:
        raise InvalidInputError(f"ratio must not be negative, got {factor:g}")
    drives, seconds = resolve_drives(kinds, drive, factor, seconds)
    if seconds < step:
        raise InvalidInputError(f"the duration {seconds:g} s is shorter than one step of {step * 1000:g} ms")
    if seed is None:
        seed = secrets.randbits(63)
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise InvalidInputError(f"seed must be a whole number from 0 to 2**63 - 1, got {seed}")
    width = _one(bin_width, "ms", "bin width") / 1000
    if not width > 0:
        raise InvalidInputError(f"the bin width must be positive, got {width * 1000:g} ms")
    steps = max(1, round(width / step))
    limit = 0.0 if runaway_rate is None else _one(runaway_rate, "Hz", "runaway rate")
    if limit < 0 or (limit == 0 and runaway_rate is not None):
        raise InvalidInputError(f"the runaway rate must be positive, or None for no limit, got {limit} Hz")
    changing = weight_courses(circuit, weights or {})
    options = BuildOptions(
        bool(spikes), recorded_variables(circuit, variables or {}), bool(grid_threshold), tuple(changing)
    )
    run = RunOptions(
        seed=int(seed),
        duration=seconds,
        dt=step,
        bin_steps=steps,
        runaway_rate=limit,
        drives={name: drives[name] for name, _ in kinds},
        initial=_initial_arrays(circuit, initial or {}),
        input_rates=input_rate_courses(circuit, input_rates or {}, step),
        weights=changing,
    )
    return options, run


def _check_step(circuit: Circuit, step: float) -> None:
    """A step that does not resolve the dynamics gives numbers that mean nothing."""
    owners: list[Population | Projection] = [*circuit.populations, *circuit.projections]
    for owner in owners:
        for name, value in owner.parameters.items():
            if name.startswith("tau") and step > value.si / 2:
                raise InvalidInputError(
                    f"dt of {step * 1000:g} ms is too large for {owner.name}.{name} = {value}; "
                    f"take a small fraction of it, e.g. 0.1 ms"
                )


def _initial_arrays(circuit: Circuit, initial: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """'E.v' -> values in SI units, one per neuron."""
    arrays = {}
    for name, given in initial.items():
        group, variable, known = find_variable(circuit, name, "initial state")
        if not known.settable:
            raise InvalidInputError(
                f"initial state {name}: '{variable}' follows from the drive, the parameters or other variables and has "
                f"no initial value of its own"
            )
        size, what = circuit.population(group).size, f"initial state {name}"
        values = np.asarray(si_of(given, known.dimension(), known.unit, what))
        if values.shape not in ((), (size,)):
            raise InvalidInputError(f"{what}: expected one value or {size}, got shape {values.shape}")
        arrays[f"neurons_{group}.{variable}"] = np.array(np.broadcast_to(values, (size,)))
    return arrays
