"""Every membrane, adaptation and noise of the library against its known answer, compiled and on the numpy target.

All of them are populations of one circuit, so that one build serves every test. The oracle of spike times is an
independent integration of the published equations with events (``scripts/convergence.py``). A spike stands at the
beginning of the step in which the threshold was passed; what is compared is the end of that step.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from brian2 import amp, volt
from brian2 import second as seconds
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import kstwo
from ssnbrian.models.adaptation import SLOW_THRESHOLD_ADAPTATION, SPIKE_ADAPTATION, THRESHOLD_ADAPTATION
from ssnbrian.models.library import ADAPTATION, NEURONS, NOISE
from ssnbrian.models.neurons.integrate_and_fire import EXPONENTIAL_IF, LEAKY
from ssnbrian.models.neurons.lif import LIF
from ssnbrian.models.noise import WHITE_NOISE

from ssnbrian.circuit import Circuit, Constant, PiecewiseLinear, Population
from ssnbrian.engine.crossing import bridge_refusal
from ssnbrian.engine.simulate import simulate

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import convergence
from test_kick_circuits import KICK_ANSWERS

pytestmark = pytest.mark.xdist_group("membranes")
MODELS = {
    **{model.name: model for model in convergence.WITH_A_COURSE},
    "spike_adaptation": LEAKY + SPIKE_ADAPTATION,
    "threshold_adaptation": LEAKY + THRESHOLD_ADAPTATION,
    "slow_threshold_adaptation": LEAKY + THRESHOLD_ADAPTATION + SLOW_THRESHOLD_ADAPTATION,
    "white_noise": LEAKY + WHITE_NOISE,
    "exponential_if_with_white_noise": EXPONENTIAL_IF + WHITE_NOISE,
}
#: Populations that start from rest.
LEAKY_ONES = ("spike_adaptation", "threshold_adaptation", "slow_threshold_adaptation", "white_noise")
NOISY_NEURONS = 100


def membranes(parameters):
    """The circuit of all membranes without noise, but for what ``parameters`` give a population."""
    populations = []
    for name, model in MODELS.items():
        size = NOISY_NEURONS if name == "white_noise" else convergence.NEURONS_PER_POPULATION
        one = convergence.noiseless(Population(name, size, model))
        populations.append(dataclasses.replace(one, parameters={**one.parameters, **parameters.get(name, {})}))
    return Circuit("membranes", tuple(populations))


def population(name, parameters=None):
    return membranes({name: parameters or {}}).population(name)


def simulated(cache, drives, duration, parameters=None, initial=None, target="cpp", dt=0.1):
    """A recording of all membranes from rest, each at its level (mV/s; 0 unless given) or with its drive."""
    circuit = membranes(parameters or {})
    given = {name: Constant(one) if np.isscalar(one) else one for name, one in drives.items()}
    states = {}
    for one in circuit.populations:
        if one.name in LEAKY_ONES:
            states[f"{one.name}.v"] = one.parameters["rest"].si * volt
        else:
            states |= convergence.starts(one, 0)[1]
    return simulate(
        circuit,
        dict.fromkeys(MODELS, Constant(0)) | given,
        duration=duration,
        dt=dt,
        seed=1,
        spikes=True,
        variables={f"{one.name}.v": range(one.size) for one in circuit.populations},
        initial=states | (initial or {}),
        runaway_rate=None,
        target=target,
        cache=cache,
    )


def spikes_of(recording, name, neuron=0):
    """Ends of the steps (s) in which a neuron spiked."""
    times, neurons = recording.spikes[name]
    return times[neurons == neuron] + recording.metadata["dt"] / 1000


def si(name, parameters=None):
    return convergence.si_parameters(population(name, parameters))


# Closed forms of the period without noise, in SI units, with mean input mu (V/s).


def leaky_period(p, mu):
    rest = getattr(p, "rest", 0.0)
    free = p.tau * np.log((rest + mu * p.tau - p.reset) / (rest + mu * p.tau - p.threshold))
    return getattr(p, "refractory_period", 0.0) + free


def exponential_period(p, mu):
    def slowness(v):
        return p.tau / (p.rest - v + p.slope_factor * np.exp((v - p.rheobase_threshold) / p.slope_factor) + mu * p.tau)

    bends = [p.rheobase_threshold, p.rheobase_threshold + 2 * p.slope_factor]
    return p.refractory_period + quad(slowness, p.reset, p.peak, points=bends, epsrel=1e-11)[0]


def quadratic_period(p, mu):
    distance, middle = p.critical - p.rest, (p.critical + p.rest) / 2
    scale = np.sqrt(mu * p.tau * distance - distance**2 / 4)
    angles = np.arctan((p.peak - middle) / scale) - np.arctan((p.reset - middle) / scale)
    return p.tau * distance / scale * angles


PERIODS = {
    "lif": leaky_period,
    "lif_white_noise": leaky_period,
    "lif_white_noise_refractory": leaky_period,
    "exponential_if": exponential_period,
    "quadratic_if": quadratic_period,
}

# The same run on both targets: every membrane at a level at which it fires, noise below threshold.
STEP, ROUNDING = 1e-4, 1e-7
DRIVEN_SECONDS, ESCAPE_LEVEL, ADAPTING_LEVEL = 0.06, 1000.0, 2500.0
DRIVEN_PARAMETERS = {
    "spike_adaptation": {"adaptation_step": "10 mV", "tau_adaptation": "30 ms"},
    "threshold_adaptation": {"threshold_area": "90 mV*ms", "tau_threshold": "30 ms"},
    "slow_threshold_adaptation": {
        "threshold_area": "90 mV*ms",
        "tau_threshold": "30 ms",
        "slow_threshold_area": "400 mV*ms",
        "tau_slow_threshold": "200 ms",
    },
    "lif_escape_noise": {"escape_rate": "1000 Hz", "escape_width": "8 mV"},
    "white_noise": {"sigma": "60 mV/sqrt(s)", "tau": "2 ms", "threshold": "1000 mV"},
}


@pytest.fixture(scope="module")
def driven(build_cache):
    levels = {name: one.firing for name, one in convergence.MEMBRANES.items()}
    levels |= {"lif_escape_noise": ESCAPE_LEVEL, **dict.fromkeys(LEAKY_ONES[:3], ADAPTING_LEVEL)}
    return {
        target: simulated(build_cache, levels, DRIVEN_SECONDS, DRIVEN_PARAMETERS, target=target)
        for target in ("cpp", "numpy")
    }


def fires_with_its_period(recording, name):
    """Every crossing is seen late by less than a step; a refractory period begins with the step of its spike."""
    p = si(name)
    refractory = getattr(p, "refractory_period", 0.0)
    exact = PERIODS[name](p, convergence.MEMBRANES[name].firing / 1000) * np.arange(1, 100) - refractory
    exact = exact[exact < DRIVEN_SECONDS - 1e-3]
    assert len(exact) >= 2
    late, number = spikes_of(recording, name)[: len(exact)] - exact, np.arange(1, len(exact) + 1)
    earliest, latest = (1 - number, 1) if refractory else (0, number)
    assert np.all(late > STEP * earliest - ROUNDING), late
    assert np.all(late < STEP * latest + ROUNDING), late


def fires_when_the_oracle_does(recording, name):
    """Threshold and reset on the grid are of first order in the step, here 0.1 ms; the patterns have a finer one."""
    one = population(name)
    start = convergence.starts(one, 0)[0][0].tolist()
    exact = convergence.reference_spikes(one, convergence.MEMBRANES[name].firing, start, 0.05)
    assert len(exact) >= 2
    late = spikes_of(recording, name)[: len(exact)] - exact
    assert np.all(np.abs(late) < 5 * STEP * np.arange(1, len(exact) + 1)), late


def escapes_with_its_survivor_function(recording, name, count=4):
    """Survivor function after a reset, by quadrature of the hazard along the closed course of the membrane.

    The first ``count`` intervals of every neuron, whatever their length, are a sample without a bias.
    """
    p, step = si(name, DRIVEN_PARAMETERS[name]), recording.metadata["dt"] / 1000
    intervals = [np.diff(spikes_of(recording, name, k))[:count] for k in range(8)]
    assert min(map(len, intervals)) == count
    settled = p.rest + ESCAPE_LEVEL / 1000 * p.tau

    def hazard(t):
        v = settled + (p.reset - settled) * np.exp(-t / p.tau)
        return p.escape_rate * np.exp((v - p.threshold) / p.escape_width)

    def survival(interval):
        # The refractory period begins with the step of the spike, at the end of which the intervals are counted.
        return np.exp(-quad(hazard, 0, max(interval - p.refractory_period + step, 0), epsrel=1e-9)[0])

    assert_distributed(np.concatenate(intervals), survival, step)


def assert_distributed(intervals, survival, step=STEP, level=1e-3):
    """Kolmogorov and Smirnov's test at ``level`` at the points of the time grid; seed 1."""
    grid = np.arange(1, round(intervals.max() / step) + 1) * step
    exact = np.array([1 - survival(t) for t in grid])
    found = np.searchsorted(np.sort(intervals), grid + step / 2, side="right") / len(intervals)
    assert np.abs(found - exact).max() < kstwo.isf(level, len(intervals))


