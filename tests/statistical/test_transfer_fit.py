"""The measured power law: against the Ricciardi function, against the spread of repeated measurements, for any model.

Seeds are fixed. Statistical errors are counted in standard errors; the bias of the time step is bounded apart, by the
exact theory of the stepped neuron.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import fsolve
from ssnbrian.analysis import SSN, transfer
from ssnbrian.analysis.discretisation import discrete_rate
from ssnbrian.analysis.power_law import PowerLaw, fit_power_law, fit_transfer
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import Circuit, FixedInDegree, InvalidInputError, NeuronModel, Parameter, Population, Projection
from ssnbrian.cli import theories
from ssnbrian.workflow import measured_laws as measuring
from ssnbrian.workflow.measured_laws import measured_laws
from ssnbrian.workflow.transfer_curve import TransferCurve, measured_transfer
from ssnbrian.workflow.transfer_fit import (
    ASSUMED_TIME_CONSTANT,
    law_of_curve,
    measured_law,
    population_time_constants,
)

pytestmark = pytest.mark.xdist_group("transfer-fit")
SIGMA, TAU = 3.0, 0.02
SIZE = {"neurons": 300, "duration": 1.0}
EIF = NeuronModel(
    name="my_exponential_neuron",
    equations="dv/dt = (E_L - v + slope*exp((v - onset)/slope))/tau + mu_ext + mu_synaptic + s*xi : volt",
    threshold="v > -30*mV",
    reset="v = -60*mV",
    noise="s",
    method="euler",
    initial=(("v", "E_L"),),
    parameters=(
        Parameter("tau", "ms", "10 ms", "membrane time constant"),
        Parameter("E_L", "mV", "-65 mV", "rest"),
        Parameter("slope", "mV", "2 mV", "sharpness of the onset"),
        Parameter("onset", "mV", "-50 mV", "where spikes start"),
        Parameter("s", "mV/sqrt(s)", "60 mV/sqrt(s)", "noise"),
    ),
)


@pytest.fixture(scope="module")
def lif():
    return measured_law(LIF, {"sigma": "3 mV/sqrt(s)", "tau": "20 ms"}, seed=1, **SIZE)


@pytest.fixture(scope="module")
def eif():
    return measured_law(EIF, seed=2, dt=0.05, **SIZE)


def assert_agree(curve, exact, bias, size=SIZE):
    """Within 4 standard errors of what the mean square of the deviations can be, beside a relative ``bias``.

    The standard errors have 18 degrees of freedom, so the squares of the deviations have mean 18/16 and standard
    deviation 1.72. Points with fewer than 50 spikes expected are left out: their errors are far from normal.
    """
    counted = exact * size["neurons"] * size["duration"] > 50
    assert counted.sum() >= 15
    error = np.hypot(curve.standard_errors, bias * exact)[counted]
    squares = ((curve.rates - exact)[counted] / error) ** 2
    assert squares.mean() < 1.125 + 4 * 1.72 / np.sqrt(counted.sum())


def test_lif_rates_are_those_of_ricciardi(lif):
    """Seed 1. The time step's bias with the bridge is below 0.1 % by the exact theory of the stepped neuron."""
    mu = lif.curve.mu
    exact = transfer.rate(mu, SIGMA, TAU)
    chosen = mu[exact > 0.1][::8]
    bias = max(abs(discrete_rate(one, SIGMA, TAU, 1e-4) / transfer.rate(one, SIGMA, TAU) - 1) for one in chosen)
    assert bias < 1e-3
    assert_agree(lif.curve, exact, bias)


def test_inputs_cover_the_range_of_the_fit(lif, eif):
    """From a thousandth of 10 Hz to just above 10 Hz, whatever the scale of the inputs; most of them inside."""
    low, high = transfer.rate(lif.curve.mu[[0, -1]], SIGMA, TAU)
    assert low < 0.04
    assert 10 < high < 15
    for one in (lif, eif):
        inside = (one.curve.rates > 0.01) & (one.curve.rates < 10)
        assert inside.sum() > 18
        assert one.law.rate_range == (0, 10)


