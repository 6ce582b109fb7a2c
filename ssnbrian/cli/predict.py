"""``ssnbrian predict``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import InvalidInputError
from ssnbrian.cli.parsing import add_circuit, add_json, circuit_of, number

if TYPE_CHECKING:
    from ssnbrian.analysis.states import SteadyState

EXAMPLE = "ssnbrian predict bistable --mu 3 --ratio 1 --folds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    parser.add_argument("--mu", type=number, required=True, help="mu_ext of the excitatory population, mV/s")
    parser.add_argument("--ratio", type=number, help="mu_ext of inhibitory over excitatory populations")
    parser.add_argument(
        "--transfer", choices=("fit", "paper"), default="fit", help="power law: fitted (default) or as published"
    )
    parser.add_argument("--folds", action="store_true", help="also the folds in mu_ext at this ratio")
    add_json(parser)


def _state_data(state: SteadyState) -> dict[str, Any]:
    return {
        "rates": dict(state.rates),
        "inputs": dict(state.inputs),
        "stable": state.stable,
        "isn": state.inhibition_stabilized,
        "supersaturating": state.supersaturating,
        "extrapolated": state.extrapolated,
        "eigenvalues": [[value.real, value.imag] for value in state.eigenvalues],
        "residual": state.residual,
    }


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Steady states and conditions of the SSN, and the self-consistent states where that theory applies."""
    from ssnbrian.analysis.balanced import BalancedLimit
    from ssnbrian.analysis.self_consistent import SelfConsistent
    from ssnbrian.analysis.ssn import SSN
    from ssnbrian.cli.theories import published_transfer

    circuit = circuit_of(arguments)
    ratio = circuit.ratio if arguments.ratio is None else arguments.ratio
    reason = SSN.refusal(circuit)
    if reason is not None:
        raise InvalidInputError(f"predict needs the SSN of '{circuit.name}': {reason}")
    ssn = SSN.from_circuit(circuit, transfer=published_transfer(circuit) if arguments.transfer == "paper" else None)
    states = ssn.steady_states(arguments.mu, ratio)
    conditions = ssn.conditions(ratio)
    balanced = BalancedLimit.from_circuit(circuit).steady_states(arguments.mu, ratio)
    conditions["balanced"]["rates"] = dict(balanced[0].rates) if len(balanced) else None
    data: dict[str, Any] = {
        "circuit": circuit.name,
        "mu_ext": arguments.mu,
        "ratio": ratio,
        "transfer": {
            name: {"a": law.a, "b": law.b, "n": law.n} for name, law in zip(ssn.populations, ssn.transfer, strict=True)
        },
        "tau_population": dict(zip(ssn.populations, ssn.tau_population, strict=True)),
        "steady_states": [_state_data(state) for state in states],
        "complete": states.complete,
        "complete_reason": states.reason,
        "conditions": conditions,
    }
    lines = [f"{circuit.name} at mu_ext = {arguments.mu:g} mV/s, ratio {ratio:g}"]
    lines.append(f"SSN ({arguments.transfer}): {len(states)} steady state{'s' * (len(states) != 1)}")
    lines += [f"  {state}" for state in states]
    lines.append(f"  {'complete' if states.complete else 'perhaps not complete'}: {states.reason}")
    if SelfConsistent.applies_to(circuit):
        found = SelfConsistent.from_circuit(circuit).steady_states(arguments.mu, ratio)
        data["self_consistent"] = [{"rates": dict(one.rates), "stable": one.stable} for one in found]
        data["self_consistent_complete"] = found.complete
        lines.append("self-consistent (Ricciardi)")
        lines += [f"  {state}" for state in found] or ["  no state in the range searched"]
        lines.append(f"  {'complete' if found.complete else 'perhaps not complete'}: {found.reason}")
    else:
        data["self_consistent"] = []
        lines.append(f"self-consistent: does not apply, {SelfConsistent.refusal(circuit)}")
    lines += _condition_lines(conditions)
    if arguments.folds:
        folds = ssn.folds(ratio)
        data["folds"] = [
            {"mu_ext": float(mu), "rates": ssn.by_population(rates)}
            for mu, rates in zip(folds.mu_ext, folds.rates, strict=True)
        ]
        lines.append("folds in mu_ext" if data["folds"] else "no folds in mu_ext")
        lines += [
            f"  {fold['mu_ext']:.6g} mV/s: "
            + ", ".join(f"{name} {rate:.4g} Hz" for name, rate in fold["rates"].items())
            for fold in data["folds"]
        ]
    return "\n".join(lines), data


def _condition_lines(conditions: dict[str, Any]) -> list[str]:
    lines = ["conditions"]
    entry = conditions["supersaturation"]
    if entry["possible"]:
        lines.append(f"  supersaturation: possible (Eq 4), above nu_I = {entry['threshold_rate_I']:.5g} Hz (S6)")
    else:
        lines.append("  supersaturation: impossible at this ratio (Eq 4)")
    threshold = conditions["isn"]["threshold_rate_E"]
    text = "never" if threshold is None else f"above nu_E = {threshold:.5g} Hz"
    lines.append(f"  inhibition-stabilized: {text} (Eq 7)")
    entry = conditions["balanced"]
    if not entry["exists"]:
        lines.append("  balanced limit: does not exist at this ratio (S2)")
    else:
        word = "stable" if entry["stable"] else "unstable"
        rates = entry["rates"]
        values = ", ".join(f"{name} {rate:.4g} Hz" for name, rate in (rates or {}).items())
        values = f": {values}" if rates else ", for positive input"
        lines.append(f"  balanced limit: exists, {word} (S2, S4){values}")
    return lines
