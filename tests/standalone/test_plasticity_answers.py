"""Every plasticity of the library against its known answer, compiled and on the numpy target.

One input population projects to a target of each plasticity by delta synapses, so a step of the membrane is the weight
that was transmitted. Spikes of the targets are kicked, or those of a Poisson process with a rate of its own.
"""

import math

import numpy as np
import pytest
from brian2 import mV
from ssnbrian.models.library import PLASTICITY
from ssnbrian.models.neurons.integrate_and_fire import ESCAPE_NOISE
from ssnbrian.models.synapses.current import DELTA

from ssnbrian.circuit import (
    AllToAll,
    Circuit,
    Constant,
    Course,
    InputPopulation,
    PiecewiseLinear,
    Population,
    Projection,
)
from ssnbrian.engine.simulate import simulate

pytestmark = pytest.mark.xdist_group("plasticity-answers")

TARGETS = pytest.mark.parametrize("target", ["cpp", "numpy"])
SHORT_TERM = ("depression", "facilitation", "facilitation_depression", "tsodyks_markram")
SPIKE_TIMING = ("pair_stdp", "triplet_stdp")
VALUES = {
    "depression": {"U": 0.5, "tau_depression": 0.8},
    "facilitation": {"U": 0.15, "tau_facilitation": 1.0},
    "facilitation_depression": {"U": 0.15, "tau_facilitation": 1.0, "tau_depression": 0.2},
    "tsodyks_markram": {"U": 0.15, "tau_facilitation": 1.0, "tau_depression": 0.2},
    "pair_stdp": {"tau_plus": 0.02, "tau_minus": 0.02, "A_plus": 0.005, "A_minus": 0.00525, "largest": 2},
    "triplet_stdp": {"tau_plus": 0.0168, "tau_minus": 0.0337, "tau_slow": 0.114, "A3_plus": 0.0065,
                     "A2_minus": 0.0071, "largest": 2},
    "hebbian_rates": {"learning": 0.001, "decay": 100, "tau_rate": 0.1},
}  # fmt: skip
"""What is published or stated for every template, in SI units."""
UNITS = {"U": "", "A_plus": "", "A_minus": "", "A3_plus": "", "A2_minus": "", "largest": "", "decay": "Hz**2"}
PLAIN = "plain"
NAMES = (PLAIN, *PLASTICITY)
TAU, WEIGHT = 10.0, 1e-6  # s, mV: the membrane keeps what arrives and stays far below the threshold
PROCESSES = 100
SIZES = dict.fromkeys(NAMES, 1) | dict.fromkeys(SPIKE_TIMING, 10) | {"hebbian_rates": 3}
RECORDED = {f"{name}.v": range(size) for name, size in SIZES.items()}
SILENT = 1e-30
"""Rate (Hz) of targets that spike only where they are kicked."""


def circuit(changes=None, rate=SILENT):
    """A projection without and one with each plasticity, whose parameters (SI) may be changed; ``rate`` of targets."""
    changes = changes or {}
    membrane = {"tau": f"{TAU} s", "rest": "0 mV", "reset": "0 mV", "threshold": "100 mV", "refractory_period": "0 ms",
                "escape_width": "50 mV"}  # fmt: skip
    hazards = {name: SILENT if name in (PLAIN, *SHORT_TERM) else rate * math.exp(2) for name in NAMES}
    populations = tuple(
        Population(name, SIZES[name], ESCAPE_NOISE, parameters=membrane | {"escape_rate": f"{hazards[name]} Hz"})
        for name in NAMES
    )
    projections = []
    for name in NAMES:
        synapse = DELTA if name == PLAIN else DELTA + PLASTICITY[name]
        values = {key: f"{value!r} {UNITS.get(key, 's')}".strip() for key, value in changes.get(name, {}).items()}
        projections.append(Projection("X", name, f"{WEIGHT} mV", AllToAll(), synapse, values))
    return Circuit("plasticity", populations, tuple(projections), inputs=(InputPopulation("X", PROCESSES, "0 Hz"),))


