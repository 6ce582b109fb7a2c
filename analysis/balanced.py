"""The balanced limit: rates of an infinitely large network, linear in its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from ssnbrian.circuit import Circuit

from .conditions import condition
from .mean_field import conductance_refusal, constant_weight_refusal, excitatory_first, pair_refusal
from .reduction import Reduction
from .states import SteadyState, SteadyStates

if TYPE_CHECKING:
    from .ssn import SSN

BALANCED = ("none", "unstable", "stable")


@final
@dataclass(frozen=True)
class BalancedLimit(Reduction):
    """S1, S2 and S4 of Ekelmans et al. 2023 (van Vreeswijk & Sompolinsky 1996): inhibition cancels excitation.

    Attributes
    ----------
    populations : names, excitatory first.
    weights : J in mV, magnitudes, [target, source], excitatory first.
    """

    name: ClassVar[str] = "balanced"
    populations: tuple[str, str]
    weights: tuple[tuple[float, float], tuple[float, float]]
    kinds: tuple[str, ...] = ("excitatory", "inhibitory")

    @classmethod
    def refusal(cls, circuit: Circuit) -> str | None:
        """One excitatory and one inhibitory population with currents of constant weights are needed."""
        return pair_refusal(circuit) or constant_weight_refusal(circuit) or conductance_refusal(circuit)

    @classmethod
    def from_circuit(cls, circuit: Circuit, **_: Any) -> BalancedLimit:
        """The balanced limit of a circuit."""
        cls.require(circuit)
        ordered, weights = excitatory_first(circuit)
        return cls(tuple(one.name for one in ordered), tuple(tuple(row) for row in weights.tolist()))

    def _values(self, mu_E: float, mu_I: float) -> dict[str, float]:
        (J_EE, J_EI), (J_IE, J_II) = self.weights
        ratio = mu_I / mu_E if mu_E else 0.0
        return {"J_EE": J_EE, "J_EI": J_EI, "J_IE": J_IE, "J_II": J_II, "r": ratio, "mu_ext": mu_E}

    def steady_states(self, mu_ext: Any, ratio: float = 1.0) -> SteadyStates:
        """The balanced state at positive input if it exists, else none; always complete.

        Its eigenvalues are those of large gains and are not finite numbers; they are left out.
        """
        mu_E, mu_I = self.external_inputs(mu_ext, ratio)
        inputs = self.by_population((mu_E, mu_I))
        if mu_E <= 0 or mu_I < 0:
            return SteadyStates((), True, "the balanced limit is that of positive external input", inputs)
        values = self._values(mu_E, mu_I)
        if not condition("balanced_exists").evaluate(values):
            return SteadyStates((), True, "no balanced state with positive rates exists (S2)", inputs)
        rates = [float(condition(f"balanced_rate_{population}").evaluate(values)) for population in "EI"]
        (J_EE, J_EI), (J_IE, J_II) = self.weights
        total = (J_EE * rates[0] - J_EI * rates[1] + mu_E, J_IE * rates[0] - J_II * rates[1] + mu_I)
        state = SteadyState(
            rates=self.by_population(rates),
            inputs=self.by_population(total),
            stable=bool(condition("balanced_stable").evaluate(values)),
            eigenvalues=(),
            residual=float(max(abs(value) for value in total)) / max(abs(mu_E), abs(mu_I)),
        )
        return SteadyStates((state,), True, "the balanced equations are linear (S1)", inputs)


def balanced_limit(ssn: SSN, ratio: Any) -> np.ndarray:
    """The balanced limit at each ratio: "stable", "unstable" or "none", shape of ``ratio`` (k,).

    It exists where both rates of S1 are positive (S2). It is stable where the determinant of the Jacobian is positive
    (S4) and its trace negative at ever larger input: gain_E/gain_I goes as a power of mu_ext, so the trace is negative
    in the end for a negative power, positive for a positive one, and for power zero its leading order decides.
    """
    values = ssn.values(r=np.asarray(ratio, dtype=float), mu_ext=1.0)
    exists = condition("balanced_exists").evaluate(values)
    determinant = condition("balanced_stable").evaluate(values)
    exponent = condition("balanced_gain_exponent").evaluate(values)
    leading = condition("balanced_trace").evaluate(values)
    undriven = values["J_EE"] == 0
    trace = leading if undriven or exponent == 0 else np.full(np.shape(exists), bool(exponent < 0))
    return np.array(BALANCED)[np.where(exists, np.where(determinant & trace, 2, 1), 0)]
