"""The random numbers of ``random_numbers.h``: their bits, their statistics and their place in Brian2.

The bits are compared with a reference in plain Python, typed here from the publications. The statistics are sums
made by ``random_numbers_harness.cpp`` and judged here. Every seed is fixed, so that a statistical test gives the
same result each time; its limits are those that a good generator would exceed rarely with any seed:

* a mean or a count: 5 standard errors (two-sided probability 6e-7 each, about 120 such values in all; more for the
  smallest tail counts, see there);
* a chi-square: p in [1e-4, 1 - 1e-4]. Both ends count: a generator that fills the bins too evenly is not random;
* all of these together, for each set of flags: Holm's correction at 1 %.

Apart from sampling, the transform of words to normals is compared with mpmath at chosen words, and its moments are
summed over all words there are.

"""

import math
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import brian2
import numpy as np
import pytest
from brian2 import Network, NeuronGroup, ms, prefs, set_device
from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.devices import get_device, reset_device
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from mpmath import mp, mpf
from scipy import stats

from ssnbrian.device import INCLUDE_DIR
from ssnbrian.device.code_object import SsnbrianCodeObject
from ssnbrian.device.device import SsnbrianStandaloneDevice

HERE = Path(__file__).resolve().parent
BRIAN_FLAGS = ["-O3", "-ffast-math", "-fno-finite-math-only", "-march=native"]
#: Brian2's own flags with the widest vectors of the machine, the same without AVX-512, and strict plain x86-64.
FLAG_SETS = {
    "native": BRIAN_FLAGS,
    "no_avx512": [*BRIAN_FLAGS, "-mno-avx512f"],
    "sse2": ["-O2", "-msse2"],
}
#: Flag set, seed and how many numbers. The counts are multiples of the 65536 that the harness makes at once.
STATISTICS = [("native", 7, 1536 * 65536), ("no_avx512", 11, 320 * 65536)]
LEVELS = np.array([3, 4, 5, 5.5])
TOLERANCE_IN_SE = 5
ACCEPTED_P = (1e-4, 1 - 1e-4)
STREAM_SEED, STREAM_LENGTH = 12345, 5000
#: A seed whose first block of normals has a radius word at either end of the range (found by search), and where an
#: end begins.
ENDS_SEED, END = 9098, 2**16
#: Error bounds of the single-precision transform: of the radius relative, of cosine and sine absolute, and of a
#: normal relative to its radius.
RADIUS_ERROR, DIRECTION_ERROR, NORMAL_ERROR = 8e-7, 1.3e-6, 2.2e-6
MASK32, MASK64 = 2**32 - 1, 2**64 - 1


