"""Steady states of a circuit, with what is known about each and about the set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SteadyState:
    """One steady state of a reduction.

    Attributes
    ----------
    rates : firing rate of each population, Hz.
    inputs : total mean input of each population, recurrent and external, mV/s.
    stable : whether every eigenvalue has a negative real part.
    eigenvalues : eigenvalues of the linearised dynamics, 1/s (they depend on the population time constants).
    residual : largest absolute residual of the steady-state equations, Hz.
    inhibition_stabilized : the excitatory subnetwork alone would be unstable at these rates (Eq 7 of
        Ekelmans et al. 2023).
    supersaturating : a small increase of mu_ext at this ratio lowers the excitatory rate.
    extrapolated : a rate lies outside the range on which the transfer function was fitted.
    """

    rates: Mapping[str, float]
    inputs: Mapping[str, float]
    stable: bool
    eigenvalues: tuple[complex, ...]
    residual: float
    inhibition_stabilized: bool = False
    supersaturating: bool = False
    extrapolated: bool = False

    def __str__(self) -> str:
        rates = ", ".join(f"{name} {rate:.4g} Hz" for name, rate in self.rates.items())
        words = ["stable" if self.stable else "unstable"]
        if self.inhibition_stabilized:
            words.append("inhibition-stabilized")
        if self.supersaturating:
            words.append("supersaturating")
        if self.extrapolated:
            words.append("extrapolated beyond the fitted range")
        return f"{rates}: {', '.join(words)}"


@dataclass(frozen=True)
class SteadyStates(Sequence[SteadyState]):
    """The steady states at one input, ordered by the rate of the first population.

    ``complete`` is true only when it is proven that no state is missing; ``reason`` says how it is known,
    or why it is not.
    """

    states: tuple[SteadyState, ...]
    complete: bool
    reason: str
    mu_ext: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, index):  # type: ignore[override]
        return self.states[index]

    def __iter__(self) -> Iterator[SteadyState]:
        return iter(self.states)

    @property
    def stable(self) -> tuple[SteadyState, ...]:
        """The stable states only."""
        return tuple(state for state in self.states if state.stable)
