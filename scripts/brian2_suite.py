"""Brian2's own test suite for standalone devices, run on this package's device and on Brian2's.

    python scripts/brian2_suite.py --device ours  --out results/ours   [--files test_synapses.py …] [--processes 2]
    python scripts/brian2_suite.py --device stock --out results/stock
    python scripts/brian2_suite.py --compare results/stock results/ours

Every file of the suite is a shard: a child process of its own, which writes the outcome of each test. A shard whose
outcomes are complete is not run again, so an interrupted run is taken up where it stopped. The tests that name
Brian2's device themselves run on ours too, which stands in its place.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CHILD = """
import json, sys
import brian2
from brian2.devices.device import all_devices
device, shard, out = sys.argv[1:]
if device == "ours":
    import brian2.devices.cpp_standalone.device as stock
    import ssnbrian.device.device
    stock.cpp_standalone_device = all_devices["cpp_standalone"] = all_devices["ssnbrian_standalone"]
class Outcomes:
    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            reason = str(report.longrepr)[-3000:] if report.failed else ""
            with open(out, "a") as file:
                file.write(json.dumps([report.nodeid.split("::", 1)[1], report.outcome, reason]) + "\\n")
import brian2.tests
import pytest
arguments_of = brian2.tests.make_argv
brian2.tests.make_argv = lambda folders, *more, **options: arguments_of([shard], *more, **options)
run = pytest.main
pytest.main = lambda arguments, plugins: run(arguments, plugins=[*plugins, Outcomes()])
brian2.test(codegen_targets=[], test_codegen_independent=False, test_standalone="cpp_standalone", test_openmp=False,
            test_in_parallel=[], reset_preferences=True, fail_for_not_implemented=False,
            additional_args=["-p", "no:cacheprovider"])
with open(out, "a") as file:
    file.write('"complete"\\n')
"""


def shards():
    """The files of the installed suite."""
    import brian2

    return sorted((Path(brian2.__file__).parent / "tests").rglob("test_*.py"))


def outcomes(path):
    """``({test: (outcome, reason)}, complete)`` of a shard."""
    if not path.is_file():
        return {}, False
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:  # the last line of a killed run
            continue
    found = {}
    for line in lines:
        if isinstance(line, list) and found.get(line[0], ("", ""))[0] != "failed":
            found[line[0]] = (line[1], line[2])
    return found, "complete" in lines


def run_shard(device, shard, folder):
    """Run one file unless its outcomes are complete; returns them."""
    out = folder / f"{shard.stem}.jsonl"
    if not outcomes(out)[1]:
        out.unlink(missing_ok=True)
        root = str(Path(__file__).resolve().parent.parent)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
        with tempfile.TemporaryDirectory() as scratch, open(folder / f"{shard.stem}.log", "w") as log:
            environment["TMPDIR"] = scratch
            command = [sys.executable, "-c", CHILD, device, str(shard), str(out.resolve())]
            subprocess.run(command, cwd=scratch, env=environment, stdout=log, stderr=log, check=False)
    found, complete = outcomes(out)
    failed = [name for name, (outcome, _) in found.items() if outcome == "failed"]
    state = "" if complete else ", INCOMPLETE"
    print(f"{shard.stem}: {len(found)} tests, {len(failed)} failed{state}", *failed, sep="\n    ", flush=True)
    return found, complete


def compare(first, second):
    """Tests that pass in ``first`` and not in ``second``; returns how many."""
    worse = 0
    for path in sorted(first.glob("*.jsonl")):
        reference, mine = outcomes(path)[0], outcomes(second / path.name)[0]
        for name, (outcome, _) in reference.items():
            got, reason = mine.get(name, ("missing", ""))
            if outcome == "passed" and got != "passed":
                worse += 1
                print(f"{path.stem}::{name}: {got}\n{reason[-1500:]}")
    total = sum(len(outcomes(path)[0]) for path in first.glob("*.jsonl"))
    print(f"{total} tests on {first}, {worse} of them pass there and not on {second}")
    return worse


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("ours", "stock"), default="ours")
    parser.add_argument("--out", type=Path, default=Path("brian2_suite"))
    parser.add_argument("--files", nargs="*", help="only these files of the suite")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--compare", nargs=2, type=Path, metavar=("REFERENCE", "OTHER"))
    arguments = parser.parse_args()
    if arguments.compare:
        return 1 if compare(*arguments.compare) else 0
    arguments.out.mkdir(parents=True, exist_ok=True)
    wanted = [shard for shard in shards() if not arguments.files or shard.name in arguments.files]
    with ThreadPoolExecutor(arguments.processes) as pool:
        results = list(pool.map(lambda shard: run_shard(arguments.device, shard, arguments.out), wanted))
    failed = sum(outcome == "failed" for found, _ in results for outcome, _ in found.values())
    print(f"{sum(len(found) for found, _ in results)} tests, {failed} failed")
    return 1 if failed or not all(complete for _, complete in results) else 0


if __name__ == "__main__":
    sys.exit(main())
