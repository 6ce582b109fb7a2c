"""Linear theory of the population equations against their simulation and against closed forms of renewal theory."""

import dataclasses
import json

import numpy as np
import pytest
from ssnbrian.analysis.comparison import compare
from ssnbrian.analysis.mesoscopic import EscapeNeuron, MesoscopicNetwork, network_of, network_rates, simulate
from ssnbrian.analysis.mesoscopic.network_response import NetworkResponse
from ssnbrian.analysis.mesoscopic.theory import Mesoscopic
from ssnbrian.analysis.renewal import integral_equation_spectrum, renewal_spectrum
from ssnbrian.analysis.renewal.escape_noise import EscapeNoiseIntervals
from ssnbrian.models.library import find_circuit

from ssnbrian.circuit import InvalidInputError, Recording, Value

pytestmark = pytest.mark.xdist_group("mesoscopic")
DT = 5e-4
ADAPTING = {"adaptation_amplitudes": (0.2, 0.3), "adaptation_times": (0.02, 0.1)}


def neuron(**changes):
    given = {"tau": 0.02, "threshold": 15.0, "reset": 0.0, "escape_rate": 10.0, "escape_width": 2.5}
    return EscapeNeuron(**{**given, "refractory": 0.004, **changes})


def pair(sizes=(800, 200), taus=((0.003, 0.006), (0.003, 0.006)), strength=1.0, **changes):
    """The published E-I network, at other synapses or strengths."""
    weights = strength * np.array([[0.06, -0.3], [0.06, -0.3]])
    return MesoscopicNetwork(("E", "I"), sizes, (neuron(**changes), neuron()), weights, 0.001, taus)


def around(network, drive, dt=DT):
    drive = np.array(drive, float)
    return NetworkResponse(network, dt, drive, network_rates(network, drive, dt))


