"""Which synapses there are and when their spikes arrive: ``subsets.h``, ``rows.h`` and ``pathway.h`` by themselves.

``rows_harness.cpp`` compares rows of targets and delayed spikes with plain references, exactly. ``subsets_harness.cpp``
counts what was drawn, and the counts are judged here. Both are compiled for this machine and without its vector
instructions. Every seed is fixed. Limits of the statistical tests: p in [1e-4, 1 - 1e-4] for each chi-square (counts
that are too even are not random either), 5 standard errors for each mean and variance, and Holm's correction at 1 %
for all of them together.
"""

import itertools
import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

HERE = Path(__file__).resolve().parent
HEADERS = HERE.parents[1] / "ssnbrian" / "device"
WARNINGS = ("-std=c++11", "-Wall", "-Wextra", "-Werror")
FLAG_SETS = {"native": ("-O2", "-march=native"), "portable": ("-O2", "-DSSNBRIAN_PORTABLE")}
ACCEPTED_P = 1e-4
TOLERANCE_IN_SE = 5
#: Names in rows_harness.cpp, and the least number of comparisons each must make.
PARTS = {
    "graphs": 5000,
    "one run": 1500,
    "one run, additive": 1500,
    "three runs": 5000,
    "three runs, additive": 5000,
    "changing step": 5000,
    "changing step, additive": 5000,
    "many spikes": 500,
    "many synapses of a target": 36,
    "many synapses of a target, changing": 36,
    "many synapses of a target, all at once": 36,
}


