"""``ssnbrian predict``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import Circuit
from ssnbrian.cli.parsing import add_circuit, add_json, circuit_of, number

if TYPE_CHECKING:
    from ssnbrian.analysis.reduction import Reduction
    from ssnbrian.analysis.ssn import SSN
    from ssnbrian.analysis.states import SteadyState, SteadyStates

EXAMPLE = "ssnbrian predict bistable --mu 3 --ratio 1 --folds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    parser.add_argument("--mu", type=number, required=True, help="mu_ext of the excitatory population, mV/s")
    parser.add_argument("--ratio", type=number, help="mu_ext of inhibitory over excitatory populations")
    parser.add_argument(
        "--transfer", choices=("fit", "paper"), default="fit", help="power law: fitted (default) or as published"
    )
    parser.add_argument(
        "--folds", action="store_true", help="also the folds in mu_ext at this ratio (one E and one I population)"
    )
    parser.add_argument(
        "--sensitivities",
        action="store_true",
        help="also the slopes of the rates of every state in each J, mu_ext and coefficient of the power law",
    )
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
    """Steady states and conditions of the SSN, and the states of every other theory that applies."""
    from ssnbrian.cli.theories import ssn_of

    circuit = circuit_of(arguments)
    ratio = circuit.ratio if arguments.ratio is None else arguments.ratio
    data: dict[str, Any] = {"circuit": circuit.name, "mu_ext": arguments.mu, "ratio": ratio}
    lines = [f"{circuit.name} at mu_ext = {arguments.mu:g} mV/s, ratio {ratio:g}"]
    refusal = _without_ssn(arguments, circuit)
    ssn = None if refusal else ssn_of(circuit, arguments.transfer)
    lines += [f"SSN: does not apply, {refusal}"] if ssn is None else _add_ssn(data, ssn, arguments)
    if ssn is None:
        data |= {"transfer": None, "tau_population": None, "steady_states": [], "complete": False}
        data["complete_reason"] = refusal
    lines += _add_self_consistent(data, circuit, arguments.sensitivities)
    lines += _add_population_equations(data, circuit, ratio)
    if ssn is None:
        data["conditions"] = {"supersaturation": None, "isn": None, "balanced": None}
        data["conditions_reason"] = refusal
        return "\n".join(lines), data
    lines += _add_conditions(data, circuit, ssn)
    if arguments.folds:
        lines += _add_folds(data, ssn)
    return "\n".join(lines), data


def _without_ssn(arguments: argparse.Namespace, circuit: Circuit) -> str | None:
    """Why there is no SSN, where another theory applies and nothing of the SSN is asked for; else None."""
    from ssnbrian.analysis.ssn import SSN

    asked = arguments.folds or arguments.sensitivities or arguments.transfer == "paper"
    return None if asked or not _population_equations(circuit) else SSN.refusal(circuit)


def _add_ssn(data: dict[str, Any], ssn: SSN, arguments: argparse.Namespace) -> list[str]:
    states = ssn.steady_states(arguments.mu, data["ratio"])
    data |= {
        "transfer": {
            name: {"a": law.a, "b": law.b, "n": law.n} | ({} if law.shunt is None else {"shunt": law.shunt})
            for name, law in zip(ssn.populations, ssn.transfer, strict=True)
        },
        "tau_population": dict(zip(ssn.populations, ssn.tau_population, strict=True)),
        "steady_states": [_state_data(state) for state in states],
        "complete": states.complete,
        "complete_reason": states.reason,
    }
    lines = [f"SSN ({arguments.transfer}): {len(states)} steady state{'s' * (len(states) != 1)}"]
    lines += [f"  {state}" for state in states]
    lines.append(_completeness(states))
    if arguments.sensitivities:
        lines += _add_sensitivities(data["steady_states"], ssn, states)
    return lines


def _completeness(states: SteadyStates) -> str:
    return f"  {'complete' if states.complete else 'perhaps not complete'}: {states.reason}"


def _add_self_consistent(data: dict[str, Any], circuit: Circuit, sensitivities: bool) -> list[str]:
    from ssnbrian.analysis.self_consistent import SelfConsistent

    refusal = SelfConsistent.refusal(circuit)
    if refusal is not None:
        data["self_consistent"] = []
        return [f"self-consistent: does not apply, {refusal}"]
    theory = SelfConsistent.from_circuit(circuit)
    found = theory.steady_states(data["mu_ext"], data["ratio"])
    data["self_consistent"] = [{"rates": dict(one.rates), "stable": one.stable} for one in found]
    data["self_consistent_complete"] = found.complete
    lines = ["self-consistent (Ricciardi)"]
    lines += [f"  {state}" for state in found] or ["  no state in the range searched"]
    lines.append(_completeness(found))
    if sensitivities:
        lines += _add_sensitivities(data["self_consistent"], theory, found)
    return lines


def _population_equations(circuit: Circuit) -> list[tuple[str, type[Reduction]]]:
    """What is solved, and the theory, of those of distributions of neurons that apply."""
    from ssnbrian.analysis.markov.theory import MarkovEquations
    from ssnbrian.analysis.mesoscopic import Mesoscopic

    known: list[tuple[str, type[Reduction]]] = [
        ("population equations (escape noise, infinitely many neurons)", Mesoscopic),
        ("Markov equations (pending kicks, infinitely many neurons)", MarkovEquations),
    ]
    return [one for one in known if one[1].applies_to(circuit)]


def _add_population_equations(data: dict[str, Any], circuit: Circuit, ratio: float) -> list[str]:
    """Steady states of the equations of distributions of neurons, where they apply."""
    lines = []
    for title, theory in _population_equations(circuit):
        found = theory.from_circuit(circuit).steady_states(data["mu_ext"], ratio)
        data[theory.name] = [_state_data(state) for state in found]
        data[f"{theory.name}_complete"] = found.complete
        data[f"{theory.name}_reason"] = found.reason
        lines += [title, *([f"  {state}" for state in found] or ["  no state was found"]), _completeness(found)]
    return lines


def _add_sensitivities(entries: list[dict[str, Any]], theory: Reduction, states: SteadyStates) -> list[str]:
    from ssnbrian.analysis.sensitivity import sensitivities

    lines = ["  slopes of the rates: Hz/mV in J, Hz/(mV/s) in mu_ext and b, Hz per unit of a and n"]
    for index, (entry, state) in enumerate(zip(entries, states, strict=True), 1):
        slopes = sensitivities(theory, state, states.mu_ext)
        entry["sensitivities"] = slopes.as_data()
        lines += [f"  state {index}", *(f"    {line}" for line in str(slopes).splitlines())]
    return lines


def _add_conditions(data: dict[str, Any], circuit: Circuit, ssn: SSN) -> list[str]:
    """The conditions into ``data``, null where they are not defined, and their lines."""
    from ssnbrian.analysis.balanced import BalancedLimit

    conditions: dict[str, Any] = {"supersaturation": None, "isn": None, "balanced": None}
    conditions |= ssn.conditions(data["ratio"])
    data["conditions"] = conditions
    data["conditions_reason"] = BalancedLimit.refusal(circuit)
    if data["conditions_reason"] is None:
        balanced = BalancedLimit.from_circuit(circuit).steady_states(data["mu_ext"], data["ratio"])
        conditions["balanced"]["rates"] = dict(balanced[0].rates) if len(balanced) else None
    if conditions["balanced"] is not None:
        return _condition_lines(conditions)
    lines = [f"conditions: not all are defined, {data['conditions_reason']}"]
    return lines + (_isn_line(conditions) if conditions["isn"] else [])


def _add_folds(data: dict[str, Any], ssn: SSN) -> list[str]:
    from ssnbrian.analysis.reduction import NotApplicableError

    data["folds_reason"] = None
    try:
        folds = ssn.folds(data["ratio"])
    except NotApplicableError as error:
        data["folds"], data["folds_reason"] = None, str(error)
        return [f"folds in mu_ext: not searched, {error}"]
    data["folds"] = [
        {"mu_ext": float(mu), "rates": ssn.by_population(rates)}
        for mu, rates in zip(folds.mu_ext, folds.rates, strict=True)
    ]
    lines = ["folds in mu_ext" if data["folds"] else "no folds in mu_ext"]
    return lines + [
        f"  {fold['mu_ext']:.6g} mV/s: " + ", ".join(f"{name} {rate:.4g} Hz" for name, rate in fold["rates"].items())
        for fold in data["folds"]
    ]


def _isn_line(conditions: dict[str, Any]) -> list[str]:
    threshold = conditions["isn"]["threshold_rate_E"]
    text = "never" if threshold is None else f"above nu_E = {threshold:.5g} Hz"
    return [f"  inhibition-stabilized: {text} (Eq 7)"]


def _condition_lines(conditions: dict[str, Any]) -> list[str]:
    lines = ["conditions"]
    entry = conditions["supersaturation"]
    if entry["possible"]:
        lines.append(f"  supersaturation: possible (Eq 4), above nu_I = {entry['threshold_rate_I']:.5g} Hz (S6)")
    else:
        lines.append("  supersaturation: impossible at this ratio (Eq 4)")
    lines += _isn_line(conditions)
    entry = conditions["balanced"]
    if not entry["exists"]:
        lines.append("  balanced limit: does not exist at this ratio (S2)")
    else:
        word = "stable" if entry["stable"] else "unstable"
        rates = entry.get("rates")
        values = ", ".join(f"{name} {rate:.4g} Hz" for name, rate in (rates or {}).items())
        values = f": {values}" if rates else ", for positive input"
        lines.append(f"  balanced limit: exists, {word} (S2, S4){values}")
    return lines
