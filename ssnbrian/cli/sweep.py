"""``ssnbrian sweep``."""

from __future__ import annotations

import argparse
import itertools
import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.changes import changes
from ssnbrian.circuit.errors import nearest
from ssnbrian.cli.parsing import (
    STRUCTURE,
    add_circuit,
    add_json,
    add_run,
    change,
    circuit_of,
    drive_of,
    number,
    whole_number,
)
from ssnbrian.cli.progress import TerminalProgress

if TYPE_CHECKING:
    from ssnbrian.engine.sweep import Sweep, SweepPoint

EXAMPLE = 'ssnbrian sweep supersaturating --over mu=0:50:11 --over "E.tau=15:25:5 ms" --seeds 10 --duration 20'
OPTIONS = {"mu": "mV/s", "ratio": "", "dt": "ms", "duration": "s"}
DEFAULTLESS = ("mu", "ratio", "duration")
MOST_RUNS = 100_000
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*:\s*({_NUMBER})\s*:\s*(\d{{1,9}})(?![\d.])(.*)", re.ASCII)
_LIST = re.compile(rf"\s*({_NUMBER}(?:\s*,\s*{_NUMBER})*)(?![\d.])(.*)", re.ASCII)


@dataclass(frozen=True)
class Axis:
    """One --over: a name and its values in ``unit``."""

    name: str
    values: tuple[float, ...]
    unit: str

    def text(self, value: float) -> str:
        """A value as --set takes it."""
        return f"{self.name}={value!r} {self.unit}".rstrip()


def parse_axis(text: str) -> Axis:
    """Read ``NAME=FROM:TO:COUNT [unit]`` or ``NAME=VALUE,VALUE,… [unit]``."""
    name, equals, given = (part.strip() for part in text.partition("="))
    wanted = "expects NAME=FROM:TO:COUNT or NAME=VALUE,VALUE,… and a unit, e.g. 'E.tau=15:25:5 ms' or mu=5,10"
    if not equals or not name or not given:
        raise InvalidInputError(f"--over {wanted}, got '{text}'")
    if match := _RANGE.fullmatch(given):
        first, last, count = Fraction(match[1]), Fraction(match[2]), int(match[3])
        if count < 1 or (count == 1 and first != last):
            raise InvalidInputError(f"--over {name}: a range needs at least 2 values, got {count} in '{given}'")
        if count > MOST_RUNS:
            raise InvalidInputError(f"--over {name}: {count} values are too many; at most {MOST_RUNS} runs in a sweep")
        # Exact fractions, so that 0:0.3:4 gives 0.1, 0.2, 0.3 as they would be typed.
        values = [float(first + (last - first) * k / max(1, count - 1)) for k in range(count)]
        unit = match[4].strip()
    elif match := _LIST.fullmatch(given):
        values, unit = [float(one) for one in match[1].split(",")], match[2].strip()
    else:
        raise InvalidInputError(f"--over {name}: cannot read '{given}'; it {wanted}")
    if not all(map(math.isfinite, values)):
        raise InvalidInputError(f"--over {name}: the values must be finite, got '{given}'")
    if unit[:1] in tuple(":,"):
        raise InvalidInputError(f"--over {name}: cannot read '{given}'; it {wanted}")
    if len(set(values)) < len(values):
        raise InvalidInputError(f"--over {name}: a value is given twice in '{given}'")
    return Axis(name, tuple(values), unit)


def _seeds(text: str) -> int | list[int]:
    if "," not in text:
        return whole_number(text)
    return [whole_number(part.strip()) for part in text.strip(",").split(",")]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    parser.add_argument(
        "--over",
        action="append",
        required=True,
        metavar="NAME=VALUES",
        help="values of what --set accepts, or of mu, ratio, dt or duration: FROM:TO:COUNT (evenly spaced, both ends) "
        "or a comma list, then the unit, e.g. mu=0:50:11, 'E.tau=15:25:5 ms', 'E->E.weight=0.02,0.03 mV'; "
        "several make a grid",
    )
    parser.add_argument(
        "--seeds",
        type=_seeds,
        default=1,
        metavar="N",
        help="runs per point, with the seeds from --seed upwards, the same at every point; or the seeds, e.g. 3,5,8",
    )
    add_run(parser)
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="results (default: CIRCUIT_sweep); what is done there is kept, and the same command does the rest",
    )
    parser.add_argument("--workers", type=whole_number, help="simulations at a time (default: one per core)")
    parser.add_argument(
        "--discard",
        type=number,
        metavar="S",
        help="leave the first seconds out of the rates (default: a tenth of the run, at most 1 s)",
    )
    add_json(parser)


