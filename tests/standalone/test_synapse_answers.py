"""Every synapse of the library against its known answer, compiled and on the numpy target.

Sources are input populations that fire all at once in one step, or as Poisson processes; the targets are leaky.
"""

import numpy as np
import pytest
from brian2 import hertz, volt
from scipy.integrate import solve_ivp
from ssnbrian.models.library import SYNAPSES
from ssnbrian.models.neurons.integrate_and_fire import LEAKY
from test_kick_circuits import KICK_ANSWERS

from ssnbrian.circuit import Circuit, Constant, Course, FixedInDegree, InputPopulation, Population, Projection
from ssnbrian.engine.simulate import simulate

pytestmark = pytest.mark.xdist_group("synapse-answers")

TARGETS = pytest.mark.parametrize("target", ["cpp", "numpy"])
#: Those of pending kicks, which end at random, have answers of their own.
CERTAIN = [model for model in SYNAPSES if model.name not in KICK_ANSWERS]
NAMES = [model.name for model in CERTAIN]
CURRENTS, CONDUCTANCES = ("delta", "exponential", "alpha"), ("conductance_excitatory", "conductance_inhibitory")
EVERY_SYNAPSE = pytest.mark.parametrize("name", NAMES)
NEURONS, PROCESSES, IN_DEGREE = 10, 200, 20
TAU, REST, ARRIVAL = 0.02, -0.065, 0.004
"""Membrane time constant (s), resting potential (V), and when the sources fire (s)."""
VALUES = {
    "delta": {},
    "exponential": {"tau_synapse": 0.01},
    "alpha": {"tau_synapse": 0.005},
    "conductance_excitatory": {"tau_synapse": 0.005, "reversal": 0.0, "reference": -0.065},
    "conductance_inhibitory": {"tau_synapse": 0.01, "reversal": -0.07, "reference": -0.06},
    "nmda": {"tau_rise": 0.002, "tau_decay": 0.1, "reversal": 0.0, "reference": -0.065, "magnesium": 1.0},
}
"""What is published or stated for every template, in SI units."""
RECORDED = {f"T_{name}.v": range(NEURONS) for name in NAMES} | {
    f"T_{name}.{variable}_from_X": range(NEURONS)
    for name, variable in (("nmda", "conductance"), ("nmda", "mu_conductance"))
}


def circuit(weight=0.1, changes=None):
    """Every synapse from X (or the inhibitory XI) to targets of its own; ``weight`` in mV, ``changes`` by synapse."""
    changes = changes or {}
    membrane = {"tau": f"{TAU} s", "rest": f"{REST} V", "reset": f"{REST} V", "threshold": "1 V"}
    populations = tuple(Population(f"T_{name}", NEURONS, LEAKY, parameters=membrane) for name in NAMES)
    projections = tuple(
        Projection(source(one.name), f"T_{one.name}", f"{weight} mV", FixedInDegree(IN_DEGREE), one,
                   changes.get(one.name, {}))
        for one in CERTAIN
    )  # fmt: skip
    inputs = tuple(
        InputPopulation(name, PROCESSES, "0 Hz", kind) for name, kind in (("X", "excitatory"), ("XI", "inhibitory"))
    )
    return Circuit("synapses", populations, projections, inputs=inputs)


def source(name):
    return "XI" if name.endswith("inhibitory") else "X"


def volley(dt):
    """The rate with which every process fires in the step (s) after ``ARRIVAL`` and in no other."""
    edges = ARRIVAL - dt / 4, ARRIVAL + dt * 3 / 4
    course = Course([0, edges[0], edges[0], edges[1], edges[1]], [0, 0, 1 / dt, 1 / dt, 0], "Hz")
    return {"X": course, "XI": course}


@pytest.fixture(scope="module")
def run(build_cache):
    def run(circuit, target, rates, duration, dt=1e-4, drive=0.0, seed=5, **initial):
        start = {f"T_{name}.v": f"{REST} V" for name in NAMES}
        start |= {f"T_{name.replace('__', '.')}": values for name, values in initial.items()}
        return simulate(
            circuit, Constant(drive), duration=duration, dt=dt * 1000, input_rates=rates, target=target, seed=seed,
            variables=RECORDED, initial=start, cache=build_cache, runaway_rate=None,
        )  # fmt: skip

    return run