def in_steps(steps, dt, height):
    """Knots of a course that has ``height`` in the given steps and 0 in all others."""
    times, values = [0.0], [0.0]
    for step in sorted(steps):
        first, last = (step + 0.25) * dt, (step + 0.75) * dt
        times += [first, first, last, last]
        values += [0.0, height, height, 0.0]
    return times, values


@pytest.fixture(scope="module")
def run(build_cache):
    def run(circuit, target, duration, dt, rates, drives=None, seed=1):
        """Transmitted volleys are read with :func:`steps_of_membrane`."""
        drives = {name: Constant(0) for name in NAMES} | (drives or {})
        return simulate(
            circuit, drives, duration=duration, dt=dt * 1000, seed=seed, target=target, cache=build_cache,
            input_rates={"X": rates}, variables=RECORDED, initial={f"{name}.v": 0 * mV for name in NAMES},
            runaway_rate=None,
        )  # fmt: skip

    return run


def steps_of_membrane(recording, name, dt):
    """What arrived in each step (mV), shape (steps - 1, neurons)."""
    v = recording.variables[f"{name}.v"] * 1000
    return v[1:] - v[:-1] * np.exp(-dt / TAU)


def protocol(run, circuit, target, dt, sources, targets):
    """Relative weights that the source spikes transmit; ``sources`` and ``targets`` in s, of all processes at once.

    ``targets`` are spike times by name of the plasticity, none in the same step as a source spike.
    """
    pre = np.round(np.array(sources) / dt).astype(int)
    end = (max([pre[-1], *(round(times[-1] / dt) for times in targets.values())]) + 3) * dt
    drives = {}
    for name, times in targets.items():
        post = np.round(np.array(times) / dt).astype(int)
        knots, values = in_steps(post, dt, 1e4 / dt)
        drives[name] = PiecewiseLinear([*knots, end], [*values, 0.0])
    rates = Course(*in_steps(pre, dt, 1 / dt), "Hz")
    recording = run(circuit, target, end, dt, rates, drives)
    for name, times in targets.items():
        assert recording.counts[name].sum() == SIZES[name] * len(times)
    assert recording.counts[PLAIN].sum() == 0
    return {name: steps_of_membrane(recording, name, dt)[pre, 0] / (PROCESSES * WEIGHT) for name in NAMES}


# ms; the first pairs stand almost alone, then bursts, then one step with both.
SOURCES = [10, 60, 160, 310, 322, 328, 335, 350, 351, 380, 393, 395, 400, 460, 470, 480, 490, 560, 600, 605]
SPIKES = [65, 152, 315, 316, 330, 340, 355, 360, 381, 394, 398, 405, 465, 468, 485, 600]
SOURCES, SPIKES = np.array(SOURCES) / 1000, np.array(SPIKES) / 1000
READ = ~np.isin(SOURCES, SPIKES)
"""Where a source spike can be read: the reset hides what arrives in the step of a target's spike."""


def resources(name, U, tau_depression=None, tau_facilitation=None):
    """Efficacies of the spikes at ``SOURCES``, from the maps that the equations give between and at spikes."""
    u, R, last, sent = (0.0 if name == "tsodyks_markram" else U), 1.0, None, []
    for time in SOURCES:
        if last is not None:
            rest = 0.0 if name == "tsodyks_markram" else U
            u = rest + (u - rest) * np.exp(-(time - last) / tau_facilitation) if tau_facilitation else u
            R = 1 - (1 - R) * np.exp(-(time - last) / tau_depression) if tau_depression else R
        if name == "tsodyks_markram":
            u += U * (1 - u)
        sent.append(u * R)
        if tau_depression:
            R -= u * R
        if name in ("facilitation", "facilitation_depression"):
            u += U * (1 - u)
        last = time
    return np.array(sent)


def after(times, now, tau, until_now=False):
    """Sum of e^{-(now - t)/tau} over the times before now (``until_now``: and at now)."""
    return np.exp(-(now - times[times <= now if until_now else times < now]) / tau).sum()


def change_at_source(name, now, values):
    if name == "pair_stdp":
        return -values["A_minus"] * after(SPIKES, now, values["tau_minus"])
    return -values["A2_minus"] * after(SPIKES, now, values["tau_minus"])


