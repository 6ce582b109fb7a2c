"""One run of a sweep: simulated under a lock, saved whole, and ended when the sweep it belongs to is gone.

The recording of a run is ``runs/KEY.npz`` below the results folder, KEY being a hash of all that determines it. It
appears by an atomic rename of a file that is on the disk, and is believed when it can be read to the last byte and
carries its own key. While ``running-TOKEN`` stands in the results folder the sweep of that token is wanted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import multiprocessing
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssnbrian.circuit import Circuit, Recording, SsnbrianError
from ssnbrian.engine.simulate import RunError, simulate
from ssnbrian.engine.sweep_table import run_rates

RUNS = "runs"
POLL_SECONDS = 0.1
_WATCH_SECONDS = 0.5


class SweepStoppedError(SsnbrianError):
    """The sweep that a run belongs to has ended or was interrupted."""


@dataclass(frozen=True)
class Job:
    """One run: the circuit, the ``settings`` of :func:`~ssnbrian.engine.simulate.simulate`, the seed, and where to.

    ``caller`` is the process id of the sweep, ``discard`` the seconds that its rates leave out.
    """

    circuit: Circuit
    settings: Mapping[str, Any]
    seed: int
    key: str
    folder: str
    token: str
    caller: int
    cache: str | None
    discard: float | None


def run_path(folder: Path, key: str) -> Path:
    """Where the recording of a run stands."""
    return folder / RUNS / f"{key}.npz"


def whole_recording(folder: Path, key: str) -> Recording | None:
    """The recording of a run that is done; None when it is missing, damaged or another's."""
    path = run_path(folder, key)
    if not path.is_file():
        return None
    try:
        recording = Recording.load(path)
        return recording if recording.metadata["sweep_run"] == key else None
    except Exception:  # whatever is wrong with the file, it is run again
        return None


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power failure, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _save(recording: Recording, folder: Path, key: str) -> None:
    path = run_path(folder, key)
    for left in path.parent.glob(f"{key}.*.part"):  # of a killed run; the lock keeps others from writing
        left.unlink(missing_ok=True)
    part = path.parent / f"{key}.{secrets.token_hex(6)}.part"
    try:
        recording.save(part)
        with open(part, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file ``path``, removed at the end; a killed holder frees it.

    ``waiting`` is called again and again while another holds it. On a file system without locks nothing is held:
    renames keep the results right, at the price of runs done twice.
    """
    while True:
        with open(path, "w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                time.sleep(POLL_SECONDS)
                continue
            except OSError:  # no locks here
                pass
            if not _is_still(path, stream.fileno()):
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether ``path`` is the open file; its former holder may have removed it before we locked it."""
    try:
        return os.stat(path).st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def wanted(folder: Path) -> Iterator[Path]:
    """The file ``running-TOKEN``, whose absence stops the runs of a sweep wherever they are."""
    host = "".join(letter if letter.isalnum() else "-" for letter in platform.node())
    for left in folder.glob(f"running-{host}-*"):
        # The lock of a killed sweep is free; locks may not reach beyond a machine, so others' files are left alone.
        with contextlib.suppress(OSError), open(left, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
    token = f"{host}-{secrets.token_hex(8)}"
    path, hidden = folder / f"running-{token}", folder / f".running-{token}"
    with open(hidden, "x") as stream:
        with contextlib.suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        os.rename(hidden, path)  # only now, so that nobody takes it for a killed one's
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _is_orphan(first_parent: int) -> bool:
    # The sentinel alone misses a dead parent while a process forked later holds its other end.
    parent = multiprocessing.parent_process()
    assert parent is not None and parent.pid is not None
    if not parent.is_alive() or os.getppid() != first_parent:
        return True
    try:
        os.kill(parent.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _exit_as_orphan() -> None:
    first_parent = os.getppid()
    while not _is_orphan(first_parent):
        time.sleep(_WATCH_SECONDS)
    os._exit(1)  # the simulation ends as its output has no reader any more


def _watch_caller(caller: int) -> None:
    """In a worker process of the sweep's own process, end with it: a pool does not when its owner is killed."""
    parent, name = multiprocessing.parent_process(), "ssnbrian-orphan-watch"
    if parent is None or parent.pid != caller:
        return
    if all(thread.name != name for thread in threading.enumerate()):
        threading.Thread(target=_exit_as_orphan, name=name, daemon=True).start()


def run_one(job: Job) -> dict[str, Any]:
    """Do one run, unless another process has done it meanwhile.

    Returns ``{"status", "rates", "standard_errors", "found"}``, or ``{"error"}`` with the sentence that says why
    there is no recording. Runs in any thread or process that sees the results folder.
    """
    folder, token = Path(job.folder), Path(job.folder) / f"running-{job.token}"

    def check(*_: Any) -> None:
        if not token.exists():
            raise SweepStoppedError("the sweep was stopped")

    _watch_caller(job.caller)
    try:
        check()
        with locked(folder / RUNS / f"{job.key}.lock", check):
            recording = whole_recording(folder, job.key)
            found = recording is not None
            if recording is None:
                recording = _simulated(job, check)
                _save(recording, folder, job.key)
    except SsnbrianError as error:
        return {"error": str(error)}
    except OSError as error:
        return {"error": f"cannot write to '{folder}': {error.strerror or error}"}
    return run_rates(recording, job.discard) | {"found": found}


def _simulated(job: Job, check: Callable[..., None]) -> Recording:
    recording = simulate(job.circuit, **job.settings, seed=job.seed, cache=job.cache, progress=check)
    if recording.status == "interrupted":
        raise RunError("the simulation was interrupted from outside")
    return dataclasses.replace(recording, metadata={**recording.metadata, "sweep_run": job.key})
