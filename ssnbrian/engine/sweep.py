"""``sweep``: many runs of one circuit over a grid of points and seeds, from one build.

The results folder holds ``runs/KEY.npz`` (one recording per run, KEY a hash of all that determines it),
``sweep-ID.json`` (the manifest: circuit, points, seeds, files) and ``results.csv`` (one row per run). Runs that are
done and whole are kept and not run again, whichever sweep did them; a different sweep into the same folder adds its
manifest and its rows. An interrupted sweep loses the runs in flight.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import queue
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from ssnbrian.circuit import Circuit, InvalidInputError, SsnbrianError
from ssnbrian.circuit.units import floats_of
from ssnbrian.engine.build import ModelError, build, structure_key
from ssnbrian.engine.cache import BuildCache, BuildEntry
from ssnbrian.engine.progress import Progress, silent
from ssnbrian.engine.sweep_plan import (
    Plan,
    PointSummary,
    Sweep,
    SweepPoint,
    SweepRun,
    manifest_of,
    plans_of,
    seeds_of,
    summary_of,
)
from ssnbrian.engine.sweep_run import RUNS, Job, locked, run_one, sync_folder, wanted, whole_recording
from ssnbrian.engine.sweep_table import (
    TABLE,
    check_table,
    manifest_path,
    rewrite_table,
    run_rates,
    table_row,
    update_table,
    write_under_lock,
)
from ssnbrian.engine.toolchain import CompilationError

__all__ = ["Executor", "PointSummary", "Sweep", "SweepPoint", "SweepRun", "rebuild_table", "sweep"]

_TABLE_SECONDS = 10.0
_LOCK = "results.lock"


class Executor(Protocol):
    """What :func:`sweep` needs of an executor; its futures have ``result``, ``cancel`` and ``add_done_callback``."""

    def submit(self, function: Any, /, *arguments: Any) -> Any:
        """Start ``function(*arguments)`` and return its future."""


def _prepared(folder: str | Path) -> Path:
    """The results folder, made if need be; refused when it cannot be written or holds another's table."""
    folder = Path(folder).absolute()
    check_table(folder)
    try:
        (folder / RUNS).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        tempfile.TemporaryFile(dir=folder / RUNS).close()
    except OSError as error:
        raise InvalidInputError(f"cannot write to the results folder '{folder}': {error.strerror}") from None
    return folder


def _announce(finished: queue.SimpleQueue[tuple[str, dict[str, Any]]], key: str, future: Any) -> None:
    try:
        outcome = future.result()
    except (Exception, CancelledError) as error:
        outcome = _lost(error)
    finished.put((key, outcome))


def _lost(error: BaseException) -> dict[str, Any]:
    return {"error": f"the executor lost the run ({type(error).__name__}: {error})"}


