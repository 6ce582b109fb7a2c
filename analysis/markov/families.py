"""Network, differential equations and fixed points of both families of Markov networks under one name each."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .fixed_points import FixedPoints
from .kick_forms import Family
from .parameters import MarkovNetwork
from .run import MarkovRun

__all__ = ["find_fixed_points", "run_equations", "run_network"]


def run_equations(family: Family, network: MarkovNetwork, duration: float, dt: float) -> MarkovRun:
    """The differential equations for ``duration`` in bins of ``dt`` (s), which is the step of the conductance model.

    Raises InvalidInputError for arguments that the family's own functions refuse.
    """
    if family == "kicks":
        from .kick_simulation import simulate

        return simulate(network, duration, bin=dt)
    from .conductance_bins import simulate_bins

    return simulate_bins(network, duration, dt=dt, bin=dt)


def run_network(family: Family, network: MarkovNetwork, duration: float, seed: int, dt: float) -> MarkovRun:
    """The network for ``duration`` in bins of ``dt`` (s): event by event, or with conductances in steps of ``dt``.

    Raises InvalidInputError for arguments that the family's own functions refuse.
    """
    if family == "kicks":
        from .kick_network import simulate_network

        return simulate_network(network, duration, seed, bin=dt)
    from .conductance_network import simulate_conductance_network

    return simulate_conductance_network(network, duration, seed, dt=dt, bin=dt)


def find_fixed_points(family: Family, network: MarkovNetwork, near: np.ndarray | None = None) -> FixedPoints[Any]:
    """Fixed points of the differential equations in continuous time: the stationary states of the network.

    ``near`` (n,) Hz: for kicks, only the one to which Newton's method leads from there, which is fast; all of them,
    with a proof where it succeeds, if it is None. Conductances have no proof and are always searched from several
    starts. There are no points if nothing is found, and the reason says so. Raises InvalidInputError for networks
    that the equations refuse.
    """
    try:
        return _of_kicks(network, near) if family == "kicks" else _of_conductances(network)
    except InvalidInputError:
        raise
    except SsnbrianError as error:
        return FixedPoints((), False, str(error))


def _of_kicks(network: MarkovNetwork, near: np.ndarray | None) -> FixedPoints[Any]:
    from .kick_fixed_points import fixed_point, fixed_points

    if near is None:
        return fixed_points(network)
    return FixedPoints((fixed_point(network, near),), False, "Newton's method from one start; nothing is proven")


def _of_conductances(network: MarkovNetwork) -> FixedPoints[Any]:
    from .conductance_equations import ConductanceEquations
    from .conductance_solutions import conductance_fixed_points

    return conductance_fixed_points(ConductanceEquations(network))
