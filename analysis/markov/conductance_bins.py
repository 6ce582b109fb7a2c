"""The differential equations of the conductance network: densities in bins of potential, closed-form steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .arguments import bins_of, steps_of
from .conductance_bin_step import Density, bin_stepper
from .conductance_network import step_numbers
from .conductance_noise import CORRELATION_TIME
from .conductance_step import Record
from .parameters import MarkovNetwork
from .run import RunOfEquations

__all__ = ["BinnedState", "initial_bins", "simulate_bins"]


@dataclass(frozen=True, eq=False)
class BinnedState:
    """State of the binned equations of n populations, 2 n bins + n + 2 n² variables: 150 for E and I in 35 bins.

    ``edges`` (bins + 1,) mV, equally spaced, the last at the threshold; ``mass`` (n, bins) share of the neurons of the
    population in each bin and ``moment`` (n, bins) mV, their potentials times their share summed; ``refractory`` (n,)
    share; ``pending_mean`` and ``pending_variance`` (n, n), target by source, of the pending kicks of a neuron.
    """

    edges: np.ndarray
    mass: np.ndarray
    moment: np.ndarray
    refractory: np.ndarray
    pending_mean: np.ndarray
    pending_variance: np.ndarray

    @property
    def variables(self) -> int:
        """How many numbers change."""
        changing = (self.mass, self.moment, self.refractory, self.pending_mean, self.pending_variance)
        return sum(one.size for one in changing)


def initial_bins(network: MarkovNetwork, bins: int = 35, bottom: float = -40.0) -> BinnedState:
    """Neurons evenly between reset and threshold, none refractory, no pending kicks.

    ``bins`` of equal width from ``bottom`` (mV) to the threshold. Raises InvalidInputError for a bottom above the reset
    and for less than two bins.
    """
    if not (isinstance(bins, int | np.integer) and bins >= 2):
        raise InvalidInputError(f"bins must be a whole number of at least 2, not {bins!r}")
    if not (np.isfinite(bottom) and bottom <= network.reset):
        raise InvalidInputError(f"bottom must not be above the reset ({network.reset} mV), and finite; not {bottom} mV")
    edges = np.linspace(bottom, network.threshold, bins + 1)
    above = np.maximum(edges, network.reset)
    share = np.diff(above) / (network.threshold - network.reset)
    middles = 0.5 * (above[1:] + above[:-1])
    n = len(network.names)
    mass = np.tile(share, (n, 1))
    return BinnedState(edges, mass, mass * middles, np.zeros(n), np.zeros((n, n)), np.zeros((n, n)))


def simulate_bins(
    network: MarkovNetwork,
    duration: float,
    *,
    dt: float = 1e-4,
    bin: float = 1e-3,
    correlation_time: float | np.ndarray | None = CORRELATION_TIME,
    initial: BinnedState | None = None,
    compiled: bool = True,
) -> RunOfEquations[BinnedState]:
    """The self-decorrelated network of infinitely many neurons in steps of ``dt`` (s).

    ``duration`` and ``bin``, the width of the bins of time, in s; ``initial``: :func:`initial_bins` (by default) or the
    ``final`` of an earlier run; ``correlation_time`` as in :func:`.simulate_decorrelated_network`. Every step is
    closed-form (:mod:`.conductance_bin_step`): it keeps the mass of each population to rounding, and no mass becomes
    negative. The fluxes of ``sizes`` neurons move the moments of the pending kicks as the clocked network does.

    Raises InvalidInputError for wrong arguments and steps that do not divide the bins or are not shorter than all decay
    times. Source: Chang, Li, Wang, Tao, Xiao 2025, restored.
    """
    numbers = step_numbers(network, dt, correlation_time)
    bins, per_bin = bins_of(duration, bin), steps_of(bin, dt)
    start = initial_bins(network) if initial is None else initial
    _check_state(network, start)
    density = Density(
        start.mass.copy(),
        start.moment.copy(),
        start.refractory.copy(),
        start.pending_mean.copy(),
        start.pending_variance.copy(),
        start.edges,
    )
    n = len(network.names)
    record = Record(np.zeros((n, bins)), np.zeros((n, n, bins)), per_bin)
    bin_stepper(compiled)(density, numbers, record)
    if not (np.all(np.isfinite(record.counts)) and np.all(np.isfinite(density.moment))):
        raise SsnbrianError("the run left the finite numbers; check weights, drive and the size of the step")
    rates = record.counts / (network.sizes[:, None] * bin)
    final = BinnedState(
        start.edges, density.mass, density.moment, density.refractory, density.mean, density.variance
    )
    return RunOfEquations(network.names, network.sizes, bin, rates, record.pending, True, final)


def _check_state(network: MarkovNetwork, state: BinnedState) -> None:
    n, bins = len(network.names), len(state.edges) - 1
    shapes = {
        "mass": (n, bins),
        "moment": (n, bins),
        "refractory": (n,),
        "pending_mean": (n, n),
        "pending_variance": (n, n),
    }
    for name, shape in shapes.items():
        found = getattr(state, name).shape
        if found != shape:
            raise InvalidInputError(f"{name} of the state has shape {found}; it must be {shape}")
    if state.edges[-1] != network.threshold or not state.edges[0] <= network.reset:
        raise InvalidInputError(
            f"the state's bins reach from {state.edges[0]} to {state.edges[-1]} mV; they must reach from below the "
            f"reset ({network.reset} mV) to the threshold ({network.threshold} mV)"
        )