def adapts_along_the_closed_form(recording, name):
    """Each interval from the simulated spike before it, so that it is late by its own step only."""
    p = si(name, DRIVEN_PARAMETERS[name])
    found, start, adaptation, rate = spikes_of(recording, name), 0.0, 0.0, 1 / p.tau - 1 / p.tau_adaptation
    assert len(found) >= 4
    late = []
    for spike in found[:4]:

        def below(t, a=adaptation):
            decay = np.exp(-t / p.tau)
            fall = a * (np.exp(-t / p.tau_adaptation) - decay) / rate
            return p.threshold - p.rest - ADAPTING_LEVEL / 1000 * p.tau * (1 - decay) + fall

        late.append(spike - start - brentq(below, 0, 0.1, xtol=1e-14))
        adaptation *= np.exp(-(spike - start) / p.tau_adaptation)
        # The refractory period begins with the step of the spike, at the end of which the adaptation jumps.
        pause = p.refractory_period - STEP
        adaptation = (adaptation + p.adaptation_step / p.tau_adaptation) * np.exp(-pause / p.tau_adaptation)
        start = spike + pause
    assert np.all(np.array(late) > -ROUNDING), late
    assert np.all(np.array(late) < STEP + ROUNDING), late


def meets_its_rising_threshold(recording, name):
    """Each interval from the simulated spike before it, as for the current; one or two rises of the threshold."""
    p = si(name, DRIVEN_PARAMETERS[name])
    areas = {p.tau_threshold: p.threshold_area}
    if name == "slow_threshold_adaptation":
        areas[p.tau_slow_threshold] = p.slow_threshold_area
    rises, start, late = dict.fromkeys(areas, 0.0), 0.0, []
    found = spikes_of(recording, name)
    assert len(found) >= 4
    for spike in found[:4]:

        def below(t):
            raised = p.threshold + sum(rise * np.exp(-t / tau) for tau, rise in rises.items())
            return raised - p.rest - ADAPTING_LEVEL / 1000 * p.tau * (1 - np.exp(-t / p.tau))

        late.append(spike - start - brentq(below, 0, 0.1, xtol=1e-14))
        # The refractory period begins with the step of the spike, at the end of which the threshold jumps.
        pause = p.refractory_period - STEP
        for tau, area in areas.items():
            rises[tau] = (rises[tau] * np.exp(-(spike - start) / tau) + area / tau) * np.exp(-pause / tau)
        start = spike + pause
    assert np.all(np.array(late) > -ROUNDING), late
    assert np.all(np.array(late) < STEP + ROUNDING), late


