"""The worked spiking circuits beside their theories: ``python scripts/worked_circuits.py [--duration 20] [--json]``.

Every circuit is simulated at constant inputs (the one with a memory also after its cue). The rates are compared with
the stable state of each theory that the network should be in; the distance is relative to the simulated rate.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import NamedTuple

import numpy as np
from ssnbrian.analysis.statistics import mean_rates
from ssnbrian.models.library import CIRCUITS

from ssnbrian import simulate
from ssnbrian.circuit import Circuit, Constant, Drive, PiecewiseLinear
from ssnbrian.cli.theories import theories_of

LEVELS = {
    "conductance_ei": (100.0, 350.0, 600.0),
    "depression_ei": (5.0, 15.0, 25.0),
    "adex_ei": (1500.0, 1800.0, 2200.0),
    "facilitating_memory_ei": (4.0,),
}
"""mu_ext, mV/s, where each circuit is compared."""
SETTLE = 2.0
"""s, left out before the rates are taken."""


class Case(NamedTuple):
    """One simulation: which stable state it should show (the lowest, or the highest after a cue)."""

    circuit: Circuit
    mu_ext: float
    highest: bool
    drive: Drive
    start: float


class Row(NamedTuple):
    """Simulated rate with its standard error beside one theory, Hz; the distance is relative to the simulation."""

    circuit: str
    mu_ext: float
    state: str
    population: str
    simulated: float
    standard_error: float
    theory: str
    predicted: float | None
    distance: float | None


def cases(name: str, duration: float) -> list[Case]:
    """The simulations of one circuit, ``duration`` s each after they have settled."""
    circuit = CIRCUITS[name]()
    found = [Case(circuit, mu, False, Constant(mu, duration=SETTLE + duration), SETTLE) for mu in LEVELS[name]]
    drive = circuit.drive
    if drive is not None and drive.kind == "piecewise-linear":
        end = drive.times[-2]
        knots = [*drive.times[:-1], end + SETTLE + duration]
        cued = PiecewiseLinear(knots, drive.values)
        found.append(Case(circuit, drive.values[-1], True, cued, end + SETTLE))
    return found


def rows_of(name: str, duration: float, seeds: int) -> list[Row]:
    """Simulate one circuit with every seed and set the theories that apply beside it."""
    rows = []
    theories = theories_of(CIRCUITS[name](), "fit")
    for case in cases(name, duration):
        runs = [mean_rates(simulate(case.circuit, case.drive, seed=seed), case.start) for seed in range(1, seeds + 1)]
        for theory in theories:
            stable = [one for one in theory.steady_states(case.mu_ext, case.circuit.ratio) if one.stable]
            for population in theory.populations:
                rate = float(np.mean([run[population][0] for run in runs]))
                error = float(np.sqrt(np.sum([run[population][1] ** 2 for run in runs]))) / seeds
                predicted = stable[-1 if case.highest else 0].rates[population] if stable else None
                distance = None if predicted is None or rate == 0 else (predicted - rate) / rate
                state = "after the cue" if case.highest else ""
                rows.append(Row(name, case.mu_ext, state, population, rate, error, theory.name, predicted, distance))
    return rows


def table(rows: list[Row]) -> str:
    """The rows as text."""
    lines = [f"{'circuit':<24}{'mu_ext':>8}  {'pop':<4}{'simulated':>10}{'+- se':>8}  theory"]
    for row in rows:
        predicted = "no stable state" if row.predicted is None else f"{row.predicted:8.4f}"
        distance = "" if row.distance is None else f"{100 * row.distance:+8.1f} %"
        lines.append(
            f"{row.circuit:<24}{row.mu_ext:8.6g}  {row.population:<4}{row.simulated:10.4f}{row.standard_error:8.4f}  "
            f"{row.theory:<16}{predicted}{distance}  {row.state}".rstrip()
        )
    return "\n".join(lines)


def main() -> None:
    """Run all of them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=20.0, help="s simulated per input, after settling")
    parser.add_argument("--seeds", type=int, default=3, help="runs per input (default 3)")
    parser.add_argument("--circuit", choices=tuple(LEVELS), help="only this one")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    rows = []
    for name in [arguments.circuit] if arguments.circuit else LEVELS:
        print(f"{name} ...", file=sys.stderr)
        rows += rows_of(name, arguments.duration, arguments.seeds)
    print(json.dumps({"rows": [row._asdict() for row in rows]}) if arguments.json else table(rows))


if __name__ == "__main__":
    main()