def compiled(name, flags, folder):
    program = folder / name
    command = ["g++", *WARNINGS, *flags, f"-I{HEADERS}", str(HERE / f"{name}.cpp"), "-o", str(program)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return program


@pytest.fixture(scope="module", params=FLAG_SETS)
def rows_harness(request, tmp_path_factory):
    return compiled("rows_harness", FLAG_SETS[request.param], tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("part", PARTS)
def test_rows_and_pathways_equal_their_references(rows_harness, part, tmp_path):
    """Seed 1: every pair, count, file and delivered spike."""
    done = subprocess.run([str(rows_harness), part, "1", str(tmp_path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) >= PARTS[part]


@pytest.fixture(scope="module", params=FLAG_SETS)
def subsets(request, tmp_path_factory):
    """The counts of every case, by kind. Whether each draw is ascending and in range is tested by the harness."""
    program = compiled("subsets_harness", FLAG_SETS[request.param], tmp_path_factory.mktemp(request.param))
    done = subprocess.run([str(program)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    return {kind: [case for case in cases if case["kind"] == kind] for kind in {case["kind"] for case in cases}}


def both_ends(p):
    return 2 * min(p, 1 - p)


def two_sided(z):
    return 2 * stats.norm.sf(abs(z))


def holm(p_values):
    """The smallest p after Holm's correction."""
    return min(p * (len(p_values) - rank) for rank, p in enumerate(sorted(p_values)))


def number_chi_square(case):
    """All numbers equally often; with a fixed size their counts are correlated, which takes one degree of freedom."""
    total, draws = case["total"], case["draws"]
    fixed = case["kind"] != "bernoulli"
    p = case["parameter"] / total if fixed else case["parameter"]
    square = np.sum((np.array(case["single"]) - draws * p) ** 2) / (draws * p * (1 - p))
    return stats.chi2.sf(square * (total - 1) / total, total - 1) if fixed else stats.chi2.sf(square, total)


def subset_chi_square(case):
    """Every subset as often as its probability says."""
    total, draws, parameter = case["total"], case["draws"], case["parameter"]
    sizes = np.array([bits.bit_count() for bits in range(2**total)])
    if case["kind"] == "fixed":
        expected = np.where(sizes == parameter, draws / math.comb(total, round(parameter)), 0.0)
    else:
        expected = draws * parameter**sizes * (1 - parameter) ** (total - sizes)
    observed = np.array(case["subsets"])
    assert observed[expected == 0].sum() == 0
    rare = (expected > 0) & (expected < 5)
    cells = [*zip(observed[expected >= 5], expected[expected >= 5], strict=True)]
    if rare.any():
        cells.append((observed[rare].sum(), expected[rare].sum()))
    observed, expected = np.array(cells).T
    return stats.chi2.sf(np.sum((observed - expected) ** 2 / expected), len(cells) - 1)


def pair_chi_square(case):
    """Every pair of two chosen (or left out) numbers equally often."""
    total = case["total"]
    counts = np.array(case["pairs"]).reshape(total, total)[np.triu_indices(total, 1)]
    assert counts.sum() == case["draws"]
    return stats.chisquare(counts).pvalue


def size_deviations(case):
    """Mean and variance of the number of numbers, in standard errors from those of the binomial distribution."""
    total, draws, p = case["total"], case["draws"], case["parameter"]
    counts, sizes = np.array(case["sizes"]), np.arange(total + 1)
    mean = counts @ sizes / draws
    variance = counts @ (sizes - mean) ** 2 / (draws - 1)
    true = total * p * (1 - p)
    fourth = true * (1 + 3 * (total - 2) * p * (1 - p))
    spread = math.sqrt((fourth - true**2 * (draws - 3) / (draws - 1)) / draws)
    return (mean - total * p) / math.sqrt(true / draws), (variance - true) / spread


def neighbour_deviation(case):
    """How often a number comes together with the next one, in standard errors.

    The indicators of neighbouring pairs are correlated: E[x_k x_k+1² x_k+2] = p³ for independent numbers.
    """
    n, draws, p = case["total"] - 1, case["draws"], case["parameter"]
    variance = n * (p**2 - p**4) + 2 * (n - 1) * (p**3 - p**4)
    return (sum(case["neighbours"]) - draws * n * p**2) / math.sqrt(draws * variance)


def chi_squares(subsets):
    """The p-values of all chi-squares, by case."""
    result = {}
    for case in itertools.chain(subsets["fixed"], subsets["pairs"], subsets["bernoulli"]):
        name = case["kind"], case["total"], case["parameter"]
        result[*name, "numbers"] = number_chi_square(case)
        if case["subsets"]:
            result[*name, "subsets"] = subset_chi_square(case)
        if case["kind"] == "pairs":
            result[*name, "pairs"] = pair_chi_square(case)
    return result


def deviations(subsets):
    """Deviations in standard errors, by case."""
    result = {}
    for case in subsets["bernoulli"]:
        name = case["total"], case["parameter"]
        result[*name, "mean"], result[*name, "variance"] = size_deviations(case)
        result[*name, "neighbours"] = neighbour_deviation(case)
    return result


def test_sizes_at_the_ends(subsets):
    """Nothing of nothing, one, all but one, all; probabilities 0 and 1."""
    assert len(subsets["edges"]) == 39
    for case in subsets["edges"]:
        sizes = np.zeros(case["total"] + 1)
        sizes[round(case["parameter"])] = case["draws"]
        assert case["sizes"] == sizes.tolist(), case
    assert len(subsets["certain"]) == 8
    for case in subsets["certain"]:
        assert case["single"] == [case["draws"] * case["parameter"]] * case["total"], case


def test_everything_is_equally_likely(subsets):
    """Numbers, pairs and subsets, of fixed sizes and with probabilities 1e-3, 0.1, 0.25 and 0.6."""
    p = chi_squares(subsets)
    assert len(p) == 33
    assert {name: value for name, value in p.items() if not ACCEPTED_P < value < 1 - ACCEPTED_P} == {}


def test_sizes_are_binomial(subsets):
    """Mean and variance for each probability, and neighbours that come independently."""
    z = deviations(subsets)
    assert len(z) == 24
    assert {name: value for name, value in z.items() if not abs(value) < TOLERANCE_IN_SE} == {}


def test_all_statistics_together(subsets):
    p = [both_ends(value) for value in chi_squares(subsets).values()]
    p += [two_sided(value) for value in deviations(subsets).values()]
    assert holm(p) > 0.01
