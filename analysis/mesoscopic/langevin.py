"""Langevin equations of a network of escape-noise neurons: a few eigenmodes of each population.

Population X has a mass a_0, M pairs of modes z, an input potential h_X and one noise eta_X = sqrt(r_X/N_X) xi_X, Ito:
a_0' = Lambda (1 - a_0) + eta, z' = (eigenvalues of the pairs) z + h' C (a_0, z) + Lambda (1 - a_0) + eta,
r = a_0 F_0(h) + Lambda (1 - a_0) + sum phi z, A_N = r + eta; all coefficients are functions of h_X, of the neuron as a
renewal process at constant input h (:mod:`..renewal.mode_pairs`), and Lambda = 1/standard deviation of the intervals.

h follows the input I = tau (mu + sum_Y w_XY N_Y A_Y), filtered by synapses and delays. What the eigenmodes know is the
density of ages at constant h; that the potential of a neuron depends on all input since its reset is lost. The real
potential at age t after a reset is u = h_m(t) - e^(-t/tau) (h_m at the reset) + reset e^(-t/tau), with h_m the input
filtered by the membrane. Hence h = h_m, T = tau in T h' = -h + I, is right for neurons that fire rarely ('membrane',
as in the original), but too slow where intervals are short against tau: the input before the reset is forgotten. The
filter 'response' takes T(h) from the condition that the response of the rate to slow inputs is exact to the first
order in the frequency (:attr:`..renewal.EscapeNoiseIntervals.response_time`).
Sources: Pietras, Gallice & Schwalger 2020; Schwalger, Deger & Gerstner 2017; the pairs across the point where
eigenvalues become real, T(h) and the closure are not from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import root

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from ..renewal.langevin_equation import TRUNCATIONS
from .discretisation import StepConstants, step_constants
from .langevin_step import Populations, Record, stepper
from .langevin_tables import CORRECTIONS, INPUT_FILTERS, NetworkTables, intervals_of
from .parameters import MesoscopicNetwork
from .simulation import checked_drive, seeded_generators, whole_steps
from .stationary import held_inputs, network_rates


@dataclass(frozen=True, eq=False)
class LangevinNetworkRun:
    """Activity of n populations in R realisations.

    ``activity`` A_N averaged over each step, ``rate`` r at the start of each, Hz, ``potential`` h, mV, (R, n, steps).
    The activity of a step can be negative. ``mass_mean``, ``mass_deviation`` (R, n): mean and standard deviation of
    a_0 over the steps. ``clips`` (R, n) steps in which r was negative and was set to 0; ``outside`` (R, n) steps with
    an h for which there are no coefficients, where those at the end of the table were used. ``dt`` s.
    """

    names: tuple[str, ...]
    dt: float
    sizes: np.ndarray
    activity: np.ndarray
    rate: np.ndarray
    potential: np.ndarray
    mass_mean: np.ndarray
    mass_deviation: np.ndarray
    clips: np.ndarray
    outside: np.ndarray

    @property
    def rates(self) -> np.ndarray:
        """(R, n) Hz, means over the run."""
        return self.activity.mean(axis=2)


def simulate_langevin(
    network: MesoscopicNetwork,
    duration: float,
    dt: float,
    seed: int | None = None,
    *,
    modes: int = 2,
    truncation: str = "closure",
    correction: str = "langevin",
    input_filter: str = "response",
    noise: bool = True,
    drive: Sequence[float] | np.ndarray | None = None,
    initial: Sequence[float] | np.ndarray | None = None,
    realisations: int = 1,
    compiled: bool = True,
) -> LangevinNetworkRun:
    """Run the Langevin equations for ``duration`` (s) in steps of ``dt`` (s).

    ``modes`` pairs of eigenmodes per population; ``truncation`` 'plain' leaves the others out, 'closure' keeps their
    slow part (:func:`..renewal.langevin`); ``correction`` is Lambda, 'langevin' or 'integral equation';
    ``input_filter`` 'response' or 'membrane', see above; ``noise=False`` gives infinite populations and needs no seed.
    ``drive`` external mean input in mV/s, (n,) constant or (n, steps); None is 0. ``initial`` potentials h (n,) in mV,
    at each of which a population begins with its stationary ages; None takes a stationary state of the network at the
    first drive. Realisation i draws from PCG64 seeded by (``seed``, i), however many there are. ``compiled=False`` runs
    the same functions uncompiled.

    Modes are integrated exactly over a step at constant coefficients. Times are rounded to steps; a delay below one
    step acts in the next one. Coefficients are found while the run goes, where it goes, and kept for later runs.
    Raises InvalidInputError for wrong arguments and for neurons whose firing is not a renewal process or does not
    depend on the input; SsnbrianError where a stationary start or the eigenmodes at the first input do not exist, or
    the run leaves the finite numbers.
    """
    _check(network, modes, truncation, correction, input_filter, realisations)
    steps = whole_steps(duration, dt)
    inputs = checked_drive(drive, len(network.names), steps)
    generators = seeded_generators(seed, realisations, "langevin" if noise else "macro")
    constants = step_constants(network, dt)
    potentials, rates = _start(network, constants, inputs[:, 0], initial)
    tables = NetworkTables(network, dt, modes, correction, input_filter, truncation == "closure")
    advance = stepper(compiled)
    records = []
    for generator in generators:
        record, state = _empty(network, steps), _beginning(network, potentials, rates, modes)
        step, known = 0, tables.covering(potentials)
        while True:
            step = advance(step, inputs, rates, noise, constants, known, state, record, generator)
            if step == steps:
                break
            known = tables.covering(state.potential)
        records.append(record)
    return _collected(network, dt, records)


def _check(
    network: MesoscopicNetwork, modes: int, truncation: str, correction: str, input_filter: str, realisations: int
) -> None:
    for name, number in (("modes", modes), ("realisations", realisations)):
        if not (isinstance(number, int | np.integer) and number >= 1):
            raise InvalidInputError(f"{name} must be a whole number of at least 1, not {number!r}")
    named = (("truncation", truncation, TRUNCATIONS), ("correction", correction, CORRECTIONS))
    for name, value, known in (*named, ("input_filter", input_filter, INPUT_FILTERS)):
        if value not in known:
            raise InvalidInputError(f"{name} is {value!r}; it must be one of {', '.join(known)}")
    for name, neuron in zip(network.names, network.neurons, strict=True):
        if any(neuron.adaptation_amplitudes):
            raise InvalidInputError(
                f"population {name!r} adapts: its neurons remember more than their last spike, and the Langevin "
                "equations have modes of the age alone; use the stochastic integral equation"
            )
        if np.isinf(neuron.escape_width):
            raise InvalidInputError(
                f"population {name!r} has a hazard that does not depend on the potential; the Langevin equations "
                "need a finite escape_width"
            )


def _start(
    network: MesoscopicNetwork,
    constants: StepConstants,
    drive: np.ndarray,
    initial: Sequence[float] | np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Potentials (n,) mV and rates (n,) Hz before the first step."""

    def rates_at(potentials: np.ndarray) -> np.ndarray:
        each = zip(network.neurons, potentials, strict=True)
        return np.array([intervals_of(neuron, float(h)).rate for neuron, h in each])

    n = len(network.names)
    if initial is not None:
        given = np.array(initial, float)
        if given.shape != (n,) or not np.all(np.isfinite(given)):
            raise InvalidInputError(f"initial must be {n} finite potentials in mV, not {given.tolist()}")
        return given, rates_at(given)
    potentials = held_inputs(constants, drive, network_rates(network, drive, constants.dt))
    if np.any(network.weights):
        # The rates in steps differ a little from those in continuous time.
        found = root(lambda h: held_inputs(constants, drive, rates_at(h)) - h, potentials, tol=1e-11)
        if not np.max(np.abs(found.fun)) < 1e-6:
            raise SsnbrianError("no stationary state of the network was found; give initial potentials")
        potentials = found.x
    return potentials, rates_at(potentials)