def change_at_target(name, now, values):
    earlier = after(SOURCES, now, values["tau_plus"], until_now=True)
    if name == "pair_stdp":
        return values["A_plus"] * earlier
    return values["A3_plus"] * earlier * after(SPIKES, now, values["tau_slow"])


def spike_timing(name, **values):
    """Relative weights at ``SOURCES``: changes from sums over all earlier spikes, within the bounds.

    In one step the source spikes first, so that both together potentiate.
    """
    weight, sent = 1.0, []

    def bounded(value):
        return min(max(value, 0.0), values["largest"])

    for now in np.union1d(SOURCES, SPIKES):
        if now in SOURCES:
            sent.append(weight)
            weight = bounded(weight + change_at_source(name, now, values))
        if now in SPIKES:
            weight = bounded(weight + change_at_target(name, now, values))
    return np.array(sent)


def rate_product(learning, decay, tau_rate, dt=0.0):
    """Relative weights at ``SOURCES`` (at the end of their steps), exact between spikes: products decay with 2/tau."""
    x = y = last = 0.0
    weight, sent, rate = 1.0, [], learning * decay
    for now in np.union1d(SOURCES, SPIKES):
        length = now + dt - last
        drive = np.exp(-2 * length / tau_rate) - np.exp(-rate * length)
        weight = weight * np.exp(-rate * length) + learning * x * y * drive / (rate - 2 / tau_rate)
        x, y, last = x * np.exp(-length / tau_rate), y * np.exp(-length / tau_rate), now + dt
        if now in SOURCES:
            sent.append(weight)
            x += 1 / tau_rate
        if now in SPIKES:
            y += 1 / tau_rate
    return np.array(sent)


ANSWERS = dict.fromkeys(SHORT_TERM, resources) | dict.fromkeys(SPIKE_TIMING, spike_timing)
ANSWERS["hebbian_rates"] = rate_product
TARGET_SPIKES = dict.fromkeys((*SPIKE_TIMING, "hebbian_rates"), SPIKES)
FAST = {"learning": 0.1, "decay": 100.0, "tau_rate": 0.1}


def test_every_plasticity_has_an_answer():
    assert set(ANSWERS) == set(PLASTICITY) == set(VALUES)
    for name, part in PLASTICITY.items():
        projection = circuit().projections[NAMES.index(name)]
        assert {key: value.si for key, value in projection.parameters.items()} == pytest.approx(VALUES[name])
        assert {one.name for one in part.parameters} == set(VALUES[name])


@pytest.fixture(scope="module")
def trains(run):
    """What the spikes of an irregular train transmit at the defaults (rates: learning faster), by target."""
    changed = circuit({"hebbian_rates": FAST})
    return {target: protocol(run, changed, target, 1e-3, SOURCES, TARGET_SPIKES) for target in ("cpp", "numpy")}


@TARGETS
@pytest.mark.parametrize("name", [name for name in PLASTICITY if name != "hebbian_rates"])
def test_what_an_irregular_train_transmits(trains, target, name):
    sent = trains[target]
    assert sent[PLAIN] == pytest.approx(np.ones(len(SOURCES)), rel=1e-9)
    read = READ if name in SPIKE_TIMING else slice(None)
    assert sent[name][read] == pytest.approx(ANSWERS[name](name, **VALUES[name])[read], rel=1e-8)


def test_both_conventions_of_facilitation_transmit_the_same(trains):
    assert trains["cpp"]["tsodyks_markram"] == pytest.approx(trains["cpp"]["facilitation_depression"], rel=1e-8)


def test_the_window_of_pair_plasticity(trains):
    """The first pairs stand almost alone: A e^{-|lag|/tau} at 5 and -8 ms, with what the others leave in them."""
    sent = trains["cpp"]["pair_stdp"]
    assert sent[2] - sent[0] == pytest.approx(0.005 * np.exp(-5 / 20), rel=0.15)
    assert sent[3] - sent[2] == pytest.approx(-0.00525 * np.exp(-8 / 20), rel=0.15)