def has_the_stationary_deviation(recording, name):
    p = si(name, DRIVEN_PARAMETERS[name])
    assert_deviation(recording.variables[f"{name}.v"], p.rest, p.sigma, p.tau)


def assert_deviation(v, rest, sigma, tau, discretisation=0.0):
    """Mean and sigma sqrt(tau/2) within 4 standard errors of a process of correlation time tau; seed 1."""
    v = v[round(10 * tau / STEP) :]
    exact, length = sigma * np.sqrt(tau / 2), v.size * STEP
    relative = v.std() / exact - 1
    assert abs(relative) < 4 * np.sqrt(tau / 2 / length) + discretisation
    assert abs(v.mean() - rest) < 4 * exact * np.sqrt(2 * tau / length)


ANSWERS = {
    **dict.fromkeys(PERIODS, fires_with_its_period),
    **dict.fromkeys(("adex", "izhikevich", "hodgkin_huxley"), fires_when_the_oracle_does),
    "lif_escape_noise": escapes_with_its_survivor_function,
    "spike_adaptation": adapts_along_the_closed_form,
    "threshold_adaptation": meets_its_rising_threshold,
    "slow_threshold_adaptation": meets_its_rising_threshold,
    "white_noise": has_the_stationary_deviation,
}


def test_every_template_of_the_library_has_an_answer():
    by_steps = {model.name for model in NEURONS} - set(KICK_ANSWERS)
    assert set(ANSWERS) == by_steps | set(ADAPTATION) | set(NOISE)
    assert set(convergence.MEMBRANES) == by_steps == {model.name for model in convergence.WITH_A_COURSE}


