"""Measured order of convergence of every membrane of the library, below threshold and in its spike times.

Usage: python scripts/convergence.py [--target cpp|numpy] [--noise] [--json FILE]
The oracle is an independent integration (SciPy's DOP853, relative tolerance 1e-13) of the equations as they were
published, typed here once more. "held input" jumps at points of the time grid; "changing input" is piecewise linear,
and every method meets its value at the middle of each step. Errors are those at dt = 0.1 ms, at which "tau/dt" is
the shortest time constant along the course over the step.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from brian2 import amp, second, volt
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from ssnbrian.models.library import NEURONS, NOISE

from ssnbrian.circuit import Circuit, Constant, Drive, NeuronModel, PiecewiseLinear, Population, Recording
from ssnbrian.engine.simulate import simulate

Values = NDArray[Any]
STEPS = (0.2, 0.1, 0.05, 0.025)  # ms
NEURONS_PER_POPULATION = 8
SAMPLING = 2e-4  # s, on the grid of every step
SEGMENT = 0.008  # s between changes of the input
LEVELS = (0.0, 1.0, 0.3, 0.8, -6.0)  # of the level below threshold; far below rest every model is fast


@dataclass(frozen=True)
class Membrane:
    """Published equations of a membrane in SI units.

    ``slope`` gives the derivative of the state (first the membrane, V), with the mean input (V/s) and the parameters;
    ``rest`` a state to start from. ``subthreshold`` and ``firing`` are inputs in mV/s that keep the neuron silent and
    make it fire. ``spike`` names the potential at which it spikes and ``after`` gives the state after a spike, or is
    None where the equations themselves bring the membrane back. ``variables`` are the state's names and SI units;
    ``spread`` (mV) is the distance above rest over which neurons start when spike times are compared.
    """

    slope: Callable[[Values, float, SimpleNamespace], list[float]]
    rest: Callable[[SimpleNamespace], list[float]]
    subthreshold: float
    firing: float
    variables: Mapping[str, Any] = field(default_factory=lambda: {"v": volt})
    spike: str | None = "threshold"
    after: Callable[[Values, SimpleNamespace], list[float]] | None = lambda state, p: [p.reset]
    refractory: bool = False
    spread: float = 5.0


def _leak(rest: Callable[[SimpleNamespace], float]) -> Callable[..., list[float]]:
    return lambda y, mu, p: [-(y[0] - rest(p)) / p.tau + mu]


def _exponential(y: Values, mu: float, p: SimpleNamespace) -> list[float]:
    return [(p.rest - y[0] + p.slope_factor * np.exp((y[0] - p.rheobase_threshold) / p.slope_factor)) / p.tau + mu]


def _quadratic(y: Values, mu: float, p: SimpleNamespace) -> list[float]:
    return [(y[0] - p.rest) * (y[0] - p.critical) / (p.tau * (p.critical - p.rest)) + mu]


def _adaptive_exponential(y: Values, mu: float, p: SimpleNamespace) -> list[float]:
    v, w = y
    upstroke = p.g_leak * p.slope_factor * np.exp((v - p.rheobase_threshold) / p.slope_factor)
    return [(-p.g_leak * (v - p.rest) + upstroke - w) / p.capacitance + mu, (p.a * (v - p.rest) - w) / p.tau_w]


def _izhikevich(y: Values, mu: float, p: SimpleNamespace) -> list[float]:
    v, u = y[0] * 1e3, y[1]  # mV and mV/ms, which is V/s
    return [0.04 * v**2 + 5 * v + 140 - u + mu, p.a * (p.b * y[0] - u)]


def _hodgkin_huxley(y: Values, mu: float, p: SimpleNamespace) -> list[float]:
    v, m, h, n = y[0] * 1e3, *y[1:]
    current = p.g_Na * m**3 * h * (y[0] - p.E_Na) + p.g_K * n**4 * (y[0] - p.E_K) + p.g_leak * (y[0] - p.E_leak)
    x, z = (v + 40) / 10, (v + 55) / 10
    opening = (x / -np.expm1(-x) if x else 1.0, 0.07 * np.exp(-(v + 65) / 20), 0.1 * (z / -np.expm1(-z) if z else 1.0))
    closing = (4 * np.exp(-(v + 65) / 18), 1 / (1 + np.exp(-(v + 35) / 10)), 0.125 * np.exp(-(v + 65) / 80))
    gates = [(a * (1 - g) - b * g) * 1e3 for a, b, g in zip(opening, closing, (m, h, n), strict=True)]
    return [-current / p.capacitance + mu, *gates]


#: Neurons that follow equations between their spikes; the others collect kicks at random.
WITH_A_COURSE = [model for model in NEURONS if "poisson(" not in model.equations and "randn(" not in model.equations]
MEMBRANES: Mapping[str, Membrane] = {
    "lif_white_noise": Membrane(_leak(lambda p: 0.0), lambda p: [0.0], 40, 80, spread=0.5),
    "lif_white_noise_refractory": Membrane(_leak(lambda p: 0.0), lambda p: [0.0], 40, 80, refractory=True, spread=0.5),
    "lif": Membrane(_leak(lambda p: p.rest), lambda p: [p.rest], 650, 1500, refractory=True),
    # Its spikes are random: only the course below threshold has an order.
    "lif_escape_noise": Membrane(_leak(lambda p: p.rest), lambda p: [p.rest], 650, 1500, spike=None),
    "exponential_if": Membrane(_exponential, lambda p: [p.rest], 1100, 2500, spike="peak", refractory=True),
    "quadratic_if": Membrane(_quadratic, lambda p: [p.rest], 150, 1500, spike="peak"),
    "adex": Membrane(
        _adaptive_exponential,
        lambda p: [p.rest, 0.0],
        1500,
        3500,
        variables={"v": volt, "w": amp},
        spike="peak",
        after=lambda y, p: [p.reset, y[1] + p.b],
    ),
    "izhikevich": Membrane(
        _izhikevich,
        lambda p: [-0.070, -14.0],
        2500,
        10000,
        variables={"v": volt, "recovery": volt / second},
        spike="peak",
        after=lambda y, p: [p.reset, y[1] + p.d],
    ),
    "hodgkin_huxley": Membrane(
        _hodgkin_huxley,
        lambda p: [-0.065, 0.0529, 0.5961, 0.3177],
        1500,
        15000,
        variables={"v": volt, "m": 1.0, "h": 1.0, "n": 1.0},
        after=None,
    ),
}


def membrane_of(model: NeuronModel) -> Membrane:
    """The published equations behind a model of the library; ``KeyError`` says where to add those of a new one."""
    name = model.name.removesuffix("_with_white_noise")
    if name not in MEMBRANES:
        raise KeyError(f"{name} has no equations in MEMBRANES of scripts/convergence.py; type them from its source")
    return MEMBRANES[name]


def si_parameters(population: Population) -> SimpleNamespace:
    """Parameters of a population in SI units."""
    return SimpleNamespace(**{name: value.si for name, value in population.parameters.items()})


# A trial step may leave the range of the numbers; it is rejected.
_SOLVER = {"method": "DOP853", "rtol": 1e-13, "atol": 1e-17}


def reference_course(population: Population, drive: Drive, start: list[float], times: Values) -> Values:
    """State (len(times), variables) in SI units without spikes, by an independent integration between knots."""
    membrane, p = membrane_of(population.neuron), si_parameters(population)
    knots = sorted({*(t for t in drive.times if t < times[-1]), times[-1]})
    course, state = np.empty((len(times), len(start))), np.array(start)
    course[0] = state
    for left, right in itertools.pairwise(knots):
        inside = (times > left + 1e-12) & (times <= right + 1e-12)
        low, high = drive(left + 1e-9 * (right - left)), drive(right - 1e-9 * (right - left))

        def slope(t: float, y: Values, at: float = left, width: float = right - left, ends=(low, high)) -> list[float]:
            mu = ends[0] + (ends[1] - ends[0]) * (t - at) / width
            return membrane.slope(y, mu / 1000, p)

        sought = np.unique(np.append(np.minimum(times[inside], right), right))
        with np.errstate(over="ignore", invalid="ignore"):
            solution = solve_ivp(slope, (left, right), state, t_eval=sought, **_SOLVER)
        course[inside] = solution.y.T[: inside.sum()]
        state = solution.y[:, -1]
    return course


def reference_spikes(population: Population, level: float, start: list[float], duration: float) -> Values:
    """Exact spike times (s) at constant input ``level`` (mV/s), by an independent integration with events."""
    membrane, p = membrane_of(population.neuron), si_parameters(population)
    assert membrane.spike is not None
    height = getattr(p, membrane.spike)

    def crossing(t: float, y: Values) -> float:
        return float(y[0] - height)

    crossing.direction = 1.0  # type: ignore[attr-defined]
    crossing.terminal = membrane.after is not None  # type: ignore[attr-defined]
    now, state, spikes = 0.0, np.array(start), []
    while now < duration:
        with np.errstate(over="ignore", invalid="ignore"):
            solution = solve_ivp(
                lambda t, y: membrane.slope(y, level / 1000, p),
                (now, duration),
                state,
                events=crossing,
                **{**_SOLVER, "rtol": 1e-10},
            )
        spikes += solution.t_events[0].tolist()
        if not solution.t_events[0].size or membrane.after is None:
            break
        state = np.array(membrane.after(solution.y_events[0][0], p))
        now = spikes[-1] + (p.refractory_period if membrane.refractory else 0.0)
    return np.array(spikes)


@dataclass(frozen=True)
class Convergence:
    """Orders of one membrane: of its course below threshold (held, changing input) and of its spike times.

    Errors at dt = 0.1 ms are the largest distance of the course (mV) and the mean distance of the last of the spikes
    that are compared (ms). An order is None where the errors are those of rounding, or there are no regular spikes.
    ``resolution`` is the shortest time constant over dt.
    """

    template: str
    method: str
    held_order: float | None
    held_error: float
    changing_order: float | None
    changing_error: float
    spike_order: float | None
    spike_error: float | None
    resolution: float


ROUNDING = 1e-10  # mV


def order_of(errors: list[float]) -> float | None:
    """Slope of log error over log dt by least squares, without errors of rounding; None for fewer than two."""
    above = [(dt, error) for dt, error in zip(STEPS, errors, strict=True) if error > ROUNDING]
    if len(above) < 2:
        return None
    x, y = np.log(above).T
    return float(np.polyfit(x, y, 1)[0])


def held(level: float) -> Drive:
    """Input (mV/s) that jumps at points of the time grid."""
    edges = np.arange(len(LEVELS) + 1) * SEGMENT
    times, values = np.column_stack([edges[:-1], edges[1:]]).ravel(), np.repeat(np.multiply(LEVELS, level), 2)
    return PiecewiseLinear(times, values)


def changing(level: float) -> Drive:
    """Input (mV/s) on straight lines between points of the time grid."""
    return PiecewiseLinear(np.arange(len(LEVELS)) * SEGMENT, np.multiply(LEVELS, level))


def library_membranes(noise: bool = False) -> Circuit:
    """Every membrane of ``WITH_A_COURSE``; with ``noise`` also the step that noise needs, at amplitude 0."""
    models = [*WITH_A_COURSE, *(m + NOISE["white_noise"] for m in NEURONS if noise and m.method == "rk4")]
    return Circuit("membranes", tuple(noiseless(Population(m.name, NEURONS_PER_POPULATION, m)) for m in models))


def noiseless(population: Population) -> Population:
    """The same population with no white noise."""
    if population.neuron.noise is None:
        return population
    unit = population.neuron.parameter(population.neuron.noise).unit
    given = dict(population.parameters) | {population.neuron.noise: f"0 {unit}"}
    return Population(population.name, population.size, population.neuron, population.kind, given)


Run = Callable[..., Recording]


def starts(population: Population, spread: float) -> tuple[Values, dict[str, Any]]:
    """States of the neurons, (neurons, variables) in SI and as initial values: at rest, V up to ``spread`` mV above."""
    membrane, p = membrane_of(population.neuron), si_parameters(population)
    states = np.tile(membrane.rest(p), (population.size, 1))
    states[:, 0] += np.linspace(0, spread / 1000, population.size)
    return states, {
        f"{population.name}.{name}": states[:, k] * unit for k, (name, unit) in enumerate(membrane.variables.items())
    }


def silent(population: Population) -> Population:
    """A population whose random spikes, if it has any, never come."""
    if "escape_rate" not in population.parameters:
        return population
    given = dict(population.parameters) | {"escape_rate": "0 Hz"}
    return Population(population.name, population.size, population.neuron, population.kind, given)


def course_errors(circuit: Circuit, shape: Callable[[float], Drive], run: Run) -> dict[str, list[float]]:
    """Largest distance (mV) of neuron 0 from the oracle below threshold, per membrane and step."""
    quiet = Circuit(circuit.name, tuple(silent(one) for one in circuit.populations))
    drives = {one.name: shape(membrane_of(one.neuron).subthreshold) for one in quiet.populations}
    end = min(one.times[-1] for one in drives.values())
    times = np.arange(round(end / SAMPLING)) * SAMPLING
    initial: dict[str, Any] = {}
    oracle = {}
    for one in quiet.populations:
        states, values = starts(one, 0)
        initial |= values
        oracle[one.name] = reference_course(one, drives[one.name], states[0].tolist(), times)[:, 0]
    errors: dict[str, list[float]] = {one.name: [] for one in quiet.populations}
    for dt in STEPS:
        recording = run(quiet, drives, duration=end, dt=dt, initial=initial)
        for name, course in oracle.items():
            assert not len(recording.spikes[name][0]), f"{name} spiked at an input that was to keep it silent"
            v = recording.variables[f"{name}.v"][:: round(SAMPLING * 1000 / dt), 0]
            errors[name].append(float(np.abs(v - course).max()) * 1000)
    return errors


SPIKES_COMPARED = 2
SPIKING_SECONDS = 0.06


def spike_errors(circuit: Circuit, run: Run) -> dict[str, list[float]]:
    """Mean distance (ms) of the second spike from the oracle over neurons with different starts, per membrane and step.

    A spike stands at the beginning of the step in which it occurred; the middle of that step is compared.
    """
    spiking = [one for one in circuit.populations if membrane_of(one.neuron).spike is not None]
    drives = {one.name: Constant(0) for one in circuit.populations}
    initial: dict[str, Any] = {}
    oracle: dict[str, list[float]] = {}
    for one in spiking:
        level = membrane_of(one.neuron).firing
        drives[one.name] = Constant(level)
        states, values = starts(one, membrane_of(one.neuron).spread)
        initial |= values
        found = [reference_spikes(one, level, state.tolist(), SPIKING_SECONDS) for state in states]
        oracle[one.name] = [times[SPIKES_COMPARED - 1] for times in found]
    errors: dict[str, list[float]] = {one.name: [] for one in spiking}
    for dt in STEPS:
        recording = run(circuit, drives, duration=SPIKING_SECONDS, dt=dt, initial=initial)
        for name, exact in oracle.items():
            times, neurons = recording.spikes[name]
            simulated = np.array([times[neurons == k][SPIKES_COMPARED - 1] for k in range(len(exact))])
            errors[name].append(float(np.abs(simulated * 1000 + dt - np.multiply(exact, 1000)).mean()))
    return errors


def shortest_time_constant(population: Population) -> float:
    """Smallest 1/|eigenvalue| (s) of the linearised equations along the course below threshold."""
    membrane, p = membrane_of(population.neuron), si_parameters(population)
    drive = held(membrane.subthreshold)
    times = np.arange(0, drive.times[-1], SAMPLING * 5)
    course = reference_course(population, drive, membrane.rest(p), times)
    fastest = 0.0
    for time, state in zip(times, course, strict=True):
        scale = np.maximum(np.abs(state), 1e-12) * 1e-6
        mu = drive(time) / 1000
        columns = [
            (np.array(membrane.slope(state + d, mu, p)) - np.array(membrane.slope(state - d, mu, p))) / (2 * d.sum())
            for d in np.diag(scale)
        ]
        fastest = max(fastest, float(np.abs(np.linalg.eigvals(np.transpose(columns))).max()))
    return 1 / fastest


def measure(circuit: Circuit, run: Run) -> list[Convergence]:
    """Orders and errors of every population of ``circuit``; ``run`` is ``simulate`` with its settings."""
    at = STEPS.index(0.1)
    courses = [course_errors(circuit, shape, run) for shape in (held, changing)]
    spikes = spike_errors(circuit, run)
    rows = []
    for one in circuit.populations:
        steady, moving = (errors[one.name] for errors in courses)
        timing = spikes.get(one.name)
        rows.append(
            Convergence(
                one.name,
                one.neuron.method,
                order_of(steady),
                steady[at],
                order_of(moving),
                moving[at],
                None if timing is None else order_of(timing),
                None if timing is None else timing[at],
                shortest_time_constant(one) / 1e-4,
            )
        )
    return rows


def table(rows: list[Convergence]) -> str:
    """The rows as text."""

    def order(value: float | None) -> str:
        return "exact" if value is None else f"{value:.2f}"

    head = f"{'template':36}{'method':8}{'held input':>20}{'changing input':>20}{'2nd spike':>18}{'tau/dt':>9}"
    lines = [head, f"{'':44}" + f"{'order':>8}{'error mV':>12}" * 2 + f"{'order':>8}{'error ms':>10}"]
    for row in rows:
        text = f"{row.template:36}{row.method:8}{order(row.held_order):>8}{row.held_error:12.2e}"
        text += f"{order(row.changing_order):>8}{row.changing_error:12.2e}"
        text += f"{'':18}" if row.spike_error is None else f"{order(row.spike_order):>8}{row.spike_error:10.4f}"
        lines.append(f"{text}{row.resolution:9.1f}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--target", choices=("cpp", "numpy"), default="cpp")
    parser.add_argument("--noise", action="store_true", help="also the step that noise needs, at amplitude 0")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    circuit = library_membranes(arguments.noise)
    recorded = {f"{one.name}.v": range(one.size) for one in circuit.populations}

    def run(circuit: Circuit, drives: Mapping[str, Drive], **settings: object) -> Recording:
        common = {"seed": 1, "spikes": True, "variables": recorded, "runaway_rate": None, "target": arguments.target}
        return simulate(circuit, drives, **common, **settings)  # type: ignore[arg-type]

    rows = measure(circuit, run)
    print(table(rows))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
