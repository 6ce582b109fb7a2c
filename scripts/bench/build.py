"""Build times of a two-population circuit: stock Brian2 standalone, this package's device, and ``ssnbrian`` itself.

Cold: nothing is there. Warm: the same network again in a new folder; the devices keep nothing between folders. Cached:
``ssnbrian`` finds the finished program.

    python scripts/bench/build.py [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import brian_runner
from competitors import TITLES
from measuring import BenchError, environment, run_program, summary, surroundings

CIRCUIT = "supersaturating"
# One line of Python in a fresh process; the second circuit differs in structure (one population size).
ENGINE = """
import json, sys
from dataclasses import replace
from ssnbrian import simulate
from ssnbrian.models.papers import ekelmans2023
circuit = ekelmans2023.supersaturating()
first, second = circuit.populations
if sys.argv[1] == "other":
    circuit = replace(circuit, populations=(replace(first, size=first.size + 1), second))
recording = simulate(circuit, duration=0.1)
print(json.dumps({**recording.metadata["build"], "wall": recording.metadata["wall_seconds"]}))
"""


def device_builds(who):
    """Seconds of a cold and of a warm build with a device in fresh folders, code generation included."""
    seconds = {}
    with tempfile.TemporaryDirectory() as root:
        environment_of_cache = {"SSNBRIAN_CACHE": str(Path(root, "cache"))}
        for kind in ("cold", "warm"):
            folder = Path(root, kind)
            folder.mkdir()
            built = brian_runner.build(who, folder, CIRCUIT, 4000, None, 0.1, variables=environment_of_cache)
            seconds[kind] = built["build_seconds"]
    return seconds


def engine_builds():
    """Seconds of ``simulate`` on a fresh cache: first build, another structure, the first again (cached)."""
    seconds = {}
    with tempfile.TemporaryDirectory() as cache:
        surrounding = environment() | {"SSNBRIAN_CACHE": cache}
        for kind, circuit in (("cold", "same"), ("other circuit", "other"), ("cached", "same")):
            started = time.perf_counter()
            _, _, said = run_program([sys.executable, "-c", ENGINE, circuit], env=surrounding)
            process = time.perf_counter() - started
            result = json.loads(said.splitlines()[-1])
            seconds[kind] = result["wall"]
            seconds[f"{kind}, whole process"] = process
            if result["cached"] != (kind == "cached"):
                found = "did not come" if kind == "cached" else "came"
                raise BenchError(f"{kind}: the program {found} from the cache; were the sources changed meanwhile?")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    kinds = {TITLES["plain"]: lambda: device_builds("plain"), TITLES["ours"]: lambda: device_builds("ours")}
    kinds["ssnbrian simulate"] = engine_builds
    found, failures = {name: {} for name in kinds}, {}
    for _ in range(options.rounds):
        for name, measure in kinds.items():
            if name in failures:
                continue
            try:
                for kind, seconds in measure().items():
                    found[name].setdefault(kind, []).append(seconds)
            except BenchError as error:
                failures[name] = str(error)
    where = surroundings()
    print(f"build of {CIRCUIT}, seconds, median (range) of {options.rounds} rounds; {where['processor']}")
    for name, kinds_of in found.items():
        if name in failures:
            print(f"  {name:22}{failures[name]}")
        for kind, values in kinds_of.items():
            print(f"  {name:22}{kind:44}{summary(values)}")
    if options.json:
        record = {"surroundings": where, "seconds": found, "failures": failures}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
