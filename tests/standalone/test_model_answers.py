"""The templates against their known answers, compiled and on the numpy target; without random numbers."""

import dataclasses

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from ssnbrian.models.library import PLASTICITY
from ssnbrian.models.neurons.hodgkin_huxley import HODGKIN_HUXLEY
from ssnbrian.models.neurons.integrate_and_fire import LEAKY
from ssnbrian.models.synapses.conductance import CONDUCTANCE_EXCITATORY
from ssnbrian.models.synapses.current import ALPHA, DELTA

from ssnbrian.circuit import AllToAll, Circuit, Constant, PiecewiseLinear, Population, Projection
from ssnbrian.engine.simulate import simulate

TARGETS = pytest.mark.parametrize("target", ["cpp", "numpy"])
DT = 1e-4


def pair(synapse, weight="1 mV", parameters=None, tau="20 ms", threshold="1000 mV"):
    """One source neuron S onto one target neuron T, both leaky and at rest at 0 mV; S spikes at 15 mV."""
    source = {"rest": "0 mV", "reset": "0 mV", "threshold": "15 mV", "refractory_period": "0 ms"}
    populations = (
        Population("S", 1, LEAKY, parameters=source),
        Population("T", 1, LEAKY, parameters=source | {"tau": tau, "threshold": threshold}),
    )
    return Circuit("pair", populations, (Projection("S", "T", weight, AllToAll(), synapse, parameters or {}),))


def spikes_at(times, dt=DT, kick=400.0):
    """A drive that makes a leaky neuron spike within the step ``dt`` (s) after each time (s)."""
    knots = [(0.0, 0.0)]
    for time in times:
        middle = time + 0.5 * dt
        knots += [(middle - 1e-6, 0.0), (middle - 1e-6, kick / dt), (middle + 1e-6, kick / dt), (middle + 1e-6, 0.0)]
    return PiecewiseLinear(*zip(*knots, (10.0, 0.0), strict=True))


def run(circuit, target, build_cache, drives, duration, record=("T.v",), **more):
    settings = {"spikes": True, "initial": {"S.v": "0 mV", "T.v": "0 mV"}, "cache": build_cache, "seed": 1} | more
    variables = {name: [0] for name in record}
    return simulate(circuit, drives, duration=duration, target=target, variables=variables, **settings)


@TARGETS
def test_the_rate_of_a_leaky_neuron_without_noise(build_cache, target):
    tau, refractory, levels = 0.02, 0.002, (0.8, 1.0, 2.0)  # V/s times tau must exceed 15 mV
    for level in levels:
        circuit = Circuit("one", (Population("E", 1, LEAKY),))
        settings = {"initial": {"E.v": "-65 mV"}, "spikes": True, "cache": build_cache, "runaway_rate": None}
        times, _ = simulate(circuit, Constant(level * 1000), duration=1, seed=1, target=target, **settings).spikes["E"]
        steady = level * tau * 1000
        expected = refractory + tau * np.log(steady / (steady - 15))
        assert len(times) > 5
        # A spike and the end of the refractory period are seen at the points of the time grid only.
        assert np.diff(times).mean() == pytest.approx(expected, abs=2 * DT)


def transmitted(name, values, times):
    """Efficacies of the spikes at ``times``, from the maps that the equations give between and at spikes."""
    U, tau_R, tau_u = values["U"], values.get("tau_depression"), values.get("tau_facilitation")
    u, R, last, sent = (0.0 if name == "tsodyks_markram" else U), 1.0, None, []
    for time in times:
        if last is not None:
            rest = 0.0 if name == "tsodyks_markram" else U
            u = u if tau_u is None else rest + (u - rest) * np.exp(-(time - last) / tau_u)
            R = R if tau_R is None else 1 - (1 - R) * np.exp(-(time - last) / tau_R)
        if name == "tsodyks_markram":
            u = u + U * (1 - u)
        sent.append(u * R)
        if tau_R is not None:
            R -= u * R
        if name in ("facilitation", "facilitation_depression"):
            u += U * (1 - u)
        last = time
    return np.array(sent)


@TARGETS
@pytest.mark.parametrize("name", ["depression", "facilitation", "facilitation_depression", "tsodyks_markram"])
def test_short_term_plasticity_transmits_what_its_maps_give(build_cache, target, name):
    times = [0.01, 0.03, 0.05, 0.12, 0.13, 0.3]
    circuit = pair(DELTA + PLASTICITY[name], tau="10000 ms")
    recording = run(circuit, target, build_cache, {"S": spikes_at(times), "T": Constant(0)}, 0.35)
    spiked = recording.spikes["S"][0]
    assert spiked == pytest.approx(times, abs=2 * DT)
    v = recording.variables["T.v"][:, 0]
    jumps = np.diff(v * np.exp(np.arange(len(v)) * DT / 10)) / np.exp(np.arange(1, len(v)) * DT / 10)
    jumps = jumps[np.abs(jumps) > 1e-6] * 1000
    values = {key: value.si for key, value in circuit.projections[0].parameters.items()}
    assert jumps == pytest.approx(transmitted(name, values, spiked), rel=1e-6)


