"""Classical tests of the 32-bit words of ``random_numbers.h``, and dieharder's where that program is installed.

The words come from the header itself, in the order in which blocks use them (all lanes) and lane by lane. Each is
judged as it is and with its bits reversed, because a weakness often sits in the low bits. The seeds are fixed. The
script fails if any p value is below the level after Holm's correction over all of them.

    python scripts/random_number_battery.py [--level 0.01] [--seed 1] [--dieharder]

Takes two minutes; with ``--dieharder`` about half an hour more.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from math import factorial, prod
from pathlib import Path

import numpy as np
from scipy import stats

from ssnbrian.device import INCLUDE_DIR

# Those that the manual calls good, less the ones that repeat others of the list.
DIEHARDER_TESTS = [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 15, 16, 17, 100, 101, 102, 205, 206, 207, 208, 209]


def reversed_bits(words):
    for shift, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF), (16, 0x0000FFFF)):
        mask, shift = np.uint32(mask), np.uint32(shift)
        words = (words >> shift & mask) | (words & mask) << shift
    return words


def poisson_p(count, mean):
    """Two-sided probability of a count as far out as this one."""
    return min(1.0, 2 * min(stats.poisson.cdf(count, mean), stats.poisson.sf(count - 1, mean)))


def chi_square_p(counts, probabilities):
    counts = np.asarray(counts, dtype=float)
    expected = counts.sum() * np.asarray(probabilities)
    return stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), len(counts) - 1)


def bits(take):
    """Each of the 32 bits is set half of the time."""
    words = take(2**21)
    ones = np.array([int((words >> np.uint32(bit) & np.uint32(1)).sum()) for bit in range(32)])
    return stats.chi2.sf(((ones - len(words) / 2) ** 2 / (len(words) / 4)).sum(), 32)


def birthday_spacings(take):
    """4096 birthdays in a year of 2^32 days: the number of equal spacings is Poisson with mean 4."""
    repeats = 1000
    days = np.sort(take(4096 * repeats).reshape(repeats, 4096), axis=1)
    spacings = np.sort(np.diff(days, axis=1), axis=1)
    return poisson_p(int((np.diff(spacings, axis=1) == 0).sum()), 4.0 * repeats)


def collisions(take):
    """2^20 words in 2^32 cells: the number of collisions is nearly Poisson with mean 128."""
    repeats, n, k = 16, 2**20, 2.0**32
    collided = sum(n - len(np.unique(take(n))) for _ in range(repeats))
    return poisson_p(collided, repeats * (n - k * -np.expm1(n * np.log1p(-1 / k))))


def binary_ranks(take):
    """Rank of random 32 x 32 matrices over GF(2)."""
    matrices = take(32 * 40000).reshape(-1, 32).copy()
    rank = np.zeros(len(matrices), dtype=int)
    every = np.arange(len(matrices))
    for bit in range(32):
        column = (matrices >> np.uint32(bit) & np.uint32(1)).astype(bool)
        pivot = column.argmax(axis=1)
        found = column.any(axis=1)
        row = np.where(found, matrices[every, pivot], np.uint32(0))
        matrices ^= np.where(column, row[:, None], np.uint32(0))
        rank += found
    full = prod(1 - 2.0**-k for k in range(1, 33))
    one_short = 2 * full * (1 - 2.0**-32)
    counts = [(rank == 32).sum(), (rank == 31).sum(), (rank < 31).sum()]
    return chi_square_p(counts, [full, one_short, 1 - full - one_short])


def gaps(take):
    """Distances between words below 2^28: geometric with 1/16."""
    hits = np.flatnonzero(take(2**23) < np.uint32(2**28))
    longest, p = 100, 1 / 16
    counts = np.bincount(np.minimum(np.diff(hits) - 1, longest), minlength=longest + 1)
    probabilities = [p * (1 - p) ** k for k in range(longest)]
    return chi_square_p(counts, [*probabilities, (1 - p) ** longest])


def runs(take):
    """Lengths of ascending runs in 8 fresh words: at least k with probability 1 / k!."""
    words = take(8 * 2**20).reshape(-1, 8)
    rises = words[:, 1:] > words[:, :-1]
    length = 1 + np.cumprod(rises, axis=1).sum(axis=1)
    counts = np.bincount(np.minimum(length, 7), minlength=8)[1:]
    return chi_square_p(counts, [1 / factorial(k) - 1 / factorial(k + 1) for k in range(1, 7)] + [1 / factorial(7)])


def lane_correlation(take):
    """Hamming weights of a word and of the one 1, 2, 15, 16, 17 and 32 places on."""
    words = take(2**21)
    weight = np.unpackbits(words.view(np.uint8)).reshape(-1, 32).sum(axis=1) - 16.0
    lags = (1, 2, 15, 16, 17, 32)
    z = [(weight[:-lag] * weight[lag:]).sum() / (8 * (len(weight) - lag) ** 0.5) for lag in lags]
    return stats.chi2.sf(np.square(z).sum(), len(lags))


TESTS = [bits, birthday_spacings, collisions, binary_ranks, gaps, runs, lane_correlation]


def own_tests(program, seed):
    for lane in (None, 0, 5, 15):
        arguments = [program, str(seed)] + ([] if lane is None else [str(lane)])
        stream = subprocess.Popen(arguments, stdout=subprocess.PIPE)

        def take(count, stream=stream):
            return np.frombuffer(stream.stdout.read(4 * count), dtype=np.uint32)

        for test in TESTS:
            for order, change in (("", lambda words: words), (", bits reversed", reversed_bits)):
                name = f"{test.__name__}, {'all lanes' if lane is None else f'lane {lane}'}{order}"
                yield name, test(lambda count, change=change: change(take(count)))
        stream.stdout.close()
        stream.wait()


def dieharder(program, seed):
    for number in DIEHARDER_TESTS:
        words = subprocess.Popen([program, str(seed + number)], stdout=subprocess.PIPE)
        command = ["dieharder", "-g", "200", "-d", str(number), "-D", "test_name", "-D", "ntuple", "-D", "pvalues"]
        output = subprocess.run(command, stdin=words.stdout, capture_output=True, text=True, check=True).stdout
        words.stdout.close()
        words.wait()
        for name, ntuple, p in re.findall(r"^\s*(\w+)\s*\|\s*(\d+)\s*\|\s*([\d.]+)", output, re.MULTILINE):
            # Eight digits are printed: a p of zero is one below that. Both ends count.
            p = float(p)
            yield f"dieharder {name} {ntuple}", max(1e-9, 2 * min(p, 1 - p))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--level", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dieharder", action="store_true", help="run dieharder's tests too")
    options = parser.parse_args()
    if options.dieharder and not shutil.which("dieharder"):
        raise SystemExit("dieharder is not installed")

    results = []
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder, "words"))
        source = str(Path(__file__).with_suffix(".cpp"))
        compiler = [os.environ.get("CXX", "g++"), "-std=c++11", "-O3", f"-I{INCLUDE_DIR}"]
        subprocess.run([*compiler, source, "-o", program], check=True)
        tests = [own_tests(program, options.seed)]
        if options.dieharder:
            tests.append(dieharder(program, options.seed))
        for test in tests:
            for name, p in test:
                results.append((p, name))
                print(f"p {p:.6f}  {name}", flush=True)

    results.sort()
    held = [p * (len(results) - rank) >= options.level for rank, (p, _) in enumerate(results)]
    uniformity = stats.kstest([p for p, _ in results], "uniform").pvalue
    print(f"{len(results)} p values, smallest {results[0][0]:.3g} ({results[0][1]}); uniform: p {uniformity:.3f}")
    print("no fault found" if all(held) else f"fault at level {options.level} after Holm's correction")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
