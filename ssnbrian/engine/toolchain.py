"""The C++ compiler and make: found, named, and asked for in one sentence when they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ssnbrian.circuit import InvalidInputError, SsnbrianError


class NoCompilerError(SsnbrianError):
    """g++ or make is missing."""


class CompilationError(SsnbrianError):
    """The compiler failed; the log says how."""


def compiler_command() -> str:
    """The C++ compiler: ``$CXX`` or g++."""
    return os.environ.get("CXX") or "g++"


#: What the compiler may assume of the processor: the one at hand, or nothing, for folders shared by many machines.
FLAG_SETS = {
    "native": None,
    "portable": ["-w", "-O3", "-ffast-math", "-fno-finite-math-only", "-std=c++11"],
}


def flag_set() -> str:
    """``$SSNBRIAN_FLAGS``: native (default) or portable.

    Raises
    ------
    InvalidInputError
        When it is neither.
    """
    chosen = os.environ.get("SSNBRIAN_FLAGS") or "native"
    if chosen not in FLAG_SETS:
        raise InvalidInputError(f"SSNBRIAN_FLAGS must be one of {', '.join(FLAG_SETS)}, got '{chosen}'")
    return chosen


def missing_tools() -> list[str]:
    """Which of the compiler and make cannot be found."""
    return [tool for tool in (compiler_command().split()[0], "make") if shutil.which(tool) is None]


def require_tools() -> None:
    """Raise :class:`NoCompilerError` with what to install."""
    missing = missing_tools()
    if missing:
        raise NoCompilerError(
            f"cannot compile: {' and '.join(missing)} not found; install g++ and make (Debian/Ubuntu: "
            f"apt-get install g++ make; macOS: xcode-select --install), or run on the slower numpy target"
        )


def _stamp(path: str) -> list[Any]:
    status = Path(path).stat()
    return [path, status.st_size, status.st_mtime_ns]


def compiler_identity() -> dict[str, Any]:
    """Version of the compiler and the stamp of its file."""
    command = compiler_command().split()
    path = os.path.realpath(shutil.which(command[0]) or command[0])
    try:
        version = subprocess.run(
            [*command, "-dumpfullversion"], capture_output=True, text=True, check=False
        ).stdout.strip()
        return {"version": version, "stamp": _stamp(path)}
    except OSError:
        return {"version": "", "stamp": []}


def same_compiler(stored: dict[str, Any]) -> bool:
    """Whether a build by the ``stored`` compiler still serves.

    The file's stamp answers without starting the compiler; only when that differs is its version asked for. With
    no compiler at hand a finished build is better than none.
    """
    found = shutil.which(compiler_command().split()[0])
    if found is None:
        return True
    try:
        if stored.get("stamp") == _stamp(os.path.realpath(found)):
            return True
    except OSError:
        return True
    version = compiler_identity()["version"]
    return version in ("", stored.get("version"))
