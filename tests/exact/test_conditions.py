"""The derived conditions against the formulas and figures of Ekelmans et al. 2023, typed only here."""

import numpy as np
import pytest
import sympy
from scipy.optimize import brentq, fsolve
from ssnbrian.analysis.conditions import NAMES, condition, derive
from ssnbrian.analysis.rate_equations import PositivePart, RateEquations, symbol

LETTERS = "J_EE J_EI J_IE J_II r a_E n_E b_E a_I n_I b_I rate_E rate_I gain_E gain_I tau_E tau_I z w mu_ext"
S = {name: symbol(name) for name in LETTERS.split()}
FIVE_DIGIT = {"a_E": 1.0792e-4, "b_E": -11.1425, "n_E": 3.0814, "a_I": 2.2099e-6, "b_I": 4.7670, "n_I": 3.8150}
ROUNDED = {"a_E": 1.079e-4, "b_E": -11.14, "n_E": 3.081, "a_I": 2.210e-6, "b_I": 4.77, "n_I": 3.815}
TAU = {"tau_E": 0.02, "tau_I": 0.01}
FIG_2A = {"J_EE": 2, "J_EI": 12, "J_IE": 6, "J_II": 1, "r": 1}
FIG_4 = {"J_EE": 5, "J_EI": 10, "J_IE": 7, "J_II": 11, "r": 1}
V1 = {"J_EE": 0.672, "J_EI": 13.173, "J_IE": 23.675, "J_II": 11.846, "r": 1}


def paper() -> dict[str, sympy.Expr]:
    """Values of the paper; for a relation left > right, left minus right; 'x*' is the threshold of x."""
    J_EE, J_EI, J_IE, J_II, r, a_E, n_E, b_E, a_I, n_I, b_I, nu_E, nu_I, phi_E, phi_I, t_E, t_I, z, w, mu = S.values()
    det = J_EI * J_IE - J_EE * J_II
    D = 1 - phi_E * J_EE + phi_I * J_II + phi_E * phi_I * det
    one_over_slope = a_I * n_I * (r * J_EI - J_II)
    return {
        "gain_E": n_E * a_E ** (1 / n_E) * nu_E ** (1 - 1 / n_E),
        "gain_I": n_I * a_I ** (1 / n_I) * nu_I ** (1 - 1 / n_I),
        "det_J": det,
        "determinant": D,
        "rate_response_E": phi_E * (1 + phi_I * (J_II - r * J_EI)) / D,
        "supersaturation_possible": r - J_II / J_EI,
        "supersaturation_possible*": J_II / J_EI,
        "supersaturation": phi_I * (r * J_EI - J_II) - 1,
        "supersaturation*": a_I * one_over_slope ** (-n_I / (n_I - 1)),
        "inhibition_stabilized": J_EE * phi_E - 1,
        "inhibition_stabilized*": (J_EE * n_E * a_E ** (1 / n_E)) ** (-n_E / (n_E - 1)),
        "balanced_rate_E": (J_II - r * J_EI) * mu / det,
        "balanced_rate_I": (J_IE - r * J_EE) * mu / det,
        "balanced_stable*": J_II / J_EI,
        "saddle": -D,
        "hopf": (phi_E * J_EE - 1) / t_E - (1 + phi_I * J_II) / t_I,
        "required_mu_ext_E": (nu_E / a_E) ** (1 / n_E) + b_E - J_EE * nu_E + J_EI * nu_I,
        "required_mu_ext_I": (nu_I / a_I) ** (1 / n_I) + b_I - J_IE * nu_E + J_II * nu_I,
        "characteristic": J_EE * a_E * PositivePart(z) ** n_E - J_EI * a_I * PositivePart(w) ** n_I - z + mu - b_E,
        "inhibitory_drive": det / J_EI * a_E * PositivePart(z) ** n_E
        + J_II / J_EI * z
        + (r - J_II / J_EI) * mu
        + J_II / J_EI * b_E
        - b_I,
        "characteristic_slope": -D,
        "peak_rate_I": a_I * one_over_slope ** (-n_I / (n_I - 1)),
    }


def as_value(expression):
    if isinstance(expression, sympy.StrictGreaterThan):
        return expression.lhs - expression.rhs
    if isinstance(expression, sympy.StrictLessThan):
        return expression.rhs - expression.lhs
    return expression


def random_point(symbols, seed):
    """Fifty-digit numbers at which every threshold exists: r J_EI > J_II, n > 1."""
    generator = np.random.default_rng(seed)
    point = {s: sympy.Float(int(generator.integers(1, 10**6)), 50) / 10**6 + sympy.Rational(1, 10) for s in symbols}
    shifts = {"n_E": 2, "n_I": 2, "J_EI": 5, "r": 1}
    return {s: value + shifts.get(s.name, 0) for s, value in point.items()}