def test_lif_law_is_the_one_of_the_closed_form(lif):
    """Seed 1, 3.5 standard errors. That the inputs are others than those of fit_transfer is told apart from noise."""
    closed, mu = fit_transfer(SIGMA, TAU), lif.curve.mu
    same_inputs = fit_power_law(mu, transfer.rate(mu, SIGMA, TAU))
    below = transfer.rate(mu, SIGMA, TAU) < 10
    assert np.abs(same_inputs(mu) - closed(mu))[below].max() < 0.02  # Hz, without any noise
    for name in "abn":
        deviation = getattr(lif.law, name) - getattr(same_inputs, name)
        assert abs(deviation) < 3.5 * lif.standard_errors[name]
        assert abs(getattr(lif.law, name) - getattr(closed, name)) < 3.5 * lif.standard_errors[name]
    reached = lif.curve_errors > 1e-3
    assert (np.abs(lif.law(mu) - same_inputs(mu)) < 3.5 * lif.curve_errors)[reached & below].all()
    assert lif.curve_errors[below].max() < 0.2  # and the errors are small enough for that to mean something


def test_bootstrap_errors_are_the_spread_of_repeated_measurements():
    """Seeds 101-116; the spread of 16 fits is known to 18 %, the bound on the ratio is three of these."""
    mu = np.linspace(-10, 30, 36)
    curves = [
        measured_transfer([{}], mu, neurons=300, duration=0.4, settle=0.1, seed=seed)[0] for seed in range(101, 117)
    ]
    laws = [fit_power_law(mu, curve.rates) for curve in curves]
    predicted = [law_of_curve(curve, seed=5) for curve in curves[:2]]
    for name in "bn":
        spread = np.std([getattr(law, name) for law in laws], ddof=1)
        expected = np.mean([one.standard_errors[name] for one in predicted])
        assert 1 - 0.54 < spread / expected < 1 + 0.54
    spread = np.std([np.log(law.a) for law in laws], ddof=1)
    expected = np.mean([one.standard_errors["a"] / one.law.a for one in predicted])
    assert 1 - 0.54 < spread / expected < 1 + 0.54
    spread = np.std([law(mu[30]) for law in laws], ddof=1)
    assert 1 - 0.54 < spread / np.mean([one.curve_errors[30] for one in predicted]) < 1 + 0.54


def eif_rate(mu):
    """Stationary rate of EIF (Hz): its Fokker-Planck equation integrated down from the threshold.

    With flux 1 above the reset, p' = (f p - 1)/D, D = s^2/2, and below it flux 0; the rate is 1 over the integral of p.
    """
    v, step = np.linspace(-30.0, -130.0, 100_001, retstep=True)  # mV
    force = (-65 - v + 2 * np.exp((v + 50) / 2)) / 10e-3 + mu  # mV/s
    exponent = force / (60.0**2 / 2) * step
    factor, p, total = np.exp(exponent), 0.0, 0.0
    gain = np.expm1(exponent) / np.where(exponent == 0, 1, exponent) * (-step) / (60.0**2 / 2)
    for k in range(len(v) - 1):
        p = p * factor[k] + gain[k] * (v[k] > -60)
        total += p * -step
    return 1 / total


def test_own_model_fires_as_its_fokker_planck_equation_says(eif):
    """Seed 2, dt 0.05 ms. The bias of Euler's method at the threshold is allowed 1 % beside the standard errors."""
    exact = np.array([eif_rate(mu) for mu in eif.curve.mu[::2]])
    half = TransferCurve({}, eif.curve.mu[::2], eif.curve.rates[::2], eif.curve.standard_errors[::2])
    counted = exact * 300 > 50
    deviation = ((half.rates - exact) / np.hypot(half.standard_errors, 0.01 * exact))[counted]
    assert counted.sum() >= 8
    assert (deviation**2).mean() < 1.125 + 4 * 1.72 / np.sqrt(counted.sum())


def pair(neuron=EIF):
    populations = (Population("E", 400, neuron), Population("I", 100, neuron, "inhibitory"))
    projections = [
        Projection(source, target, weight, FixedInDegree(20), DELTA)
        for source, target, weight in (
            ("E", "E", "0.5 mV"),
            ("I", "E", "1 mV"),
            ("E", "I", "0.7 mV"),
            ("I", "I", "0.8 mV"),
        )
    ]
    return Circuit("my_pair", populations, projections)


