"""The finite-size population model beside NEST's ``gif_pop_psc_exp``, on the cortical column, in one run.

    python scripts/bench/mesoscopic.py [--duration 10] [--rounds 3] [--discard 1] [--json FILE]

Both take turns on one thread with the same eight populations, parameters, steps of 0.1 ms and length of the history;
both write the spikes of every step. Times are those of the run: ours finds the stationary state first, NEST's
preparation is left out; compiling is given apart. Rates are means over the rounds, each with another seed, with
standard errors from batches of a twentieth of a run. Below the table, four cases that NEST's model does not handle are
shown on a population of 800 neurons.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import nest_runner
import numpy as np
from measuring import BenchError, summary, surroundings
from ssnbrian.analysis.mesoscopic import EscapeNeuron, MesoscopicNetwork, network_of, network_rates, simulate
from ssnbrian.analysis.statistics import BATCHES, batch_means
from ssnbrian.models.circuits.finite_size import column

from ssnbrian.circuit import InvalidInputError

DT = 1e-4
GIF = EscapeNeuron(tau=0.02, threshold=15.0, reset=0.0, escape_rate=10.0, escape_width=2.5, refractory=0.004)
DRIVE = np.array([24.0 / GIF.tau])  # mV/s
_SEED = 1


def timed(run):
    """Wall and processor seconds of ``run`` and what it returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def one_round(network, duration, discard, seed):
    """One run of each: times, rates and standard errors, Hz."""
    drive = np.zeros(len(network.names))
    wall, cpu, run = timed(lambda: simulate(network, duration, DT, seed, drive=drive))
    peer = nest_runner.run_populations(network, drive, [duration], DT, seed)
    found = {"ours": {"wall": wall, "cpu": cpu}, "nest": {"wall": peer["wall"], "cpu": peer["cpu"]}}
    for who, counts in (("ours", run.counts[0]), ("nest", peer["counts"])):
        activity = counts[:, round(discard / DT) :] / (network.sizes[:, None] * DT)
        rates, errors = batch_means(activity)
        found[who] |= {"rates": rates.tolist(), "errors": errors.tolist()}
    return found


def pooled(rounds, who):
    """Rates (Hz) over the rounds and their standard errors, (n,) each."""
    rates, errors = (np.array([one[who][key] for one in rounds]) for key in ("rates", "errors"))
    return rates.mean(axis=0), np.sqrt((errors**2).sum(axis=0)) / len(rounds)


def column_table(network, rounds):
    """Text of the comparison, and its numbers."""
    numbers = {}
    lines = [f"{'':34}{'wall, s':24}processor, s"]
    for who, title in (("ours", "ssnbrian"), ("nest", "NEST gif_pop_psc_exp")):
        walls, cpus = ([one[who][key] for one in rounds] for key in ("wall", "cpu"))
        lines.append(f"{title:34}{summary(walls):24}{summary(cpus)}")
    for key in ("wall", "cpu"):
        numbers[f"{key}_ratio"] = median(one["nest"][key] / one["ours"][key] for one in rounds)
    lines.append(f"{'NEST / ssnbrian':34}{numbers['wall_ratio']:<24.3g}{numbers['cpu_ratio']:.3g}")
    (ours, our_errors), (nest, nest_errors) = pooled(rounds, "ours"), pooled(rounds, "nest")
    difference, error = 100 * (ours / nest - 1), 100 * np.hypot(our_errors / ours, nest_errors / nest)
    lines.append(f"\n{'rates':12}{'ssnbrian, Hz':22}{'NEST, Hz':22}difference, %")
    for x, name in enumerate(network.names):
        cells = (f"{ours[x]:.4f} +- {our_errors[x]:.4f}", f"{nest[x]:.4f} +- {nest_errors[x]:.4f}")
        lines.append(f"{name:12}{cells[0]:22}{cells[1]:22}{difference[x]:+.2f} +- {error[x]:.2f}")
    numbers |= {"difference_percent": difference.tolist(), "difference_error": error.tolist()}
    return "\n".join(lines), numbers


def alone(neuron, weight=0.0, tau_synapse=0.003):
    """800 neurons, coupled to themselves with a delay of 1 ms."""
    return MesoscopicNetwork(["A"], [800], [neuron], weight, 1e-3, tau_synapse)


def _rate(counts):
    """Hz of 800 neurons from counts per step; text where it is no number, which JSON does not have."""
    rate = float(counts.mean() / (800 * DT))
    return round(rate, 3) if np.isfinite(rate) else str(rate)


def _settled_rate(counts):
    """Hz after the first s."""
    return _rate(counts[round(1.0 / DT) :])


