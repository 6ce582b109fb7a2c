"""All folds of the two-population SSN at fixed ratio: published values and the count of states on both sides."""

import numpy as np
import pytest
from ssnbrian.analysis.characteristic import TwoPopulationSSN
from ssnbrian.analysis.folds import folds
from ssnbrian.analysis.steady_state_search import steady_state_roots, steady_states_of_many

FIVE_DIGITS = (1.0792e-4, -11.1425, 3.0814, 2.2099e-6, 4.7670, 3.8150)
ROUNDED = (1.079e-4, -11.14, 3.081, 2.210e-6, 4.77, 3.815)
FIG_4, FIG_5B = (5, 10, 7, 11), (1.25, 1, 1, 1.25)


@pytest.mark.parametrize(
    ("coefficients", "weights", "ratio", "expected", "digits"),
    [
        (FIVE_DIGITS, FIG_4, 1, (2.1634, 3.5700), 4),
        (ROUNDED, FIG_4, 1, (2.1924, 3.5833), 4),
        ((7.8904e-5, -9.4929, 3.1357, *FIVE_DIGITS[3:]), FIG_4, 1, (6.571, 6.579), 3),
        (FIVE_DIGITS, FIG_5B, 1, (17.703,), 3),
        (ROUNDED, FIG_5B, 1, (17.730,), 3),
        (FIVE_DIGITS, FIG_5B, 3, (), 3),
        (FIVE_DIGITS, (2, 12, 6, 1), 1, (), 3),
    ],
)
def test_published_folds(coefficients, weights, ratio, expected, digits):
    found = folds(TwoPopulationSSN(*coefficients, *weights), ratio)
    assert found.complete, found.reason
    assert found.mu_ext == pytest.approx(expected, abs=0.51 * 10.0**-digits)


@pytest.mark.parametrize(
    ("weights", "ratio"),
    [(FIG_4, 1), (FIG_4, 0), (FIG_4, 1.3), (FIG_5B, 1), ((1, 1, 1, 1), 1), ((5, 0, 7, 11), 1), ((5, 10, 0, 11), 2)],
)
@pytest.mark.parametrize("offset", [1e-4, 1e-9])
def test_two_states_appear_at_a_fold_and_nowhere_else(weights, ratio, offset):
    ssn = TwoPopulationSSN(*FIVE_DIGITS, *weights)
    at = folds(ssn, ratio).mu_ext
    for mu in at:
        sides = [len(steady_state_roots(ssn, mu + d, ratio * (mu + d))) for d in (-offset, offset)]
        assert abs(sides[1] - sides[0]) == 2
    mu = np.linspace(-200, 60, 2001)
    count = steady_states_of_many(ssn, mu, ratio * mu).count
    jumps = np.flatnonzero(np.diff(count))
    inside = at[(at > mu[0]) & (at < mu[-1])]
    assert len(jumps) == len(inside)
    assert np.all((mu[jumps] <= inside) & (inside <= mu[jumps + 1]))


def test_range_and_invalid_input():
    ssn = TwoPopulationSSN(*FIVE_DIGITS, *FIG_4)
    assert len(folds(ssn, 1, mu_ext=(3, 4))) == 1
    with pytest.raises(ValueError, match="ratio = nan"):
        folds(ssn, np.nan)
    with pytest.raises(ValueError, match="empty range"):
        folds(ssn, 1, mu_ext=(4, 3))