@pytest.mark.parametrize("target", ["cpp", "numpy"])
@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_known_answer(driven, name, target):
    ANSWERS[name](driven[target], name)


def test_both_targets_take_the_same_path(driven):
    """Where there are no random numbers the targets differ by rounding only."""
    for name in set(MODELS) - {"lif_escape_noise", "white_noise"}:
        compiled, interpreted = (driven[target].variables[f"{name}.v"][:, 0] for target in ("cpp", "numpy"))
        assert compiled == pytest.approx(interpreted, rel=0, abs=1e-10), name


def saddle_node_of_exponential(p):
    """The I-V curve is lowest at the rheobase threshold: (rest - v + slope_factor)/tau + mu = 0 there."""
    return (p.rheobase_threshold - p.rest - p.slope_factor) / p.tau


def hopf_of_adex(p):
    """Trace of the Jacobian zero, exp(x) = 1 + tau_m/tau_w, which precedes the saddle-node for a/g > tau_m/tau_w."""
    tau = p.capacitance / p.g_leak
    assert p.a / p.g_leak > tau / p.tau_w
    upstroke = 1 + tau / p.tau_w
    v = p.rheobase_threshold + p.slope_factor * np.log(upstroke)
    return ((p.g_leak + p.a) * (v - p.rest) - p.g_leak * p.slope_factor * upstroke) / p.capacitance


def hopf_of_izhikevich(p):
    """Trace zero, 0.08 v + 5 = a (in mV and ms), which precedes the saddle-node for a < b."""
    a, b = p.a / 1000, p.b / 1000
    assert a < b
    v = (a - 5) / 0.08
    return b * v - (0.04 * v**2 + 5 * v + 140)


ONSETS = {
    "lif": lambda p: (p.threshold - p.rest) / p.tau,
    "lif_white_noise": lambda p: p.threshold / p.tau,
    "lif_white_noise_refractory": lambda p: p.threshold / p.tau,
    "exponential_if": saddle_node_of_exponential,
    "quadratic_if": lambda p: (p.critical - p.rest) / (4 * p.tau),
    "adex": hopf_of_adex,
    "izhikevich": hopf_of_izhikevich,
}


def test_onset_of_firing_where_the_closed_forms_put_it(build_cache):
    """Input that rises slowly, so that it meets no limit cycle beside the rest, to 1.5 % below and above the onset."""
    onsets = {name: onset(si(name)) * 1000 for name, onset in ONSETS.items()}
    assert set(onsets) == set(convergence.MEMBRANES) - {"lif_escape_noise", "hodgkin_huxley"}
    for side, fires in ((0.985, False), (1.015, True)):
        drives = {name: PiecewiseLinear([0, 3, 4.5], [0, side * mu, side * mu]) for name, mu in onsets.items()}
        recording = simulated(build_cache, drives, 4.5)
        for name in onsets:
            assert (len(recording.spikes[name][0]) > 0) == fires, (name, side)


@pytest.mark.parametrize("factor", [1.5, 2.0, 5.0])
def test_rates_without_noise_are_those_of_the_closed_forms(build_cache, factor):
    """At multiples of the onset; the grid's error of a period is below one step, of 0.02 ms here."""
    levels = {name: factor * ONSETS[name](si(name)) * 1000 for name in PERIODS}
    recording = simulated(build_cache, levels, 0.6, dt=0.02)
    for name, level in levels.items():
        intervals = np.diff(spikes_of(recording, name))
        assert len(intervals) >= 2
        assert intervals.mean() == pytest.approx(PERIODS[name](si(name), level / 1000), abs=2e-5), name


