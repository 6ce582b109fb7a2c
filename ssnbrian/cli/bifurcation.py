"""``ssnbrian bifurcation``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.errors import nearest
from ssnbrian.cli.parsing import add_circuit, add_json, circuit_of, number, span, whole_number

if TYPE_CHECKING:
    from ssnbrian.analysis.bifurcation import BifurcationDiagram
    from ssnbrian.analysis.limit_cycles import CycleBranch

EXAMPLE = "ssnbrian bifurcation bistable --over J.EE --range 3:6 --mu 3 --figure diagram.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    parser.add_argument(
        "--over",
        default="mu_ext",
        metavar="NAME",
        help="the parameter: mu_ext (default), ratio, mu_ext_I, a value as in --set (E.tau, J.EE, E->E.weight), or a "
        "coefficient of the SSN (a_E, b_E, n_E, tau_population_E in s)",
    )
    parser.add_argument("--range", type=span, metavar="FROM:TO", help="in its unit; for mu_ext default: the drive's")
    parser.add_argument("--mu", type=number, help="mu_ext of the excitatory population, mV/s, unless that is varied")
    parser.add_argument("--ratio", type=number, help="mu_ext of inhibitory over excitatory populations")
    parser.add_argument("--theory", choices=("ssn", "self_consistent"), default="ssn")
    parser.add_argument(
        "--transfer", choices=("fit", "paper"), default="fit", help="power law: fitted (default) or as published"
    )
    parser.add_argument(
        "--tau-population", metavar="NAME=MS,…", help="population time constants in ms, e.g. E=20,I=30 (the membrane's)"
    )
    parser.add_argument("--values", type=whole_number, help="values with complete sets of states (401; 41)")
    parser.add_argument("--no-cycles", action="store_true", help="do not follow the limit cycles born at Hopf points")
    parser.add_argument("--figure", metavar="PATH", help="draw it")
    add_json(parser)


def _range(arguments: argparse.Namespace, circuit: Circuit) -> tuple[float, float]:
    if arguments.range is not None:
        return arguments.range
    if arguments.over != "mu_ext":
        raise InvalidInputError(f"--over {arguments.over} needs --range FROM:TO")
    values = circuit.drive.values if circuit.drive is not None else (0.0,)
    if min(values) == max(values):
        raise InvalidInputError(f"the drive of '{circuit.name}' covers no range of mu_ext; give --range FROM:TO")
    return min(values), max(values)


def _tau_population(text: str | None, circuit: Circuit) -> dict[str, float] | None:
    """Time constants in s from ``E=20,I=10`` in ms."""
    if text is None:
        return None
    names = [population.name for population in circuit.populations]
    result = {}
    for part in text.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals:
            raise InvalidInputError(f"--tau-population expects NAME=MS, e.g. E=20,I=10, got '{text}'")
        if name not in names:
            raise InvalidInputError(f"--tau-population: no population '{name}'. {nearest(name, names)}")
        try:
            milliseconds = number(value)
        except argparse.ArgumentTypeError as error:
            raise InvalidInputError(f"--tau-population {name}: {error}") from None
        if milliseconds <= 0:
            raise InvalidInputError(f"--tau-population {name}: must be positive, got {value} ms")
        result[name] = milliseconds / 1000
    return result


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The diagram, its limit cycles and its figure."""
    from ssnbrian.analysis.bifurcation import bifurcation_diagram
    from ssnbrian.analysis.limit_cycles import cycles_from_hopf
    from ssnbrian.cli.theories import published_transfer

    figure = arguments.figure
    if figure is not None and not Path(figure).absolute().parent.is_dir():
        raise InvalidInputError(f"--figure: there is no folder '{Path(figure).parent}'")
    circuit = circuit_of(arguments)
    ssn = arguments.theory == "ssn"
    if not ssn and (arguments.transfer == "paper" or arguments.tau_population is not None):
        raise InvalidInputError("--transfer paper and --tau-population belong to --theory ssn")
    diagram = bifurcation_diagram(
        circuit,
        arguments.over,
        _range(arguments, circuit),
        mu_ext=arguments.mu,
        ratio=arguments.ratio,
        theory=arguments.theory,
        transfer=published_transfer(circuit) if arguments.transfer == "paper" else None,
        tau_population=_tau_population(arguments.tau_population, circuit),
        values=arguments.values,
    )
    cycles, failures = [], []
    if ssn and not arguments.no_cycles:
        for point in diagram.hopf:
            try:
                cycles.append(cycles_from_hopf(diagram, point))
            except ValueError as error:
                if str(error) not in failures:
                    failures.append(str(error))
    if figure is not None:
        from ssnbrian.analysis.bifurcation_figure import bifurcation_figure

        bifurcation_figure(diagram, figure, cycles, circuit.name)
    data = {"circuit": circuit.name, **_data(diagram, cycles), "limit_cycles_failed": failures, "figure": figure}
    return "\n".join([*_lines(circuit, diagram, cycles), *failures, *([f"figure: {figure}"] if figure else [])]), data