def _check_names(circuit: Circuit, arguments: argparse.Namespace, axes: Sequence[Axis]) -> None:
    names = [axis.name for axis in axes]
    known = [*OPTIONS, *changes(circuit)]
    chosen = {setting.partition("=")[0].strip() for setting in arguments.set}
    for axis in axes:
        if names.count(axis.name) > 1:
            raise InvalidInputError(f"--over {axis.name} is given twice; give one with all values")
        if axis.name not in known and axis.name.rpartition(".")[2] not in STRUCTURE:
            raise InvalidInputError(f"--over: there is nothing called '{axis.name}'. {nearest(axis.name, known)}")
        if axis.name in chosen or (axis.name in DEFAULTLESS and getattr(arguments, axis.name) is not None):
            option = "--set " if axis.name in chosen else "--"
            raise InvalidInputError(f"--over {axis.name} and {option}{axis.name} exclude each other; give one")
        if axis.name == "mu" and arguments.ramp is not None:
            raise InvalidInputError("--over mu and --ramp exclude each other; give one")
        unit = OPTIONS.get(axis.name)
        if unit is not None and axis.unit not in ("", unit):
            expected = f"is in {unit}" if unit else "has no unit"
            raise InvalidInputError(f"--over {axis.name}: it {expected}, got '{axis.unit}'")


def _changed(circuit: Circuit, axis: Axis, value: float) -> Circuit:
    try:
        return change(circuit, axis.text(value))
    except InvalidInputError as error:
        raise InvalidInputError(f"--over {axis.name}: {str(error).removeprefix('--set: ')}") from None


def _check_independence(circuit: Circuit, axes: Sequence[Axis]) -> None:
    """Two names for one value (a weight and its J) would overwrite each other."""
    for one, other in itertools.combinations([axis for axis in axes if axis.name not in OPTIONS], 2):
        for a, b in itertools.product({one.values[0], one.values[-1]}, {other.values[0], other.values[-1]}):
            if _changed(_changed(circuit, one, a), other, b) != _changed(_changed(circuit, other, b), one, a):
                raise InvalidInputError(f"--over {one.name} and --over {other.name} set the same value; give one")


def grid(circuit: Circuit, arguments: argparse.Namespace, axes: Sequence[Axis]) -> list[SweepPoint]:
    """All points of the grid, the last axis running fastest."""
    from ssnbrian.engine.sweep import SweepPoint

    _check_names(circuit, arguments, axes)
    for axis in axes:
        if axis.name not in OPTIONS:
            for value in axis.values:
                _changed(circuit, axis, value)
    _check_independence(circuit, axes)
    points = []
    for values in itertools.product(*(axis.values for axis in axes)):
        changed, options = circuit, argparse.Namespace(**vars(arguments))
        for axis, value in zip(axes, values, strict=True):
            if axis.name in OPTIONS:
                setattr(options, axis.name, value)
            else:
                changed = _changed(changed, axis, value)
        drive, duration = drive_of(options, changed)
        settings = {
            "drive": drive,
            "ratio": options.ratio,
            "duration": duration,
            "dt": options.dt,
            "grid_threshold": options.grid_threshold,
            "runaway_rate": options.runaway or None,
            "target": options.target,
        }
        named = {axis.name: value for axis, value in zip(axes, values, strict=True)}
        points.append(SweepPoint(named, changed, settings))
    return points


