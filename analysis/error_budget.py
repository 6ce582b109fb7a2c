"""How much of the difference between simulation and theory is dt, sampling, or theory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import Drive, Recording

from .discretisation import discrete_rate
from .reduction import Reduction
from .self_consistent import SelfConsistent

PROBES = 7


@dataclass(frozen=True)
class ErrorBudget:
    """Root-mean-square sizes over the bins, Hz, per population.

    Attributes
    ----------
    dt_bias : predicted shift of the simulated rates by the finite dt: the exact rate of the stepped neuron against
        the Ricciardi function, carried through the network's linear response around the self-consistent state.
        The recurrent input counts as white noise in this estimate. None without a self-consistent theory.
    sampling : standard error of the simulated rates.
    theory : per theory, what remains of the difference once the predicted shift is added to the theory bin by bin
        and the sampling error is subtracted in squares; zero when they explain all of it.
    """

    dt_bias: Mapping[str, float] | None
    sampling: Mapping[str, float]
    theory: Mapping[str, Mapping[str, float | None]]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a machine."""
        return {
            "dt_bias": None if self.dt_bias is None else dict(self.dt_bias),
            "sampling_error": dict(self.sampling),
            "theory_error": {name: dict(values) for name, values in self.theory.items()},
        }


def _root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values)) if values else 0.0


def _dead_time(refractory: float, dt: float, bridge: bool) -> float:
    """Time lost after a spike in a simulation, s: whole steps, and on the grid one step less than asked for."""
    if refractory == 0:
        return 0.0
    if bridge:
        return max(0, math.floor(refractory / dt + 0.5)) * dt
    return max(0, math.floor(refractory / dt + 1e-3) - 1) * dt


def dt_shift(
    theory: SelfConsistent, rates: np.ndarray, external: np.ndarray, dt: float, bridges: Sequence[bool]
) -> np.ndarray:
    """Predicted shift of the rates, Hz, by simulating in steps of ``dt`` (s); ``bridges``: per population."""
    one = theory.coupling
    mean, sigma = theory.inputs(rates, external)
    tau = one.time_constants(rates)
    stepped = np.array(
        [
            discrete_rate(mean[k], sigma[k], tau[k], dt, one.threshold[k], one.reset[k], bridges[k])
            for k in range(len(rates))
        ]
    )
    dead = np.array([_dead_time(period, dt, bridge) for period, bridge in zip(one.refractory, bridges, strict=True)])
    stepped = 1 / (1 / np.maximum(stepped, 1e-300) + dead)
    shift = stepped - one.rates_of(rates, external)
    return np.linalg.solve(np.eye(len(rates)) - one.jacobian(rates, external), shift)


def _dt_shifts(
    theory: SelfConsistent, recording: Recording, rows: Sequence[Any], drives: Mapping[str, Drive]
) -> dict[str, np.ndarray] | None:
    """Predicted shift in every bin, interpolated between some of them; None where it cannot be computed."""
    usable = [row for row in rows if row.states[theory.name] is not None]
    if not usable or np.any(theory.coupling.sigma <= 0):
        return None
    probes = [usable[k] for k in np.unique(np.linspace(0, len(usable) - 1, PROBES).astype(int))]
    crossing = recording.metadata.get("crossing", {})
    bridges = [crossing.get(name) == "bridge" for name in theory.populations]
    shifts = []
    for row in probes:
        rates = np.array([row.states[theory.name].rates[name] for name in theory.populations])
        given = {name: drive(row.time) for name, drive in drives.items()}
        external = theory.external_inputs(given, 1.0)
        noisy = theory.with_input_noise(theory.poisson_inputs.rates_in(given))
        try:
            shifts.append(dt_shift(noisy, rates, external, recording.metadata["dt"] / 1000, bridges))
        except ValueError:  # dt too small for the grid of the stepped neuron: its bias is then negligible
            return None
    times = [row.time for row in probes]
    return {
        name: np.interp([row.time for row in rows], times, [shift[k] for shift in shifts])
        for k, name in enumerate(theory.populations)
    }


def error_budget(
    recording: Recording, theories: Sequence[Reduction], rows: Sequence[Any], drives: Mapping[str, Drive]
) -> ErrorBudget:
    """The budget of a comparison; ``rows`` are its rows, ``drives`` its drives and input rates."""
    names = list(recording.sizes)
    sampling = {name: _root_mean_square([row.standard_errors[name] for row in rows]) for name in names}
    shifts = None
    for theory in theories:
        if isinstance(theory, SelfConsistent):
            shifts = _dt_shifts(theory, recording, rows, drives)
    bias = None if shifts is None else {name: _root_mean_square(shifts[name].tolist()) for name in names}
    remaining: dict[str, dict[str, float | None]] = {}
    for theory in theories:
        remaining[theory.name] = {}
        for name in names:
            differences = [
                row.states[theory.name].rates[name] - row.simulated[name] + (0.0 if shifts is None else shifts[name][k])
                for k, row in enumerate(rows)
                if row.states[theory.name] is not None
            ]
            square = _root_mean_square(differences) ** 2 - sampling[name] ** 2
            remaining[theory.name][name] = math.sqrt(max(0.0, square)) if differences else None
    return ErrorBudget(bias, sampling, remaining)
