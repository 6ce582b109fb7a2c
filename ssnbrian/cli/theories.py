"""The theories of a circuit as the command line asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssnbrian.circuit import Circuit, InvalidInputError

if TYPE_CHECKING:
    from ssnbrian.analysis.power_law import PowerLaw
    from ssnbrian.analysis.reduction import Reduction


def published_transfer(circuit: Circuit) -> dict[str, PowerLaw]:
    """The published power law of every population; refused where none was published for its parameters."""
    from ssnbrian.analysis.mean_field import lif_numbers, recognise_lif
    from ssnbrian.analysis.power_law import PowerLaw
    from ssnbrian.models.papers.ekelmans2023 import PUBLISHED_POWER_LAWS

    laws = {}
    for population in circuit.populations:
        found = None
        if recognise_lif(population.neuron) is not None:
            numbers = lif_numbers(population)
            plain = (numbers["threshold"], numbers["reset"], numbers["refractory"]) == (1.0, 0.0, 0.0)
            found = PUBLISHED_POWER_LAWS.get((numbers["sigma"], round(numbers["tau"] * 1000, 9))) if plain else None
        if found is None:
            raise InvalidInputError(
                f"no coefficients are published for the neurons of {population.name} in '{circuit.name}'; "
                f"use --transfer fit"
            )
        laws[population.name] = PowerLaw(*found)
    return laws


def theories_of(circuit: Circuit, transfer: str) -> list[Reduction]:
    """SSN and self-consistent theory, those that apply.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` with the reasons when none does.
    """
    from ssnbrian.analysis.self_consistent import SelfConsistent
    from ssnbrian.analysis.ssn import SSN

    theories: list[Reduction] = []
    reasons = []
    for theory in (SSN, SelfConsistent):
        reason = theory.refusal(circuit)
        if reason is not None:
            reasons.append(f"{theory.name}: {reason}")
        elif theory is SSN:
            laws = published_transfer(circuit) if transfer == "paper" else None
            theories.append(SSN.from_circuit(circuit, transfer=laws))
        else:
            theories.append(theory.from_circuit(circuit))
    if not theories:
        raise InvalidInputError(f"no theory applies to '{circuit.name}': {'; '.join(reasons)}")
    return theories
