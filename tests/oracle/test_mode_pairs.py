"""Pairs of eigenmodes, conjugate and real, against an independent transform, single modes and responses."""

from functools import cache
from math import factorial

import numpy as np
import pytest
from scipy.special import exp1
from ssnbrian.analysis.mesoscopic import EscapeNeuron
from ssnbrian.analysis.mesoscopic.langevin_tables import intervals_of, pair_table
from ssnbrian.analysis.renewal import couplings, eigenmodes, hazard_response
from ssnbrian.analysis.renewal.mode_pairs import followed_pair, mode_pairs
from ssnbrian.analysis.renewal.pair_coupling import pair_couplings
from ssnbrian.analysis.renewal.pair_table import PairTable

from ssnbrian.circuit import InvalidInputError

pytestmark = pytest.mark.xdist_group("mode_pairs")

REGULAR = EscapeNeuron(0.02, 10.0, 0.0, 10.0, 1.0)
REFRACTORY = EscapeNeuron(0.02, 15.0, 0.0, 10.0, 2.5, 0.004)


def family(h):
    return intervals_of(REFRACTORY, h)


@cache
def pairs_at(h):
    """Three pairs, followed from 24 mV."""
    if h >= 24.0:
        return mode_pairs(family(24.0), 3)
    return [followed_pair(family, h + 0.5, one, h) for one in pairs_at(h + 0.5)]


def transform(neuron, h):
    """P_L as a function, continued: by Gauss-Legendre nodes to e^(-t/tau) = 1/(2 kappa), and 25 powers of it beyond."""
    kappa = (h - neuron.reset) / neuron.escape_width
    hazard = neuron.escape_rate * np.exp((h - neuron.threshold) / neuron.escape_width)
    end = neuron.tau * np.log(2 * kappa)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    ages, weights = (nodes + 1) * end / 2, weights * end / 2
    scale = hazard * neuron.tau
    survivor = np.exp(-scale * (exp1(kappa * np.exp(-ages / neuron.tau)) - exp1(kappa)))
    last = np.exp(-scale * (exp1(0.5) - exp1(kappa)))
    # Of exp(scale Ein(y)), with Ein(y) the sum of (-y)^j/(j j!), at y = x/2.
    exponent = np.array([0, *(scale * (-0.5) ** j / (j * factorial(j)) for j in range(1, 26))])
    powers, term = np.zeros(26), np.eye(1, 26)[0]
    for n in range(1, 30):
        powers += term
        term = np.convolve(term, exponent)[:26] / n

    def laplace(value):
        inside = np.sum(weights * survivor * np.exp(-value * ages))
        beyond = np.sum(powers / (value + hazard + np.arange(26) / neuron.tau)) / powers.sum()
        core = inside + last * np.exp(-value * end) * beyond
        return np.exp(-value * neuron.refractory) * (1 - value * core)

    return laplace


@pytest.mark.parametrize("h", [15.0, 10.0, 8.0])
def test_eigenvalues_and_weights_solve_the_equation_where_they_are_conjugate_and_real(h):
    """1/(1 - P_L) has its poles at the eigenvalues with residues phi(0) = -1/P_L'."""
    laplace = transform(REFRACTORY, h)
    for pair in pairs_at(h)[:2]:
        assert pair.number == 2 or pair.is_real == (h < 10.5)
        for value, activity in zip(pair.eigenvalues, pair.activities, strict=True):
            change = 1e-4 * abs(value)
            slope = (laplace(value + change) - laplace(value - change)) / (2 * change)
            assert abs((laplace(value) - 1) / slope) < 1e-7 * abs(value)
            assert -1 / slope == pytest.approx(activity, rel=1e-4)


def test_couplings_of_conjugate_pairs_are_those_of_single_modes():
    """With a_n = z_0 + i w_n z_1, w_n = Im lambda_n; z_1 = Im a_n/w_n moves with w_n as well."""
    h, change = 24.0, 2.5e-3
    found = pair_couplings(family, h, mode_pairs(family(h), 2), change)
    single = couplings(family, h, 2)[1:]
    above, below = (eigenmodes(family(h + one), 2) for one in (0.01, -0.01))
    turns = [one.eigenvalue.imag for one in eigenmodes(family(h), 2)]
    for n in range(2):
        assert found[2 * n : 2 * n + 2, 0] == pytest.approx([single[n, 0].real, single[n, 0].imag / turns[n]], rel=1e-5)
        for m in range(2):
            sums, differences = single[n, 1 + m] + single[n, 3 + m], single[n, 1 + m] - single[n, 3 + m]
            second = 1j * turns[m] * differences
            expected = np.array([[sums.real, second.real], [sums.imag / turns[n], second.imag / turns[n]]])
            if n == m:
                expected[1, 1] -= (above[n].eigenvalue.imag - below[n].eigenvalue.imag) / 0.02 / turns[n]
            block = found[2 * n : 2 * n + 2, 1 + 2 * m : 3 + 2 * m]
            assert block == pytest.approx(expected, rel=2e-3, abs=1e-3 * np.abs(expected).min())


