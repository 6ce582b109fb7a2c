"""The steady states of an SSN with plastic synapses along parameters, as continuation needs them.

Unknowns are the total mean inputs mu_X, in which a silent population is no singular case. Stability is that of the
rates and the variables of the synapses together, at whose means steady states are those of

    0 = -mu_X + sum_Y s_Y J_XY e_XY(nu_Y) nu_Y + mu_ext_X,    nu_X = a_X (mu_X - b_X)_+^n_X.

Units: mV/s, Hz, s.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from .bifurcation_equations import RateTheory
from .continuation import Array
from .many_populations import ManyPopulationSSN
from .parameter_family import Family, Slice
from .plastic_network import PlasticSSN, states_of_plastic_network

__all__ = ["PlasticEquations", "PlasticSSNEquations"]


class PlasticEquations(RateTheory):
    """The equations above, for a network and external inputs that may depend on the parameters."""

    theory = "ssn"
    state_scale = 5.0
    maximum_rate: float

    @abstractmethod
    def network(self, p: Sequence[float]) -> PlasticSSN:
        """The network at the parameters."""

    @abstractmethod
    def external(self, p: Sequence[float]) -> Array:
        """External inputs, (populations,), mV/s."""

    def residual(self, x: Array, p: Sequence[float]) -> Array:
        network = self.network(p)
        return network.recurrent(network.rates(x)) - x + self.external(p)

    def state_jacobian(self, x: Array, p: Sequence[float]) -> Array:
        network = self.network(p)
        rates = network.rates(x)
        return network.effective_weights(rates) * network.gains(rates) - np.eye(len(x))

    def rates(self, x: Array, p: Sequence[float]) -> Array:
        return self.network(p).rates(x)

    def slopes(self, x: Array, p: Sequence[float]) -> Array:
        network = self.network(p)
        return network.slopes(network.rates(x))

    def margins(self, x: Array, p: Sequence[float]) -> Array:
        return x - self.network(p).static.b

    def linearisation(self, x: Array, p: Sequence[float]) -> Array:
        network = self.network(p)
        return network.linearisation(network.rates(x), self.tau(p))

    def inhibition_stabilized(self, x: Array, p: Sequence[float]) -> bool:
        network = self.network(p)
        return network.excitation_unstable(network.rates(x), self.tau(p), self.kinds)

    def all_states(self, values: Array) -> tuple[list[Array], list[bool], str]:
        states, complete, reason = [], [], ""
        for value in values:
            network, external = self.network([value]), self.external([value])
            found = states_of_plastic_network(network, external, self.maximum_rate)
            inputs = [network.recurrent(one) + external for one in found.rates]
            states.append(np.array(inputs).reshape(-1, len(external)))
            complete.append(found.complete)
            reason = reason if found.complete else found.reason
        return states, complete, reason


class PlasticSSNEquations(PlasticEquations):
    """An E-I pair over the parameters of a family; the efficacies do not depend on them."""

    kinds = ("excitatory", "inhibitory")

    def __init__(
        self, populations: tuple[str, ...], network: PlasticSSN, family: Family | Slice, maximum_rate: float
    ) -> None:
        self.populations, self.family, self.maximum_rate = populations, family, maximum_rate
        self._efficacies = network.efficacies
        self._known: tuple[bytes, PlasticSSN] | None = None

    def network(self, p: Sequence[float]) -> PlasticSSN:
        numbers = self.family.numbers(p)
        key = numbers[:10].tobytes()
        if self._known is None or self._known[0] != key:
            E_E, E_I, I_E, I_I = numbers[6:10]
            a, b, n = np.exp(numbers[[0, 3]]), numbers[[1, 4]], numbers[[2, 5]]
            static = ManyPopulationSSN(a, b, n, np.array([[E_E, -E_I], [I_E, -I_I]]))
            self._known = key, PlasticSSN(static, self._efficacies)
        return self._known[1]

    def external(self, p: Sequence[float]) -> Array:
        return self.family.inputs(p)

    def tau(self, p: Sequence[float]) -> Array:
        return self.family.numbers(p)[10:12]
