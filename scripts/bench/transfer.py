"""Speed and accuracy of the transfer function beside NNMT's Siegert function, on the same inputs.

    python scripts/bench/transfer.py [--values 20000] [--rounds 7] [--json FILE]

Both are timed in alternation on arrays of mean inputs at σ = 3 mV/√s, τ = 20 ms, Θ = 1 mV, V_R = 0, in three
regimes; the table gives medians per value and the largest relative error against mpmath (50 digits).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings

import mpmath as mp
import numpy as np
from ssnbrian.analysis.transfer import mean_input, rate, rate_and_derivatives

SIGMA, TAU = 3.0, 0.02
REGIMES = {
    "far below threshold": (-500.0, -50.0),
    "below threshold": (-50.0, 30.0),
    "near threshold": (30.0, 70.0),
    "above threshold": (70.0, 500.0),
}


def siegert():
    """NNMT's Siegert function in our units, or None where NNMT is not installed."""
    try:
        from nnmt.lif.delta import _firing_rates_for_given_input
    except ImportError:
        return None

    def evaluate(mu):
        # NNMT takes the mean and the standard deviation of the free membrane potential times √2.
        return _firing_rates_for_given_input(
            mu=mu * TAU, sigma=SIGMA * np.sqrt(TAU), V_0_rel=0.0, V_th_rel=1.0, tau_m=TAU, tau_r=0.0
        )

    return evaluate


def exact_rate(mu):
    """Eq 9 of Ekelmans et al. (2023) by mpmath, for exactly the given float."""
    with mp.workdps(50):
        tau, scale = mp.mpf(TAU), mp.mpf(SIGMA) * mp.sqrt(mp.mpf(TAU))
        low, high = -mp.mpf(float(mu)) * tau / scale, (1 - mp.mpf(float(mu)) * tau) / scale
        peak = max(high, mp.mpf(0)) ** 2
        panels = max(2, int((high - low) * (1 + abs(high)) / 4))
        points = [low + (high - low) * i / panels for i in range(panels + 1)]
        integral = mp.quad(lambda z: mp.exp(z * z - peak) * mp.erfc(-z), points)
        return mp.exp(-peak) / (tau * mp.sqrt(mp.pi) * integral)


def largest_error(function, mu):
    values = function(mu)
    return max(abs(float(mp.mpf(float(v)) / exact_rate(m) - 1)) for m, v in zip(mu, values, strict=True))


def seconds(function, argument):
    start = time.perf_counter()
    function(argument)
    return time.perf_counter() - start


def measure(name, span, arguments, competitor):
    """One line of the table: medians over alternating rounds, ns per value, and errors."""
    mu = np.random.default_rng(1).uniform(*span, arguments.values)
    ours = {
        "rate": lambda x: rate(x, SIGMA, TAU),
        "rate_and_derivatives": lambda x: rate_and_derivatives(x, SIGMA, TAU),
    }
    functions = ours | ({"nnmt": competitor} if competitor else {})
    times = {key: [] for key in functions}
    for _ in range(arguments.rounds):
        for key, function in functions.items():
            times[key].append(seconds(function, mu))
    result = {"regime": name, "mu": list(span)}
    for key, values in times.items():
        result[f"{key}_ns"] = statistics.median(values) / arguments.values * 1e9
    few = mu[:40]
    for key in functions.keys() & {"rate", "nnmt"}:
        result[f"{key}_error"] = largest_error(functions[key], few)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=int, default=20000, help="inputs per call")
    parser.add_argument("--rounds", type=int, default=7, help="alternating rounds; the median is reported")
    parser.add_argument("--json", metavar="FILE", help="also write the results to FILE")
    arguments = parser.parse_args()
    competitor = siegert()
    if competitor is None:
        print("NNMT is not installed: measuring ssnbrian alone", file=sys.stderr)
    rows = []
    print(f"{'regime':22}{'ours':>10}{'with slopes':>13}{'NNMT':>10}   largest relative error: ours, NNMT")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NNMT warns of underflow far below threshold
        for name, span in REGIMES.items():
            row = measure(name, span, arguments, competitor)
            rows.append(row)
            print(
                f"{name:22}{row['rate_ns']:7.0f} ns{row['rate_and_derivatives_ns']:10.0f} ns"
                f"{row.get('nnmt_ns', np.nan):7.0f} ns   {row['rate_error']:.1e}, "
                f"{row.get('nnmt_error', np.nan):.1e}"
            )
    scalar = {
        "rate_us": 1e6 * statistics.median(seconds(lambda m: rate(m, SIGMA, TAU), 10.0) for _ in range(500)),
    }
    if competitor:
        scalar["nnmt_us"] = 1e6 * statistics.median(seconds(competitor, 10.0) for _ in range(100))
    target = np.geomspace(1e-6, 100, arguments.values)
    inverse = statistics.median(seconds(lambda x: mean_input(x, SIGMA, TAU), target) for _ in range(arguments.rounds))
    inverse *= 1e9 / arguments.values
    print(f"one float per call: ours {scalar['rate_us']:.0f} µs, NNMT {scalar.get('nnmt_us', np.nan):.0f} µs")
    print(f"mean_input: {inverse:.0f} ns per value")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"regimes": rows, "scalar": scalar, "mean_input_ns": inverse}, file, indent=1)


if __name__ == "__main__":
    main()