def test_depression_settles_where_the_closed_form_says():
    """R before a spike at period T: (1 - e^{-T/tau})/(1 - (1 - U) e^{-T/tau})."""
    T, U, tau = 0.05, 0.5, 0.8
    settled = transmitted("depression", {"U": U, "tau_depression": tau}, np.arange(400) * T)[-1] / U
    decay = np.exp(-T / tau)
    assert settled == pytest.approx((1 - decay) / (1 - (1 - U) * decay), rel=1e-9)


@TARGETS
@pytest.mark.parametrize("lag", [-0.03, -0.005, 0.005, 0.03])
def test_the_window_of_pair_plasticity(build_cache, target, lag):
    """One pair at the lag changes the weight by A exp(-|lag|/tau); the next source spike, much later, shows it."""
    circuit = pair(DELTA + PLASTICITY["pair_stdp"], weight="0.001 mV", threshold="15 mV")
    drives = {"S": spikes_at([0.05, 0.6]), "T": spikes_at([0.05 + lag])}
    recording = run(circuit, target, build_cache, drives, 0.61)
    (first, last), (other,) = recording.spikes["S"][0], recording.spikes["T"][0]
    expected = 0.005 * np.exp(-(other - first) / 0.02) if lag > 0 else -0.00525 * np.exp(-(first - other) / 0.02)
    # The second source spike meets the trace of the target's spike half a second before, too.
    expected -= 0.00525 * np.exp(-(last - other) / 0.02)
    step = round(last / DT)
    v = recording.variables["T.v"][:, 0]
    jump = (v[step + 1] - v[step] * np.exp(-DT / 0.02)) * 1e6
    assert jump == pytest.approx(1 + expected, rel=1e-6)


@TARGETS
def test_an_alpha_input_has_its_weight_as_area(build_cache, target):
    circuit = pair(ALPHA, weight="2 mV")
    recorded = ("T.mu_filtered_from_S",)
    recording = run(circuit, target, build_cache, {"S": spikes_at([0.01]), "T": Constant(0)}, 0.2, recorded)
    course = recording.variables[recorded[0]][:, 0]
    assert course.sum() * DT * 1000 == pytest.approx(2, rel=1e-3)
    assert np.argmax(course) * DT == pytest.approx(0.01 + 0.005, abs=3 * DT)


def conductance_membrane(weight, tau, tau_s, reversal, reference, start, times):
    """Membrane (V) after a spike at time 0, by an independent integration."""
    g = weight / ((reversal - reference) * tau_s)
    solution = solve_ivp(
        lambda t, v: -v / tau + g * np.exp(-t / tau_s) * (reversal - v),
        (0, times[-1]),
        [start],
        t_eval=times,
        rtol=1e-11,
        atol=1e-14,
    )
    return solution.y[0]


@TARGETS
def test_a_conductance_moves_the_membrane_with_second_order_accuracy(build_cache, target):
    parameters = {"reversal": "65 mV", "reference": "0 mV"}
    circuit = pair(CONDUCTANCE_EXCITATORY, weight="30 mV", parameters=parameters)
    errors = []
    for dt in (0.4, 0.2, 0.1):
        drives = {"S": spikes_at([0.004], dt / 1000), "T": Constant(0)}
        recording = run(circuit, target, build_cache, drives, 0.05, dt=dt)
        spike = recording.spikes["S"][0][0]
        # The spike arrives at the end of its step.
        times = recording.variable_times - (spike + dt / 1000)
        after = times > -1e-9
        exact = conductance_membrane(0.03, 0.02, 0.005, 0.065, 0.0, 0.0, np.maximum(times[after], 0))
        errors.append(np.abs(recording.variables["T.v"][after, 0] - exact).max())
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert errors[-1] < 1e-5
    assert np.all(orders > 1.8), (errors, orders)


def test_hodgkin_huxley_rests_and_fires_where_it_is_known_to():
    """Rest near -65 mV; repetitive firing sets in between 6 and 7 uA/cm2 (mV/ms) and has an overshoot."""
    circuit = Circuit("one", (Population("E", 1, HODGKIN_HUXLEY),))

    def at(level):
        settings = {"initial": {"E.v": "-65 mV"}, "target": "numpy", "seed": 1, "spikes": True, "dt": 0.02}
        return simulate(circuit, Constant(level), duration=0.25, variables={"E.v": [0]}, **settings)

    quiet = at(0)
    assert len(quiet.spikes["E"][0]) == 0
    assert quiet.variables["E.v"][-1, 0] == pytest.approx(-0.065, abs=2e-4)
    assert np.sum(at(5900).spikes["E"][0] > 0.1) == 0
    firing = at(6800)
    assert np.sum(firing.spikes["E"][0] > 0.1) >= 5
    assert 0.03 < firing.variables["E.v"].max() < 0.05


def test_a_reset_that_does_more_keeps_the_bridge():
    from ssnbrian.models.adaptation import SPIKE_ADAPTATION
    from ssnbrian.models.neurons.lif import LIF

    from ssnbrian.engine.crossing import bridge_refusal

    assert bridge_refusal(LIF + SPIKE_ADAPTATION) is None
    for reset in ("v = reset; v += 0*mV", "v -= reset", "adaptation = v; v = reset"):
        assert bridge_refusal(dataclasses.replace(LIF, reset=reset)) is not None
