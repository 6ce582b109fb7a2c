"""Runs of the finite-size population model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .discretisation import StepConstants, step_constants
from .initial_state import MesoscopicState, copied, initial_populations
from .parameters import MesoscopicNetwork
from .step import BINOMIAL, GAUSSIAN, NO_DRAW, POISSON, Populations, Record, stepper

MODELS = ("macro", "sie", "naive")
DRAWS = {"binomial": BINOMIAL, "poisson": POISSON, "gaussian": GAUSSIAN}


@dataclass(frozen=True, eq=False)
class MesoscopicRun:
    """Activity of n populations in R realisations.

    ``counts`` and ``expected`` (R, n, steps) spikes per step and their expectation given the past; ``mass_mean`` and
    ``mass_deviation`` (R, n): over the steps, the mean of the neurons found by counting ages, divided by N, and its
    standard deviation; ``clips`` (R, n) steps whose expected count had to be clipped to [0, N]; ``state`` to go on
    from. ``dt`` s.
    """

    names: tuple[str, ...]
    dt: float
    sizes: np.ndarray
    counts: np.ndarray
    expected: np.ndarray
    mass_mean: np.ndarray
    mass_deviation: np.ndarray
    clips: np.ndarray
    state: MesoscopicState

    @property
    def activity(self) -> np.ndarray:
        """A_N (R, n, steps) in Hz, spikes per neuron and time."""
        return self.counts / (self.sizes[:, None] * self.dt)

    @property
    def rates(self) -> np.ndarray:
        """(R, n) Hz, means over the run."""
        return self.activity.mean(axis=2)


def simulate(
    network: MesoscopicNetwork,
    duration: float,
    dt: float,
    seed: int | None = None,
    *,
    model: str = "sie",
    draws: str = "binomial",
    drive: Sequence[float] | np.ndarray | None = None,
    initial: str | Sequence[np.ndarray] = "stationary",
    realisations: int = 1,
    state: MesoscopicState | None = None,
    compiled: bool = True,
) -> MesoscopicRun:
    """Run the population model for ``duration`` (s) in steps of ``dt`` (s).

    ``model``: ``"sie"``, the stochastic integral equation with the correction that keeps the mass near N; ``"naive"``,
    the same without the correction, whose populations die out for good: by the time t about with probability
    exp(-2 N/(F t)) at rate F (the slides print the law of this extinction without the 2); ``"macro"``, infinite
    populations, without draws. ``draws``: the law of a count
    given its expectation, ``"binomial"``, ``"poisson"`` or ``"gaussian"``. ``drive`` external mean input in mV/s, (n,)
    constant or (n, steps); None is 0. ``initial`` as in :func:`.initial_state.initial_populations`. Realisation i draws
    from PCG64 seeded by (``seed``, i), however many there are; ``seed`` may be missing for ``"macro"``.
    ``state`` of an earlier run continues it exactly, with its realisations and generators (then without ``seed``), with
    changed parameters if ``network`` has them. ``compiled=False`` runs the same functions uncompiled.

    Times are rounded to steps. Raises InvalidInputError for wrong arguments, SsnbrianError where a stationary start
    does not exist or the run leaves the finite numbers. Source: Schwalger, Deger & Gerstner 2017.
    """
    if model not in MODELS:
        raise InvalidInputError(f"model is {model!r}; it must be one of {', '.join(MODELS)}")
    if draws not in DRAWS:
        raise InvalidInputError(f"draws is {draws!r}; it must be one of {', '.join(DRAWS)}")
    steps = whole_steps(duration, dt)
    inputs = checked_drive(drive, len(network.names), steps)
    if state is None:
        constants = step_constants(network, dt)
        if not (isinstance(realisations, int | np.integer) and realisations >= 1):
            raise InvalidInputError(f"realisations must be a whole number of at least 1, not {realisations!r}")
        start = initial_populations(network, constants, inputs[:, 0], initial)
        populations = [copied(start) for _ in range(realisations)]
        generators = seeded_generators(seed, realisations, model)
    else:
        constants = step_constants(network, dt, _kept_bins(network, dt, state, seed, realisations, initial))
        populations = [copied(one) for one in state.populations]
        generators = [np.random.Generator(np.random.PCG64()) for _ in populations]
        for generator, kept in zip(generators, state.generators, strict=True):
            generator.bit_generator.state = kept
    if any(len(one.slow) != len(constants.slow_decay) for one in populations):
        raise InvalidInputError("the state has another number of adaptation times; change their values only")
    kind = NO_DRAW if model == "macro" else DRAWS[draws]
    records = _run(inputs, model == "sie", kind, constants, populations, generators, steps, compiled)
    return _collected(network, constants, records, populations, generators)


def whole_steps(duration: float, dt: float) -> int:
    """The number of steps of ``dt`` (s) in ``duration`` (s); InvalidInputError where it is not whole."""
    if not (np.isfinite(dt) and dt > 0 and np.isfinite(duration) and duration > 0):
        raise InvalidInputError(f"duration and dt must be positive and finite, not {duration} and {dt}")
    steps = round(duration / dt)
    if steps < 1 or abs(steps - duration / dt) > 1e-6 * steps:
        raise InvalidInputError(f"duration {duration} s must be a whole number of steps of {dt} s")
    return steps


def checked_drive(drive: Sequence[float] | np.ndarray | None, n: int, steps: int) -> np.ndarray:
    """(n, 1) or (n, steps)."""
    try:
        given = np.zeros(n) if drive is None else np.array(drive, float)
    except (TypeError, ValueError):
        raise InvalidInputError(f"drive must be numbers in mV/s, ({n},) or ({n}, {steps}), not {drive!r}") from None
    if given.shape not in {(n,), (n, steps)}:
        raise InvalidInputError(f"drive has shape {given.shape}; it must be ({n},) or ({n}, {steps})")
    if not np.all(np.isfinite(given)):
        raise InvalidInputError("drive must be finite")
    return np.ascontiguousarray(given.reshape(n, -1))


def seeded_generators(seed: int | None, realisations: int, model: str) -> list[np.random.Generator]:
    """One for each realisation; InvalidInputError for a missing or wrong ``seed``, which "macro" does not need."""
    if seed is None and model != "macro":
        raise InvalidInputError(f"a seed is needed for model {model!r}")
    if seed is not None and not (isinstance(seed, int | np.integer) and seed >= 0):
        raise InvalidInputError(f"seed must be a whole number that is not negative, not {seed!r}")
    sequences = (np.random.SeedSequence(seed or 0, spawn_key=(index,)) for index in range(realisations))
    return [np.random.Generator(np.random.PCG64(one)) for one in sequences]


def _kept_bins(
    network: MesoscopicNetwork,
    dt: float,
    state: MesoscopicState,
    seed: int | None,
    realisations: int,
    initial: str | Sequence[np.ndarray],
) -> np.ndarray:
    default_start = isinstance(initial, str) and initial == "stationary"
    if seed is not None or realisations not in {1, len(state.populations)} or not default_start:
        raise InvalidInputError("a state has its own seed, realisations and beginning; give the state alone")
    if state.names != network.names or state.dt != dt:
        raise InvalidInputError(
            f"the state is of populations {state.names} in steps of {state.dt} s; continue with these, not with "
            f"{network.names} in steps of {dt} s"
        )
    return np.array(state.bins)


def _run(
    inputs: np.ndarray,
    corrected: bool,
    kind: int,
    constants: StepConstants,
    populations: list[Populations],
    generators: list[np.random.Generator],
    steps: int,
    compiled: bool,
) -> Record:
    """The records of all realisations, each array with them in front."""
    n, advance = len(constants.sizes), stepper(compiled)
    all_counts = np.empty((2, len(populations), n, steps))
    mass, clips = np.zeros((len(populations), n, 2)), np.zeros((len(populations), n), np.int64)
    for index, (population, generator) in enumerate(zip(populations, generators, strict=True)):
        record = Record(all_counts[0, index], all_counts[1, index], mass[index], clips[index])
        advance(inputs, corrected, kind, constants, population, record, generator)
    if not (np.all(np.isfinite(all_counts)) and np.all(np.isfinite(mass))):
        raise SsnbrianError("the run left the finite numbers; check weights, drive and the size of the step")
    return Record(all_counts[0], all_counts[1], mass, clips)


def _collected(
    network: MesoscopicNetwork,
    constants: StepConstants,
    records: Record,
    populations: list[Populations],
    generators: list[np.random.Generator],
) -> MesoscopicRun:
    mean, square = np.moveaxis(records.mass, -1, 0) / records.counts.shape[-1]
    kept = MesoscopicState(
        dt=constants.dt,
        names=network.names,
        bins=tuple(int(one) for one in np.diff(constants.first_bin)),
        populations=tuple(populations),
        generators=tuple(one.bit_generator.state for one in generators),
    )
    return MesoscopicRun(
        names=network.names,
        dt=constants.dt,
        sizes=network.sizes,
        counts=records.counts,
        expected=records.expected,
        mass_mean=1.0 + mean,
        mass_deviation=np.sqrt(np.maximum(square - mean**2, 0.0)),
        clips=records.clips,
        state=kept,
    )
