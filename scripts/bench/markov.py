"""Cost of a network of kicks against its size, beside its differential equations, and where the two cross.

    python scripts/bench/markov.py [--duration 1] [--rounds 3] [--sizes 100 200 …] [--regimes …] [--json FILE]

The network is simulated event by event, the equations are integrated (338 variables at every size), in turn and in
this process, compiled where numba is installed; compilation and the first --warm-up seconds of biological time are not
counted. Seconds are processor time per biological second, medians and ranges of the rounds; wall time stands in the
JSON. N P is the same at all sizes. Below 200 neurons P would exceed 1: there it is 1, the weights take the rest, and
the equations, noisier by the larger kicks, have other rates.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from measuring import summary, surroundings
from ssnbrian.analysis.markov.kick_network import simulate_network
from ssnbrian.analysis.markov.kick_simulation import simulate
from ssnbrian.analysis.markov.parameters import MarkovNetwork

# tau_EE and tau_IE, s.
REGIMES = {"homogeneous": (4e-3, 1.2e-3), "regular": (2e-3, 1.2e-3), "synchronous": (1.3e-3, 0.95e-3)}
SIZES = (100, 200, 400, 800, 1600, 3200, 6400)
BATCH = 0.05


def network_of(regime, size):
    """``size`` neurons, three excitatory ones to an inhibitory one (Li, Chariker & Young 2019)."""
    tau_EE, tau_IE = REGIMES[regime]
    factor = size / 400
    wanted = np.array([[0.15, 0.5], [0.5, 0.4]]) / factor
    probabilities = np.minimum(wanted, 1.0)
    return MarkovNetwork(
        ("E", "I"),
        (False, True),
        (round(300 * factor), round(100 * factor)),
        weights=np.array([[5.0, 4.91], [2.0, 4.91]]) * wanted / probabilities,
        probabilities=probabilities,
        decay_times=((tau_EE, 4.5e-3), (tau_IE, 4.5e-3)),
        drive=7000.0,
        refractory=2.5e-3,
    )


def timed(run, *arguments, **options):
    """The result, seconds of processor time and of wall time."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = run(*arguments, **options)
    return result, time.process_time() - cpu, time.perf_counter() - wall


def rates(runs, duration):
    """Mean and standard error (n,), Hz, of stretches of ``BATCH`` s."""
    per = round(BATCH / runs[0].dt)
    batches = np.concatenate([one.rates.reshape(len(one.names), -1, per).mean(axis=2) for one in runs], axis=1)
    return batches.mean(axis=1), batches.std(axis=1, ddof=1) / np.sqrt(batches.shape[1])


def measure(regime, sizes, duration, warm_up, rounds):
    """One row per size; network and equations in turn within each round."""
    states, rows = {}, {}
    for size in sizes:
        network = network_of(regime, size)
        states[size] = (
            simulate_network(network, warm_up, 1, initial="spread").states,
            simulate(network, warm_up).final,
        )
        rows[size] = {"regime": regime, "neurons": size, "network": [], "ode": [], "network_wall": [], "ode_wall": []}
    runs = {size: [] for size in sizes}
    for number in range(rounds):
        for size in sizes:
            network, row, (state, distribution) = network_of(regime, size), rows[size], states[size]
            run, cpu, wall = timed(simulate_network, network, duration, number, initial=state)
            runs[size].append(run)
            row["network"].append(cpu / duration)
            row["network_wall"].append(wall / duration)
            run, cpu, wall = timed(simulate, network, duration, initial=distribution)
            row["ode"].append(cpu / duration)
            row["ode_wall"].append(wall / duration)
            row["ode_rates"] = run.rates.mean(axis=1).tolist()
    for size, row in rows.items():
        row["rates"], row["standard_errors"] = (one.tolist() for one in rates(runs[size], duration))
    return list(rows.values())


def crossover(rows):
    """Neurons at which both cost the same, interpolated on logarithmic axes; None if beyond the sizes measured."""
    sizes = np.log([row["neurons"] for row in rows])
    excess = np.log([median(row["network"]) / median(row["ode"]) for row in rows])
    for low in range(len(rows) - 1):
        if excess[low] <= 0 < excess[low + 1]:
            part = -excess[low] / (excess[low + 1] - excess[low])
            return float(np.exp(sizes[low] + part * (sizes[low + 1] - sizes[low])))
    return None


def crossover_text(rows):
    found = crossover(rows)
    if found is not None:
        return f"equal cost at {found:.0f} neurons"
    faster = "network" if median(rows[-1]["network"]) < median(rows[-1]["ode"]) else "equations"
    return f"no crossing: the {faster} cost less from {rows[0]['neurons']} to {rows[-1]['neurons']} neurons"


def table(rows):
    """Text: one line per size."""
    titles = ("neurons", "network, s per bio s", "equations, s per bio s", "ratio", "E Hz, of equations", "I Hz")
    widths = (9, 27, 27, 8, 28, 28)
    lines = ["".join(f"{title:<{width}}" for title, width in zip(titles, widths, strict=True)).rstrip()]
    for row in rows:
        cells = [str(row["neurons"]), summary(row["network"]), summary(row["ode"])]
        cells.append(f"{median(row['network']) / median(row['ode']):.3g}")
        for rate, error, ode in zip(row["rates"], row["standard_errors"], row["ode_rates"], strict=True):
            cells.append(f"{rate:.2f} +- {error:.2f}, {ode:.2f}")
        lines.append("".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip())
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=1.0, help="biological seconds of a run")
    parser.add_argument("--warm-up", type=float, default=0.1, help="biological seconds before")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="multiples of 4 neurons")
    parser.add_argument("--regimes", nargs="+", choices=list(REGIMES), default=list(REGIMES))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    stretches = options.duration / BATCH
    if stretches < 1 or abs(stretches - round(stretches)) > 1e-6:
        parser.error(f"--duration must be a multiple of {BATCH} s")
    if any(size < 4 or size % 4 for size in options.sizes):
        parser.error("--sizes must be multiples of 4")
    sizes = sorted(set(options.sizes))
    where, every = surroundings(), []
    print(f"{where['processor']}, load {where['load'][0]:.1f} on {where['cores']} cores", file=sys.stderr)
    for regime in options.regimes:
        rows = measure(regime, sizes, options.duration, options.warm_up, options.rounds)
        every += rows
        print(f"{regime}, {options.duration:g} s, {options.rounds} rounds: {crossover_text(rows)}\n{table(rows)}\n")
    if options.json:
        options.json.write_text(json.dumps({"surroundings": where, "rows": every}, indent=1) + "\n")


if __name__ == "__main__":
    main()
