"""How a network's equations answer small changes around one of their fixed points.

Changes that keep the mass of every population have coordinates z; with u a change of the rates of external kicks (1 Hz
along a direction), z' = A z + b u and the rates change by C z + d u.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .conductance_equations import ConductanceEquations
from .conductance_solutions import flux_rows, mass_keeping
from .fixed_points import FixedPoint
from .kick_equations import KickEquations
from .kick_forms import Family
from .parameters import MarkovNetwork

__all__ = ["Linearisation", "linearise"]

# Part of the rates of external kicks by which they are changed; the equations are linear in them.
_STEP = 1e-3


@dataclass(frozen=True, eq=False)
class Linearisation:
    """``jacobian`` A (m, m) 1/s, ``push`` b (m,) and ``direct`` d (n,) per Hz of external kicks, ``rates`` C (n, m) Hz.

    ``excitatory`` (m,) whether a coordinate belongs to the excitatory populations alone: to their neurons, or to the
    kicks they send to each other.
    """

    jacobian: np.ndarray
    push: np.ndarray
    rates: np.ndarray
    direct: np.ndarray
    excitatory: np.ndarray

    @property
    def slopes(self) -> np.ndarray:
        """(n,) Hz of rate per Hz of external kicks along the direction, of the stationary state that moves with it."""
        return self.direct - self.rates @ np.linalg.solve(self.jacobian, self.push)

    @property
    def excitation_unstable(self) -> bool:
        """Whether the excitatory populations alone would leave the state if all inhibition were held as it is."""
        chosen = np.flatnonzero(self.excitatory)
        if not len(chosen):
            return False
        return bool(np.linalg.eigvals(self.jacobian[np.ix_(chosen, chosen)]).real.max() > 0)


def linearise(
    family: Family, network: MarkovNetwork, point: FixedPoint[Any], direction: np.ndarray
) -> Linearisation:
    """The linearisation of a network's equations at a fixed point; ``direction`` (n,) of the external kicks.

    Where there are no external kicks their rate is taken not to change.
    """
    along = np.where(network.drive > 0, direction, 0.0)
    largest = np.max(np.abs(along) / np.where(network.drive > 0, network.drive, np.inf), initial=0.0)
    size = _STEP / largest if largest > 0 else 1.0
    more, less = (replace(network, drive=network.drive + sign * size * along) for sign in (1, -1))
    answer = _of_kicks if family == "kicks" else _of_conductances
    return answer(network, more, less, 2 * size, point)


def _of_kicks(
    network: MarkovNetwork, more: MarkovNetwork, less: MarkovNetwork, between: float, point: FixedPoint[Any]
) -> Linearisation:
    equations = KickEquations(network)
    X = equations.vector(point.state)
    change, flux = equations.derivative(X, equations.embedding)
    above, below = KickEquations(more).flow(X), KickEquations(less).flow(X)
    owner = np.repeat(network.populations, np.diff([*equations.first, equations.places]))
    excitatory = _of_excitation(network, owner, 1)
    kept = equations.kept
    return Linearisation(
        jacobian=change[kept],
        push=(above[0] - below[0])[kept] / between,
        rates=flux,
        direct=(above[1] - below[1]) / between,
        excitatory=excitatory[kept],
    )


def _of_conductances(
    network: MarkovNetwork, more: MarkovNetwork, less: MarkovNetwork, between: float, point: FixedPoint[Any]
) -> Linearisation:
    equations, X = ConductanceEquations(network), point.state
    embedding, kept = mass_keeping(equations)
    matrix = equations.jacobian(X)
    gained, held = flux_rows(equations)
    above, below = ConductanceEquations(more), ConductanceEquations(less)
    owner = np.repeat(network.populations, equations.cells + 1)
    return Linearisation(
        jacobian=(matrix @ embedding)[kept],
        push=(above.derivative(X) - below.derivative(X))[kept] / between,
        rates=(gained @ matrix + held) @ embedding,
        direct=(above.rates(X) - below.rates(X)) / between,
        excitatory=_of_excitation(network, owner, 2)[kept],
    )


def _of_excitation(network: MarkovNetwork, owner: np.ndarray, tables: int) -> np.ndarray:
    """Whether each variable is of excitation alone: neurons by their population, then ``tables`` of all pairs."""
    excites = ~np.array(network.inhibitory)
    pairs = np.logical_and.outer(excites, excites).ravel()
    return np.concatenate([excites[owner], np.tile(pairs, tables)])