def test_adaptation_settles_at_the_rate_that_solves_its_equation(build_cache):
    """r = F(mu - step r) for slow adaptation, and initial over steady rate 1 + step dF/dmu for a small step."""
    mu, p = 1500.0, si("spike_adaptation")

    def rate(level):
        return 1 / leaky_period(p, level / 1000)

    def measured(step, tau, start, duration, after):
        given = {"spike_adaptation": {"tau_adaptation": f"{tau} ms", "adaptation_step": f"{step} mV"}}
        initial = {"spike_adaptation.adaptation": start / 1000 * volt / seconds}
        recording = simulated(build_cache, {"spike_adaptation": mu}, duration, given, initial, dt=0.05)
        times = spikes_of(recording, "spike_adaptation")
        late = times[times > after]
        return 1 / (times[0] + p.refractory_period), (len(late) - 1) / (late[-1] - late[0])

    def settled(step):
        return brentq(lambda r: rate(mu - step * r) - r, 1, 100)

    # Slow enough that its ripple is small, and from the height after a spike, where it has to stay.
    height = 20 / 3 / -np.expm1(-1 / (3 * settled(20.0)))
    _, steady = measured(20.0, 3000, height, 2.5, 1.0)
    assert steady == pytest.approx(settled(20.0), rel=3e-3)
    initial, steady = measured(1.0, 300, 0.0, 2.0, 1.2)
    gain = (rate(mu + 1e-3) - rate(mu - 1e-3)) / 2e-3
    # Each rate is known to a step of 0.05 ms in its period of 16 ms.
    resolution = 5e-5 * rate(mu)
    assert initial == pytest.approx(rate(mu), rel=resolution)
    assert steady == pytest.approx(settled(1.0), rel=resolution)
    assert initial / steady - 1 == pytest.approx(gain, abs=gain**2 + resolution)


def test_escape_noise_at_many_intervals(build_cache):
    """The step of 0.02 ms is a fiftieth of the shortest mean time to a spike, 1/hazard."""
    name = "lif_escape_noise"
    recording = simulated(build_cache, {name: ESCAPE_LEVEL}, 1.0, DRIVEN_PARAMETERS, dt=0.02)
    escapes_with_its_survivor_function(recording, name, 80)


FAR = {"tau": "2 ms", "sigma": "3 mV/sqrt(s)", "threshold": "1000 mV"}
NOISE_PARAMETERS = {
    "white_noise": {"sigma": "50 mV/sqrt(s)", "threshold": "1000 mV"},
    "lif_white_noise": FAR,
    "lif_white_noise_refractory": FAR,
    # The hazard does not depend on the membrane.
    "lif_escape_noise": {"escape_rate": "200 Hz", "escape_width": "1e12 mV"},
}
SMALL_NOISE = {"sigma": "10 mV/sqrt(s)"}


def test_noise_has_its_stationary_deviation_and_its_survivor_function(build_cache):
    given = {**NOISE_PARAMETERS, "exponential_if_with_white_noise": SMALL_NOISE}
    recording = simulated(build_cache, {}, 4.0, given)
    for name in ("white_noise", "lif_white_noise", "lif_white_noise_refractory", "exponential_if_with_white_noise"):
        p = si(name, given[name])
        # Euler's variance is too large by dt/(2 tau), and the upstroke at rest is a 300th of the leak for small noise.
        more = STEP / (2 * p.tau) if name.startswith("exponential") else 0.0
        assert_deviation(recording.variables[f"{name}.v"], getattr(p, "rest", 0.0), p.sigma, p.tau, more)
    p = si("lif_escape_noise", given["lif_escape_noise"])
    intervals = [np.diff(spikes_of(recording, "lif_escape_noise", k))[:400] for k in range(8)]
    assert min(map(len, intervals)) == 400
    pause = p.refractory_period - STEP
    assert_distributed(np.concatenate(intervals), lambda t: np.exp(-p.escape_rate * max(t - pause, 0)))


FINE = 0.01  # ms
IZHIKEVICH_CLASSES = {
    "regular spiking": (0.02, 0.2, -65, 8),
    "intrinsically bursting": (0.02, 0.2, -55, 4),
    "chattering": (0.02, 0.2, -50, 2),
    "fast spiking": (0.1, 0.2, -65, 2),
    "low-threshold spiking": (0.02, 0.25, -65, 2),
}
# C (pF), g_leak (nS), rest, rheobase threshold, slope factor (mV), a (nS), tau_w (ms), b (pA), reset (mV), I (pA):
# Naud, Marcille, Clopath, Gerstner 2008, Biol Cybern 99; the first is the set of Brette, Gerstner 2005.
ADEX_PATTERNS = {
    "adapting": (281, 30, -70.6, -50.4, 2, 4, 144, 80.5, -70.6, 1000),
    "initial burst": (130, 18, -58, -50, 2, 4, 150, 120, -50, 400),
    "regular bursting": (200, 10, -58, -50, 2, 2, 120, 100, -46, 210),
    "tonic": (200, 10, -70, -50, 2, 2, 30, 0, -58, 500),
    "accelerating": (200, 12, -70, -50, 2, -10, 300, 0, -58, 300),
}
PATTERNS = list(zip(IZHIKEVICH_CLASSES, ADEX_PATTERNS, strict=True))


