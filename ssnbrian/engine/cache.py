"""The build cache: one folder per compiled structure, shared by processes and sessions.

An entry appears by an atomic rename and is checked against the hashes in its entry.json before use, so a killed
build leaves nothing that looks whole and a damaged entry is built anew. A file lock per structure keeps two
processes from compiling the same circuit at once; the lock of a killed process is free.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssnbrian.circuit import InvalidInputError

ENTRY = "entry.json"
_STALE_AFTER_SECONDS = 24 * 3600


def default_cache() -> Path:
    """``$SSNBRIAN_CACHE``, or ssnbrian in the user's cache folder."""
    if chosen := os.environ.get("SSNBRIAN_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ssnbrian"


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class BuildEntry:
    """A build ready to run: its folder, manifest and whether it came from the cache."""

    folder: Path
    manifest: dict[str, Any]
    cached: bool
    build_seconds: float = 0.0


def _read_entry(folder: Path, accept: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    """The manifest of a whole, undamaged entry; None otherwise."""
    try:
        entry = json.loads((folder / ENTRY).read_text())
        whole = all(file_hash(folder / name) == digest for name, digest in entry["files"].items())
        return entry["manifest"] if whole and accept(entry["compiler"]) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


class BuildCache:
    """Entries below ``root``; see the module's text for what it guarantees."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root) if root is not None else default_cache()

    def _prepare(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.root).close()
        except OSError as error:
            raise InvalidInputError(
                f"cannot write to the build cache '{self.root}': {error.strerror}; choose another folder with the "
                f"environment variable SSNBRIAN_CACHE"
            ) from None

    @contextlib.contextmanager
    def _lock(self, key: str, waiting: Callable[[], None]) -> Iterator[None]:
        with open(self.root / f"{key}.lock", "w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def get(
        self,
        key: str,
        build: Callable[[Path], tuple[list[str], dict[str, Any], dict[str, Any]]],
        accept: Callable[[dict[str, Any]], bool],
        waiting: Callable[[], None] = lambda: None,
    ) -> BuildEntry:
        """The entry of ``key``, built if it is missing, damaged or not accepted.

        ``build`` works in a fresh folder and returns the names of the files to keep, the manifest, and the
        identity of the compiler; ``accept`` judges the compiler of a stored entry.
        """
        folder = self.root / key
        manifest = _read_entry(folder, accept)
        if manifest is not None:
            return BuildEntry(folder, manifest, cached=True)
        self._prepare()
        with self._lock(key, waiting):
            manifest = _read_entry(folder, accept)
            if manifest is not None:
                return BuildEntry(folder, manifest, cached=True)
            started = time.monotonic()
            self._remove_stale()
            workshop = Path(tempfile.mkdtemp(dir=self.root, prefix="building-"))
            try:
                names, manifest, compiler = build(workshop)
                self._publish(workshop, folder, names, manifest, compiler)
            finally:
                shutil.rmtree(workshop, ignore_errors=True)
        return BuildEntry(folder, manifest, cached=False, build_seconds=time.monotonic() - started)

    def _publish(
        self,
        workshop: Path,
        folder: Path,
        names: list[str],
        manifest: dict[str, Any],
        compiler: dict[str, Any],
    ) -> None:
        finished = Path(tempfile.mkdtemp(dir=self.root, prefix="building-"))
        for name in names:
            (finished / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(workshop / name, finished / name)
        entry = {
            "files": {name: file_hash(finished / name) for name in names},
            "manifest": manifest,
            "compiler": compiler,
        }
        (finished / ENTRY).write_text(json.dumps(entry))
        if folder.exists():
            discarded = Path(tempfile.mkdtemp(dir=self.root, prefix="building-"))
            os.rename(folder, discarded / "old")
            shutil.rmtree(discarded, ignore_errors=True)
        os.rename(finished, folder)

    def _remove_stale(self) -> None:
        """Clear away what killed builds left behind."""
        for left in self.root.glob("building-*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_AFTER_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
