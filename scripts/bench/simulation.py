"""Simulation speed: plain Brian2 standalone, this package's device, NEST and a hand-written kernel, in one run.

All competitors take turns, round by round; medians and ranges are given, of the simulation loop alone and of the
whole program (connectivity, input and output included). The loop is processor time, as Brian2 itself takes it (for
NEST on two threads wall time); the whole is wall time: look at the load that is printed. The rates stand beside the
times, because only programs that simulate the same network can be compared. Seeds are drawn anew for every run.

    python scripts/bench/simulation.py [--circuits delta bistable scaling ...] [--devices plain ours ...]
        [--rounds 5] [--duration 2] [--n 4000] [--sizes N ...] [--json FILE] [--figure FILE] [--folder DIR] [--quick]
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
from pathlib import Path

import command
import kernel_runner
import report
from circuits import DESCRIPTIONS
from competitors import SCALING_SIZES, TITLES, cases, prepare, run_once
from measuring import BenchError, summary, surroundings

DT = 1e-4


def arguments():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*DESCRIPTIONS, "scaling", "command"]
    parser.add_argument("--circuits", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--devices", nargs="+", choices=list(TITLES), default=list(TITLES), metavar="WHO")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", type=float, default=2.0, help="biological seconds (fewer for large networks)")
    parser.add_argument("--n", type=int, default=4000, help="neurons")
    parser.add_argument("--sizes", type=int, nargs="+", default=SCALING_SIZES, metavar="N", help="of 'scaling'")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single measurement to FILE")
    parser.add_argument("--figure", type=Path, metavar="FILE")
    parser.add_argument("--folder", type=Path, help="keep the builds here and use those that are there")
    parser.add_argument("--quick", action="store_true", help="two circuits, one round of 0.5 s")
    options = parser.parse_args()
    if options.quick:
        options.circuits, options.rounds, options.duration = ["delta", "supersaturating"], 1, 0.5
        options.devices = [who for who in options.devices if not who.startswith("nest")]
    return options


def measure(options, folder):
    """Every case with its measurements, printed as they come."""
    kernel = functools.cache(lambda: kernel_runner.compile_kernel(folder))
    done = cases([name for name in options.circuits if name != "command"], options.n, options.duration, options.sizes)
    for case in done:
        prepare(case, options.devices, folder, DT)
        for _ in range(options.rounds):
            for who in options.devices:
                run_once(case, who, kernel, DT)
        print(report.case_table(case, options.devices) + "\n", flush=True)
    return done


def measure_command(rounds):
    """The whole command of the Fig 2A ramp; None when it fails."""
    try:
        whole = command.ramp(min(3, rounds))
    except BenchError as error:
        print(f"ssnbrian run supersaturating: {error}\n")
        return None
    print(
        f"ssnbrian run supersaturating --ramp 0:50 --duration 50 --dt 0.2: {summary(whole['cached'])} s in a fresh "
        f"process, of which loop {whole['loop']:.3g} s; the first time, with the build, {whole['first']:.3g} s\n"
    )
    return whole


def main():
    options = arguments()
    where = surroundings()
    print(f"{where['processor']}, {where['cores']} cores, load {where['load'][0]:.1f}; dt = {DT * 1000:g} ms")
    print(", ".join(f"{name} {number}" for name, number in where["versions"].items()))
    print(f"median (range) of {options.rounds} alternating rounds\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        done = measure(options, folder.resolve())
    whole = measure_command(options.rounds) if "command" in options.circuits else None
    found = report.costs(done, options.devices, DT)
    if found:
        print(report.cost_table(found))
    if options.json:
        record = {
            "surroundings": where,
            "dt": DT,
            "cases": [
                {
                    "label": case.label,
                    "name": case.name,
                    "n": case.n,
                    "p": case.p,
                    "duration": case.duration,
                    "builds": {who: {**built, "specification": None} for who, built in case.builds.items()},
                    "failures": case.failures,
                    "runs": case.runs,
                }
                for case in done
            ],
            "costs_ns": {f"{name} {who}": values for (name, who), values in found.items()},
            "command": whole,
            "load_at_end": surroundings()["load"],
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    if options.figure and done:
        report.figure(done, options.devices, options.figure)


if __name__ == "__main__":
    main()
