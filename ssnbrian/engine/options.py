"""What is compiled into a build, and what is said at each run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, Drive


@dataclass(frozen=True)
class BuildOptions:
    """Choices that change the compiled program.

    ``variables`` are (population, variable, neuron indices) to record at every step; ``changing_weights`` are the
    projections whose weight follows a course in time.
    """

    spikes: bool = False
    variables: tuple[tuple[str, str, tuple[int, ...]], ...] = ()
    grid_threshold: bool = False
    changing_weights: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Canonical text."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> BuildOptions:
        """Inverse of :meth:`to_json`."""
        data = json.loads(text)
        variables = tuple((group, name, tuple(indices)) for group, name, indices in data["variables"])
        return BuildOptions(data["spikes"], variables, data["grid_threshold"], tuple(data["changing_weights"]))


@dataclass(frozen=True)
class RunOptions:
    """One run of a build: seed, duration (s), dt (s), count bin in steps, runaway limit (Hz, 0: none), drives.

    ``input_rates`` (Hz) has a course for every input population, ``weights`` (mV) for every changing weight.
    """

    seed: int
    duration: float
    dt: float
    bin_steps: int
    runaway_rate: float
    drives: Mapping[str, Drive]
    initial: Mapping[str, Any] = field(default_factory=dict)
    input_rates: Mapping[str, Drive] = field(default_factory=dict)
    weights: Mapping[str, Drive] = field(default_factory=dict)

    def courses(self, circuit: Circuit) -> list[tuple[list[float], list[float]]]:
        """(times, values in SI units) of the input rates, then of the changing weights with their sign."""
        courses = [(list(one.times), list(one.values)) for one in self.input_rates.values()]
        signs = {one.name: circuit.source_of(one).sign for one in circuit.projections}
        for name, one in self.weights.items():
            courses.append((list(one.times), [signs[name] * value / 1000 for value in one.values]))
        return courses

    def run_text(self, circuit: Circuit) -> str:
        """The run.txt that a compiled circuit reads; drives in SI units, in the order of the populations."""
        lines = [
            f"seed {self.seed}",
            f"duration {self.duration!r}",
            f"dt {self.dt!r}",
            f"bin_steps {self.bin_steps}",
            f"runaway_rate {self.runaway_rate!r}",
        ]
        for drive in self.drives.values():
            lines.append(f"drive {len(drive.times)}")
            values = np.asarray(drive.values) / 1000
            lines += [f"{time!r} {value!r}" for time, value in zip(drive.times, values.tolist(), strict=True)]
        for knots in self.courses(circuit):
            lines.append(f"course {len(knots[0])}")
            lines += [f"{time!r} {value!r}" for time, value in zip(*knots, strict=True)]
        return "\n".join(lines) + "\n"