class _Sweeper:
    """The state of one sweep: its plans, what came of their runs, and the table."""

    def __init__(self, folder: Path, plans: list[Plan], seeds: tuple[int, ...], manifest: Mapping[str, Any]) -> None:
        self.folder, self.plans, self.seeds, self.manifest = folder, plans, seeds, manifest
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.rows_of_key = Counter(key for plan in plans for key in plan.keys)
        self.done = 0
        self.written = time.monotonic()

    def take(self, key: str, outcome: dict[str, Any]) -> None:
        """Note what came of a run."""
        self.outcomes[key] = outcome
        self.done += self.rows_of_key[key]

    def fraction(self) -> float:
        """Runs done over all runs."""
        return self.done / self.rows_of_key.total()

    def resume(self) -> None:
        """Take what is done and whole."""
        for key in self.rows_of_key:
            recording = whole_recording(self.folder, key)
            if recording is not None:
                self.take(key, run_rates(recording, self.manifest["discard"]) | {"found": True})

    def missing(self) -> dict[str, tuple[Plan, int]]:
        """The runs to do, by key."""
        runs = {key: (plan, seed) for plan in self.plans for key, seed in zip(plan.keys, self.seeds, strict=True)}
        return {key: run for key, run in runs.items() if key not in self.outcomes}

    def build(self, cache: BuildCache, progress: Progress) -> dict[str, Any]:
        """Build every structure that is needed, once; the runs of one that cannot be built fail."""
        entries: list[BuildEntry] = []
        errors: dict[str, SsnbrianError | None] = {}
        structures: dict[int, str] = {}
        for key, (plan, _) in self.missing().items():
            if plan.settings["target"] != "cpp":
                continue
            if id(plan) not in structures:
                structures[id(plan)] = structure_key(plan.circuit, plan.options)
            structure = structures[id(plan)]
            if structure not in errors:
                errors[structure] = None
                try:
                    entries.append(build(plan.circuit, plan.options, cache, progress))
                except (ModelError, CompilationError) as error:
                    errors[structure] = error
            if (reason := errors[structure]) is not None:
                self.take(key, {"error": str(reason)})
        reasons = [error for error in errors.values() if error is not None]
        if reasons and not entries:
            raise reasons[0]
        return {
            "cached": all(entry.cached for entry in entries),
            "seconds": sum(entry.build_seconds for entry in entries),
            "structures": len(entries),
        }

    def run(self, executor: Executor, jobs: list[Job], progress: Progress) -> None:
        """Submit the jobs and take their outcomes as they come."""
        finished: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
        futures: list[Any] = []
        try:
            for job in jobs:
                try:
                    futures.append(executor.submit(run_one, job))
                except RuntimeError as error:  # a pool whose workers died refuses more work
                    finished.put((job.key, _lost(error)))
                    continue
                futures[-1].add_done_callback(functools.partial(_announce, finished, job.key))
            for _ in jobs:
                self.take(*finished.get())
                progress("simulating", self.fraction())
                if time.monotonic() - self.written > _TABLE_SECONDS:
                    self.write_table()
        except BaseException:
            for future in reversed(futures):  # from the end, so that none starts because another made room
                future.cancel()
            raise

    def runs(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """The entries of the manifest with what came of them, as far as they are done."""
        for entry in self.manifest["runs"]:
            outcome = self.outcomes.get(Path(entry["file"]).stem)
            if outcome is None:
                continue
            if "error" in outcome:
                reason = outcome["error"].strip().splitlines()[0]
                outcome = {"status": f"failed: {reason}", "rates": {}, "standard_errors": {}, "found": False}
            yield entry, outcome

    def write_table(self) -> None:
        """Write the rows that are there."""
        rows = [table_row(self.manifest, entry, outcome) for entry, outcome in self.runs()]
        with locked(self.folder / _LOCK):
            update_table(self.folder, self.manifest["sweep"], rows, whole_recording)
        self.written = time.monotonic()

    def result(self, build_info: Mapping[str, Any], seconds: float) -> Sweep:
        """All that the caller learns."""
        runs = tuple(
            SweepRun(
                values=entry["values"],
                seed=entry["seed"],
                status=outcome["status"],
                rates=outcome["rates"],
                standard_errors=outcome["standard_errors"],
                file=self.folder / entry["file"] if outcome["rates"] else None,
                resumed=outcome["found"],
            )
            for entry, outcome in self.runs()
        )
        count = len(self.seeds)
        points = (
            summary_of(plan, [run for run in runs[k * count : (k + 1) * count] if run.status == "completed"])
            for k, plan in enumerate(self.plans)
        )
        return Sweep(self.folder, runs, tuple(points), build_info, seconds)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rebuild_table(folder: str | Path) -> Path:
    """Write results.csv of a results folder anew from its manifests and recordings; returns its path."""
    folder = _prepared(folder)
    with locked(folder / _LOCK):
        rewrite_table(folder, whole_recording)
    return folder / TABLE


def sweep(
    circuit: Circuit,
    points: Sequence[SweepPoint],
    *,
    folder: str | Path,
    seeds: int | Sequence[int] = 1,
    first_seed: int = 1,
    executor: Executor | None = None,
    workers: int | None = None,
    discard: Any = None,
    units: Mapping[str, str] | None = None,
    cache: str | Path | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> Sweep:
    """Simulate a circuit at every point with every seed; keep what is done on disk and resume from there.

    Every distinct structure is built once, before the first run; weights, sigma, tau, drive, dt and the like need no
    build of their own. All points are checked before anything starts. A run that fails is reported in
    ``Sweep.failed`` and does not end the others; the same call runs it again, and only what is missing.

    Parameters
    ----------
    circuit : the circuit of the points that bring none of their own.
    points : the grid, e.g. ``[SweepPoint({"mu": mu}, settings={"drive": Constant(mu)}) for mu in (5, 10)]``.
    folder : of the results, made if need be; sweeps may share one, even at the same time.
    seeds : a number n, for the seeds ``first_seed`` … ``first_seed`` + n - 1, or the seeds themselves. Run k has the
        k-th of them at every point, so that points are compared on common random numbers; a run is the one that
        ``simulate`` gives with that seed.
    executor : has ``submit(function, argument)`` that returns a future, e.g. a ProcessPoolExecutor, a
        ThreadPoolExecutor or one that spans several machines with a common file system. Default: a pool of
        ``workers`` simulation processes, as many as cores.
    discard : seconds (or a quantity) that the rates leave out; default a tenth of the run and at most 1 s.
    units : units of the named values, for the table.
    cache : folder of the build cache, as in ``simulate``.
    progress : called with the stages of a build, then with 'simulating' and the fraction of runs done.
    settings : arguments of ``simulate`` common to all points: drive, ratio, duration, dt, spikes, runaway_rate, …

    Raises
    ------
    InvalidInputError, NoCompilerError : before the first run; ModelError, CompilationError : when no structure can
    be built.
    """
    started = time.monotonic()
    if workers is not None and (executor is not None or isinstance(workers, bool) or workers < 1):
        raise InvalidInputError(f"workers must be at least 1 and goes without an executor of your own, got {workers}")
    chosen = seeds_of(seeds, first_seed)
    seconds = None if discard is None else float(floats_of(discard, "s", "discard"))
    plans = plans_of(circuit, points, settings, chosen, seconds)
    manifest = manifest_of(circuit, plans, chosen, units or {}, seconds)
    state = _Sweeper(_prepared(folder), plans, chosen, manifest)
    with locked(state.folder / _LOCK):
        write_under_lock(manifest_path(state.folder, manifest["sweep"]), json.dumps(manifest, indent=1))
    sync_folder(state.folder)
    state.resume()
    builds = BuildCache(Path(cache).absolute() if cache is not None else None)
    try:
        built = state.build(builds, progress)
        progress("simulating", state.fraction())
        with _pool(executor, workers) as pool, wanted(state.folder) as token:
            state.run(pool, _jobs(state, token, builds), progress)
    finally:
        state.write_table()
        sync_folder(state.folder)
    return state.result(built, time.monotonic() - started)


@contextlib.contextmanager
def _pool(executor: Executor | None, workers: int | None) -> Iterator[Executor]:
    """The executor given, or threads of which each waits for one simulation process at a time."""
    if executor is not None:
        yield executor
        return
    with ThreadPoolExecutor(workers or _cores(), thread_name_prefix="sweep") as own:
        yield own


def _jobs(state: _Sweeper, running: Path, builds: BuildCache) -> list[Job]:
    return [
        Job(
            circuit=plan.circuit,
            settings=plan.settings,
            seed=seed,
            key=key,
            folder=str(state.folder),
            token=running.name.removeprefix("running-"),
            caller=os.getpid(),
            cache=str(builds.root.absolute()),
            discard=state.manifest["discard"],
        )
        for key, (plan, seed) in state.missing().items()
    ]