def test_every_synapse_has_an_answer():
    assert set(VALUES) == {model.name for model in SYNAPSES} - set(KICK_ANSWERS)
    for model in CERTAIN:
        projection = Projection("X", "T", "0.1 mV", FixedInDegree(1), model)
        for name, value in VALUES[model.name].items():
            assert projection.parameters[name].si == pytest.approx(value, rel=1e-12)
        assert {one.name for one in model.parameters} - set(VALUES[model.name]) <= {"delay_low", "delay_high"}


def current_response(name, times, tau_s=None):
    """Membrane over that of a unit jump, in closed form: v' = -v/tau + s with an input s of area 1."""
    slow = np.exp(-times / TAU)
    if name == "delta":
        return slow
    if tau_s == TAU:
        return slow * (times / TAU if name == "exponential" else 0.5 * (times / TAU) ** 2)
    fast, difference = np.exp(-times / tau_s), 1 / tau_s - 1 / TAU
    if name == "exponential":
        return (slow - fast) / (tau_s * difference)
    return (slow - fast * (1 + times * difference)) / (tau_s * difference) ** 2


def block(v, magnesium):
    """Fraction of open channels of Jahr & Stevens (1990): 1/(1 + [Mg] e^{-0.062 V/mV}/3.57)."""
    return 1 / (1 + magnesium * np.exp(-62 * v) / 3.57)


def conductance_course(name, times, area, values):
    """Conductance (1/s) after an input of ``area`` (V) at time 0, zero before it."""
    after = np.maximum(times, 0)
    force = values["reversal"] - values["reference"]
    if name in CONDUCTANCES:
        course = np.exp(-after / values["tau_synapse"]) * area / (force * values["tau_synapse"])
    else:
        rise, decay = values["tau_rise"], values["tau_decay"]
        course = (np.exp(-after / decay) - np.exp(-after / rise)) * area / (force * (decay - rise))
        course = course / block(values["reference"], values["magnesium"])
    return course * (times >= 0)


def conductance_response(name, start, times, area, values):
    """Membrane (V) at ``times`` >= 0 after the input, by an independent integration."""

    def slope(t, v):
        open_channels = block(v, values["magnesium"]) if name == "nmda" else 1
        input_now = conductance_course(name, t, area, values) * open_channels * (values["reversal"] - v)
        return (REST - v) / TAU + input_now

    return solve_ivp(slope, (0, times[-1]), [start], "DOP853", times, rtol=1e-11, atol=1e-14, max_step=1e-3).y[0]


def expected_response(name, start, times, area, values):
    """Membrane (V) at ``times`` after the arrival, from ``start`` at the arrival."""
    if name in CURRENTS:
        sent = area * current_response(name, times, values.get("tau_synapse"))
        return REST + (start - REST) * np.exp(-times / TAU) + sent
    return conductance_response(name, start, times, area, values)


# Orders of the step: exact for the inputs that decay by themselves, the second for those that another variable or a
# conductance drives; the block of NMDA channels is that of the step's start.
ORDERS = {
    "delta": np.inf,
    "exponential": np.inf,
    "alpha": 2,
    "conductance_excitatory": 2,
    "conductance_inhibitory": 2,
    "nmda": 1,
}
STARTS = np.linspace(-0.09, -0.02, NEURONS)
"""Potentials (V) at which the neurons with NMDA channels start."""
AREA = 2e-3
"""Area (V) of a volley at the default weight and in-degree."""


def area_of(name):
    return -AREA if source(name) == "XI" else AREA


def error_of(recording, name, dt, values):
    """Largest error (V) of the responses of a target to a volley."""
    step = round(ARRIVAL / dt) + 1
    times = (recording.variable_times - step * dt)[step:]
    found = recording.variables[f"T_{name}.v"]
    starts = REST + (found[0] - REST) * np.exp(-step * dt / TAU)
    wrong = [
        found[step:, k] - expected_response(name, start, times, area_of(name), values)
        for k, start in enumerate(starts if name == "nmda" else starts[:1])
    ]
    return np.abs(wrong).max()


@pytest.fixture(scope="module")
def volleys(run):
    """Recordings of one volley onto targets at rest (NMDA: at many potentials), by target and step (s)."""
    start = {"nmda__v": STARTS * volt}
    steps = (("numpy", 1e-4), ("cpp", 4e-4), ("cpp", 2e-4), ("cpp", 1e-4))
    return {(target, dt): run(circuit(), target, volley(dt), 0.03, dt, **start) for target, dt in steps}


