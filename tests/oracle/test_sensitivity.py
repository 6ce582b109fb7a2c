"""Slopes of steady states, against finite differences of states that an independent root finder follows."""

import dataclasses

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, fsolve
from scipy.special import erfcx
from ssnbrian.analysis import SSN, PowerLaw, SelfConsistent
from ssnbrian.analysis.balanced import BalancedLimit
from ssnbrian.analysis.reduction import NotApplicableError
from ssnbrian.analysis.sensitivity import sensitivities
from ssnbrian.models.interneurons import interneurons
from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import InvalidInputError

FIVE_DIGITS = {"E": PowerLaw(1.0792e-4, -11.1425, 3.0814), "I": PowerLaw(2.2099e-6, 4.7670, 3.8150)}


def power_law_state(laws, J, signs, mu, start):
    """Root of Eq 3 in 40 digits, by Newton's method of mpmath."""
    n = len(laws)

    def equations(*z):  # z = mu_X - b_X > 0
        rates = [laws[k][0] * z[k] ** laws[k][2] for k in range(n)]
        return [
            sum(signs[y] * J[x][y] * rates[y] for y in range(n)) + mu[x] - laws[x][1] - z[x] for x in range(n)
        ]

    with mpmath.workdps(40):
        z = [mpmath.mpf(float((nu / a) ** (1 / p))) for nu, (a, _, p) in zip(start, laws, strict=True)]
        found = mpmath.findroot(equations, z, tol=1e-60)
        return [laws[k][0] * found[k] ** laws[k][2] for k in range(n)]


def central(state_at, value, step):
    """Central difference of the state in a parameter, in 40 digits."""
    with mpmath.workdps(40):
        up, down = state_at(value + step), state_at(value - step)
        return np.array([float((a - b) / (2 * step)) for a, b in zip(up, down, strict=True)])


def changed(rows, *index_and_value):
    *index, value = index_and_value
    copy = [list(row) for row in rows]
    copy[index[0]][index[1]] = value
    return copy


@pytest.mark.parametrize(
    ("circuit", "laws", "mu", "which"),
    [
        (ekelmans2023.supersaturating(), FIVE_DIGITS, 15.0, 0),
        (ekelmans2023.bistable(), FIVE_DIGITS, 3.0, 1),  # the saddle
        (ekelmans2023.bistable(), FIVE_DIGITS, 3.0, 2),
        (interneurons(), None, 10.0, 0),
    ],
)
def test_ssn_slopes_are_those_of_differences_in_40_digits(circuit, laws, mu, which):
    ssn = SSN.from_circuit(circuit, transfer=laws)
    states = ssn.steady_states(mu)
    state = states[which]
    found = sensitivities(ssn, state, states.mu_ext)
    size = len(ssn.populations)
    rates = list(state.rates.values())
    with mpmath.workdps(40):
        table = [[mpmath.mpf(x) for x in (law.a, law.b, law.n)] for law in ssn.transfer]
        J = [[mpmath.mpf(abs(x)) for x in row] for row in ssn.network.weights.tolist()]
        external = [mpmath.mpf(mu)] * size
    signs = [1 if kind == "excitatory" else -1 for kind in ssn.kinds]
    step = mpmath.mpf("1e-12")
    for x in range(size):
        for y in range(size):
            slope = central(
                lambda v, x=x, y=y: power_law_state(table, changed(J, x, y, v), signs, external, rates), J[x][y], step
            )
            np.testing.assert_allclose(found.weights[:, x, y], slope, rtol=1e-9, atol=1e-12)

        def shifted(v, x=x):
            return power_law_state(table, J, signs, [v if k == x else external[k] for k in range(size)], rates)

        np.testing.assert_allclose(found.mu_ext[:, x], central(shifted, external[x], step), rtol=1e-9, atol=1e-12)
        for k, name in enumerate("abn"):
            slope = central(
                lambda v, x=x, k=k: power_law_state(changed(table, x, k, v), J, signs, external, rates),
                table[x][k],
                table[x][k] * step,
            )
            np.testing.assert_allclose(found.transfer[name][:, x], slope, rtol=1e-8, atol=1e-12)
    relative = found.weight_elasticities()
    for x in range(size):
        np.testing.assert_allclose(
            relative[x], found.weights[x] * np.array(J, float) / rates[x], rtol=1e-12, atol=1e-300
        )


def ricciardi(mu, sigma, tau):
    """Eq 9 by adaptive quadrature (threshold 1 mV, reset 0, not refractory)."""
    scale = sigma * np.sqrt(tau)
    integral, _ = quad(lambda z: erfcx(-z), -mu * tau / scale, (1 - mu * tau) / scale, epsabs=0, epsrel=1e-13)
    return 1 / (tau * np.sqrt(np.pi) * integral)