def izhikevich(kind):
    a, b, reset, d = IZHIKEVICH_CLASSES[kind]
    return {"a": f"{a} 1/ms", "b": f"{b} 1/ms", "reset": f"{reset} mV", "d": f"{d} mV/ms"}, [-0.065, -65 * b]


def adex(kind):
    names = ("capacitance", "g_leak", "rest", "rheobase_threshold", "slope_factor", "a", "tau_w", "b", "reset")
    units = ("pF", "nS", "mV", "mV", "mV", "nS", "ms", "pA", "mV")
    *values, current = ADEX_PATTERNS[kind]
    given = {name: f"{value} {unit}" for name, value, unit in zip(names, values, units, strict=True)}
    return given, [values[2] / 1000, 0.0], 1000 * current / values[0]


def shows_its_pattern(kind, intervals):
    """The features by which the firing patterns were named; intervals in ms from the onset of a step of input."""
    short, long = intervals.min(), intervals[-5:].max()
    if kind in ("intrinsically bursting", "initial burst"):
        # Two short intervals and then single spikes at a constant rate.
        return np.all(intervals[:2] < 0.25 * intervals[-1]) and np.ptp(intervals[-3:]) < 0.05 * intervals[-1]
    if kind in ("chattering", "regular bursting"):
        # Short and long intervals to the end.
        return long > 10 * short and intervals[-5:].min() < 0.1 * long
    if kind == "accelerating":
        return np.all(np.diff(intervals) < 0.05) and intervals[-1] < 0.75 * intervals[0]
    if kind in ("fast spiking", "tonic"):
        return np.ptp(intervals[5:]) < 0.06 * intervals[-1] and intervals[-1] < 10
    # Adaptation: slower and slower, to a constant rate.
    return intervals[-1] > 1.5 * intervals[0] and np.all(np.diff(intervals) > -0.05)


def test_defaults_are_the_published_sets():
    published = {
        "izhikevich": izhikevich("regular spiking")[0],
        "adex": adex("adapting")[0],
        # uF, mS and mV per cm2: Hodgkin, Huxley 1952 with the rest at -65 mV.
        "hodgkin_huxley": {
            "capacitance": "1e4 uF/m**2",
            "g_Na": "1200 S/m**2",
            "g_K": "360 S/m**2",
            "g_leak": "3 S/m**2",
            "E_Na": "50 mV",
            "E_K": "-77 mV",
            "E_leak": "-54.387 mV",
        },
    }
    for name, given in published.items():
        default, stated = si(name), si(name, given)
        for parameter in given:
            assert getattr(default, parameter) == pytest.approx(getattr(stated, parameter), rel=1e-12), parameter


@pytest.mark.parametrize(("of_izhikevich", "of_adex"), PATTERNS, ids=lambda kind: kind.replace(" ", "-"))
def test_published_firing_patterns(build_cache, of_izhikevich, of_adex):
    """Pattern and spike times of Izhikevich's classes at 10 mV/ms and of AdEx at its published currents."""
    (first, state), (second, rest, level) = izhikevich(of_izhikevich), adex(of_adex)
    initial = {
        "izhikevich.v": state[0] * volt,
        "izhikevich.recovery": state[1] * volt / seconds,
        "adex.v": rest[0] * volt,
        "adex.w": rest[1] * amp,
    }
    drives, parameters = {"izhikevich": 10000.0, "adex": level}, {"izhikevich": first, "adex": second}
    recording = simulated(build_cache, drives, 0.5, parameters, initial, dt=FINE)
    for name, kind, start in (("izhikevich", of_izhikevich, state), ("adex", of_adex, rest)):
        found = spikes_of(recording, name)
        assert shows_its_pattern(kind, np.diff(found) * 1000), np.diff(found) * 1000
        end = min(found[min(9, len(found) - 1)] + 0.002, 0.5)
        exact = convergence.reference_spikes(population(name, parameters[name]), drives[name], start, end)
        error = np.abs(found[: len(exact)] - exact) / (FINE / 1000 * np.arange(1, len(exact) + 1))
        assert len(exact) >= 7
        assert np.all(error < 2)