@EVERY_SYNAPSE
def test_the_response_to_a_spike(volleys, name):
    errors = {key: error_of(recording, name, key[1], VALUES[name]) for key, recording in volleys.items()}
    assert errors["numpy", 1e-4] == pytest.approx(errors["cpp", 1e-4], rel=1e-3, abs=1e-14)
    if ORDERS[name] == np.inf:
        assert max(errors.values()) < 1e-14
    else:
        series = [errors["cpp", dt] for dt in (4e-4, 2e-4, 1e-4)]
        assert np.all(np.log2(np.array(series[:-1]) / series[1:]) > ORDERS[name] - 0.2), series
        assert series[-1] < 2e-3 * AREA


def test_the_limit_of_equal_time_constants(run):
    """tau_synapse = tau: the response is t e^{-t/tau} for the exponential, t^2 e^{-t/tau} for the alpha function."""
    changes = {name: {"tau_synapse": f"{TAU} s"} for name in ("exponential", "alpha")}
    recording = run(circuit(changes=changes), "cpp", volley(1e-4), 0.05)
    for name, bound in (("exponential", 1e-14), ("alpha", 1e-5 * AREA)):
        assert error_of(recording, name, 1e-4, {"tau_synapse": TAU}) < bound


@TARGETS
def test_the_block_of_nmda_channels(volleys, target):
    """Input over conductance and driving force is the open fraction of Jahr & Stevens at every potential."""
    recorded = volleys[target, 1e-4].variables
    step = round(ARRIVAL / 1e-4) + 1
    v, conductance, current = (
        recorded[f"T_nmda.{name}"][step + 1 :] for name in ("v", "conductance_from_X", "mu_conductance_from_X")
    )
    assert v.min() < -0.08 and v.max() > -0.03
    assert current / (conductance * (0 - v)) == pytest.approx(block(v, 1.0), rel=1e-9)
    # The published half block: V = ln([Mg]/3.57)/0.062 mV, -20.5 mV at 1 mmol/l.
    assert block(np.log(1 / 3.57) / 62, 1.0) == pytest.approx(0.5)
    times = (volleys[target, 1e-4].variable_times - step * 1e-4)[step + 1 :]
    expected = conductance_course("nmda", times, AREA, VALUES["nmda"])
    # The trapezoid of the rising variable over a step: a relative error of (dt/tau_rise)^2/12.
    assert conductance[:, 0] == pytest.approx(expected, rel=1.05 * (0.1 / 2) ** 2 / 12, abs=1e-9 * expected.max())
    peak = 1 / (1 / 2 - 1 / 100) * np.log(100 / 2)  # ms, where the two exponentials fall equally fast
    assert times[np.argmax(conductance[:, 0])] * 1000 == pytest.approx(peak, abs=0.1)


def test_an_open_conductance_shunts(run):
    """At a constant conductance g a step of input I moves v to rest + I tau_eff, with tau_eff = tau/(1 + g tau).

    The reversal is the rest, so that the conductance only divides.
    """
    changes = {
        name: {"tau_synapse": "1e9 s", "reversal": f"{REST} V", "reference": f"{REST - 0.01} V"}
        for name in CONDUCTANCES
    }
    g = np.array([0, 5, 10, 25, 50, 75, 100, 150, 200, 400])
    start = {f"{name}__conductance_from_{source(name)}": g * hertz for name in CONDUCTANCES}
    recording = run(circuit(changes=changes), "cpp", {}, 0.03, 1e-3, drive=1000.0, **start)
    effective = TAU / (1 + g * TAU)
    times = recording.variable_times[:, None]
    expected = REST + 1.0 * effective * (1 - np.exp(-times / effective))
    for name in CONDUCTANCES:
        assert recording.variables[f"T_{name}.v"] == pytest.approx(expected, rel=1e-10)


def shot_moments(kernel, probability):
    """Mean and variance of sum_k kernel[k] s[n - k] over independent spikes s of ``IN_DEGREE`` sources (Campbell)."""
    return (
        IN_DEGREE * probability * kernel.sum(),
        IN_DEGREE * probability * (1 - probability) * (kernel**2).sum(),
    )