def _empty(network: MesoscopicNetwork, steps: int) -> Record:
    n = len(network.names)
    activity, rate, potential = np.zeros((3, n, steps))
    clips, outside = np.zeros((2, n), np.int64)
    return Record(activity, rate, potential, np.zeros((n, 2)), clips, outside)


def _beginning(network: MesoscopicNetwork, potentials: np.ndarray, rates: np.ndarray, modes: int) -> Populations:
    n = len(network.names)
    filtered = np.tile(network.sizes * rates, (n, 1))
    return Populations(potentials.copy(), np.ones(n), np.zeros(n), np.zeros((n, 2 * modes)), filtered)


def _collected(network: MesoscopicNetwork, dt: float, records: list[Record]) -> LangevinNetworkRun:
    activity, rate, potential, mass, clips, outside = (np.array(one) for one in zip(*records, strict=True))
    if not (np.all(np.isfinite(activity)) and np.all(np.isfinite(mass))):
        raise SsnbrianError("the run left the finite numbers; check weights, drive and the size of the step")
    mean, square = np.moveaxis(mass, -1, 0) / activity.shape[-1]
    return LangevinNetworkRun(
        names=network.names,
        dt=float(dt),
        sizes=network.sizes,
        activity=activity,
        rate=rate,
        potential=potential,
        mass_mean=1.0 + mean,
        mass_deviation=np.sqrt(np.maximum(square - mean**2, 0.0)),
        clips=clips,
        outside=outside,
    )