def resting_potential_of_hodgkin_huxley():
    """Where the current of the membrane vanishes with its gates, which are linear, at rest."""
    p, slope = si("hodgkin_huxley"), convergence.MEMBRANES["hodgkin_huxley"].slope

    def current(v):
        closed, opened = (slope(np.array([v, gate, gate, gate]), 0.0, p)[1:] for gate in (0, 1))
        gates = [a / (a - b) for a, b in zip(closed, opened, strict=True)]
        return slope(np.array([v, *gates]), 0.0, p)[0]

    return brentq(current, -0.07, -0.06, xtol=1e-12)


def test_hodgkin_huxley_rests_and_fires_where_it_is_known_to(build_cache):
    """Rest near -65 mV; a step of 5.9 uA/cm2 (mV/ms) ends in silence, one of 6.8 in a train."""
    runs = {level: simulated(build_cache, {"hodgkin_huxley": level}, 0.3, dt=0.02) for level in (0.0, 5900.0, 6800.0)}
    rest = resting_potential_of_hodgkin_huxley()
    assert rest == pytest.approx(-0.065, abs=2e-4)
    assert runs[0.0].variables["hodgkin_huxley.v"][-1, 0] == pytest.approx(rest, abs=1e-7)
    late = {level: np.sum(spikes_of(one, "hodgkin_huxley") > 0.1) for level, one in runs.items()}
    assert late[0.0] == late[5900.0] == 0
    assert late[6800.0] >= 10


def test_the_spike_of_hodgkin_huxley_has_its_shape(build_cache):
    """Overshoot, undershoot and width at half height of the first spike."""
    found = simulated(build_cache, {"hodgkin_huxley": 15000.0}, 0.012, dt=FINE).variables["hodgkin_huxley.v"][:, 0]
    times, one = np.arange(len(found)) * FINE / 1000, population("hodgkin_huxley")
    start = convergence.starts(one, 0)[0][0].tolist()
    exact = convergence.reference_course(one, PiecewiseLinear([0, 1], [15000, 15000]), start, times)[:, 0]
    shapes = []
    for v in (found, exact):
        wide = times[v > (v.max() - 0.065) / 2]
        shapes.append(1000 * np.array([v.max(), v.min(), wide[-1] - wide[0]]))
    assert np.all(np.abs(shapes[0] - shapes[1]) < [0.3, 0.1, 2 * FINE]), shapes
    peak, undershoot, width = shapes[1]
    assert peak > 30
    assert -77 < undershoot < -70
    assert 1 < width < 2


#: Order in dt of the membrane below threshold for input held over the steps; None: the step is exact.
ORDERS = {"exact": None, "rk4": 4.0}
# Its gates and its membrane need each other, so that its exponential step is no exact one.
ORDERS_OF = {"hodgkin_huxley": 2.0}


def test_orders_of_convergence(build_cache):
    circuit, noisy = convergence.library_membranes(), population("exponential_if_with_white_noise")

    def run(of, drives, **settings):
        return simulated(
            build_cache, drives, parameters={one.name: one.parameters for one in of.populations}, **settings
        )

    rows = convergence.measure(Circuit("measured", (*circuit.populations, noisy)), run)
    assert {row.template for row in rows} == set(convergence.MEMBRANES) | {noisy.name}
    for row in rows:
        expected = ORDERS_OF.get(row.template, ORDERS[row.method])
        if expected is None:
            # Nothing but the rounding of the simulation and of the oracle.
            assert row.held_order is None, row
        else:
            assert row.held_order > expected - 0.2, row
        # An input that changes is met at the middle of each step.
        assert row.changing_order > min(2.0, expected or 2.0) - 0.1, row
        # The sawtooth of the grid stands above the first order of spike times, or the second of a slow integration.
        assert row.spike_order is None or 0.6 < row.spike_order < 2.1, row
        # The exponential step is stable where a method of Runge and Kutta would not be.
        assert row.method == "exact" or row.resolution > 5, row


def test_a_reset_that_does_more_keeps_the_bridge():
    assert bridge_refusal(LIF + SPIKE_ADAPTATION) is None
    for reset in ("v = reset; v += 0*mV", "v -= reset", "adaptation = v; v = reset"):
        assert bridge_refusal(dataclasses.replace(LIF, reset=reset)) is not None
