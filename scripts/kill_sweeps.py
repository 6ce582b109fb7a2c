"""Kill a running sweep at random moments and check that nothing but the runs in flight is ever lost.

Usage: python scripts/kill_sweeps.py [--kills 50] [--seed 1] [--runs 60]
After every kill: whatever has the name of a finished run is whole, what was finished before is still there unchanged,
and no simulation outlives its sweep. A sweep that completes must equal one that was never killed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import Recording, circuit_to_toml
from ssnbrian.circuit.transforms import resized
from ssnbrian.engine.build import child_environment
from ssnbrian.engine.cache import default_cache, file_hash

ORPHAN_SECONDS = 5.0


def command(work: Path, out: Path, runs: int) -> list[str]:
    """A sweep of ``runs`` runs of some tenths of a second."""
    words = ["sweep", str(work / "small.toml"), "--over", "mu=5:20:5", "--seeds", str(-(-runs // 5)), "--out", str(out)]
    words += ["--duration", "2", "--dt", "0.5", "--workers", "2"]
    return [sys.executable, "-m", "ssnbrian.cli.main", *words]


def processes_of(work: Path) -> list[str]:
    """Command lines of the living processes that work below ``work``, except this one."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [line.strip() for line in listed.splitlines() if str(work) in line and line.split()[0] != str(os.getpid())]


def finished(out: Path) -> dict[str, str]:
    """Name and hash of every file that has the name of a finished run."""
    return {path.name: file_hash(path) for path in (out / "runs").glob("*.npz")}


def broken_promises(work: Path, out: Path, before: dict[str, str]) -> list[str]:
    """What is wrong after a kill."""
    wrong = []
    end = time.monotonic() + ORPHAN_SECONDS
    while (orphans := processes_of(work)) and time.monotonic() < end:
        time.sleep(0.1)
    wrong += [f"outlived the sweep by {ORPHAN_SECONDS:g} s: {line}" for line in orphans]
    after = finished(out)
    wrong += [f"a finished run changed or vanished: {name}" for name, text in before.items() if after.get(name) != text]
    for name in after:
        recording = Recording.load(out / "runs" / name)
        if recording.metadata["sweep_run"] != Path(name).stem or not recording.completed:
            wrong.append(f"looks finished and is not: {name}")
    return wrong


def differences(out: Path, reference: Path) -> list[str]:
    """What distinguishes a completed sweep from the one that was never killed."""
    wrong = []
    if (out / "results.csv").read_bytes() != (reference / "results.csv").read_bytes():
        wrong.append("results.csv differs")
    names = {path.name for path in (reference / "runs").iterdir()}
    left = {path.name for path in (out / "runs").iterdir()}
    wrong += [f"only in one of both: {name}" for name in sorted(names ^ left) if name.endswith(".npz")]
    for name in sorted(names & left):
        one, other = (Recording.load(folder / "runs" / name) for folder in (out, reference))
        for population in one.sizes:
            if not np.array_equal(one.neuron_counts[population], other.neuron_counts[population]):
                wrong.append(f"other spikes in {name}")
    return wrong


def main() -> int:
    """Kill, check, count."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=60, help="runs per sweep (default 60)")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="kill-sweeps-") as name:
        return kill_and_check(Path(name), rng, arguments.kills, arguments.runs)


def kill_and_check(work: Path, rng: random.Random, kills: int, runs: int) -> int:
    """Do all of it below ``work``; returns the exit code."""
    circuit = resized(ekelmans2023.supersaturating(), {"E": 150, "I": 50})
    (work / "small.toml").write_text(circuit_to_toml(circuit), encoding="utf-8")
    (work / "tmp").mkdir()
    environment = child_environment() | {"TMPDIR": str(work / "tmp"), "SSNBRIAN_CACHE": str(default_cache().absolute())}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    subprocess.run(command(work, work / "build", 1), check=True, **quiet)
    started = time.monotonic()
    subprocess.run(command(work, work / "reference", runs), check=True, **quiet)
    whole_seconds = time.monotonic() - started
    wrong: list[str] = []
    folder, killed, completed, before = 0, 0, 0, {}
    while killed < kills:
        out = work / f"out{folder}"
        child = subprocess.Popen(command(work, out, runs), start_new_session=True, **quiet)
        try:
            child.wait(rng.uniform(0, 0.5 * whole_seconds))
        except subprocess.TimeoutExpired:
            before = finished(out)
            if killed % 2:
                os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()
            child.wait()
            killed += 1
            found = broken_promises(work, out, before)
            who = "process group" if killed % 2 == 0 else "parent"
            print(f"kill {killed} of {kills} ({who}): {len(finished(out))} runs done, {len(found)} faults", flush=True)
            wrong += found
            continue
        if child.returncode:
            wrong.append(f"the sweep ended with exit code {child.returncode}")
            break
        wrong += differences(out, work / "reference")
        completed, folder = completed + 1, folder + 1
    out = work / f"out{folder}"
    done = subprocess.run(command(work, out, runs), check=False, **quiet)
    wrong += [f"the last sweep ended with exit code {done.returncode}"] if done.returncode else []
    wrong += differences(out, work / "reference") if not done.returncode else []
    for line in wrong:
        print(f"fault: {line}")
    print(
        f"{killed} kills, {completed + 1} sweeps of {runs} runs completed in spite of them, {len(wrong)} faults "
        f"(a sweep alone takes {whole_seconds:.1f} s)"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