NETWORKS = {
    "published": pair(),
    "jumps and a current": pair(taus=((0.003, 0.0), (0.02, 0.006)), strength=0.3),
    "adapting": pair(**ADAPTING),
    "one that adapts": MesoscopicNetwork(("E",), (100,), (neuron(**ADAPTING),), 0.05, 0.0, 0.005),
    "certain to fire when settled": MesoscopicNetwork(("E",), (100,), (neuron(escape_width=0.8),), 0.05, 0.0, 0.005),
    "hardly firing": MesoscopicNetwork(("E",), (100,), (neuron(threshold=32.0),), 0.05, 0.0, 0.005),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_susceptibility_is_the_transform_of_a_small_pulse_in_the_simulation(name):
    """Symmetric differences of the macroscopic simulation: errors of the third order in the pulse."""
    network = NETWORKS[name]
    n, steps, at, pulse = len(network.names), 8000, 10, 20.0
    level = np.full(n, 1200.0)
    linear, responses = around(network, level), []
    frequencies = np.array([0.5, 3.0, 20.0, 60.0, 200.0])
    phases = np.exp(-2j * np.pi * np.outer(frequencies, (np.arange(steps) - at) * DT))
    for driven in range(n):
        courses = []
        for sign in (1, -1):
            drive = np.repeat(level[:, None], steps, axis=1)
            drive[driven, at] += sign * pulse
            courses.append(simulate(network, steps * DT, DT, model="macro", drive=drive).expected[0])
        change = (courses[0] - courses[1]) / (2 * pulse) / (network.sizes[:, None] * DT)
        responses.append(phases @ change.T)
    found = np.moveaxis(np.array(responses), 0, 2)
    expected = linear.susceptibility(frequencies)
    scale = np.abs(expected).max(axis=(1, 2), keepdims=True)
    assert np.max(np.abs(found - expected) / scale) < 2e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_at_frequency_0_it_is_the_slope_of_the_stationary_rates(name):
    network, level, step = NETWORKS[name], np.full(len(NETWORKS[name].names), 1200.0), 0.5
    slopes = around(network, level).susceptibility(np.zeros(1))[0]
    for driven in range(len(level)):
        shift = step * np.eye(len(level))[driven]
        change = network_rates(network, level + shift, DT) - network_rates(network, level - shift, DT)
        assert slopes[:, driven].real == pytest.approx(change / (2 * step), rel=1e-4, abs=1e-9)
    assert np.all(slopes.imag == 0)


def test_spectra_of_uncoupled_populations_are_those_of_renewal_theory():
    """In small steps the spectrum of the neurons, and in any step the closed form of the population model's."""
    one = MesoscopicNetwork(("E",), (50,), (neuron(),), 0.0)
    intervals = EscapeNoiseIntervals(24.0, 0.02, 15.0, 0.0, 2.5, 10.0, 0.004)
    frequencies = np.array([1.0, 10.0, 25.0, 60.0, 150.0])
    fine = around(one, [1200.0], 2.5e-5)
    expected = renewal_spectrum(intervals, frequencies, 50)
    # The step errs in its first order.
    assert fine.spectrum(frequencies, "neurons")[:, 0, 0].real == pytest.approx(expected, rel=4e-3)
    coarse = around(one, [1200.0], 1e-4)
    assert coarse.spectrum(np.zeros(1), "neurons")[0, 0, 0].real == pytest.approx(
        renewal_spectrum(intervals, np.zeros(1), 50)[0], rel=1e-2
    )
    closed = integral_equation_spectrum(intervals, frequencies, 50, step=1e-4)
    # That form takes survivors of continuous time, which the trapezoid of the hazard meets up to its first order.
    assert coarse.spectrum(frequencies, "sie")[:, 0, 0].real == pytest.approx(closed, rel=2e-2)
    naive, corrected = (coarse.spectrum(frequencies, noise)[:, 0, 0].real for noise in ("naive", "sie"))
    assert naive[0] > 10 * corrected[0]
    assert naive[-1] == pytest.approx(corrected[-1], rel=0.2)


def test_spectrum_of_a_large_network_is_that_of_its_simulation():
    """Seed 3: 40 s of 40000 + 10000 neurons, in bands with their standard errors; 4 of them and 2 % are allowed.

    In so large a network fluctuations are small enough for linear theory.
    """
    from ssnbrian.analysis.renewal import estimated_spectrum

    network = pair(sizes=(40_000, 10_000), strength=0.02)
    drive = np.array([1200.0, 1200.0])
    run = simulate(network, 40.0, DT, 3, drive=drive)
    linear = around(network, drive)
    for x in range(2):
        measured = estimated_spectrum(run.activity[0, x, 2000:], DT, 0.5)
        expected = np.abs(linear.spectrum(measured.frequencies)[:, x, x])
        for low, high in ((4, 12), (30, 60), (60, 150), (150, 400)):
            band = (measured.frequencies >= low) & (measured.frequencies < high)
            error = np.sqrt(np.sum(measured.standard_errors[band] ** 2)) / band.sum()
            difference = measured.spectrum[band].mean() - expected[band].mean()
            assert abs(difference) < 4 * error + 0.02 * expected[band].mean(), (x, low, difference, error)


def test_competing_populations_have_two_stable_states_and_a_saddle():
    circuit = find_circuit("winner_take_all")
    theory = Mesoscopic.from_circuit(circuit, dt=DT)
    states = theory.steady_states(circuit.drive.values[0], circuit.ratio)
    assert [one.stable for one in states] == [True, False, True]
    first, saddle, last = states
    assert first.rates["E1"] == pytest.approx(last.rates["E2"], rel=1e-6)
    assert saddle.rates["E1"] == pytest.approx(saddle.rates["E2"], rel=1e-6)
    assert not states.complete
    assert all(one.residual < 1e-6 for one in states)
    linear = theory.response(saddle, circuit.drive.values[0], circuit.ratio)
    assert linear.unstable_modes() == 1
    growing = linear.eigenvalues()[0]
    assert growing.imag == 0
    # A small asymmetry of the input grows at this rate in the simulation, once the other modes have decayed.
    drive = np.repeat(linear.drive[:, None], 800, axis=1)
    drive[0, 5] += 1e-3
    run = simulate(theory.network, 800 * DT, DT, model="macro", drive=drive, initial="stationary")
    activity = run.expected[0] / theory.network.sizes[:, None]
    apart = activity[0] - activity[1]
    assert np.log(apart[600] / apart[400]) / (200 * DT) == pytest.approx(growing.real, rel=1e-3)


def test_slow_excitation_of_inhibition_makes_the_state_oscillate():
    """A pair of modes grows where the macroscopic simulation leaves the state, none where it returns to it."""
    for strength, growing in ((0.2, 0), (0.4, 2)):
        network = pair(taus=((0.0, 0.006), (0.02, 0.0)), strength=strength)
        linear = around(network, [1200.0, 1200.0])
        assert linear.unstable_modes() == growing
        drive = np.repeat(linear.drive[:, None], 8000, axis=1)
        drive[:, 5] += 50.0
        run = simulate(network, 4.0, DT, model="macro", drive=drive)
        spread = np.ptp(run.expected[0, 0, 7000:]) / run.expected[0, 0].mean()
        assert (spread > 0.1) == bool(growing), spread


def test_inhibition_stabilizes_the_published_network():
    circuit = find_circuit("escape_ei")
    (state,) = Mesoscopic.from_circuit(circuit, dt=DT).steady_states(1200.0)
    assert state.stable
    assert state.inhibition_stabilized
    assert state.rates == pytest.approx(
        dict(zip("EI", network_rates(network_of(circuit), np.full(2, 1200.0), DT), strict=True))
    )
    weak = dataclasses.replace(Mesoscopic.from_circuit(circuit, dt=DT), network=pair(strength=0.2))
    assert not weak.steady_states(1200.0)[0].inhibition_stabilized


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda one: one.spectrum(np.zeros(1), "naive"), "infinite at frequency 0"),
        (lambda one: one.spectrum(np.ones(1), "white"), "must be one of sie, naive, neurons"),
        (lambda one: one.susceptibility(np.array([2000.0])), "half a cycle per step"),
        (lambda one: one.susceptibility(np.array([[1.0]])), "one dimension"),
    ],
)
def test_what_is_refused(ask, words):
    with pytest.raises(InvalidInputError, match=words):
        ask(around(pair(), [1200.0, 1200.0]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"realisations": 1.5}, "realisations must be a whole number of at least 1, not 1.5"),
        ({"drive": ["1200 mV/s", "1200"]}, "drive must be numbers in mV/s"),
        ({"drive": [[1200.0], [1200.0, 1300.0]]}, "drive must be numbers in mV/s"),
    ],
)
def test_runs_that_are_refused(options, words):
    with pytest.raises(InvalidInputError, match=words):
        simulate(pair(), 0.1, DT, 1, **options)