@pytest.mark.parametrize("name", sorted(paper()))
def test_equals_the_paper(name):
    derived = condition(name.rstrip("*"))
    ours = derived.threshold if name.endswith("*") else as_value(derived.expression)
    theirs = paper()[name]
    for seed in range(5):
        point = random_point((ours - theirs).free_symbols | set(S.values()), seed)
        expected = theirs.subs(point).evalf(50)
        assert abs(ours.subs(point).evalf(50) - expected) <= sympy.Float(10, 50) ** -45 * (1 + abs(expected))


@pytest.mark.parametrize("population", ["E", "I"])
def test_gain_is_the_paper_s_symbolically(population):
    assert sympy.simplify(condition(f"gain_{population}").expression - paper()[f"gain_{population}"]) == 0


def test_slope_of_the_characteristic_function_is_minus_the_determinant():
    D = condition("determinant").expression
    assert sympy.expand(condition("characteristic_slope").expression + D) == 0
    generator = np.random.default_rng(3)
    for mu in generator.uniform(5, 40, 5):
        values = FIG_4 | FIVE_DIGIT | {"mu_ext": mu, "z": 18.0}
        step = 1e-4
        ends = [condition("characteristic").evaluate(values | {"z": 18.0 + s}) for s in (-step, step)]
        slope = condition("characteristic_slope").evaluate(values)
        assert (ends[1] - ends[0]) / (2 * step) == pytest.approx(slope, rel=1e-6)


def test_existence_of_the_balanced_state_is_the_paper_s_min_and_max():
    generator = np.random.default_rng(1)
    v = {name: generator.uniform(0.1, 3, 5000) for name in ("J_EE", "J_EI", "J_IE", "J_II", "r")}
    det = v["J_EI"] * v["J_IE"] - v["J_EE"] * v["J_II"]
    first, second = v["J_II"] / v["J_EI"], v["J_IE"] / v["J_EE"]
    expected = np.where(det > 0, v["r"] < np.minimum(first, second), v["r"] > np.maximum(first, second))
    assert 0 < expected.mean() < 1
    assert np.array_equal(condition("balanced_exists").evaluate(v), expected)
    assert np.array_equal(condition("balanced_stable").evaluate(v), (det > 0) & (v["r"] < first))


def test_balanced_stability_against_eigenvalues_at_large_gain():
    generator = np.random.default_rng(2)
    size = 2000
    v = {name: generator.uniform(0.1, 3, size) for name in ("J_EE", "J_EI", "J_IE", "J_II", "r")}
    v |= {"a_E": 1e-2, "a_I": 1e-2, "n_E": 2.0, "n_I": 2.0, "mu_ext": 1e14}
    v |= {name: generator.uniform(0.005, 0.05, size) for name in TAU}
    exists = condition("balanced_exists").evaluate(v)
    v = {name: value[exists] if np.ndim(value) else value for name, value in v.items()}
    rates = {f"rate_{x}": condition(f"balanced_rate_{x}").evaluate(v) for x in "EI"}
    gains = [condition(f"gain_{x}").evaluate(v | rates) for x in "EI"]
    matrix = np.empty((exists.sum(), 2, 2))
    matrix[:, 0, 0] = (gains[0] * v["J_EE"] - 1) / v["tau_E"]
    matrix[:, 0, 1] = -gains[0] * v["J_EI"] / v["tau_E"]
    matrix[:, 1, 0] = gains[1] * v["J_IE"] / v["tau_I"]
    matrix[:, 1, 1] = -(1 + gains[1] * v["J_II"]) / v["tau_I"]
    stable = np.linalg.eigvals(matrix).real.max(axis=1) < 0
    determinant_says = condition("balanced_stable").evaluate(v)
    trace_says = condition("balanced_trace").evaluate(v)
    assert np.array_equal(stable, determinant_says & trace_says)
    assert (determinant_says & ~stable).any(), "the trace is a requirement of its own"


def test_flipping_a_sign_in_the_equations_changes_what_depends_on_it():
    flipped = derive(RateEquations.ssn().substitute({"J_EI": -S["J_EI"]}))
    # An invariance under scaling J_EI does not depend on the sign of J_EI.
    scaling = {"peak_control_J_EI", "peak_control_J_IE"}
    for name, original in derive().items():
        depends = "J_EI" in (*original.symbols, *original.threshold_symbols) and name not in scaling
        changed = any(
            getattr(original, part) != getattr(flipped[name], part)
            for part in ("expression", "threshold", "definitions", "domain")
        )
        assert changed == depends, name