def test_rates_learn_and_forget(run, trains):
    """The weight falls by e^{-learning decay t} until the target spikes; then the step errs in first order."""
    errors = []
    for dt in (1e-3, 5e-4, 2.5e-4):
        spikes, changed = {"hebbian_rates": SPIKES}, circuit({"hebbian_rates": FAST})
        sent = protocol(run, changed, "cpp", dt, SOURCES, spikes)["hebbian_rates"]
        silent = SPIKES[0] > SOURCES
        assert sent[silent] == pytest.approx(np.exp(-10 * (SOURCES[silent] + dt)), rel=1e-9)
        errors.append(np.abs(sent - rate_product(**FAST, dt=dt))[READ].max())
        assert errors[-1] < 1.2 * dt / FAST["tau_rate"] * sent.max()
        if dt == 1e-3:
            assert sent == pytest.approx(trains["numpy"]["hebbian_rates"], rel=1e-9)
    assert np.all(np.log2(np.divide(errors[:-1], errors[1:])) > 0.9)


def test_weights_stay_within_their_bounds(run):
    pair = VALUES["pair_stdp"] | {"A_plus": 0.8, "A_minus": 1.1, "largest": 1.5}
    triplet = VALUES["triplet_stdp"] | {"A3_plus": 1.4, "A2_minus": 1.2, "largest": 1.3}
    changed = circuit({"pair_stdp": pair, "triplet_stdp": triplet})
    sent = protocol(run, changed, "cpp", 1e-3, SOURCES, TARGET_SPIKES)
    for name, values in (("pair_stdp", pair), ("triplet_stdp", triplet)):
        expected = spike_timing(name, **values)
        assert {0.0, values["largest"]} <= set(expected)
        assert sent[name][READ] == pytest.approx(expected[READ], rel=1e-8, abs=1e-8)


def test_steady_efficacies_of_a_regular_train(run):
    """R = (1 - e^{-T/tau_d})/(1 - (1 - u) e^{-T/tau_d}) before a spike, u = U/(1 - (1 - U) e^{-T/tau_f}) at it."""
    U, tau_d, tau_f, period = 0.4, 0.3, 0.5, 0.03
    values = {name: {"U": U, "tau_depression": tau_d, "tau_facilitation": tau_f} for name in SHORT_TERM}
    values = {name: {key: one[key] for key in VALUES[name]} for name, one in values.items()}
    sent = protocol(run, circuit(values), "cpp", 1e-3, 0.01 + period * np.arange(80), {})
    u = U / (1 - (1 - U) * np.exp(-period / tau_f))

    def resources_at(released):
        return (1 - np.exp(-period / tau_d)) / (1 - (1 - released) * np.exp(-period / tau_d))

    expected = {"depression": U * resources_at(U), "facilitation": u}
    expected |= dict.fromkeys(("facilitation_depression", "tsodyks_markram"), u * resources_at(u))
    for name in SHORT_TERM:
        assert sent[name][-1] == pytest.approx(expected[name], rel=1e-8)
        assert sent[name][0] == pytest.approx(U, rel=1e-9)


def geometric(lag, period, tau):
    """Sum over k >= 0 of e^{-(lag + k period)/tau}."""
    return np.exp(-lag / tau) / (1 - np.exp(-period / tau))


def change_per_pair(name, lag, period, values):
    """Steady change by one pair of periodic trains, the target ``lag`` after the source."""
    later, earlier = lag % period, -lag % period
    if name == "pair_stdp":
        up = values["A_plus"] * geometric(later, period, values["tau_plus"])
        return up - values["A_minus"] * geometric(earlier, period, values["tau_minus"])
    slow = geometric(period, period, values["tau_slow"])
    up = values["A3_plus"] * geometric(later, period, values["tau_plus"]) * slow
    return up - values["A2_minus"] * geometric(earlier, period, values["tau_minus"])


