"""Child processes with their wall time and peak memory; medians and ranges."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import ssnbrian


class BenchError(RuntimeError):
    """A competitor is missing or failed; the message says why, in one line."""


def environment():
    """Environment in which a child process finds ``ssnbrian`` and these scripts."""
    root = str(Path(ssnbrian.__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class PeakMemory(threading.Thread):
    """Peak resident memory of a running process from /proc, read every few milliseconds until it ends.

    The ``ru_maxrss`` of a child counts the memory of its parent before exec, which here is larger.
    """

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status, self.peak = Path(f"/proc/{pid}/status"), 0

    def run(self):
        while True:
            try:
                lines = self.status.read_text().splitlines()
            except OSError:
                return
            peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")]
            if not peaks:
                return
            self.peak = max([self.peak, *peaks])
            time.sleep(0.005 if self.peak < 2**26 else 0.05)


def run_program(command, cwd=None, env=None):
    """Wall seconds, peak RSS in bytes and standard output of a program; :class:`BenchError` when it fails."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        child = subprocess.Popen(command, cwd=cwd, env=env, stdout=out, stderr=errors)
        memory = PeakMemory(child.pid)
        memory.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        said, complaint = out.read(), errors.read().strip()
        if child.returncode:
            lines = complaint.splitlines() or said.strip().splitlines() or ["no message"]
            raise BenchError(f"exit code {child.returncode}: {lines[-1][:160]}")
    unit = 1 if platform.system() == "Darwin" else 1024
    return seconds, memory.peak or usage.ru_maxrss * unit, said


def run_child(command, variables=None):
    """Standard output of a Python child process; :class:`BenchError` with its last line when it fails."""
    return run_program(command, env=environment() | (variables or {}))[2]


def summary(values):
    """``median (lowest-highest)`` in three digits."""
    low, high = min(values), max(values)
    return f"{median(values):.3g} ({low:.3g}-{high:.3g})"


def surroundings():
    """Processor, cores, load and versions, for the record."""
    processor = platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    versions = {"python": platform.python_version()}
    for package in ("brian2", "numpy", "nest-simulator"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    compiler = subprocess.run(
        [os.environ.get("CXX", "g++"), "--version"], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    versions["compiler"] = compiler[0] if compiler else None
    return {"processor": processor, "cores": os.cpu_count(), "load": os.getloadavg(), "versions": versions}
