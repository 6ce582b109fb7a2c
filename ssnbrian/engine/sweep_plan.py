"""What goes into a sweep, checked and named before the first run, and what comes out of it, as plain values."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import ssnbrian
from ssnbrian.circuit import Circuit, InvalidInputError, Recording, circuit_to_toml
from ssnbrian.circuit.errors import nearest
from ssnbrian.engine.options import BuildOptions
from ssnbrian.engine.settings import checked_settings
from ssnbrian.engine.simulate import TARGETS, simulate
from ssnbrian.engine.sweep_run import RUNS
from ssnbrian.engine.sweep_table import FORMAT, LEAD, TAIL

DEFAULTS = {
    name: one.default
    for name, one in inspect.signature(simulate).parameters.items()
    if name not in ("circuit", "seed", "cache", "progress")
}


@dataclass(frozen=True)
class SweepPoint:
    """One point of a grid.

    Attributes
    ----------
    values : what the point is called in tables, name -> number or text.
    circuit : the changed circuit; None for the sweep's own.
    settings : arguments of :func:`~ssnbrian.engine.simulate.simulate` for this point: drive, ratio, duration, dt, …
    """

    values: Mapping[str, Any]
    circuit: Circuit | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepRun:
    """One run: rates and standard errors (within the run, by batch means) in Hz per population.

    ``status`` is 'completed', why the run stopped early, or 'failed: …' without rates and file. ``resumed`` tells
    that its recording was there already.
    """

    values: Mapping[str, Any]
    seed: int
    status: str
    rates: Mapping[str, float]
    standard_errors: Mapping[str, float | None]
    file: Path | None
    resumed: bool

    def recording(self) -> Recording:
        """The whole recording."""
        if self.file is None:
            raise InvalidInputError(f"the run with seed {self.seed} has no recording: {self.status}")
        return Recording.load(self.file)


@dataclass(frozen=True)
class PointSummary:
    """Means of the completed runs of a point over seeds, Hz, with standard errors (None for fewer than two)."""

    values: Mapping[str, Any]
    rates: Mapping[str, float | None]
    standard_errors: Mapping[str, float | None]
    seeds: int


@dataclass(frozen=True)
class Sweep:
    """The result of :func:`sweep`; ``build`` says whether all programs were ``cached``, ``seconds``, ``structures``."""

    folder: Path
    runs: tuple[SweepRun, ...]
    points: tuple[PointSummary, ...]
    build: Mapping[str, Any]
    wall_seconds: float

    @property
    def failed(self) -> tuple[SweepRun, ...]:
        """The runs that did not complete."""
        return tuple(run for run in self.runs if run.status != "completed")

    @property
    def resumed(self) -> int:
        """How many runs were there already."""
        return sum(run.resumed for run in self.runs)


@dataclass(frozen=True)
class Plan:
    """A checked point: ``keys`` are those of its runs, one per seed."""

    values: Mapping[str, Any]
    circuit: Circuit
    settings: Mapping[str, Any]
    options: BuildOptions
    duration: float
    keys: tuple[str, ...]


def seeds_of(given: int | Sequence[int], first: int) -> tuple[int, ...]:
    """The seeds ``first``, ``first`` + 1, … when a number is given, else those given."""
    if isinstance(given, int) and not isinstance(given, bool):
        numbers: Sequence[int] = range(first, first + given)
    else:
        numbers = given if isinstance(given, Sequence) and not isinstance(given, str) else ()
    if not len(numbers):
        raise InvalidInputError(f"seeds: expected a number of seeds of at least 1 or a list of seeds, got {given!r}")
    for seed in numbers:
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
            raise InvalidInputError(f"seeds: a seed is a whole number from 0 to 2**63 - 1, got {seed!r}")
    if len(set(numbers)) < len(numbers):
        raise InvalidInputError("seeds: a seed is given twice; runs with equal seeds are equal")
    return tuple(int(seed) for seed in numbers)


def _value(given: Any) -> Any:
    plain = given.item() if isinstance(given, np.generic) else given
    if isinstance(plain, float) and not math.isfinite(plain):
        raise InvalidInputError(f"a value of a point must be finite, got {plain}")
    return plain if isinstance(plain, (int, float, str)) else str(plain)


def _named_values(points: Sequence[SweepPoint]) -> list[dict[str, Any]]:
    """The values of all points; they must tell the points apart under names that the table has free."""
    if not points:
        raise InvalidInputError("points: a sweep needs at least one point")
    values = [{str(name): _value(given) for name, given in point.values.items()} for point in points]
    for one in values:
        if set(one) != set(values[0]):
            raise InvalidInputError(f"points: every point needs the same names; got {list(values[0])} and {list(one)}")
    for name in values[0]:
        if not name or name in (*LEAD, *TAIL) or name.startswith(("rate ", "standard error ")):
            raise InvalidInputError(f"points: '{name}' is a column of the table already; choose another name")
    counts = Counter(json.dumps(one, sort_keys=True) for one in values)
    if twice := [text for text, number in counts.items() if number > 1]:
        raise InvalidInputError(f"points: two points have the values {twice[0]}; give each its own")
    return values


def _planned(circuit: Circuit, point: SweepPoint, values: Mapping[str, Any], seeds: tuple[int, ...]) -> Plan:
    circuit, settings = point.circuit or circuit, {**DEFAULTS, **point.settings}
    if settings["target"] not in TARGETS:
        raise InvalidInputError(f"target must be 'cpp' or 'numpy', got '{settings['target']}'")
    given = {name: value for name, value in settings.items() if name != "target"}
    options, run = checked_settings(circuit, seed=0, **given)
    initial = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in run.initial.items()}
    said = [circuit.content_hash, options.to_json(), run.run_text(circuit), initial, settings["target"]]
    versions = [FORMAT, ssnbrian.__version__, version("brian2")]
    content = json.dumps([versions, said], sort_keys=True)
    keys = tuple(hashlib.sha256(f"{seed} {content}".encode()).hexdigest()[:32] for seed in seeds)
    return Plan(values, circuit, settings, options, run.duration, keys)


def plans_of(
    circuit: Circuit, points: Sequence[SweepPoint], common: Mapping[str, Any], seeds: tuple[int, ...], discard: Any
) -> list[Plan]:
    """All points checked, before anything is run."""
    if not isinstance(circuit, Circuit):
        raise InvalidInputError(f"sweep expects a Circuit, e.g. ekelmans2023.supersaturating(), got {circuit!r}")
    plans = []
    for point, values in zip(points, _named_values(points), strict=True):
        settings = {**common, **point.settings}
        for name in settings:
            if name not in DEFAULTS:
                raise InvalidInputError(f"sweep: there is no setting '{name}'. {nearest(name, DEFAULTS)}")
        try:
            plan = _planned(circuit, replace(point, settings=settings), values, seeds)
        except InvalidInputError as error:
            where = ", ".join(f"{name} = {value}" for name, value in values.items())
            raise InvalidInputError(f"at {where}: {error}" if where else str(error)) from None
        if discard is not None and not 0 <= discard < plan.duration:
            raise InvalidInputError(
                f"discard must lie between 0 and the duration of {plan.duration:g} s, got {discard:g} s"
            )
        plans.append(plan)
    return plans


def manifest_of(
    circuit: Circuit, plans: list[Plan], seeds: tuple[int, ...], units: Mapping[str, str], discard: float | None
) -> dict[str, Any]:
    """What describes the sweep; its id follows from the rest."""
    over = {name: list(dict.fromkeys(plan.values[name] for plan in plans)) for name in plans[0].values}
    content: dict[str, Any] = {
        "format": FORMAT,
        "circuit": circuit.name,
        "circuit_toml": circuit_to_toml(circuit),
        "over": over,
        "units": dict(units),
        "seeds": list(seeds),
        "discard": discard,
        "versions": {"ssnbrian": ssnbrian.__version__, "brian2": version("brian2")},
        "runs": [
            {"values": dict(plan.values), "seed": seed, "file": f"{RUNS}/{key}.npz"}
            for plan in plans
            for seed, key in zip(seeds, plan.keys, strict=True)
        ],
    }
    return {"sweep": hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]} | content


def summary_of(plan: Plan, runs: Sequence[SweepRun]) -> PointSummary:
    """Mean and standard error over the completed ``runs`` of a point."""
    rates: dict[str, float | None] = {}
    errors: dict[str, float | None] = {}
    for population in plan.circuit.populations:
        given = np.array([run.rates[population.name] for run in runs])
        rates[population.name] = float(given.mean()) if len(runs) else None
        errors[population.name] = float(given.std(ddof=1) / len(runs) ** 0.5) if len(runs) > 1 else None
    return PointSummary(plan.values, rates, errors, len(runs))