def test_the_pairing_protocol(run):
    """Target before source: triplets depress at low and potentiate at high frequency, pairs always depress."""
    changes = {name: {"largest": 100.0} for name in SPIKE_TIMING}
    found = {}
    for lag, period in ((0.01, 0.1), (0.01, 0.025), (-0.01, 0.1), (-0.01, 0.05), (-0.01, 0.025), (-0.01, 0.02)):
        sources = 0.02 + period * np.arange(math.ceil(1.8 / period))
        sent = protocol(run, circuit(changes), "cpp", 1e-3, sources, dict.fromkeys(SPIKE_TIMING, sources + lag))
        for name in SPIKE_TIMING:
            expected = change_per_pair(name, lag, period, VALUES[name])
            assert sent[name][-1] - sent[name][-2] == pytest.approx(expected, rel=2e-6, abs=1e-9)
            found[name, lag, period] = expected
    assert found["triplet_stdp", -0.01, 0.1] < 0 < found["triplet_stdp", -0.01, 0.025]
    assert found["triplet_stdp", 0.01, 0.025] > 4 * found["triplet_stdp", 0.01, 0.1] > 0
    assert all(found["pair_stdp", -0.01, period] < 0 for period in (0.1, 0.05, 0.025, 0.02))


SEEDS = range(8)


def with_error(values):
    """Mean and standard error over seeds (first axis)."""
    values = np.asarray(values)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def sample_efficacies(run, changes, rate, dt, settle, duration):
    """Mean efficacy of the spikes of Poisson trains after ``settle``, with its standard error over seeds."""
    shares = {name: [] for name in SHORT_TERM}
    for seed in SEEDS:
        recording = run(circuit(changes), "cpp", duration, dt, Course([0], [rate], "Hz"), seed=seed)
        sums = {name: steps_of_membrane(recording, name, dt)[round(settle / dt) :, 0].sum() for name in NAMES}
        for name in SHORT_TERM:
            shares[name].append(sums[name] / sums[PLAIN])
    return {name: with_error(values) for name, values in shares.items()}


def exact_efficacy(name, rate, U, tau_depression=None, tau_facilitation=None, order=60):
    """Mean efficacy under Poisson spikes, from the linear equations of A_n = E x^n and M_n = E x^n R for x = 1 - u.

    A spike maps x to (1 - U) x and R to R x, with the x before the spike, or in Tsodyks and Markram's order after it.
    """
    if tau_facilitation is None:
        return U / (1 + U * rate * tau_depression)
    rest, kept = (1.0, 1 - U) if name == "tsodyks_markram" else (1 - U, 1.0)
    means, matrix, right = np.ones(order + 1), np.eye(order + 1), np.zeros(order + 1)
    for n in range(1, order + 1):
        gain, loss = n * rest / tau_facilitation, n / tau_facilitation + rate * (1 - (1 - U) ** n)
        means[n] = gain * means[n - 1] / loss
    if tau_depression is None:
        return 1 - kept * means[1]
    for n in range(order + 1):
        matrix[n, n] = n / tau_facilitation + 1 / tau_depression + rate
        matrix[n, n - 1] -= n * rest / tau_facilitation
        if n < order:
            matrix[n, n + 1] -= rate * (1 - U) ** n * kept
        right[n] = means[n] / tau_depression
    both = np.linalg.solve(matrix, right)
    return both[0] - kept * both[1]


def test_mean_facilitation_of_both_conventions_is_the_same(run):
    """<u> = U(1 + r tau)/(1 + U r tau) = 0.261 at 1 Hz, U = 0.15, tau_f = 1 s; mixing them would give 0.372."""
    expected = 0.15 * 2 / 1.15
    assert expected == pytest.approx(0.261, abs=5e-4)
    found = sample_efficacies(run, {"tsodyks_markram": {"tau_depression": 2e-3}}, 1.0, 1e-3, 5.0, 20.0)
    for name in ("facilitation", "tsodyks_markram"):
        mean, error = found[name]
        assert abs(mean - expected) < 4 * error + 2e-3 * expected  # 2 ms of depression at 1 Hz
        assert mean + 10 * error < 0.372


def test_mean_efficacies_under_poisson_trains(run):
    rate = 8.0
    for name, closed in (("depression", 0.5 / (1 + 0.5 * rate * 0.8)), ("facilitation", 0.15 * 9 / (1 + 1.2))):
        assert exact_efficacy(name, rate, **VALUES[name]) == pytest.approx(closed, rel=1e-12)
    found = sample_efficacies(run, {}, rate, 5e-4, 4.0, 7.0)
    for name in SHORT_TERM:
        mean, error = found[name]
        expected = exact_efficacy(name, rate, **VALUES[name])
        assert exact_efficacy(name, rate, **VALUES[name], order=40) == pytest.approx(expected, rel=1e-6)
        assert abs(mean - expected) < 4 * error + 2e-3 * expected