@pytest.mark.parametrize("name", NAMES)
def test_numeric_function_is_the_expression(name):
    derived = condition(name)
    formulas = [(derived.expanded(), derived.evaluate)]
    if derived.threshold is not None:
        long = derived.threshold
        for short, meaning in derived.definitions:
            long = long.xreplace({short: meaning})
        formulas.append((long, derived.evaluate_threshold))
    for seed in range(5):
        point = random_point(sorted(set(S.values()) | derived.expanded().free_symbols, key=str), seed)
        if name == "hopf":
            point[S["J_EE"]] += 50
        if name == "balanced_trace":
            point[S["r"]] = sympy.Float("0.01", 50)
            point[S["J_II"]] += 1
            point[S["J_IE"]] += 1
        values = {s.name: float(value) for s, value in point.items() if not s.name.startswith("gain")}
        for formula, function in formulas:
            expected = formula.subs(point)
            if derived.is_relation and formula is formulas[0][0]:
                assert function(values) is bool(expected)
            else:
                assert function(values) == pytest.approx(float(expected.evalf(30)), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_latex_can_be_typeset(name):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    derived = condition(name)
    for text in (derived.latex, derived.threshold_latex, *derived.definitions_latex):
        assert text != ""
        if text is not None:
            mathtext.MathTextParser("agg").parse(f"${text}$")


@pytest.mark.parametrize(
    ("fit", "J_EE", "rate", "digit"),
    [
        (FIVE_DIGIT, 2, 5.4533, 1e-4),
        (ROUNDED, 2, 5.4585, 1e-4),
        (FIVE_DIGIT, 5, 1.40452, 1e-5),
        (ROUNDED, 5, 1.40574, 1e-5),
        (FIVE_DIGIT, 0.672, 27.41, 1e-2),
        (ROUNDED, 0.672, 27.44, 1e-2),
    ],
)
def test_inhibition_stabilized_thresholds(fit, J_EE, rate, digit):
    derived = condition("inhibition_stabilized")
    values = fit | {"J_EE": J_EE}
    assert derived.evaluate_threshold(values) == pytest.approx(rate, abs=0.6 * digit)
    above = derived.evaluate(values | {"rate_E": derived.evaluate_threshold(values) * np.array([0.999, 1.001])})
    assert above.tolist() == [False, True]


def test_balanced_bound_of_the_visual_cortex_network():
    assert condition("balanced_stable").evaluate_threshold(V1) == pytest.approx(0.8993, abs=6e-5)
    assert condition("balanced_stable").evaluate(V1 | {"r": np.array([0.899, 0.9])}).tolist() == [True, False]


@pytest.mark.parametrize(
    ("fit", "factor", "height", "mu_ext", "rate_I"),
    [
        (FIVE_DIGIT, 1, 2.4725, 17.654, 0.6452),
        (ROUNDED, 1, 2.4708, 17.666, 0.6452),
        (FIVE_DIGIT, 1.25, 3.3475, 20.526, 0.6452),
        (ROUNDED, 1.25, 3.3455, 20.541, 0.6452),
    ],
)
def test_peak_and_peak_control(fit, factor, height, mu_ext, rate_I):
    given = FIG_2A | fit | {"factor": factor}
    moved = {weight: condition(f"peak_control_{weight}").evaluate(given) for weight in ("J_EI", "J_IE")}
    values = given | moved | {"r": given["r"] / factor}
    assert condition("det_J").evaluate(values) == pytest.approx(70)
    assert condition("peak_rate_I").evaluate(values) == pytest.approx(rate_I, abs=6e-5)
    assert condition("supersaturation").evaluate_threshold(values) == pytest.approx(rate_I, abs=6e-5)
    residual = condition("peak_residual_E")
    root = brentq(lambda nu: residual.evaluate(values | {"rate_E": nu}), 1, 5, xtol=1e-12)
    assert root == pytest.approx(height, abs=6e-5)
    assert condition("peak_mu_ext").evaluate(values | {"rate_E": root}) == pytest.approx(mu_ext, abs=6e-4)


def steady_state(values, mu_ext, guess):
    def missing_input(log_rates):
        known = values | dict(zip(("rate_E", "rate_I"), np.exp(log_rates), strict=True))
        needed = [condition(f"required_mu_ext_{x}").evaluate(known) for x in "EI"]
        return np.array(needed) - np.array([1, values["r"]]) * mu_ext

    log_rates = fsolve(missing_input, np.log(guess), xtol=1e-13)
    assert np.abs(missing_input(log_rates)).max() < 1e-8
    return np.exp(log_rates)


@pytest.mark.parametrize(
    ("network", "mu_ext", "guess"),
    [(FIG_2A, 5, (0.7, 0.01)), (FIG_2A, 10, (1.87, 0.1)), (FIG_2A, 30, (1.9, 2)), (V1, 100, (1.5, 6.8))],
)
def test_rate_response_and_characteristic_function_at_solved_steady_states(network, mu_ext, guess):
    values = network | FIVE_DIGIT
    rates = steady_state(values, mu_ext, guess)
    step = 1e-3
    left, right = (steady_state(values, mu_ext + s, rates) for s in (-step, step))
    slopes = (right - left) / (2 * step)
    known = values | TAU | {"rate_E": rates[0], "rate_I": rates[1], "mu_ext": mu_ext}
    for slope, population in zip(slopes, "EI", strict=True):
        assert slope == pytest.approx(condition(f"rate_response_{population}").evaluate(known), rel=1e-4)
    assert condition("supersaturation").evaluate(known) == (slopes[0] < 0)
    assert condition("stable").evaluate(known)
    z = (rates[0] / values["a_E"]) ** (1 / values["n_E"])
    assert condition("characteristic").evaluate(known | {"z": z}) == pytest.approx(0, abs=1e-7)
    assert condition("inhibitory_drive").evaluate(known | {"z": z}) == pytest.approx(
        (rates[1] / values["a_I"]) ** (1 / values["n_I"])
    )


def test_bistable_network_has_a_saddle_between_two_stable_states():
    values = FIG_4 | FIVE_DIGIT | TAU | {"mu_ext": 3}
    z = np.linspace(5, 40, 20001)
    F = condition("characteristic").evaluate(values | {"z": z})
    crossings = z[:-1][np.sign(F[:-1]) != np.sign(F[1:])]
    roots = [
        brentq(lambda x: condition("characteristic").evaluate(values | {"z": x}), left, left + z[1] - z[0])
        for left in crossings
    ]
    rates = values["a_E"] * np.array(roots) ** values["n_E"]
    assert rates == pytest.approx([0.8511, 2.7125, 6.1399], abs=6e-5)
    w = condition("inhibitory_drive").evaluate(values | {"z": np.array(roots)})
    at = values | {"rate_E": rates, "rate_I": values["a_I"] * np.maximum(w, 0) ** values["n_I"]}
    assert condition("saddle").evaluate(at).tolist() == [False, True, False]
    assert condition("stable").evaluate(at).tolist() == [True, False, True]
    assert condition("inhibition_stabilized").evaluate(at)[2]


@pytest.mark.filterwarnings("error")
def test_limits_without_a_value_are_clean():
    no_inhibition = FIG_2A | FIVE_DIGIT | {"J_EI": np.array([0.0, 0.0, 12.0]), "J_II": np.array([1.0, 0.0, 1.0])}
    possible = condition("supersaturation_possible")
    assert possible.evaluate(no_inhibition).tolist() == [False, False, True]
    assert possible.evaluate_threshold(no_inhibition).tolist() == [np.inf, np.inf, 1 / 12]
    threshold = condition("supersaturation").evaluate_threshold(no_inhibition)
    assert np.isinf(threshold).tolist() == [True, True, False]
    assert condition("inhibition_stabilized").evaluate_threshold(FIVE_DIGIT | {"J_EE": 0}) == np.inf
    assert condition("balanced_stable").evaluate_threshold(FIG_2A | {"J_EI": 0.1}) == -np.inf


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match=r"needs rate_I \(firing rate of the inhibitory population, Hz\)"):
        condition("supersaturation").evaluate(FIG_2A | FIVE_DIGIT)
    with pytest.raises(ValueError, match=r"n_I .* above 1, not 0\.9"):
        condition("supersaturation").evaluate_threshold(FIG_2A | FIVE_DIGIT | {"n_I": 0.9})
    with pytest.raises(ValueError, match="has a value only where"):
        condition("balanced_rate_E").evaluate({"J_EE": 1, "J_EI": 1, "J_IE": 1, "J_II": 1, "r": 2, "mu_ext": 3})
    with pytest.raises(ValueError, match="no condition is called"):
        condition("supersaturated")
    with pytest.raises(ValueError, match="not solved for a threshold"):
        condition("saddle").evaluate_threshold({})


def test_a_gain_given_directly_is_used():
    assert condition("supersaturation").evaluate(FIG_2A | {"gain_I": 0.1})
    assert not condition("supersaturation").evaluate(FIG_2A | {"gain_I": 0.09})