@pytest.mark.parametrize(("h", "left_out"), [(16.0, 0.04), (11.0, 0.015), (9.0, 0.01)])
def test_pairs_add_up_to_the_response_of_the_density_of_ages(h, left_out):
    """Response of the rate to h at 10 Hz by quadrature over the age; every pair brings the sum nearer."""
    frequency, slope = 10.0, (family(h + 0.01).rate - family(h - 0.01).rate) / 0.02
    here, turn = family(h), 2j * np.pi * frequency
    expected = hazard_response(here, lambda ages, _: here.hazard_derivative(ages), [frequency])[0]
    pairs = pairs_at(h)
    driven, total, errors = pair_couplings(family, h, pairs, 2.5e-3)[:, 0], complex(slope), []
    for n, pair in enumerate(pairs):
        matrix = [[turn - pair.center, -(pair.half_distance**2).real], [-1, turn - pair.center]]
        first, second = np.linalg.solve(matrix, turn * driven[2 * n : 2 * n + 2])
        total += pair.activity * first + pair.activity_of_difference * second
        errors.append(abs(total / expected - 1))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < left_out


@pytest.mark.parametrize("neuron", [REGULAR, REFRACTORY], ids=["regular", "refractory"])
@pytest.mark.parametrize("widths", [-1.0, 2.0, 8.0])
def test_the_response_time_makes_slow_responses_agree(neuron, widths):
    """The phase between the response to the input and that to h, at .05 Hz; it is of third order beyond."""
    here = intervals_of(neuron, neuron.threshold + widths * neuron.escape_width)
    frequency = 0.05
    whole = hazard_response(here, here.hazard_response, [frequency])[0]
    quasi_static = hazard_response(here, lambda ages, _: here.hazard_derivative(ages), [frequency])[0]
    measured = -np.angle(whole / quasi_static) / (2 * np.pi * frequency)
    assert here.response_time == pytest.approx(measured, rel=1e-3)
    assert 0 < here.response_time < neuron.tau


def test_coefficients_are_smooth_where_a_pair_becomes_real():
    """Fourth differences along h are below a tenth of every column, although phi(0) of the single modes diverges."""
    table = pair_table(REFRACTORY, 1)
    points = [table.point(place) for place in range(-8, -1)]
    assert {one.pairs[0].is_real for one in points} == {True, False}
    columns = np.array(
        [[*one.centers, *(one.half_distances**2).real, *one.activities, *one.activities_of_differences,
          *one.couplings.ravel()] for one in points]
    )  # fmt: skip
    assert np.all(np.abs(np.diff(columns, 4, axis=0)) < 0.1 * np.abs(columns).max(axis=0))


def test_modes_that_fade_leave_exact_rates():
    """Far below threshold the pair is left behind and the coefficients go on in proportion to the rate."""
    table = pair_table(REFRACTORY, 1)
    first = next(place for place in range(-8, -60, -1) if table.point(place).faded)
    last, faded = table.point(first + 1), table.point(first - 3)
    less = family(table.potential(first - 3)).rate / family(table.potential(first + 1)).rate
    assert last.intervals.rate < 0.1
    assert faded.intervals.rate == pytest.approx(less * last.intervals.rate)
    assert faded.activities == pytest.approx(less * last.activities)
    assert faded.couplings == pytest.approx(less * last.couplings)


def test_wrong_input_is_refused():
    with pytest.raises(InvalidInputError, match="pairs"):
        PairTable(family, 15.0, 1.0, 0)
    with pytest.raises(InvalidInputError, match="spacing"):
        PairTable(family, 15.0, 0.0, 1)
    with pytest.raises(ArithmeticError, match="no conjugate modes"):
        PairTable(lambda _: family(0.0), 15.0, 1.0, 1).point(0)
