"""Peaks of theories against published values, and of noisy curves against the curve they come from."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import fsolve, minimize_scalar
from scipy.special import erfcx
from ssnbrian.analysis import SSN, PowerLaw, SelfConsistent
from ssnbrian.analysis.peaks import measured_peak, theoretical_peak
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.transforms import scaled_to

LAWS = ekelmans2023.PUBLISHED_POWER_LAWS
TRANSFER = {"E": PowerLaw(*LAWS[3.0, 20.0]), "I": PowerLaw(*LAWS[3.0, 10.0])}


@pytest.mark.parametrize(("factor", "peak", "at"), [(1.0, 2.4725, 17.654), (1.25, 3.3475, 20.526)])
def test_peak_of_the_ssn(factor, peak, at):
    circuit = ekelmans2023.supersaturating(factor)
    found = theoretical_peak(SSN.from_circuit(circuit, transfer=TRANSFER), (0, 50), circuit.ratio)
    assert found.state.rates["E"] == pytest.approx(peak, abs=6e-5)
    assert found.mu_ext == pytest.approx(at, abs=2e-3)


def test_peak_of_the_self_consistent_theory():
    found = theoretical_peak(SelfConsistent.from_circuit(ekelmans2023.supersaturating()), (10, 30), 1.0, points=9)
    assert found.state.rates["E"] == pytest.approx(2.5640, abs=6e-5)
    assert found.state.rates["I"] == pytest.approx(0.8208, abs=6e-5)
    assert found.mu_ext == pytest.approx(18.745, abs=2e-3)


def ricciardi_by_quadrature(mu, sigma, tau):
    """Eq 9 for threshold 1 and reset 0 mV by adaptive quadrature."""
    ends = [(v - mu * tau) / (sigma * np.sqrt(tau)) for v in (0, 1)]
    integral, _ = quad(lambda z: erfcx(-z), *ends, epsabs=1e-13, epsrel=1e-12, limit=200)
    return 1 / (tau * np.sqrt(np.pi) * integral)


def test_peak_of_half_a_million_neurons_by_quadrature_and_fsolve():
    """Fig 6B at its largest size, from Eq 9, 12 and 14 written out here; the logarithms of the rates are solved for."""
    neurons = 503572
    growth = neurons / 4000
    in_degrees = np.round(np.array([[195, 200], [825, 100]]) * growth)
    weights = np.array([[2, 12], [6, 1]]) * np.sqrt(growth)
    variances = weights**2 / in_degrees

    def rates(mu, start):
        def residual(logarithms):
            nu = np.exp(logarithms)
            means = weights @ (nu * [1, -1]) + mu
            noises = np.sqrt(9 + variances @ nu)
            found = [ricciardi_by_quadrature(*one) for one in zip(means, noises, (0.02, 0.01), strict=True)]
            return np.log(found) - logarithms

        return fsolve(residual, start, xtol=1e-12)

    state = np.log([0.2, 0.01])
    for mu in np.linspace(-5, 1, 13):
        state = rates(mu, state)
    best = minimize_scalar(
        lambda mu: -np.exp(rates(mu, state)[0]), bounds=(0.7, 1.5), method="bounded", options={"xatol": 1e-7}
    )
    theory = SelfConsistent.from_circuit(scaled_to(ekelmans2023.supersaturating(), neurons))
    found = theoretical_peak(theory, (-3, 5), 1.0, points=9)
    assert found.state.rates["E"] == pytest.approx(-best.fun, rel=1e-7)
    assert -best.fun == pytest.approx(0.21149, abs=1e-5)
    assert found.mu_ext == pytest.approx(best.x, abs=1e-2)


def test_a_rate_that_only_grows_has_no_peak():
    ssn = SSN.from_circuit(ekelmans2023.supersaturating(), transfer=TRANSFER)
    with pytest.raises(InvalidInputError, match="has no peak between 0 and 10"):
        theoretical_peak(ssn, (0, 10))
    with pytest.raises(InvalidInputError, match="needs one stable state"):
        theoretical_peak(SSN.from_circuit(ekelmans2023.bistable(), transfer=TRANSFER), (2, 4))


def test_measured_peak_is_unbiased_and_knows_its_error():
    """400 noisy parabolas, seed 7: mean within 4 standard errors, spread within 20 % (5.6 of its standard errors)."""
    rng = np.random.default_rng(7)
    x, noise = np.linspace(0, 50, 51), 0.05
    curve = 2.5 - 0.01 * (x - 20.3) ** 2
    found = [measured_peak(x, curve + noise * rng.normal(size=51), np.full(51, noise), 8.0) for _ in range(400)]
    for value, error, true in (("height", "height_error", 2.5), ("position", "position_error", 20.3)):
        values = np.array([getattr(one, value) for one in found])
        stated = np.mean([getattr(one, error) for one in found])
        assert abs(values.mean() - true) < 4 * values.std(ddof=1) / 20
        assert values.std(ddof=1) == pytest.approx(stated, rel=0.2)


def test_too_few_points_and_no_maximum_are_refused():
    x = np.linspace(0, 10, 11)
    with pytest.raises(InvalidInputError, match="at least six points"):
        measured_peak(x, -((x - 5) ** 2), np.ones(11), 1.0)
    with pytest.raises(InvalidInputError, match="no maximum"):
        measured_peak(np.linspace(0, 10, 41), np.linspace(-5, 5, 41) ** 2, np.ones(41), 3.0)
