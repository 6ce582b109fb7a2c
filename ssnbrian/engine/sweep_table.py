"""The table and the manifests of a results folder: ``results.csv`` and one ``sweep-ID.json`` per sweep.

A folder may hold several sweeps. Each has a manifest of its own, equal runs are shared, and the table has the rows
of all, told apart by the column ``sweep``; a sweep whose rows another one contains is not listed twice. The table
follows from manifests and recordings.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssnbrian.circuit import InvalidInputError, Recording
from ssnbrian.circuit.paths import write_text

TABLE = "results.csv"
LEAD = ("sweep", "circuit")
TAIL = ("seed", "status", "file")
BATCHES = 20
FORMAT = 1


def default_discard(given: float | None, duration: float) -> float:
    """Seconds to leave out of the rates: a tenth of the run and at most 1 s unless given."""
    return min(1.0, 0.1 * duration) if given is None else given


def run_rates(recording: Recording, discard: float | None) -> dict[str, Any]:
    """Status, rates and standard errors (Hz) of one recording; None for a standard error that it is too short for."""
    start = default_discard(discard if recording.completed else None, recording.duration)
    first = round(start / recording.bin_width)
    rates: dict[str, float] = {}
    errors: dict[str, float | None] = {}
    for name, counts in recording.counts.items():
        per_batch = len(counts[first:]) // BATCHES
        if per_batch < 1:
            rates[name], errors[name] = recording.rates(start if recording.completed else 0.0)[name], None
            continue
        used = counts[first : first + per_batch * BATCHES].reshape(BATCHES, per_batch).sum(axis=-1)
        batches = used / (recording.sizes[name] * per_batch * recording.bin_width)
        rates[name], errors[name] = float(batches.mean()), _standard_error(batches)
    return {"status": recording.status, "rates": rates, "standard_errors": errors}


def _standard_error(batches: np.ndarray) -> float:
    """Of the mean of consecutive batches around a straight line, so that a ramp's trend does not count as noise."""
    position = np.arange(BATCHES) - (BATCHES - 1) / 2
    rest = batches - batches.mean() - (batches * position).sum() / (position**2).sum() * position
    return float(np.sqrt((rest**2).sum() / (BATCHES - 2) / BATCHES))


def manifest_path(folder: Path, sweep: str) -> Path:
    """Where the manifest of a sweep stands."""
    return folder / f"sweep-{sweep}.json"


def read_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest in a file; None when it is damaged or another's."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        named = manifest["format"] == FORMAT and path == manifest_path(path.parent, manifest["sweep"])
        whole = all({"values", "seed", "file"} <= set(run) for run in manifest["runs"])
        if named and whole and {"circuit", "units", "discard"} <= set(manifest):
            return dict(manifest)
    return None


def table_row(manifest: Mapping[str, Any], run: Mapping[str, Any], outcome: Mapping[str, Any]) -> dict[str, str]:
    """A row of the table: the named values of a run and what came of it."""
    row = {"sweep": manifest["sweep"], "circuit": manifest["circuit"]}
    row |= {labelled(name, manifest["units"]): _cell(value) for name, value in run["values"].items()}
    row |= {"seed": str(run["seed"]), "status": outcome["status"], "file": run["file"] if outcome["rates"] else ""}
    for name, rate in outcome["rates"].items():
        row |= {f"rate {name} (Hz)": _cell(rate)}
        row |= {f"standard error {name} (Hz)": _cell(outcome["standard_errors"][name])}
    return {name: text for name, text in row.items() if text}


def labelled(name: str, units: Mapping[str, str]) -> str:
    """The heading of a named value."""
    return f"{name} ({units[name]})" if units.get(name) else name


def _cell(value: Any) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def check_table(folder: Path) -> None:
    """Raise :class:`InvalidInputError` when the folder holds a results.csv that no sweep wrote."""
    path = folder / TABLE
    try:
        head = path.read_bytes()[:14] if path.exists() else b""
    except OSError as error:
        raise InvalidInputError(f"cannot read '{path}': {error.strerror}") from None
    if head and head != b"sweep,circuit,":
        raise InvalidInputError(
            f"'{path}' is not the table of a sweep and would be overwritten; choose another folder for the results"
        )


def _read_rows(path: Path) -> list[dict[str, str]] | None:
    """The rows of a table; None when it is missing or damaged."""
    try:
        text = path.read_bytes().decode()
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (OSError, ValueError, csv.Error):
        return None
    if (
        not rows
        or not text.endswith("\n")
        or any(None in row or None in row.values() or not row.get("sweep") for row in rows)
    ):
        return None
    return [{name: text for name, text in row.items() if text} for row in rows]


def _text(rows: Iterable[Mapping[str, str]]) -> str:
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    rates = [name for name in names if name.startswith(("rate ", "standard error "))]
    values = [name for name in names if name not in (*LEAD, *TAIL, *rates)]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [*LEAD, *values, *TAIL[:-1], *rates, TAIL[-1]], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def write_under_lock(path: Path, text: str) -> None:
    """Write a file whole and remove what killed processes left of it; the lock keeps others from writing it."""
    for left in path.parent.glob(f"{path.name}.*.part"):
        left.unlink(missing_ok=True)
    write_text(path, text)


def update_table(
    folder: Path, sweep: str, rows: list[dict[str, str]], load: Callable[[Path, str], Recording | None]
) -> None:
    """Put the rows of one sweep into the table and leave those of others; call it under the table's lock."""
    others = _read_rows(folder / TABLE)
    if others is None:
        others = [row for row in rows_from_recordings(folder, load) if row["sweep"] != sweep]
    kept = [row for row in others if row["sweep"] != sweep]
    write_under_lock(folder / TABLE, _text(_uncontained([*kept, *rows])))


def _uncontained(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows without those of sweeps that others contain, so that a sweep that was extended does not count twice."""
    runs: dict[str, set[frozenset[tuple[str, str]]]] = {}
    for row in rows:
        runs.setdefault(row["sweep"], set()).add(frozenset(item for item in row.items() if item[0] != "sweep"))
    contained = {one for one, its in runs.items() if any(its < others for others in runs.values())}
    return sorted((row for row in rows if row["sweep"] not in contained), key=lambda row: row["sweep"])


def rows_from_recordings(folder: Path, load: Callable[[Path, str], Recording | None]) -> list[dict[str, str]]:
    """The rows of all sweeps of a folder, from their manifests and recordings; runs without one have no row."""
    rows = []
    for path in sorted(folder.glob("sweep-*.json")):
        manifest = read_manifest(path)
        if manifest is None:
            continue
        for run in manifest["runs"]:
            recording = load(folder, Path(run["file"]).stem)
            if recording is not None:
                rows.append(table_row(manifest, run, run_rates(recording, manifest["discard"])))
    return rows


def rewrite_table(folder: Path, load: Callable[[Path, str], Recording | None]) -> None:
    """Write the table anew from manifests and recordings."""
    write_under_lock(folder / TABLE, _text(_uncontained(rows_from_recordings(folder, load))))
