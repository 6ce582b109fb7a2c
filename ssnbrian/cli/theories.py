"""The theories of a circuit as the command line asks for them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ssnbrian.circuit import Circuit, InvalidInputError

if TYPE_CHECKING:
    from ssnbrian.analysis.power_law import PowerLaw
    from ssnbrian.analysis.reduction import Reduction
    from ssnbrian.analysis.ssn import SSN


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


def ssn_of(circuit: Circuit, transfer: str) -> SSN:
    """The SSN with power laws as published (``transfer`` = "paper") or fitted ("fit").

    Fitted means to the Ricciardi function for leaky integrate-and-fire neurons, and to an F–I curve that is measured
    here, with progress on standard error, for all others. Raises
    :class:`~ssnbrian.circuit.InvalidInputError` where no SSN applies, nothing is published or no power law fits.
    """
    from ssnbrian.analysis.mean_field import lif_refusal
    from ssnbrian.analysis.ssn import SSN

    SSN.require(circuit)
    if transfer == "paper":
        return SSN.from_circuit(circuit, transfer=published_transfer(circuit))
    if lif_refusal(circuit) is None:
        return SSN.from_circuit(circuit)
    from ssnbrian.cli.progress import TerminalProgress
    from ssnbrian.workflow.measured_laws import measured_laws
    from ssnbrian.workflow.transfer_fit import membrane_time_constant, population_time_constants

    progress = TerminalProgress()
    laws = measured_laws(circuit, progress=progress)
    progress.finish()
    taus = population_time_constants(circuit)
    for population in circuit.populations:
        if membrane_time_constant(population) is None:
            print(
                f"the parameters of {population.name} name no membrane time constant; "
                f"{1000 * taus[population.name]:g} ms is assumed, on which stability depends",
                file=sys.stderr,
            )
    return SSN.from_circuit(circuit, transfer=laws, tau_population=taus)


def theories_of(circuit: Circuit, transfer: str, dt: float = 0.1) -> list[Reduction]:
    """SSN, self-consistent theory, population equations in steps of ``dt`` (ms) and Markov equations that apply.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` with the reasons when none does.
    """
    from ssnbrian.analysis.markov.theory import MarkovEquations
    from ssnbrian.analysis.mesoscopic.theory import Mesoscopic
    from ssnbrian.analysis.self_consistent import SelfConsistent
    from ssnbrian.analysis.ssn import SSN

    theories: list[Reduction] = []
    reasons = []
    for theory in (SSN, SelfConsistent, Mesoscopic, MarkovEquations):
        reason = theory.refusal(circuit)
        if reason is not None:
            reasons.append(f"{theory.name}: {reason}")
        elif theory is SSN:
            theories.append(ssn_of(circuit, transfer))
        else:
            theories.append(theory.from_circuit(circuit, dt=dt / 1000))
    if not theories:
        raise InvalidInputError(f"no theory applies to '{circuit.name}': {'; '.join(reasons)}")
    return theories