def conductance_moments(rate, area, values, order=30, points=3000):
    """Exact mean and variance of v (V) below threshold under Poisson input to a conductance that decays.

    U = reversal - v obeys U' = U0/tau - U (1/tau + g), so U is the integral over s of U0/tau e^{-s/tau - G(s)} with
    G(s) the integral of g over the last s; means of e^{-G} follow from the characteristic functional of shot noise,
    E e^{-sum h(a)} = exp(rate integral (e^{-h(a)} - 1) da) over the ages a of the spikes. With these nodes the variance
    is good to 3e-4 of itself.
    """
    tau_s, force = values["tau_synapse"], values["reversal"] - REST
    jump = area / (values["reversal"] - values["reference"])
    nodes, weights = np.polynomial.laguerre.laggauss(order)
    edges = np.linspace(0, 1, points + 1) ** 2 * 0.5  # s, of the ages; dense where spikes are young
    ages = (edges[1:] + edges[:-1]) / 2

    def share(s):
        """What a spike of each age puts into G(s), shape (s, ages)."""
        s = np.asarray(s)[:, None]
        return jump * (np.exp(-np.maximum(ages - s, 0) / tau_s) - np.exp(-ages / tau_s))

    def mean_of(h):
        return np.exp(rate * ((np.exp(-h) - 1) * np.diff(edges)).sum(axis=-1))

    mean = force * (weights * mean_of(share(nodes * TAU))).sum()
    # The square is twice the integral over s < s', smooth in s and s' - s.
    first = nodes * TAU / 2
    later = first[:, None] + nodes * TAU
    both = mean_of(share(first)[:, None] + share(later.ravel()).reshape(*later.shape, -1))
    square = force**2 * (weights[:, None] * weights * both).sum()
    return values["reversal"] - mean, square - mean**2


def poisson_moments(name, weight, rate, dt):
    """Mean and variance of v (V) under Poisson processes of ``rate`` (Hz) with synapses of ``weight`` (V)."""
    if name in CURRENTS:
        times = np.arange(round(0.5 / dt)) * dt
        kernel = weight * current_response(name, times, VALUES[name].get("tau_synapse"))
        mean, variance = shot_moments(kernel, rate * dt)
        return REST + mean, variance
    return conductance_moments(IN_DEGREE * rate, -weight if source(name) == "XI" else weight, VALUES[name])


def in_blocks(values, blocks=12):
    """Mean over neurons and time with its standard error from ``blocks`` stretches of time."""
    means = np.array([part.mean() for part in np.array_split(values, blocks)])
    return means.mean(), means.std(ddof=1) / np.sqrt(blocks)


@pytest.fixture(scope="module")
def noisy(run):
    """Recordings under Poisson processes of 20 Hz, by target: 10 s at 0.2 ms compiled, 0.5 s at 1 ms on numpy."""
    rates = {name: Course([0], [20], "Hz") for name in ("X", "XI")}
    found = {}
    for target, dt, duration in (("cpp", 2e-4, 10), ("numpy", 1e-3, 0.5)):
        recording = run(circuit(1.0), target, rates, duration, dt)
        found[target] = {name: recording.variables[name][round(0.1 / dt) :] for name in RECORDED}, dt
    return found


@TARGETS
@pytest.mark.parametrize("name", CURRENTS + CONDUCTANCES)
def test_mean_and_variance_under_poisson_input(noisy, target, name):
    """Within 4 standard errors (seed 5), and the part r dt of the variance for a finite step.

    They are those from 12 blocks of time, or where the run is too short for these, the ones of one independent sample
    every 2 tau of each neuron.
    """
    recorded, dt = noisy[target]
    v = recorded[f"T_{name}.v"]
    mean, variance = poisson_moments(name, 1e-3, 20.0, dt)
    samples = v.size * dt / (2 * TAU)
    found, error = in_blocks(v)
    assert abs(found - mean) < 4 * max(error, np.sqrt(variance / samples))
    found, error = in_blocks((v - mean) ** 2)
    assert abs(found - variance) < 4 * max(error, variance * np.sqrt(2 / samples)) + 20 * dt * variance


def test_mean_and_variance_of_a_slow_conductance(noisy):
    """That of NMDA channels is shot noise with a rise and a decay: Campbell's theorem."""
    recorded, dt = noisy["cpp"]
    conductance = recorded["T_nmda.conductance_from_X"]
    kernel = conductance_course("nmda", np.arange(round(2 / dt)) * dt, 1e-3, VALUES["nmda"])
    # The filter starts at rest and the mean is approached within tau_decay.
    settled = conductance[round(0.5 / dt) :]
    mean, variance = shot_moments(kernel, 20 * dt)
    found, error = in_blocks(settled)
    assert abs(found - mean) < 4 * error + np.exp(-7) * mean
    found, error = in_blocks((settled - mean) ** 2)
    assert abs(found - variance) < 4 * error + 2e-3 * variance