def test_own_model_has_an_ssn(eif):
    """Its steady state solves r = law(mu + J r), found here by scipy."""
    circuit = pair()
    ssn = SSN.from_circuit(
        circuit, transfer={"E": eif.law, "I": eif.law}, tau_population=population_time_constants(circuit)
    )
    assert ssn.tau_population == (0.01, 0.01)
    states = ssn.steady_states(900.0, 1.0)
    assert states.complete
    J = np.array([[10.0, -20.0], [14.0, -16.0]])
    expected = fsolve(lambda r: r - eif.law(900.0 + J @ r), [4.0, 4.0], xtol=1e-12)
    found = [[state.rates["E"], state.rates["I"]] for state in states]
    assert min(np.abs(np.array(found) - expected).max(axis=1)) < 1e-8


def test_command_line_measures_once_what_both_populations_share(monkeypatch, eif):
    calls = []

    def measured(population, **settings):
        calls.append((population.name, sorted(settings)))
        return SimpleNamespace(law=eif.law)

    monkeypatch.setattr(measuring, "measured_law", measured)
    ssn = theories.ssn_of(pair(), "fit")
    assert ssn.transfer == (eif.law, eif.law)
    assert calls == [("E", ["progress"])]
    calls.clear()
    laws = measured_laws(Circuit("mixed", (Population("A", 10, LIF), Population("B", 10, EIF))))
    assert laws == {"B": eif.law}


def test_no_noise_no_ssn():
    quiet = pair(NeuronModel("quiet", EIF.equations.replace("+ s*xi", ""), EIF.threshold, EIF.reset, EIF.parameters))
    with pytest.raises(InvalidInputError, match=r"neurons of E \(quiet\) have no noise.*white_noise"):
        theories.ssn_of(quiet, "fit")
    with pytest.raises(InvalidInputError, match="no noise"):
        measured_law(LIF, {"sigma": "0 mV/sqrt(s)"})


@pytest.mark.parametrize(
    ("parameters", "settings", "message"),
    [
        ({"threshold": "5000 V"}, {}, "never fire for mean inputs from 0 to 131072 mV/s"),
        ({"threshold": "-5000 V", "reset": "-5001 V"}, {}, "always fire"),
        ({}, {"maximum_rate": 2e4}, "fire at 1e.04 Hz at most, .* lower the maximum rate"),
        ({}, {"maximum_rate": 0}, "maximum rate must be positive"),
        ({}, {"duration": 0.1}, "at least 0.2 s"),
        ({}, {"dt": 0}, "dt must be positive"),
    ],
)
def test_neurons_without_a_rise_are_refused_in_one_sentence(parameters, settings, message):
    with pytest.raises(InvalidInputError, match=message) as error:
        measured_law(LIF, parameters, **{"neurons": 300, "settle": 0.01, **settings})
    assert "\n" not in str(error.value)


def test_a_jump_has_no_law():
    mu = np.linspace(0, 10, 36)
    jump = TransferCurve({}, mu, np.where(mu > 5, 40.0, 0.0), np.where(mu > 5, 0.1, 0.0))
    with pytest.raises(ValueError, match=r"only 0 inputs have a rate above 0.*more noise"):
        law_of_curve(jump)


def test_rates_lost_in_noise_have_no_law():
    mu = np.linspace(0, 10, 36)
    law = PowerLaw(0.1, 0.0, 2.0)
    with pytest.raises(ValueError, match="do not fix a power law"):
        law_of_curve(TransferCurve({}, mu, law(mu), np.full(36, 30.0)))


def test_time_constants_follow_the_stated_rule():
    def model(name, *parameters):
        declared = tuple(Parameter(key, unit, value, "") for key, unit, value in parameters)
        return Population(
            name, 1, NeuronModel(f"model_{name}", "dv/dt = mu_ext : volt", "v > 1*mV", "v = 0*mV", declared)
        )

    circuit = Circuit(
        "rule",
        (
            model("named", ("tau", "ms", "12 ms"), ("tau_w", "ms", "100 ms")),
            model("leaky", ("C", "pF", "200 pF"), ("g_L", "nS", "10 nS"), ("tau_w", "ms", "100 ms")),
            model("odd", ("C", "pF", "200 pF"), ("g_L", "mV", "10 mV")),
            Population("lif", 1, LIF, parameters={"tau": "15 ms"}),
        ),
    )
    expected = {"named": 0.012, "leaky": 0.02, "odd": ASSUMED_TIME_CONSTANT, "lif": 0.015}
    assert population_time_constants(circuit) == pytest.approx(expected)
