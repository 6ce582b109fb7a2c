"""Time to a given accuracy: bias of the rate by the time step against seconds per biological second.

Two systems: uncoupled neurons (one easy, one four standard deviations below threshold) and the network of Fig 2A of
Ekelmans et al. 2023 at a constant input. References are the limits dt -> 0: the Ricciardi rate, exact for the neuron,
and the self-consistent rates of the network, themselves off by one or two percent. Beside the measured bias stands
the computed one (``ssnbrian.analysis.discretisation``), free of sampling error; for the network it is carried through
the linear response. With it one reads off which dt, and so which time, keeps the bias below 1 %; where even the
smallest dt does not, the square-root law of the grid is continued to the dt that would.

    python scripts/bench/accuracy.py [--devices plain ours] [--duration 10] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from pathlib import Path
from statistics import median

import brian_runner
import numpy as np
from competitors import TITLES
from measuring import BenchError, surroundings
from ssnbrian.analysis import transfer
from ssnbrian.analysis.discretisation import discrete_rate
from ssnbrian.analysis.error_budget import dt_shift
from ssnbrian.analysis.self_consistent import SelfConsistent
from ssnbrian.models.papers import ekelmans2023

STEPS = (0.05e-3, 0.1e-3, 0.2e-3, 0.5e-3)
WARM_UP, BATCHES, GOAL = 0.5, 20, 0.01
# Mean inputs (mV/s) to E (tau 20 ms) and I (tau 10 ms).
SYSTEMS = {"neurons": {"E": 10.0, "I": 20.0}, "network": {"E": 20.0, "I": 20.0}}
TAU, SIGMA = {"E": 0.020, "I": 0.010}, 3.0


def references(system):
    """Rates for dt -> 0 and a function (dt, bridge) -> computed relative bias, both by population."""
    mu = SYSTEMS[system]
    if system == "neurons":
        rate = {x: float(transfer.rate(mu[x], SIGMA, TAU[x])) for x in "EI"}

        def bias(dt, bridge):
            return {x: discrete_rate(mu[x], SIGMA, TAU[x], dt, bridge=bridge) / rate[x] - 1 for x in "EI"}

    else:
        theory = SelfConsistent.from_circuit(ekelmans2023.supersaturating())
        (state,) = theory.steady_states(mu["E"], 1.0)
        values, external = np.array([state.rates[x] for x in "EI"]), np.array([mu[x] for x in "EI"])
        rate = dict(zip("EI", values.tolist(), strict=True))

        def bias(dt, bridge):
            shift = dt_shift(theory, values, external, dt, [bridge, bridge])
            return dict(zip("EI", (shift / values).tolist(), strict=True))

    return rate, bias


def measured_rate(trace, dt):
    """Mean and standard error (batches) of a population's rate after the warm-up, Hz."""
    steady = trace[round(WARM_UP / dt) :]
    batches = steady[: len(steady) // BATCHES * BATCHES].reshape(BATCHES, -1).mean(axis=1)
    return float(batches.mean()), float(batches.std(ddof=1) / math.sqrt(BATCHES))


def measure(devices, duration, rounds, folder):
    """Rows of (system, crossing, dt, device) with rates, biases and times; and the failures by device."""
    rows, failures = [], {}
    for system, mu in SYSTEMS.items():
        rate, bias = references(system)
        for bridge in (True, False):
            builds = {}
            for who in devices:
                place = Path(folder, f"{who}-{system}-{bridge}")
                place.mkdir()
                try:
                    builds[who] = brian_runner.build(
                        who,
                        place,
                        "supersaturating",
                        4000,
                        None,
                        duration,
                        synapses=system == "network",
                        rates=True,
                        changes={"mu": mu, "bridge": bridge},
                    )
                except BenchError as error:
                    failures[who] = str(error)
            for dt in STEPS:
                runs = {who: [] for who in builds}
                for _ in range(rounds):
                    for who, built in builds.items():
                        runs[who].append(brian_runner.run(built, dt))
                for who, results in runs.items():
                    row = {"system": system, "bridge": bridge, "dt": dt, "device": who, "reference": rate}
                    row |= {"computed": bias(dt, bridge), "seconds": [one["loop"] for one in results]}
                    parts = [{x: measured_rate(one["traces"][x], dt) for x in "EI"} for one in results]
                    row["bias"] = {x: np.mean([part[x][0] for part in parts]) / rate[x] - 1 for x in "EI"}
                    row["error"] = {
                        x: math.sqrt(sum(part[x][1] ** 2 for part in parts)) / len(parts) / rate[x] for x in "EI"
                    }
                    rows.append(row)
    return rows, failures


def time_to_goal(rows, x):
    """Text: dt and seconds per biological second at which the computed bias of population ``x`` is 1 %."""
    good = [row for row in rows if abs(row["computed"][x]) <= GOAL]
    if good:
        best = max(good, key=lambda row: row["dt"])
        return f"dt {best['dt'] * 1000:g} ms, {median(best['seconds']):.3g} s per bio s"
    first = min(rows, key=lambda row: row["dt"])
    factor = (abs(first["computed"][x]) / GOAL) ** 2
    seconds = median(first["seconds"]) * factor
    return f"dt {first['dt'] * 1000 / factor:.2g} ms, {seconds:.3g} s per bio s (continued by the square-root law)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", nargs="+", choices=list(brian_runner.DEVICES), default=["plain", "ours"])
    parser.add_argument("--duration", type=float, default=10.0, help="biological seconds of a run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.duration <= 2 * WARM_UP:
        parser.error(f"--duration must exceed {2 * WARM_UP:g} s")
    with tempfile.TemporaryDirectory() as folder:
        rows, failures = measure(options.devices, options.duration, options.rounds, folder)
    for who, reason in failures.items():
        print(f"{TITLES[who]}: {reason}")
    print(f"bias in % of the limit dt -> 0: measured +- standard error, computed; {options.rounds} rounds")
    titles = ("", "crossing", "dt, ms", "E bias", "computed", "I bias", "computed", "s per bio s")
    widths = (32, 10, 8, 18, 10, 18, 10, 12)
    print("".join(f"{title:<{width}}" for title, width in zip(titles, widths, strict=True)))
    for row in rows:
        cells = [f"{row['system']}, {TITLES[row['device']]}", "bridge" if row["bridge"] else "grid"]
        cells.append(f"{row['dt'] * 1000:g}")
        for x in "EI":
            cells += [f"{100 * row['bias'][x]:+.2f} +- {100 * row['error'][x]:.2f}", f"{100 * row['computed'][x]:+.2f}"]
        cells.append(f"{median(row['seconds']):.3g}")
        print("".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip())
    print("\ntime for a bias of 1 %")
    for system in SYSTEMS:
        for who in options.devices:
            for bridge in (True, False):
                chosen = [row for row in rows if (row["system"], row["device"], row["bridge"]) == (system, who, bridge)]
                for x in "EI" if chosen else ():
                    name = f"{system} {x}, {TITLES[who]}, {'bridge' if bridge else 'grid'}"
                    print(f"  {name:46}{time_to_goal(chosen, x)}")
    if options.json:
        record = {"surroundings": surroundings(), "rows": rows, "failures": failures}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
