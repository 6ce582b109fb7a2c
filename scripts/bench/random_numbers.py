"""Time per standard normal: ``random_numbers.h`` against the generator that Brian2 puts into its binaries.

Brian2's class (std::mt19937 and Marsaglia's polar method) is cut out of its own template, so that what is timed is
what the installed version compiles. Both generators stand in one program and take turns, the flag sets take turns
as well, and median and range are given: on a shared machine a lone figure says little.

    python scripts/bench/random_numbers.py [--rounds 7] [--draws 20000000] [--json FILE]
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from statistics import median

import brian2

from ssnbrian.device import random_numbers

FLAG_SETS = {
    "Brian2's (native)": ["-O3", "-ffast-math", "-fno-finite-math-only", "-march=native"],
    "native, no AVX-512": ["-O3", "-ffast-math", "-fno-finite-math-only", "-march=native", "-mno-avx512f"],
    "-O2 -msse2": ["-O2", "-msse2"],
}
COLUMNS = {"ours": "ours, one by one", "ours_bulk": "ours, in bulk", "brian": "Brian2"}
# The sum of what was drawn is printed: otherwise the compiler may leave the draws out.
PROGRAM = """
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include "random_numbers.h"
%BRIAN%
static RandomGenerator brian_generator;
template <class Draw> static double nanoseconds(long n, double& sum, Draw draw) {
    const auto start = std::chrono::steady_clock::now();
    for (long i = 0; i < n; i++) sum += draw();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / n;
}
int main(int, char** arguments) {
    const long n = std::atol(arguments[1]), chunk = 4000;
    static double buffer[chunk];
    ssnbrian::RandomBlock& generator = ssnbrian::generator();
    generator.seed(1);
    brian_generator.seed(1);
    double sum = 0;
    const double ours = nanoseconds(n, sum, [&] { return generator.normal(); });
    const double brian = nanoseconds(n, sum, [&] { return brian_generator.randn(); });
    const double bulk = nanoseconds(n / chunk, sum, [&] {
        generator.normals(buffer, chunk);
        return buffer[17];
    }) / chunk;
    std::printf("%.17g %.17g %.17g %g\\n", ours, bulk, brian, sum);
}
"""


def brian_generator():
    """Source of Brian2's class of random numbers, from its template."""
    template = Path(brian2.__file__).parent / "devices" / "cpp_standalone" / "templates" / "objects.cpp"
    found = re.search(r"^class RandomGenerator \{.*?^\};", template.read_text(), re.DOTALL | re.MULTILINE)
    if found is None:
        raise SystemExit(f"Brian2 {brian2.__version__} has no class RandomGenerator in its template objects.cpp")
    return "using std::sqrt;\nusing std::log;\n" + found.group()


def measure(rounds, draws):
    """Nanoseconds per normal, round by round: ``{flag set: {generator: [...]}}``."""
    times = {name: {column: [] for column in COLUMNS} for name in FLAG_SETS}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "bench.cpp")
        source.write_text(PROGRAM.replace("%BRIAN%", brian_generator()))
        programs = {}
        for number, (name, flags) in enumerate(FLAG_SETS.items()):
            programs[name] = str(Path(folder, f"bench{number}"))
            compiler = [os.environ.get("CXX", "g++"), "-std=c++11", *flags, f"-I{random_numbers.INCLUDE_DIR}"]
            subprocess.run([*compiler, str(source), "-o", programs[name]], check=True)
        for _ in range(rounds):
            for name, program in programs.items():
                output = subprocess.run([program, str(draws)], capture_output=True, text=True, check=True).stdout
                for column, value in zip(COLUMNS, output.split(), strict=False):
                    times[name][column].append(float(value))
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--draws", type=int, default=20_000_000, help="normals per generator and round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times to FILE")
    options = parser.parse_args()
    times = measure(options.rounds, options.draws)

    print(f"ns per normal, median (range) of {options.rounds} rounds of {options.draws:.1e} draws")
    print(f"{'flags':20}" + "".join(f"{title:>24}" for title in COLUMNS.values()) + f"{'Brian2 / ours':>16}")
    for name, columns in times.items():
        cells = (f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})" for values in columns.values())
        ratio = median(b / o for b, o in zip(columns["brian"], columns["ours"], strict=True))
        print(f"{name:20}" + "".join(f"{cell:>24}" for cell in cells) + f"{ratio:>16.1f}")
    if options.json:
        record = {"unit": "ns per normal", "draws": options.draws, "brian2": brian2.__version__, "times": times}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