def reference_words(seed, draws, lanes=16):
    """Words of xoshiro128++ in `lanes` lanes, started by splitmix64, in the order draw by draw."""

    def splitmix64():
        nonlocal seed
        seed = (seed + 0x9E3779B97F4A7C15) & MASK64
        z = ((seed ^ seed >> 30) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK64
        return z ^ z >> 31

    def rotated(x, by):
        return ((x << by) | (x >> (32 - by))) & MASK32

    states = []
    for _ in range(lanes):
        first, second = splitmix64(), splitmix64()
        states.append([first & MASK32, first >> 32, second & MASK32, second >> 32])
    words = []
    for _ in range(draws):
        for s in states:
            words.append((rotated((s[0] + s[3]) & MASK32, 7) + s[0]) & MASK32)
            t = (s[1] << 9) & MASK32
            s[2] ^= s[0]
            s[3] ^= s[1]
            s[1] ^= s[2]
            s[0] ^= s[3]
            s[2] ^= t
            s[3] = rotated(s[3], 11)
    return np.array(words, dtype=np.uint64)


def open_uniform(high, low):
    bits = high << np.uint64(32) | low
    return ((bits >> np.uint64(12)).astype(float) * 2 + 1) * 2.0**-53


def reference_uniforms(seed, count):
    pairs = reference_words(seed, 128 * -(-count // 1024)).reshape(-1, 2, 16)
    return open_uniform(pairs[:, 0], pairs[:, 1]).ravel()[:count]


def reference_float_uniforms(seed, count):
    words = reference_words(seed, -(-count // 16))[:count]
    u = ((words >> np.uint64(1)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-31)
    return np.minimum(u, np.float32(1 - 2.0**-24)).astype(float)


def extended_radius(word, more):
    """Radius of a word at an end of the range, from it and one more word, to 30 digits."""
    with mp.workdps(30):
        return mp.sqrt(-2 * mp.log((mpf(int(word)) * 2**32 + int(more) + mpf("0.5")) / 2**64))


def reference_normals(seed, count, blocks_of_uniforms=0):
    """Normals and their radii, of a stream from which so many blocks of 1024 uniforms were taken before."""
    blocks, at = -(-count // 1024), 128 * blocks_of_uniforms
    draws = reference_words(seed, at + 80 * blocks).reshape(-1, 16)
    normals, radii = [], []
    for _ in range(blocks):
        words, turns = draws[at : at + 64].reshape(-1, 2, 16).swapaxes(0, 1).reshape(2, -1)
        at += 64
        u = (words >> np.uint64(1)).astype(np.float32).astype(float) * 2.0**-31
        at_end = (words < END) | (words >= 2**32 - END)
        radius = np.sqrt(-2 * np.log(np.where(at_end, 0.5, u)))
        for i in np.flatnonzero(at_end):
            radius[i] = extended_radius(words[i], draws[at, i % 16])
            at += 1
        angle = np.pi * (((turns >> np.uint64(8)) ^ np.uint64(2**23)).astype(float) - 2**23 + 0.5) / 2**24
        side = np.where(turns & np.uint64(1), -1, 1)
        normals += [radius * np.cos(angle) * side, radius * np.sin(angle)]
        radii += [radius, radius]
    return np.concatenate(normals)[:count], np.concatenate(radii)[:count]


def holm(p_values):
    """The smallest p after Holm's correction."""
    return min(p * (len(p_values) - rank) for rank, p in enumerate(sorted(p_values)))


def chi_square_p(counts):
    return stats.chisquare(counts).pvalue


def both_ends(p):
    """A chi-square can be too small as well."""
    return 2 * min(p, 1 - p)


def two_sided(z):
    return 2 * stats.norm.sf(np.abs(z))


@pytest.fixture(scope="module")
def harness(tmp_path_factory):
    """A function that runs the harness built with one of FLAG_SETS and returns its sums by name."""
    folder = tmp_path_factory.mktemp("random_numbers")
    # The first translation unit and this one must see the same generator.
    (folder / "elsewhere.cpp").write_text(
        '#include "random_numbers.h"\ndouble normal_from_elsewhere() { return ssnbrian::generator().normal(); }\n'
    )
    stats.norm.ppf(np.arange(1, 4096) / 4096).tofile(folder / "bounds")
    sources = [str(HERE / "random_numbers_harness.cpp"), str(folder / "elsewhere.cpp")]
    strict = ["-std=c++11", "-Wall", "-Wextra", "-Werror", f"-I{INCLUDE_DIR}"]
    compilers = [
        subprocess.Popen([os.environ.get("CXX", "g++"), *strict, *flags, *sources, "-o", str(folder / name)])
        for name, flags in FLAG_SETS.items()
    ]
    assert [compiler.wait() for compiler in compilers] == [0] * len(compilers)

    def run(flag_set, kind, seed=0, count=0):
        command = [str(folder / flag_set), kind, str(seed), str(count), str(folder / "bounds")]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        lines = (line.split() for line in output.splitlines())
        return {name: np.array(values, dtype=float) for name, *values in lines}

    return run


@pytest.fixture(scope="module", params=STATISTICS, ids=lambda case: case[0])
def normals(request, harness):
    flag_set, seed, n = request.param
    return SimpleNamespace(n=n, **harness(flag_set, "normals", seed, n))


@pytest.fixture(scope="module", params=STATISTICS, ids=lambda case: case[0])
def both_uniforms(request, harness):
    flag_set, seed, n = request.param
    return {kind: SimpleNamespace(n=n, **harness(flag_set, kind, seed, n)) for kind in ("uniforms", "float_uniforms")}


@pytest.fixture(params=["uniforms", "float_uniforms"])
def uniforms(request, both_uniforms):
    return both_uniforms[request.param]


@pytest.fixture(scope="module")
def streams(harness):
    return {flag_set: harness(flag_set, "stream", STREAM_SEED, STREAM_LENGTH) for flag_set in FLAG_SETS}


def test_uniforms_have_the_bits_of_the_reference_with_any_flags(streams):
    expected = reference_uniforms(STREAM_SEED, STREAM_LENGTH)
    for stream in streams.values():
        np.testing.assert_array_equal(stream["uniforms"], expected)
        np.testing.assert_array_equal(stream["bulk_uniforms"], expected)


def test_float_uniforms_have_the_bits_of_the_reference_with_any_flags(streams):
    expected = reference_float_uniforms(STREAM_SEED, STREAM_LENGTH)
    for stream in streams.values():
        np.testing.assert_array_equal(stream["float_uniforms"], expected)
        np.testing.assert_array_equal(stream["mixed_float_uniforms"], expected)


@pytest.mark.parametrize("seed", [STREAM_SEED, ENDS_SEED])
def test_normals_are_box_muller_of_the_reference_bits(harness, streams, seed):
    """With the second seed, two pairs of the first block are made again, and each takes a further step."""
    if seed == ENDS_SEED:
        words = reference_words(seed, 64).reshape(-1, 2, 16)[:, 0]
        assert np.sum(words < END) == np.sum(words >= 2**32 - END) == 1
    expected, radii = reference_normals(seed, STREAM_LENGTH)
    for flag_set in FLAG_SETS:
        stream = streams[flag_set] if seed == STREAM_SEED else harness(flag_set, "stream", seed, STREAM_LENGTH)
        assert np.max(np.abs(stream["normals"] - expected) / radii) < NORMAL_ERROR
        np.testing.assert_array_equal(stream["bulk_normals"], stream["normals"])
        np.testing.assert_array_equal(stream["mixed_normals"], stream["normals"])


def test_radius_and_direction_of_chosen_words(harness):
    """Against mpmath at 30 digits: 4000 words over the whole range."""
    for flag_set in FLAG_SETS:
        values = harness(flag_set, "transform", count=2**32 // 4000)
        words = values["words"].astype(np.uint64)
        inner = (words >= END) & (words < 2**32 - END)
        assert inner.sum() > 3990
        rounded = (words >> np.uint64(1)).astype(np.float32)
        with mp.workdps(30):
            for i in np.flatnonzero(inner):
                radius = mp.sqrt(-2 * mp.log(mpf(float(rounded[i])) / 2**31))
                assert abs(mp.sqrt(values["squares"][i]) / radius - 1) < RADIUS_ERROR
            for word, cosine, sine in zip(words.tolist(), values["cosines"], values["sines"], strict=True):
                signed = word - 2**32 if word >= 2**31 else word
                angle = mp.pi * (mpf(2 * (signed >> 8) + 1) / 2**25)
                assert abs(cosine - (-1) ** (word & 1) * mp.cos(angle)) < DIRECTION_ERROR
                assert abs(sine - mp.sin(angle)) < DIRECTION_ERROR
        pairs = [(w, m) for w in (0, 1, 65535, 0xFFFF0000, 0xFFFFFFFF) for m in (0, 1, 2**31, MASK32)]
        exact = np.array([float(extended_radius(*pair)) for pair in pairs])
        np.testing.assert_allclose(values["extended"], exact, rtol=1e-9)
        assert values["extended"].max() > 9.4


@pytest.mark.parametrize("flag_set", ["native", "no_avx512"])
def test_mean_and_variance_over_all_words(harness, flag_set):
    """No sampling: all radius words that a block uses as they are, plus the integral over the two ends.

    With u the uniform of the radius, the mean of (-2 log u)^k over u < a is a (L + 2) for k = 1 and
    a (L^2 + 4 L + 8) for k = 2, L = -2 log a; over u > 1 - a it is a^2 and 4 a^3 / 3 to the first order.
    """
    sums = harness(flag_set, "exhaustive")
    a = END * 2.0**-32
    big = -2 * math.log(a)
    square = sums["squares"][0] * 2.0**-31 + a * (big + 2) + a**2
    fourth = sums["squares"][1] * 2.0**-31 + a * (big**2 + 4 * big + 8) + 4 * a**3 / 3
    sine, product, cosines2, sines2, cosines4, sines4 = sums["directions"] * 2.0**-24
    # Every direction comes with both signs of the cosine, so that its mean is zero.
    assert abs(sine) < 1e-12
    assert abs(product) < 1e-12
    assert abs(square * cosines2 - 1) < 1e-7
    assert abs(square * sines2 - 1) < 1e-7
    assert abs(fourth * cosines4 / 3 - 1) < 1e-6
    assert abs(fourth * sines4 / 3 - 1) < 1e-6


def test_translation_units_share_one_generator(streams):
    """The second unit goes on where the first stopped."""
    for stream in streams.values():
        np.testing.assert_array_equal(stream["shared"], stream["normals"][:2])


def test_without_a_seed_two_processes_differ(streams):
    assert [stream["unseeded"][0] for stream in streams.values()] == [0] * len(streams)
    assert len({stream["unseeded"][1] for stream in streams.values()}) == len(streams)


def test_all_64_bits_of_a_seed_count_and_close_seeds_are_unrelated(harness):
    """Seeds 0-3 and some with high bits. SE of a correlation of 5000 numbers 0.014, tolerance 5 SE."""
    seeds = [0, 1, 2, 3, 2**32, 2**32 + 1, 2**63, MASK64]
    rows = []
    for seed in seeds:
        stream = harness("native", "stream", seed, STREAM_LENGTH)
        np.testing.assert_array_equal(stream["uniforms"], reference_uniforms(seed, STREAM_LENGTH))
        rows.append(stream["normals"])
    correlations = np.corrcoef(rows)[np.triu_indices(len(seeds), 1)]
    assert np.abs(correlations).max() * math.sqrt(STREAM_LENGTH) < TOLERANCE_IN_SE


def test_moments_1_to_6(normals):
    """Seed 7, 1.0e8 numbers: SE 1.0e-4, 1.4e-4, 3.9e-4, 9.8e-4, 3.1e-3, 1.0e-2; tolerance 5 SE.

    Without AVX-512: seed 11, 2.1e7 numbers, SE 2.2 times as large.
    """
    mean = [0 if k % 2 else math.prod(range(1, k, 2)) for k in range(13)]
    for k, total in enumerate(normals.moments, start=1):
        standard_error = math.sqrt((mean[2 * k] - mean[k] ** 2) / normals.n)
        assert abs(total / normals.n - mean[k]) < TOLERANCE_IN_SE * standard_error, k


def test_tails(normals):
    """Counts beyond 3, 4, 5 and 5.5 sd on each side: seed 7, 1.0e8 numbers: expected 135886, 3188, 28.9, 1.9.

    SE 368, 56, 5.4, 1.4, the root of the expected count; tolerance 5 SE. Without AVX-512 (seed 11, 2.1e7
    numbers): expected 28310, 664, 6.0, 0.4, SE 168, 26, 2.5, 0.6. Counts below ten are Poisson: there 5 SE are
    exceeded with a probability of up to 1e-3, and none is no failure; the comparison with Box--Muller fills the gap.
    """
    expected = normals.n * np.tile(stats.norm.sf(LEVELS), 2)
    assert np.all(np.abs(normals.tails - expected) < TOLERANCE_IN_SE * np.sqrt(expected))


@pytest.mark.parametrize("counts", ["bins", "pairs", "partners"])
def test_normals_fill_equiprobable_cells(normals, counts):
    """Chi-square over 4096 bins, and over 64 x 64 cells of neighbours and of pairs with one radius.

    Seed 7, 1.0e8 numbers (SE of a bin .64 % of it); without AVX-512 seed 11, 2.1e7 numbers (1.4 %). p in ACCEPTED_P.
    """
    cells = getattr(normals, counts)
    assert cells.sum() == normals.n / (1 if counts == "bins" else 2)
    assert ACCEPTED_P[0] < chi_square_p(cells) < ACCEPTED_P[1]


def test_lags(normals):
    """Mean of z[i] z[i - lag] over 36 lags up to 1024: seed 7, 1.0e8 numbers, SE 1.0e-4; tolerance 5 SE.

    They hold the lanes (16), the two normals of a pair (512) and the next block (1024). Without AVX-512: seed
    11, 2.1e7 numbers, SE 2.2e-4.
    """
    assert {1, 16, 512, 1024} <= set(normals.lags)
    assert np.abs(normals.products).max() / math.sqrt(normals.n) < TOLERANCE_IN_SE


def test_all_statistics_of_normals_together(normals):
    """Moments, tails, lags and cells of the tests above: 53 p values, Holm's correction at 1 %."""
    mean = [0 if k % 2 else math.prod(range(1, k, 2)) for k in range(13)]
    z = [
        (total / normals.n - mean[k]) * math.sqrt(normals.n / (mean[2 * k] - mean[k] ** 2))
        for k, total in enumerate(normals.moments, start=1)
    ]
    p = [*two_sided(z), *two_sided(normals.products / math.sqrt(normals.n))]
    p += [both_ends(chi_square_p(getattr(normals, counts))) for counts in ("bins", "pairs", "partners")]
    for count, expected in zip(normals.tails, normals.n * np.tile(stats.norm.sf(LEVELS), 2), strict=True):
        p.append(2 * min(stats.poisson.cdf(count, expected), stats.poisson.sf(count - 1, expected)))
    assert holm(p) > 0.01


def test_all_statistics_of_uniforms_together(uniforms):
    """Moments 1 to 4 about 1/2, lags and cells: 43 p values, Holm's correction at 1 %."""
    mean = [0 if k % 2 else 0.5**k / (k + 1) for k in range(9)]
    z = [
        (total / uniforms.n - mean[k]) * math.sqrt(uniforms.n / (mean[2 * k] - mean[k] ** 2))
        for k, total in enumerate(uniforms.moments, start=1)
    ]
    p = [*two_sided(z), *two_sided(uniforms.products * 12 / math.sqrt(uniforms.n))]
    p += [both_ends(chi_square_p(getattr(uniforms, counts))) for counts in ("bins", "pairs", "lane_pairs")]
    assert holm(p) > 0.01


@pytest.mark.parametrize("counts", ["bins", "pairs", "lane_pairs"])
def test_uniforms_fill_equal_cells(uniforms, counts):
    """Chi-square over 4096 bins, and over 64 x 64 cells of neighbours and of two draws of one lane.

    Seed 7, 1.0e8 numbers (SE of a bin .64 % of it); without AVX-512 seed 11, 2.1e7 numbers (1.4 %). p in ACCEPTED_P.
    """
    cells = getattr(uniforms, counts)
    assert cells.sum() == uniforms.n / (1 if counts == "bins" else 2)
    assert ACCEPTED_P[0] < chi_square_p(cells) < ACCEPTED_P[1]


def test_uniforms_reach_both_ends_of_the_open_interval(uniforms):
    """n times the distance from an end is exponential with mean (and SE) 1: above 15 with probability 3e-7."""
    low, high = uniforms.ends
    assert 0 < low < 15 / uniforms.n
    assert 0 < 1 - high < 15 / uniforms.n


def test_with_openmp_brian_keeps_its_templates_and_generators(monkeypatch):
    """One generator cannot serve several threads."""
    device = SsnbrianStandaloneDevice()
    assert device.code_object_class() is SsnbrianCodeObject
    monkeypatch.setitem(prefs, "devices.cpp_standalone.openmp_threads", 2)
    assert device.code_object_class() is CPPStandaloneCodeObject


def test_brian_keeps_its_generators_on_its_own_device():
    for name in ("rand", "randn"):
        code = DEFAULT_FUNCTIONS[name].implementations[CPPStandaloneCodeObject].get_code(None)["support_code"]
        assert "brian::_random_generators" in code


@pytest.fixture(scope="module")
def brian_runs(tmp_path_factory):
    """Runs of one Brian2 binary that is seeded in all three ways in turn; a function of the seed at the start."""
    folder = str(tmp_path_factory.mktemp("brian"))
    set_device("ssnbrian_standalone", build_on_run=False)
    try:
        device = get_device()
        make_arguments = prefs.devices.cpp_standalone.extra_make_args_unix
        prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
        device.seed_at_start('std::strtoull(std::getenv("TEST_SEED"), nullptr, 10)')
        group = NeuronGroup(
            1500,
            """dv/dt = -v / (10*ms) + sqrt(2 / (10*ms)) * xi : 1
               at_start : 1
               in_script : 1
               from_system : 1""",
            method="euler",
            name="random_numbers_group",
        )
        network = Network(group)
        group.at_start = "rand()"
        network.run(0.1 * ms)
        brian2.seed(5)
        group.in_script = "rand()"
        brian2.seed()
        group.from_system = "rand()"
        device.build(directory=folder, run=False)

        def run(seed):
            os.environ["TEST_SEED"] = str(seed)
            device.run(directory=folder)
            names = ("v", "at_start", "in_script", "from_system")
            return SimpleNamespace(**{name: np.array(getattr(group, name)) for name in names})

        runs = SimpleNamespace(first=run(2**40 + 3), again=run(2**40 + 3), other=run(4))
    finally:
        os.environ.pop("TEST_SEED", None)
        prefs.devices.cpp_standalone.extra_make_args_unix = make_arguments
        get_device().reinit()
        reset_device()
    return runs


def test_seed_at_start_rules_what_a_binary_draws(brian_runs):
    """The draws before ``brian2.seed`` are those of the reference with the seed of the run: all 64 bits count."""
    np.testing.assert_array_equal(brian_runs.first.at_start, reference_uniforms(2**40 + 3, 1500))
    np.testing.assert_array_equal(brian_runs.other.at_start, reference_uniforms(4, 1500))
    np.testing.assert_array_equal(brian_runs.first.v, brian_runs.again.v)
    assert not np.any(brian_runs.first.v == brian_runs.other.v)


def test_xi_is_drawn_from_the_normals(brian_runs):
    """One Euler step from 0: v is sqrt(2 dt / tau) times the normals that follow two blocks of uniforms.

    The first 1024 neurons take a whole block; those after it a smaller one.
    """
    z, radii = (numbers[:1024] for numbers in reference_normals(4, 1024, blocks_of_uniforms=2))
    assert np.max(np.abs(brian_runs.other.v[:1024] / math.sqrt(2 * 0.1 / 10) - z) / radii) < NORMAL_ERROR


def test_seed_in_the_script_overrides_the_seed_at_start(brian_runs):
    """``seed(5)`` seeds Brian2's mt19937, which is numpy's legacy one, and two of its numbers seed ours."""
    high, low = (int(x * 2**32) for x in np.random.RandomState(5).random_sample(2))
    expected = reference_uniforms(high << 32 | low, 1500)
    for run in (brian_runs.first, brian_runs.again, brian_runs.other):
        np.testing.assert_array_equal(run.in_script, expected)


def test_without_a_seed_in_the_script_two_runs_differ(brian_runs):
    assert not np.any(brian_runs.first.from_system == brian_runs.again.from_system)
