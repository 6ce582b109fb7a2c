"""Time per random number: ``random_numbers.h`` against the generator that Brian2 puts into its binaries.

Brian2's class (std::mt19937 and Marsaglia's polar method) is cut out of its own template, so that what is timed is
what the installed version compiles. Both generators stand in one program and take turns, the flag sets take turns
as well, and median and range are given: on a shared machine a lone figure says little.

Normals are taken one by one, copied to 4000 doubles, and in place (``normal_run``); uniforms in place as floats and
copied as doubles. "Step" is the whole time per neuron of ``v[i] = a * v[i] + c + s * z[i]`` over 3200 doubles,
normals included: in place, from an array of floats and from one of doubles that are filled before.

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

from ssnbrian.device import INCLUDE_DIR

FLAG_SETS = {
    "Brian2's (native)": ["-O3", "-ffast-math", "-fno-finite-math-only", "-march=native"],
    "native, no AVX-512": ["-O3", "-ffast-math", "-fno-finite-math-only", "-march=native", "-mno-avx512f"],
    "-O2 -msse2": ["-O2", "-msse2"],
}
COLUMNS = {
    "ours": "one by one",
    "ours_bulk": "in bulk",
    "ours_run": "in place",
    "brian": "Brian2",
    "uniform_run": "float uniform",
    "uniform_bulk": "double uniform",
    "step_run": "step, in place",
    "step_floats": "step, floats",
    "step_doubles": "step, doubles",
}
# The sum of what was drawn is printed: otherwise the compiler may leave the draws out.
PROGRAM = """
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include "random_numbers.h"
%BRIAN%
static RandomGenerator brian_generator;
// Median over slices much shorter than what a scheduler gives to a process at a time.
template <class Draw> static __attribute__((noinline)) double nanoseconds(long n, double& sum, Draw draw) {
    const int slices = 41;
    const long share = n / slices + 1;
    double times[slices];
    for (double& time : times) {
        double drawn = 0;
        const auto start = std::chrono::steady_clock::now();
        for (long i = 0; i < share; i++) drawn += draw();
        time = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / share;
        sum += drawn;
    }
    std::nth_element(times, times + slices / 2, times + slices);
    return times[slices / 2];
}
static const long neurons = 3200;
static double v[neurons];
template <class Number> static __attribute__((noinline)) void step(const Number* __restrict z, long from, long n) {
    for (long i = 0; i < n; i++) v[from + i] = 0.99 * v[from + i] + 0.001 + 0.1 * z[i];
}
int main(int, char** arguments) {
    const long n = std::atol(arguments[1]), chunk = 4000, steps = n / neurons;
    static double buffer[chunk];
    static float floats[chunk];
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
    const double run = nanoseconds(n / generator.size, sum, [&] {
        std::size_t count = generator.size;
        return double(*generator.normal_run(count));
    }) / generator.size;
    generator.seed(1);
    const double uniform_run = nanoseconds(n / generator.size, sum, [&] {
        std::size_t count = generator.size;
        return double(*generator.float_uniform_run(count));
    }) / generator.size;
    const double uniform_bulk = nanoseconds(n / chunk, sum, [&] {
        generator.uniforms(buffer, chunk);
        return buffer[17];
    }) / chunk;
    const double step_run = nanoseconds(steps, sum, [&] {
        for (std::size_t i = 0, count; i < neurons; i += count) {
            const float* z = generator.normal_run(count = neurons - i);
            step(z, i, count);
        }
        return v[17];
    }) / neurons;
    const double step_floats = nanoseconds(steps, sum, [&] {
        generator.normals(floats, neurons);
        step(floats, 0, neurons);
        return v[17];
    }) / neurons;
    const double step_doubles = nanoseconds(steps, sum, [&] {
        generator.normals(buffer, neurons);
        step(buffer, 0, neurons);
        return v[17];
    }) / neurons;
    const double all[] = {ours, bulk, run, brian, uniform_run, uniform_bulk, step_run, step_floats, step_doubles};
    for (double time : all) std::printf("%.17g ", time);
    std::printf("%g\\n", sum);
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
    """Nanoseconds per number, round by round: ``{flag set: {column: [...]}}``."""
    times = {name: {column: [] for column in COLUMNS} for name in FLAG_SETS}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "bench.cpp")
        source.write_text(PROGRAM.replace("%BRIAN%", brian_generator()))
        programs = {}
        for number, (name, flags) in enumerate(FLAG_SETS.items()):
            programs[name] = str(Path(folder, f"bench{number}"))
            compiler = [os.environ.get("CXX", "g++"), "-std=c++11", *flags, f"-I{INCLUDE_DIR}"]
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
    parser.add_argument("--draws", type=int, default=20_000_000, help="numbers per column and round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times to FILE")
    options = parser.parse_args()
    times = measure(options.rounds, options.draws)

    print(f"ns per number or neuron, median (range) of {options.rounds} rounds of {options.draws:.1e} draws")
    print(f"{'':16}" + "".join(f"{name:>22}" for name in times))
    for column, title in COLUMNS.items():
        cells = (f"{median(v):.2f} ({min(v):.2f}-{max(v):.2f})" for v in (times[name][column] for name in times))
        print(f"{title:16}" + "".join(f"{cell:>22}" for cell in cells))
    for column in ("ours", "ours_run"):
        ratios = (median(b / o for b, o in zip(t["brian"], t[column], strict=True)) for t in times.values())
        print(f"{'Brian2 / ' + COLUMNS[column]:20}" + "".join(f"{ratio:>18.1f}    " for ratio in ratios))
    if options.json:
        record = {"unit": "ns per number or neuron", "draws": options.draws, "times": times}
        record["brian2"] = brian2.__version__
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