def equal_time_constants():
    """A synapse that decays as fast as the membrane, and its neighbours."""
    found = {"ours": {}, "nest": {}}
    for tau_synapse in (0.0198, 0.02, 0.0202):
        network = alone(GIF, 0.005, tau_synapse)
        name = f"{1000 * tau_synapse:g} ms"
        found["ours"][name] = _settled_rate(simulate(network, 3.0, DT, _SEED, drive=DRIVE).counts[0, 0])
        run = nest_runner.run_populations(network, DRIVE, [3.0], DT, _SEED)
        found["nest"][name] = _settled_rate(run["expected"][0])
    return found


def parameter_in_mid_run():
    """Expected activity (Hz) in the ms before and after the input is set to the value that it has."""
    network = alone(GIF)
    first = simulate(network, 0.5, DT, _SEED, drive=DRIVE)
    second = simulate(network, 0.1, DT, drive=DRIVE, state=first.state)
    whole = simulate(network, 0.6, DT, _SEED, drive=DRIVE)
    pieces = np.concatenate([first.expected[0, 0], second.expected[0, 0]])
    peer = nest_runner.run_populations(network, DRIVE, [0.5, 0.1], DT, _SEED)["expected"][0]
    at, ms = round(0.5 / DT), round(1e-3 / DT)
    found = {
        who: {"before": _rate(trace[at - ms : at]), "after": _rate(trace[at : at + ms])}
        for who, trace in (("ours", pieces), ("nest", peer))
    }
    found["ours"]["same as without the interruption"] = bool(np.array_equal(pieces, whole.expected[0, 0]))
    return found


def no_adaptation():
    """A neuron whose list of adaptation times is empty."""
    ours = _settled_rate(simulate(alone(GIF), 3.0, DT, _SEED, drive=DRIVE).counts[0, 0])
    try:
        run = nest_runner.run_populations(alone(GIF), DRIVE, [3.0], DT, _SEED, tau_sfa=[], q_sfa=[])
        nest = _settled_rate(run["counts"][0])
    except BenchError as error:
        nest = str(error)
    return {"ours": ours, "nest": nest}


def short_history():
    """A history of 1 ms with a refractory period of 4 ms, which allows at most 250 Hz."""
    try:
        network = alone(replace(GIF, history=1e-3))
        ours = _settled_rate(simulate(network, 3.0, DT, _SEED, drive=DRIVE).counts[0, 0])
    except InvalidInputError as error:
        ours = str(error)
    run = nest_runner.run_populations(alone(GIF), DRIVE, [3.0], DT, _SEED, len_kernel=round(1e-3 / DT))
    stationary = float(network_rates(alone(GIF), DRIVE, DT)[0])
    return {"ours": ours, "nest": _settled_rate(run["counts"][0]), "of the equations": round(stationary, 3)}


CASES = {
    "rate (Hz) with a synapse as slow as the membrane, 20 ms, and beside it": equal_time_constants,
    "expected rate (Hz) in the ms before and after a parameter is set to the value that it has": parameter_in_mid_run,
    "rate (Hz) without adaptation, given as empty lists": no_adaptation,
    "rate (Hz) with a history of 1 ms, shorter than the refractory period of 4 ms": short_history,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=10.0, help="biological seconds of a run")
    parser.add_argument("--rounds", type=int, default=3, help="alternating rounds, each with another seed")
    parser.add_argument("--discard", type=float, default=1.0, help="biological seconds left out of the rates")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to FILE")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or not arguments.duration - arguments.discard > BATCHES * 1e-3:
        parser.error(f"at least one round, and more than {BATCHES * 1e-3:g} s after --discard")
    where = surroundings()
    print(f"{where['processor']}, {where['cores']} cores, load {where['load'][0]:.1f}; dt = {DT * 1000:g} ms")
    network = network_of(column())
    drive = np.zeros(len(network.names))
    first, warm = (timed(lambda: simulate(network, DT, DT, 1, drive=drive))[1] for _ in range(2))
    print(f"column, {arguments.duration:g} s; compiling {first - warm:.1f} s, the start {warm:.2f} s (processor)")
    try:
        rounds = [
            one_round(network, arguments.duration, arguments.discard, seed + 1) for seed in range(arguments.rounds)
        ]
        text, numbers = column_table(network, rounds)
        print(f"median (range) of {arguments.rounds} alternating rounds\n{text}\n", flush=True)
        cases = {}
        for title, case in CASES.items():
            cases[title] = case()
            print(title)
            for who, value in cases[title].items():
                print(f"  {who:18}{value}", flush=True)
    except BenchError as error:
        raise SystemExit(f"NEST: {error}") from None
    if arguments.json:
        record = {"surroundings": where, "compiling": first - warm, "rounds": rounds, "cases": cases} | numbers
        arguments.json.write_text(json.dumps(record | {"load_at_end": os.getloadavg()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
