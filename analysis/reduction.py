"""The one interface of every theory of a circuit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.units import floats_of

from .poisson_inputs import PoissonInputs
from .states import SteadyStates

LARGEST_INPUT = 1e9


def _one(given: Any, unit: str, what: str) -> float:
    """One number of a magnitude that a neuron can meet."""
    number = floats_of(given, unit, what)
    if not isinstance(number, float):
        raise InvalidInputError(f"{what}: expected one number, got an array of shape {number.shape}")
    if abs(number) > LARGEST_INPUT:
        raise InvalidInputError(f"{what}: {number:g} is beyond {LARGEST_INPUT:g} {unit}, where no neuron works")
    return number


class NotApplicableError(InvalidInputError):
    """A reduction was asked for on a circuit to which it does not apply."""


class Reduction(ABC):
    """A theory of a circuit. Concrete reductions are final.

    A reduction says whether it applies to a circuit (:meth:`refusal`), is built from it (:meth:`from_circuit`) and
    gives the steady states at an external input.
    """

    name: ClassVar[str]
    populations: tuple[str, ...]
    kinds: tuple[str, ...]
    poisson_inputs: PoissonInputs = PoissonInputs()

    @classmethod
    @abstractmethod
    def refusal(cls, circuit: Circuit) -> str | None:
        """Why the reduction does not apply to the circuit, or None when it does."""

    @classmethod
    def applies_to(cls, circuit: Circuit) -> bool:
        """Whether the reduction applies to the circuit; :meth:`refusal` says why not."""
        return cls.refusal(circuit) is None

    @classmethod
    @abstractmethod
    def from_circuit(cls, circuit: Circuit, **options: Any) -> Reduction:
        """Build it; :class:`NotApplicableError` with the refusal when it does not apply."""

    @abstractmethod
    def steady_states(self, mu_ext: Any, ratio: float = 1.0) -> SteadyStates:
        """All steady states at ``mu_ext`` (mV/s or a quantity; see :meth:`external_inputs`)."""

    @classmethod
    def require(cls, circuit: Circuit) -> None:
        """Raise :class:`NotApplicableError` unless the reduction applies."""
        reason = cls.refusal(circuit)
        if reason is not None:
            raise NotApplicableError(f"{cls.name} does not apply to the circuit '{circuit.name}': {reason}")

    def external_inputs(self, mu_ext: Any, ratio: float) -> np.ndarray:
        """External input of each population, mV/s, shape (populations,).

        ``mu_ext`` is one number or quantity for the excitatory populations, of which the inhibitory ones receive
        ``ratio`` times as much, or a mapping with an entry for every population. What the circuit's input populations
        bring is added; their rates (Hz) may stand in the mapping too, else they are those of the circuit. Raises
        :class:`~ssnbrian.circuit.InvalidInputError` for NaN, a wrong unit or a missing population.
        """
        return self._external_drive(mu_ext, ratio) + self.poisson_inputs.mean(self.poisson_inputs.rates_in(mu_ext))

    def _external_drive(self, mu_ext: Any, ratio: float) -> np.ndarray:
        ratio = _one(ratio, "1", "ratio")
        if ratio < 0:
            raise InvalidInputError(f"ratio must not be negative, got {ratio:g}")
        if not isinstance(mu_ext, Mapping):
            level = _one(mu_ext, "mV/s", "mu_ext")
            return np.array([level if kind == "excitatory" else ratio * level for kind in self.kinds])
        for name in self.populations:
            if name not in mu_ext:
                raise InvalidInputError(f"mu_ext: no entry for population '{name}'")
        return np.array([_one(mu_ext[name], "mV/s", f"mu_ext of {name}") for name in self.populations])

    def by_population(self, values: Any) -> dict[str, float]:
        """An array over populations as a mapping from their names."""
        return {name: float(value) for name, value in zip(self.populations, values, strict=True)}