def _columns(names: tuple[str, ...], table: Any) -> dict[str, list[float]]:
    return {name: table[:, k].tolist() for k, name in enumerate(names)}


def _data(diagram: BifurcationDiagram, cycles: list[CycleBranch]) -> dict[str, Any]:
    names, drive = diagram.populations, diagram.drive
    over_mu_ext = diagram.parameter == "mu_ext"
    return {
        "over": diagram.parameter,
        "unit": diagram.unit,
        "range": list(diagram.range),
        "theory": diagram.theory,
        "mu_ext": None if over_mu_ext else drive.mu_ext,
        "ratio": None if diagram.parameter in ("ratio", "mu_ext_I") else drive.ratio,
        "branches": [
            {
                "values": one.values.tolist(),
                "rates": _columns(names, one.rates),
                "stable": one.stable.tolist(),
                "isn": one.inhibition_stabilized.tolist(),
                "extrapolated": one.extrapolated.tolist(),
                "eigenvalues": [[[value.real, value.imag] for value in row] for row in one.eigenvalues.tolist()],
                "closed": one.closed,
                "ends": list(one.ends),
            }
            for one in diagram.branches
        ],
        "folds": [
            {"value": one.value, "rates": dict(one.rates), **({"mu_ext": one.value} if over_mu_ext else {})}
            for one in diagram.folds
        ],
        "hopf": [
            {
                "value": one.value,
                "rates": dict(one.rates),
                "frequency": one.frequency,
                "criticality": one.criticality,
                "first_lyapunov": one.first_lyapunov,
            }
            for one in diagram.hopf
        ],
        "silent_borders": [
            {"value": one.value, "rates": dict(one.rates), "population": one.population}
            for one in diagram.silent_borders
        ],
        "stable_windows": [
            {"from": low, "to": high, "stable_states": count} for low, high, count in diagram.stable_windows
        ],
        "limit_cycles": [
            {
                "values": one.values.tolist(),
                "period": one.period.tolist(),
                "lowest": _columns(names, one.lowest),
                "highest": _columns(names, one.highest),
                "multiplier": [[value.real, value.imag] for value in one.multiplier.astype(complex).tolist()],
                "stable": one.stable.tolist(),
                "end": one.end,
            }
            for one in cycles
        ],
        "complete": diagram.complete,
        "reason": diagram.reason,
        "counts_agree": diagram.counts_agree,
        "maximum_rate": diagram.maximum_rate,
        "transfer": {name: {"a": law.a, "b": law.b, "n": law.n} for name, law in diagram.transfer.items()},
        "transfer_error": diagram.transfer_error,
        "tau_population": dict(diagram.tau_population),
    }


def _lines(circuit: Circuit, diagram: BifurcationDiagram, cycles: list[CycleBranch]) -> list[str]:
    unit = "" if diagram.unit == "1" else f" {diagram.unit}"
    low, high = diagram.range
    fixed = [] if diagram.parameter == "mu_ext" else [f"mu_ext {diagram.drive.mu_ext:g} mV/s"]
    fixed += [] if diagram.parameter in ("ratio", "mu_ext_I") else [f"ratio {diagram.drive.ratio:g}"]
    tau = ", ".join(f"{name} {1000 * value:g} ms" for name, value in diagram.tau_population.items())
    lines = [
        f"{circuit.name}: {diagram.theory} over {diagram.parameter} from {low:g} to {high:g}{unit} "
        f"({', '.join(fixed)})",
        f"  stability with population time constants {tau} (an assumption unless given)",
    ]

    def rates(values: Any) -> str:
        return ", ".join(f"{name} {rate:.5g} Hz" for name, rate in values.items())

    lines.append(f"folds: {len(diagram.folds) or 'none'}")
    lines += [f"  {one.value:.6g}{unit}: {rates(one.rates)}" for one in diagram.folds]
    lines.append(f"Hopf points: {len(diagram.hopf) or 'none'}")
    lines += [
        f"  {one.value:.6g}{unit}: {rates(one.rates)}; {one.frequency:.4g} Hz, {one.criticality}"
        for one in diagram.hopf
    ]
    for one in cycles:
        kind = "stable" if one.stable.all() else "unstable" if not one.stable.any() else "partly stable"
        lines.append(
            f"  limit cycles from {one.values[0]:.6g} to {one.values[-1]:.6g}{unit}, {kind}, "
            f"period {one.period[0]:.4g} to {one.period[-1]:.4g} s (end: {one.end.replace('_', ' ')})"
        )
    lines.append("number of stable steady states")
    lines += [f"  {count} from {left:.6g} to {right:.6g}{unit}" for left, right, count in diagram.stable_windows]
    if diagram.transfer_error:
        error = f"{diagram.transfer_error:.2g} Hz"
        lines.append(f"transfer functions along {diagram.parameter}: within {error} of single fits (0 to 10 Hz)")
    if any(one.extrapolated.any() for one in diagram.branches):
        lines.append("rates beyond the fitted range of the transfer functions are extrapolations")
    lines.append(f"proven complete: {'yes' if diagram.complete else 'no'}; {diagram.reason}")
    return lines
