"""The fast device has the statistics of plain Brian2, in six kinds of recurrent circuit (see device_circuits.py).

Both devices run the same program with 12 seeds each: 1001 … 1012 for plain Brian2, 1 … 12 for ours. A seed makes a
random graph, initial state and noise of its own, and the mean over the neurons and 5.5 s of one such realisation is
the unit of comparison; so the differences between graphs are part of the standard errors. These are at most 0.3 %
of every population rate, on either side. Two sides are compared by Welch's test, 25 values together by Holm's
correction at 1 %. What is found in half of all cases is a difference of 4.2 standard errors of the difference: 0.2 %
to 0.6 % of a rate (1 % of that of a_E), 2 % of a Fano factor, 1.1 % of a coefficient of variation and 0.2 % of the
weight. Synaptic weights larger by 3 % on one side were found in each circuit by itself; larger by 1 %, in all but the
one with the stochastic threshold.

The program is the same to the last bit on one machine; another machine rounds otherwise, which amounts to other
seeds, so that the comparison fails by accident on one machine in a hundred.
"""

from pathlib import Path

import numpy as np
import pytest
from children import arrays_of
from scipy import stats

CIRCUITS = Path(__file__).with_name("device_circuits.py")
REALISATIONS = 12
FIRST_SEEDS = {"cpp_standalone": 1001, "ssnbrian_standalone": 1}
POPULATIONS = ("a_E", "a_I", "b", "c", "d_escape", "d_bridge", "e", "f")

pytestmark = pytest.mark.xdist_group("heavy-2")


def run_circuits(device, folder, *factors):
    """The values of every realisation by the name of the statistic."""
    result = folder / f"{device}.npz"
    arguments = [device, "project", result, FIRST_SEEDS[device], REALISATIONS, *factors]
    return arrays_of(CIRCUITS, *arguments, result=result)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return run_circuits("cpp_standalone", tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return run_circuits("ssnbrian_standalone", tmp_path_factory.mktemp("ours"))


def statistics_of(data):
    return {name: values for name, values in data.items() if name != "report"}


def holm(p_values):
    """The p-values after Holm's correction, by name."""
    corrected, largest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda one: one[1])):
        largest = max(largest, min(1.0, p * (len(p_values) - rank)))
        corrected[name] = largest
    return corrected


def relative_error(values):
    return values.std(ddof=1) / np.sqrt(len(values)) / values.mean()


@pytest.mark.parametrize("side", ["plain", "ours"])
def test_rates_are_known_well_enough(side, plain, ours):
    """Standard errors of at most 0.3 %, over realisations that are as many and as different as they should be."""
    data = {"plain": plain, "ours": ours}[side]
    assert len(np.unique(data["f.weight"])) == REALISATIONS
    for name in POPULATIONS:
        values = data[f"{name}.rate"]
        assert len(values) == REALISATIONS
        assert 0 < relative_error(values) <= 0.003, (name, relative_error(values))


def test_circuits_are_asynchronous(plain):
    """Rates of 5 to 20 Hz and irregular spikes, in plain Brian2."""
    for name in POPULATIONS:
        assert 5 < plain[f"{name}.rate"].mean() < 20, name
        assert 0.3 < plain[f"{name}.fano"].mean() < 1.2, name
        assert 0.4 < plain[f"{name}.cv"].mean() < 1.2, name
    assert 0.3 < plain["f.weight"].mean() < 0.7


def test_fast_paths_are_taken(ours):
    """Otherwise the comparison would be of Brian2 with itself."""
    report = dict(line.split(": ", 1) for line in ours["report"])
    for name in ("a_E", "a_I", "b", "d_escape", "d_bridge", "e"):
        assert report[f"synapses_{name}"].startswith("rows of targets"), report
    for name in ("c", "f"):
        assert report[f"synapses_{name}"].startswith("synapse arrays"), report


def test_statistics_agree(plain, ours):
    """Welch's test of 25 values, Holm's correction at 1 %."""
    plain, ours = statistics_of(plain), statistics_of(ours)
    assert plain.keys() == ours.keys()
    assert len(plain) == 3 * len(POPULATIONS) + 1
    p = {name: stats.ttest_ind(plain[name], ours[name], equal_var=False).pvalue for name in plain}
    different = {
        name: (plain[name].mean(), ours[name].mean(), corrected)
        for name, corrected in holm(p).items()
        if not corrected > 0.01
    }
    assert not different, different


def test_no_large_difference_is_overlooked(plain, ours):
    """What differs by 2 % in a rate, or 3 % in another value, exceeds the limit of the smallest p-value."""
    plain, ours = statistics_of(plain), statistics_of(ours)
    for name in plain:
        errors = np.array([relative_error(plain[name]), relative_error(ours[name])])
        freedom = np.sum(errors**2) ** 2 / np.sum(errors**4 / (REALISATIONS - 1))
        limit = stats.t.isf(0.005 / len(plain), freedom) * np.hypot(*errors)
        assert limit <= (0.02 if name.endswith("rate") else 0.03), (name, limit)