class SweepProgress(TerminalProgress):
    """Shows the stages of a build, then runs done, all runs and the time left."""

    def __init__(self, runs: int) -> None:
        super().__init__()
        self.runs = runs
        self.first = self.last = 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        """Show it."""
        if stage != "simulating":
            super().__call__(stage, fraction)
            return
        now = time.monotonic()
        if self.stage != stage:
            self.finish()
            self.stage, self.first, self.started, self.last = stage, fraction, now, -math.inf
        terminal = sys.stderr.isatty()
        if now - self.last < (0.1 if terminal else 5.0) and fraction < 1:
            return
        self.last = now
        text = f"{round(fraction * self.runs)} of {self.runs} runs done"
        if self.first < fraction < 1:
            left = (now - self.started) * (1 - fraction) / (fraction - self.first)
            text += f", {_duration(left)} left"
        print(f"\r{text}          " if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Run the grid and report rates per point."""
    circuit = circuit_of(arguments)
    axes = [parse_axis(text) for text in arguments.over]
    if arguments.workers == 0:
        raise InvalidInputError("--workers must be at least 1")
    seeds = arguments.seeds if isinstance(arguments.seeds, int) else len(arguments.seeds)
    points = math.prod(len(axis.values) for axis in axes)
    shape = " × ".join(f"{len(axis.values)} {axis.name}" for axis in axes)
    size = f"{shape} × {seeds} seed{'s' * (seeds != 1)} = {points * seeds} run{'s' * (points * seeds != 1)}"
    if points * seeds > MOST_RUNS:
        raise InvalidInputError(f"this grid is {size}; a sweep takes at most {MOST_RUNS}: make it coarser or split it")
    chosen = grid(circuit, arguments, axes)
    folder = Path(arguments.out or f"{circuit.name}_sweep")
    print(f"{size}, into the folder {folder}", file=sys.stderr, flush=True)
    result = _swept(circuit, chosen, arguments, axes, folder, SweepProgress(points * seeds))
    return report(circuit, axes, result), as_json(circuit, axes, result)


def _swept(
    circuit: Circuit,
    points: list[SweepPoint],
    arguments: argparse.Namespace,
    axes: Sequence[Axis],
    folder: Path,
    progress: SweepProgress,
) -> Sweep:
    from ssnbrian.engine.sweep import sweep

    try:
        return sweep(
            circuit,
            points,
            folder=folder,
            seeds=arguments.seeds,
            first_seed=arguments.seed,
            workers=arguments.workers,
            discard=arguments.discard,
            units=_units(axes),
            progress=progress,
        )
    except KeyboardInterrupt:
        progress.finish()
        print(f"what is done stands in {folder}; the same command does the rest", file=sys.stderr, flush=True)
        raise
    finally:
        progress.finish()


def _named(one: Any, *fields: str) -> dict[str, Any]:
    values = {field: getattr(one, field) for field in fields}
    return {field: dict(value) if isinstance(value, Mapping) else value for field, value in values.items()}


def _units(axes: Sequence[Axis]) -> dict[str, str]:
    return {axis.name: OPTIONS.get(axis.name, axis.unit) for axis in axes}


def as_json(circuit: Circuit, axes: Sequence[Axis], result: Sweep) -> dict[str, Any]:
    """What --json prints."""
    return {
        "circuit": circuit.name,
        "over": {axis.name: list(axis.values) for axis in axes},
        "units": _units(axes),
        "runs": [
            {
                **_named(run, "values", "seed", "rates", "standard_errors", "status"),
                "file": str(run.file) if run.file else None,
            }
            for run in result.runs
        ],
        "points": [_named(point, "values", "rates", "standard_errors", "seeds") for point in result.points],
        "failed": [_named(run, "values", "seed", "status") for run in result.failed],
        "resumed": result.resumed,
        "folder": str(result.folder),
        "build": dict(result.build),
        "wall_seconds": result.wall_seconds,
    }


def report(circuit: Circuit, axes: Sequence[Axis], result: Sweep) -> str:
    """A table with a row per point, then what failed."""
    from ssnbrian.engine.sweep_table import labelled

    populations = [population.name for population in circuit.populations]
    heads = [labelled(axis.name, _units(axes)) for axis in axes]
    rows = [[*heads, *(f"rate {name} (Hz)" for name in populations), "seeds"]]
    for point in result.points:
        cells = [f"{value:g}" for value in point.values.values()]
        cells += [_rate(point.rates[name], point.standard_errors[name]) for name in populations]
        rows.append([*cells, str(point.seeds)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{circuit.name}: {len(result.runs)} runs, {result.resumed} of them done before"]
    lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines += [f"not completed: {_where(run.values)}, seed {run.seed}: {run.status}" for run in result.failed]
    return "\n".join([*lines, f"table: {result.folder / 'results.csv'}"])


def _rate(rate: float | None, error: float | None) -> str:
    return "-" if rate is None else f"{rate:.4f}" if error is None else f"{rate:.4f} ± {error:.4f}"


def _where(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in values.items())
