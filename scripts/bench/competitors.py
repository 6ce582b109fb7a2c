"""Who is compared, and how each is prepared and run for one case."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import brian_runner
import kernel_runner
import nest_runner
from circuits import DESCRIPTIONS, numbers
from measuring import BenchError

TITLES = {
    "plain": "Brian2 standalone",
    "ours": "ssnbrian_standalone",
    "kernel": "kernel, bit rows",
    "kernel_csr": "kernel, CSR",
    "nest1": "NEST, 1 thread",
    "nest2": "NEST, 2 threads",
}
PAPER = ("supersaturating", "mouse_v1", "mouse_v1_isn", "bistable")
NEST_LONGEST, NEST_MOST_NEURONS = 1.0, 10_000
SCALING_SIZES = (4000, 10_000, 20_000, 40_000)


@dataclass
class Case:
    """One circuit at one size and connection probability (None: the published ones)."""

    name: str
    n: int
    p: float | None
    duration: float
    memory: bool = False
    builds: dict[str, dict] = field(default_factory=dict)
    bare: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    runs: dict[str, list[dict]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name, size and probability."""
        return f"{self.name} N={self.n} p={'published' if self.p is None else f'{self.p:g}'}"

    @property
    def numbers(self):
        """Parameters of the circuit."""
        return numbers(self.name, self.n, self.p)


def cases(names, n, duration, sizes=SCALING_SIZES):
    """The cases behind the names on the command line."""
    chosen = []
    for name in names:
        if name == "scaling":
            for size in sizes:
                chosen.append(Case("delta", size, 0.1, max(0.25, duration * 4000 / size), memory=True))
        elif name in PAPER:
            chosen.append(Case(name, n, None, duration))
            if name == "supersaturating":
                chosen += [Case(name, n, p, duration) for p in (0.1, 0.4)]
        elif name in ("hodgkin_huxley", "adex"):
            chosen.append(Case(name, n, 0.1, duration))
        elif name in DESCRIPTIONS:
            chosen += [Case(name, n, p, duration) for p in (0.1, 0.4)]
        else:
            raise SystemExit(f"no circuit {name!r}; there are {', '.join([*DESCRIPTIONS, 'scaling', 'command'])}")
    return chosen


def prepare(case, competitors, folder, dt):
    """Build what the Brian2 devices need; a failure is kept in the case and the others go on."""
    for who in competitors:
        if who not in brian_runner.DEVICES:
            continue
        try:
            place = Path(folder, f"{who}-{case.label}".replace(" ", "_"))
            place.mkdir(parents=True, exist_ok=True)
            case.builds[who] = brian_runner.build(who, place, case.name, case.n, case.p, case.duration, dt)
            if case.memory:
                bare = Path(f"{place}-bare")
                bare.mkdir(exist_ok=True)
                manifest = brian_runner.build(who, bare, case.name, case.n, case.p, dt, dt, synapses=False)
                case.bare[who] = min(brian_runner.run(manifest)["rss"] for _ in range(2))
        except BenchError as error:
            case.failures[who] = str(error)


def run_once(case, who, program, dt):
    """One measurement; a failure ends this competitor for this case."""
    if who in case.failures:
        return
    try:
        if who in brian_runner.DEVICES:
            result = brian_runner.run(case.builds[who])
            if who in case.bare:
                result["bytes_per_synapse"] = (result["rss"] - case.bare[who]) / case.numbers.synapses
        elif who in kernel_runner.FORMS:
            result = kernel_runner.run(program(), case.numbers, dt, case.duration, kernel_runner.FORMS[who])
        else:
            if case.n > NEST_MOST_NEURONS:
                raise BenchError(f"left out above {NEST_MOST_NEURONS} neurons (memory and time)")
            duration = min(case.duration, NEST_LONGEST)
            result = nest_runner.run(case.name, case.n, case.p, duration, dt, int(who.removeprefix("nest")))
        case.runs.setdefault(who, []).append(result)
    except BenchError as error:
        case.failures[who] = str(error)


def loop_median(case, who):
    """Median seconds per biological second, or None."""
    runs = case.runs.get(who)
    return median(run["loop"] for run in runs) if runs else None


def ratio(case, numerator, denominator):
    """Median over the rounds of one loop time over the other, or None."""
    pairs = zip(case.runs.get(numerator, []), case.runs.get(denominator, []), strict=False)
    values = [a["loop"] / b["loop"] for a, b in pairs]
    return median(values) if values else None


def rates(case, who):
    """Mean rates over the rounds, Hz, by population."""
    runs = case.runs[who]
    return {x: sum(run["rates"][x] for run in runs) / len(runs) for x in runs[0]["rates"]}