def test_adapting_neurons_are_no_renewal_neurons():
    with pytest.raises(InvalidInputError, match="not renewal neurons"):
        around(pair(**ADAPTING), [1200.0, 1200.0]).spectrum(np.ones(1), "neurons")
    with pytest.raises(InvalidInputError, match="dt must be one time"):
        Mesoscopic.from_circuit(find_circuit("escape_ei"), dt=1.0)


def test_turns_are_counted_with_long_delays():
    """Against the phase of the characteristic function on 40 000 even points, a hundred for every turn of the delay."""
    network = MesoscopicNetwork(("I",), (100,), (neuron(refractory=0.002),), -0.5, 0.2)
    linear = around(network, [3000.0])
    angles = np.linspace(0.0, np.pi, 40_001)
    phase = np.unwrap(np.angle(linear._characteristic(angles, np.arange(1))))
    turns = -(phase[-1] - phase[0]) / np.pi
    assert turns == pytest.approx(40, abs=1e-6)
    assert linear.unstable_modes() == 40


@pytest.mark.parametrize(("level", "rate"), [(-200.0, 2.8e-9), (-400.0, 3.1e-16), (-400_000.0, 0.0)])
def test_a_population_that_hardly_fires_is_a_poisson_process(level, rate):
    """Rate c exp((h - threshold)/Delta): spectrum rate/N at all frequencies, slope rate tau/Delta at frequency 0.

    Up to the probability of a spike while the potential falls from the reset, less than .025 Hz (the hazard there) tau.
    """
    network = MesoscopicNetwork(("E",), (100,), (neuron(),), 0.05, 0.0, 0.005)
    linear = around(network, [level * 10])
    expected = 10 * np.exp((level * 10 * 0.02 - 15) / 2.5)
    assert expected == pytest.approx(rate, rel=0.02)
    assert linear.rates[0] == pytest.approx(expected, rel=1e-4, abs=0)
    assert linear.susceptibility(np.zeros(1))[0, 0, 0] == pytest.approx(expected * 0.02 / 2.5, rel=1e-4, abs=0)
    for noise in ("sie", "neurons"):
        spectra = linear.spectrum(np.array([0.0, 1.0, 100.0]), noise)[:, 0, 0]
        assert spectra == pytest.approx(np.full(3, expected / 100), rel=1e-3, abs=0)
    assert linear.unstable_modes() == 0
    run = simulate(network, 0.05, DT, 1, drive=[level * 10])
    assert run.counts.sum() == 0
    assert np.all(np.isfinite(run.state.populations[0].pool))


def test_networks_that_oscillate_are_compared_without_linear_theory():
    """At three times the published weights the only steady state is unstable; seeds 7, and 1 of the comparison."""
    circuit = find_circuit("escape_ei")
    stronger = (
        dataclasses.replace(one, weight=Value(3 * one.weight.si, one.weight.dimension)) for one in circuit.projections
    )
    circuit = circuit.replace(projections=tuple(stronger))
    run = simulate(network_of(circuit), 3.0, DT, 7, drive=[1200.0, 1200.0])
    counts = run.counts[0].reshape(2, -1, 10).sum(axis=2).astype(np.int64)
    recording = Recording(
        sizes={"E": 800, "I": 200},
        bin_width=10 * DT,
        counts=dict(zip("EI", counts, strict=True)),
        neuron_counts={},
        drives={name: (np.array([0.0, 3.0]), np.full(2, 1200.0)) for name in "EI"},
        metadata={"dt": 1000 * DT, "duration": 3.0, "status": "completed", "seed": 7},
    )
    comparison = compare(circuit, recording, Mesoscopic.from_circuit(circuit, dt=DT))
    found = comparison.finite_size
    assert found is not None
    assert found.population_theory is None
    assert found.network_theory is None
    assert "no steady state of the population equations is stable" in str(comparison)
    assert json.loads(json.dumps(comparison.to_json(), allow_nan=False))["finite_size"]["population_theory"] is None
    for name in "EI":
        (rate, error), (other, spread) = found.network[name].rate, found.population_model[name].rate
        assert abs(rate - other) < 5 * np.hypot(error, spread)
