"""The differential equations of networks of neurons that collect kicks as a theory of a circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Circuit

from ..linear_response import input_direction
from ..reduction import Reduction
from ..states import SteadyState, SteadyStates
from .circuits import family_of, markov_refusal, network_of
from .conductance_equations import ConductanceEquations
from .families import find_fixed_points
from .fixed_points import FixedPoint
from .kick_forms import Family
from .kick_operators import PotentialGrid
from .linearisation import linearise
from .parameters import MarkovNetwork

__all__ = ["MarkovEquations"]


@final
@dataclass(frozen=True, eq=False)
class MarkovEquations(Reduction):
    """The Markov reduction of a circuit to differential equations: distributions of potentials and pending kicks.

    Steady states are the fixed points of the equations of infinitely many neurons; stability is that of the full
    dynamics of potentials, refractory neurons and pending kicks, without a time constant to assume. The rates of
    networks of whole kicks do not depend on the decay times of their synapses, the stability does. A network whose
    fixed point is not stable oscillates: :func:`.families.run_equations` gives its course.

    ``family`` "kicks" (whole potentials, all states with a proof) or "conductance" (states from several starts).
    """

    name: ClassVar[str] = "markov"
    circuit: Circuit
    family: Family

    @property
    def populations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the populations."""
        return tuple(one.name for one in self.circuit.populations)

    @property
    def kinds(self) -> tuple[str, ...]:  # type: ignore[override]
        """'excitatory' or 'inhibitory', of each population."""
        return tuple(one.kind for one in self.circuit.populations)

    @classmethod
    def refusal(cls, circuit: Circuit) -> str | None:
        """Neurons that collect kicks, at synapses of pending kicks whose targets are drawn at every spike."""
        return markov_refusal(circuit)

    @classmethod
    def from_circuit(cls, circuit: Circuit, **_: Any) -> MarkovEquations:
        """The theory of a circuit."""
        cls.require(circuit)
        return cls(circuit, family_of(circuit))

    def network(self, mu_ext: Any, ratio: float = 1.0) -> MarkovNetwork:
        """The network at an external input (mV/s or a quantity), which adds to the rates of external kicks of 1 mV."""
        return network_of(self.circuit, self.by_population(self.external_inputs(mu_ext, ratio)))

    @cached_property
    def _known(self) -> dict[tuple[bytes, bytes], tuple[tuple[SteadyState, ...], bool, str]]:
        return {}

    def steady_states(self, mu_ext: Any, ratio: float = 1.0) -> SteadyStates:
        """The fixed points of the equations: of whole kicks all of them where the proof succeeds, which takes seconds.

        ``inputs`` of a state are mean rates of change of the membrane of a neuron that is not refractory, all kicks
        together, mV/s. No states, with the reason, where a population would be silent at whole kicks: its distribution
        is then not determined. Raises InvalidInputError as :meth:`external_inputs`, and for networks that the
        equations refuse.
        """
        drive = self.external_inputs(mu_ext, ratio)
        direction = input_direction(self.kinds, drive if isinstance(mu_ext, Mapping) else None, ratio)
        key = (drive.tobytes(), direction.tobytes())
        if key not in self._known:
            network = network_of(self.circuit, self.by_population(drive))
            found = find_fixed_points(self.family, network)
            states = tuple(self._state(network, one, direction) for one in found)
            self._known[key] = states, found.complete, found.reason
        return SteadyStates(*self._known[key], self.by_population(drive))

    def _state(self, network: MarkovNetwork, point: FixedPoint[Any], direction: np.ndarray) -> SteadyState:
        around = linearise(self.family, network, point, direction)
        excitatory = [x for x, kind in enumerate(self.kinds) if kind == "excitatory"]
        falls = bool(excitatory) and point.stable and bool(np.all(around.slopes[excitatory] < 0))
        return SteadyState(
            rates=self.by_population(point.rates),
            inputs=self.by_population(_mean_inputs(network, point.rates, self._mean_potentials(network, point))),
            stable=point.stable,
            eigenvalues=tuple(complex(one) for one in point.eigenvalues),
            residual=point.residual,
            inhibition_stabilized=around.excitation_unstable,
            supersaturating=falls,
        )

    def _mean_potentials(self, network: MarkovNetwork, point: FixedPoint[Any]) -> np.ndarray:
        """(n,) mV, of the neurons that are not refractory."""
        if self.family == "kicks":
            potentials, mass = PotentialGrid.of(network).potentials, point.state.potentials
        else:
            equations = ConductanceEquations(network)
            potentials, mass = 0.5 * (equations.edges[1:] + equations.edges[:-1]), equations.parts(point.state)[0]
        return mass @ potentials / mass.sum(axis=1)


def _mean_inputs(network: MarkovNetwork, rates: np.ndarray, potentials: np.ndarray) -> np.ndarray:
    """(n,) mV/s at mean ``potentials`` (n,) mV and ``rates`` (n,) Hz of all populations; a leak is no input."""
    pull = (potentials - network.reversal) / (network.threshold - network.reversal)
    felt = np.where(np.array(network.inhibitory), -pull[:, None], 1.0)
    return network.drive + (network.probabilities * network.sizes * network.weights * felt) @ rates
