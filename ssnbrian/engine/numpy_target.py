"""A circuit on Brian2's numpy target: slow, but without a compiler, and with the results a compiled program writes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2 import second, volt

from ssnbrian.circuit import Circuit, Drive
from ssnbrian.engine.network import AssembledNetwork, assemble
from ssnbrian.engine.worker import brian2_function, course_names, manifest_of, read_task

REPORT_SECONDS = 0.25
RUNAWAY_WINDOW = 0.1


class _Counter:
    """Counts spikes into bins and stops a network that runs away, as the header of compiled programs does."""

    def __init__(self, assembled: AssembledNetwork, circuit: Circuit, run: dict[str, Any]) -> None:
        self.assembled, self.run = assembled, run
        self.sizes = [population.size for population in circuit.populations]
        self.counts: list[list[int]] = [[] for _ in self.sizes]
        self.smoothed = [0.0] * len(self.sizes)
        self.step = 0
        self.status = "completed"
        self.reported = time.monotonic()

    def __call__(self) -> None:
        """Take in one step."""
        dt, limit = self.run["dt"], self.run["runaway_rate"]
        for index, group in enumerate(self.assembled.groups.values()):
            spikes = len(group.spikes)
            if self.step % self.run["bin_steps"] == 0:
                self.counts[index].append(0)
            self.counts[index][-1] += spikes
            rate = spikes / (self.sizes[index] * dt)
            self.smoothed[index] += (rate - self.smoothed[index]) * min(1.0, dt / RUNAWAY_WINDOW)
            if limit and self.smoothed[index] > limit and self.status == "completed":
                self.status = f"runaway {index} {(self.step + 1) * dt}"
                self.assembled.network.stop()
        self.step += 1
        if time.monotonic() - self.reported > REPORT_SECONDS:
            self.reported = time.monotonic()
            print("progress", self.step * dt / self.run["duration"], flush=True)


def _function_of_time(knots: list[list[float]], unit: Any) -> Any:
    times, values = knots
    course = Drive("run", tuple(times), tuple(values), None)
    return brian2_function(lambda t: course(np.asarray(t)) * unit, "", unit, stateless=True)


def run_numpy(folder: Path) -> None:
    """Run the circuit in ``folder`` and write results/ and manifest.json."""
    circuit, options = read_task(folder)
    run = json.loads((folder / "run.json").read_text())
    results = folder / "results"
    brian2.prefs.codegen.target = "numpy"
    brian2.defaultclock.dt = run["dt"] * second
    brian2.seed(run["seed"])
    drives = {name: _function_of_time(knots, volt / second) for name, knots in run["drives"].items()}
    owners = course_names(circuit, options)
    courses = {
        owner: _function_of_time(knots, unit) for (owner, _, unit), knots in zip(owners, run["courses"], strict=True)
    }
    assembled = assemble(circuit, options, drives, dict.fromkeys(drives), courses)
    for owner, values in run["initial"].items():
        group, variable = owner.split(".")
        assembled.network[group].variables[variable].set_value(np.load(folder / values))
    counter = _Counter(assembled, circuit, run)
    assembled.network.add(brian2.NetworkOperation(counter.__call__, when="after_thresholds"))
    started = time.monotonic()
    assembled.network.run(run["duration"] * second, namespace={})
    seconds = time.monotonic() - started

    def write(variable: Any) -> str:
        name = f"{variable.owner.name}_{variable.name}"
        np.ascontiguousarray(variable.get_value()).tofile(results / name)
        return name

    for index, counts in enumerate(counter.counts):
        np.asarray(counts, dtype=np.int64).tofile(results / f"counts_{index}")
    (folder / "manifest.json").write_text(json.dumps(manifest_of(assembled, options, write)))
    outcome = f"status {counter.status}\nsteps {counter.step}\nloop_seconds {seconds}\n"
    (results / "outcome.txt").write_text(outcome)
