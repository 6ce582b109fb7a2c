"""Speed of a regime map beside a plain search at each point, on the same circuits.

    python scripts/bench/regime_map.py [--points 400] [--sample 200] [--rounds 3] [--json FILE]

Ours finds all steady states and their stability at points x points pairs of mu_ext and ratio, with a proof of
completeness. The plain search takes sign changes of the characteristic function (S10) on 2000 values of z and polishes
them with SciPy's brentq, point by point, on a random subsample; it may miss pairs of states and proves nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np
from scipy.optimize import brentq
from ssnbrian.analysis import SSN
from ssnbrian.analysis.characteristic import characteristic
from ssnbrian.analysis.regime_boundaries import regime_boundaries
from ssnbrian.analysis.regime_map import regime_map
from ssnbrian.models.papers import ekelmans2023

CASES = {
    "bistable": (ekelmans2023.bistable, (0.0, 15.0), (0.0, 5.0)),
    "negative_determinant": (ekelmans2023.negative_determinant, (0.0, 50.0), (0.0, 5.0)),
}


def plain_count(network, mu, mu_I, grid):
    """Number of steady states that a grid of z and brentq find."""
    values = characteristic(network, grid, mu, mu_I)
    changes = np.flatnonzero(np.sign(values[1:]) != np.sign(values[:-1]))
    return len([brentq(lambda z: float(characteristic(network, z, mu, mu_I)), grid[k], grid[k + 1]) for k in changes])


def measure(name, arguments):
    """One line of the table; medians of the rounds, in process time."""
    make, mu_range, ratio_range = CASES[name]
    ssn = SSN.from_circuit(make())
    mu, ratio = np.linspace(*mu_range, arguments.points), np.linspace(*ratio_range, arguments.points)
    ours, curves, plain = [], [], []
    rng = np.random.default_rng(1)
    i, j = rng.integers(arguments.points, size=(2, arguments.sample))
    grid = np.linspace(-mu_range[1] * ratio_range[1] - 50, 300, 2000)
    regime_map(ssn, mu[:2], ratio[:2])
    for _ in range(arguments.rounds):
        began = time.process_time()
        regimes = regime_map(ssn, mu, ratio)
        ours.append(time.process_time() - began)
        began = time.process_time()
        regime_boundaries(ssn, mu_range, ratio_range)
        curves.append(time.process_time() - began)
        began = time.process_time()
        counts = [plain_count(ssn.network, mu[a], ratio[b] * mu[a], grid) for a, b in zip(i, j, strict=True)]
        plain.append(time.process_time() - began)
    per_point = statistics.median(ours) / regimes.states.size * 1e6
    plain_per_point = statistics.median(plain) / arguments.sample * 1e6
    return {
        "circuit": name,
        "map_seconds": statistics.median(ours),
        "boundaries_seconds": statistics.median(curves),
        "us_per_point": per_point,
        "plain_us_per_point": plain_per_point,
        "ratio": plain_per_point / per_point,
        "plain_differs": int(np.sum(np.array(counts) != regimes.states[j, i])),
        "complete": bool(regimes.complete.all()),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=400, help="values of mu_ext and of the ratio")
    parser.add_argument("--sample", type=int, default=200, help="points of the plain search")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds; the median is reported")
    parser.add_argument("--json", metavar="FILE", help="also write the results to FILE")
    arguments = parser.parse_args()
    rows = []
    print(f"{'circuit':22}{'map':>9}{'curves':>9}{'per point':>12}{'plain':>12}{'ratio':>8}  complete, plain differs")
    for name in CASES:
        row = measure(name, arguments)
        rows.append(row)
        print(
            f"{name:22}{row['map_seconds']:7.2f} s{row['boundaries_seconds']:7.2f} s{row['us_per_point']:9.1f} us"
            f"{row['plain_us_per_point']:9.0f} us{row['ratio']:8.0f}  {row['complete']}, "
            f"{row['plain_differs']} of {arguments.sample}"
        )
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