def ricciardi_state(J, mu, start):
    """Root of Eq 14 for two populations with j = J/K at the in-degrees of Fig 2, by MINPACK."""
    in_degrees = np.array([[195.0, 200.0], [825.0, 100.0]])

    def equations(rates):
        mean, variance = J @ (np.array([1, -1]) * rates) + mu, 9 + J**2 / in_degrees @ rates
        return [ricciardi(mean[x], np.sqrt(variance[x]), (0.02, 0.01)[x]) - rates[x] for x in range(2)]

    return fsolve(equations, start, xtol=1e-13)


def test_self_consistent_slopes_with_the_variance_term():
    theory = SelfConsistent.from_circuit(ekelmans2023.supersaturating())
    states = theory.steady_states(20.0)
    found = sensitivities(theory, states[0], states.mu_ext)
    J, mu, rates, step = np.array([[2.0, 12.0], [6.0, 1.0]]), np.full(2, 20.0), list(states[0].rates.values()), 1e-3
    for x in range(2):
        shift = step * (np.arange(2) == x)
        slope = (ricciardi_state(J, mu + shift, rates) - ricciardi_state(J, mu - shift, rates)) / (2 * step)
        np.testing.assert_allclose(found.mu_ext[:, x], slope, rtol=1e-5)
        for y in range(2):
            shift = step * np.outer(np.arange(2) == x, np.arange(2) == y)
            slope = (ricciardi_state(J + shift, mu, rates) - ricciardi_state(J - shift, mu, rates)) / (2 * step)
            np.testing.assert_allclose(found.weights[:, x, y], slope, rtol=1e-5)
    # The variance term matters: without it the slope in J_EI is another.
    plain = dataclasses.replace(theory.coupling, variances=np.zeros((2, 2)), sigma=theory.inputs(np.array(rates), 0)[1])
    other = sensitivities(dataclasses.replace(theory, coupling=plain), states[0])
    assert abs(other.weights[0, 0, 1] / found.weights[0, 0, 1] - 1) > 0.01


def test_slopes_diverge_at_a_fold_as_one_over_the_root_of_the_distance():
    ssn = SSN.from_circuit(ekelmans2023.bistable(), transfer=FIVE_DIGITS)
    fold = max(ssn.folds(1.0).mu_ext)
    slopes, determinants = [], []
    distances = np.array([1e-4, 1e-5, 1e-6, 1e-7])
    for distance in distances:
        states = ssn.steady_states(fold - distance)
        lower = sensitivities(ssn, states[0], states.mu_ext)
        slopes.append(lower.weights[0, 0, 0])
        determinants.append(lower.determinant)
        assert sensitivities(ssn, states[1]).determinant < 0  # the saddle
    np.testing.assert_allclose(np.array(slopes[1:]) / slopes[:-1], np.sqrt(10), rtol=0.03)
    np.testing.assert_allclose(np.array(determinants[1:]) / determinants[:-1], 1 / np.sqrt(10), rtol=0.03)
    assert slopes[-1] > 100


def test_the_state_at_a_fold_has_no_slopes():
    ssn = SSN.from_circuit(ekelmans2023.bistable(), transfer=FIVE_DIGITS)
    regular = ssn.steady_states(3.0)[0]
    def determinant(rate):  # of states at given E and I rates, each a state at its required inputs
        gains = ssn.network.gains(np.array([rate, 0.4]))
        return np.linalg.det(np.eye(2) - gains[:, None] * ssn.network.weights)

    rates = {"E": brentq(determinant, 0.1, 20, xtol=1e-15), "I": 0.4}
    needed = ssn.required_inputs(rates)
    inputs = {k: needed[k] + float(ssn.network.weights[i] @ list(rates.values())) for i, k in enumerate(needed)}
    with pytest.raises(InvalidInputError, match="at a fold"):
        sensitivities(ssn, dataclasses.replace(regular, rates=rates, inputs=inputs))


def test_silent_populations_do_not_answer_and_have_no_elasticity():
    ssn = SSN.from_circuit(ekelmans2023.bistable(), transfer=FIVE_DIGITS)
    states = ssn.steady_states({"E": 0.0, "I": -50.0})
    silent = next(one for one in states if one.rates["I"] == 0)
    found = sensitivities(ssn, silent, states.mu_ext)
    assert np.all(found.weights[1] == 0)
    assert np.all(np.isnan(found.weight_elasticities()[1]))
    data = found.as_data()
    assert data["weights"]["E->E"]["elasticities"]["I"] is None
    assert data["weights"]["E->E"]["slopes"]["I"] == 0.0
    assert set(data["transfer"]["E"]) == {"a", "b", "n"}


def test_other_theories_and_foreign_states_are_refused():
    circuit = ekelmans2023.bistable()
    ssn = SSN.from_circuit(circuit, transfer=FIVE_DIGITS)
    state = ssn.steady_states(3.0)[0]
    with pytest.raises(NotApplicableError, match="not of BalancedLimit"):
        sensitivities(BalancedLimit.from_circuit(circuit), state)
    with pytest.raises(InvalidInputError, match="the state has the external inputs"):
        sensitivities(ssn, state, {"E": 4.0, "I": 3.0})
    with pytest.raises(InvalidInputError, match="no steady state of this theory"):
        sensitivities(SelfConsistent.from_circuit(circuit), state)