def weights_after(run, changes, source_rate, target_rate, duration, dt):
    """Mean relative weights after independent Poisson spikes for ``duration``, per seed, by plasticity.

    A volley of all sources reads them, in a step in which the targets are held too low to spike.
    """
    last = round(duration / dt)
    end = (last + 3) * dt
    knots, values = in_steps([last], dt, -1e3 / dt)
    low = {name: PiecewiseLinear([*knots, end], [*values, 0.0]) for name in TARGET_SPIKES}
    edge = (last + 0.25) * dt
    rates = Course([0, edge, edge], [source_rate, source_rate, 1 / dt], "Hz")
    found = {name: [] for name in TARGET_SPIKES}
    for seed in SEEDS:
        recording = run(circuit(changes, target_rate), "cpp", end, dt, rates, low, seed)
        for name in TARGET_SPIKES:
            arrived = steps_of_membrane(recording, name, dt)[last]
            pushed = -1e3 * TAU / dt * (1 - np.exp(-dt / TAU))
            found[name].append(((arrived - pushed) / (PROCESSES * WEIGHT)).mean())
    return found


def discrete(tau, dt, first):
    """dt times the sum of e^{-k dt/tau} over k >= first: what tau becomes on the time grid."""
    return dt * np.exp(-first * dt / tau) / (1 - np.exp(-dt / tau))


def built_up(duration, *taus):
    """Mean over the run of the product of (1 - e^{-t/tau}), by which traces that start at 0 fall short."""
    times = (np.arange(30000) + 0.5) * duration / 30000
    return np.prod([1 - np.exp(-times / tau) for tau in taus], axis=0).mean()


@pytest.mark.parametrize("target_rate", [8.0, 35.0])
def test_drift_under_independent_poisson_trains(run, target_rate):
    """Pairs r_i r_j (A+ tau+ - A- tau-); triplets r_i r_j^2 A3 tau+ tau_slow - r_i r_j A2 tau-, which changes its sign.

    A source spike in the step of a target spike comes before it. Hebb's rule settles at r_i r_j/decay.
    """
    dt, duration, rate = 5e-4, 4.0, 15.0
    pair = VALUES["pair_stdp"] | {"A_plus": 0.004, "A_minus": 0.0015, "largest": 50.0}
    triplet = VALUES["triplet_stdp"] | {"largest": 50.0}
    rates = {"learning": 0.02, "decay": 300.0, "tau_rate": 0.1}
    changes = {"pair_stdp": pair, "triplet_stdp": triplet, "hebbian_rates": rates}
    found = weights_after(run, changes, rate, target_rate, duration, dt)
    target = (1 - math.exp(-target_rate * dt)) / dt

    def mean_trace(values, name, first):
        return discrete(values[name], dt, first) * built_up(duration, values[name])

    def triplet_traces():
        taus = triplet["tau_plus"], triplet["tau_slow"]
        return discrete(taus[0], dt, 0) * discrete(taus[1], dt, 1) * built_up(duration, *taus)

    drift = {
        "pair_stdp": pair["A_plus"] * mean_trace(pair, "tau_plus", 0)
        - pair["A_minus"] * mean_trace(pair, "tau_minus", 1),
        "triplet_stdp": triplet["A3_plus"] * target * triplet_traces()
        - triplet["A2_minus"] * mean_trace(triplet, "tau_minus", 1),
    }
    drift = {name: rate * target * value for name, value in drift.items()}
    assert np.sign(drift["triplet_stdp"]) == (1 if target_rate > 19.2 else -1)
    for name, expected in drift.items():
        mean, error = with_error((np.array(found[name]) - 1) / duration)
        assert abs(mean - expected) < 4 * error
        assert np.sign(mean) == np.sign(expected) and error < 0.2 * abs(expected)
    mean, error = with_error(found["hebbian_rates"])
    steady = rate * target / 300 * (discrete(0.1, dt, 0) / 0.1) ** 2
    assert abs(mean - steady) < 4 * error and error < 0.2 * steady
