"""``ssnbrian connectivity``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import Circuit, InvalidInputError, circuit_to_toml
from ssnbrian.circuit.paths import require_writable, write_text
from ssnbrian.cli.parsing import add_json, change, number, span, whole_number

if TYPE_CHECKING:
    from ssnbrian.analysis.connectivity_intervals import ConnectivityEstimate, Interval
    from ssnbrian.analysis.connectivity_regimes import Regime, Regimes

EXAMPLE = "ssnbrian connectivity allen_mouse_v1 --template > mine.toml; ssnbrian connectivity mine.toml --ratio 1"
_STATE_SAMPLES = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("data", metavar="DATA", help="allen_mouse_v1, allen_mouse_v1_weights, or a .toml file")
    parser.add_argument("--template", action="store_true", help="print the data's TOML file, to be filled in")
    parser.add_argument("--ratio", type=number, default=1.0, help="mu_ext of I over mu_ext of E (default 1)")
    parser.add_argument("--confidence", type=number, default=0.95, help="level of the intervals (default 0.95)")
    parser.add_argument("--samples", type=whole_number, default=2000, help="samples of J (default 2000)")
    parser.add_argument("--seed", type=whole_number, default=1, help="of the samples (default 1)")
    parser.add_argument(
        "--window",
        type=span,
        default=(0.0, 100.0),
        metavar="FROM:TO",
        help="mu_ext in which bistability is looked for, mV/s (default 0:100)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a value of the circuit's neurons, e.g. --set 'I.tau=10 ms' or 'E.sigma=2 mV/sqrt(s)'",
    )
    parser.add_argument("--out", metavar="FILE", help="write the circuit as TOML, for the other commands")
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """p, j and J with intervals, and the regimes that are possible within them."""
    from ssnbrian.analysis.connectivity_intervals import METHOD, estimate_connectivity
    from ssnbrian.analysis.connectivity_regimes import regimes_of, regimes_refusal
    from ssnbrian.analysis.ssn import SSN
    from ssnbrian.workflow.connectivity import circuit_from_connectivity, connectivity_text, find_connectivity

    if arguments.template:
        text = connectivity_text(arguments.data)
        return text.rstrip(), {"template": text}
    if arguments.out is not None:
        require_writable(arguments.out)
    measured = find_connectivity(arguments.data)
    found = estimate_connectivity(measured, arguments.confidence, arguments.samples, arguments.seed)
    circuit = _changed(circuit_from_connectivity(measured, ratio=arguments.ratio), arguments.set)
    reason, regimes = regimes_refusal(measured), None
    if reason is None:
        ssn = SSN.from_circuit(circuit)
        regimes = regimes_of(found, ssn, arguments.ratio, arguments.window, _STATE_SAMPLES)
    data: dict[str, Any] = {
        "name": measured.name,
        "source": measured.source,
        "projections": _projection_data(found),
        "regimes": None if regimes is None else _regime_data(regimes),
        "regimes_reason": reason,
        "method": {
            "intervals": METHOD,
            "confidence": found.confidence,
            "samples": len(found.samples),
            "seed": found.seed,
            "assumptions": list(found.assumptions),
        },
        "circuit": circuit_to_toml(circuit),
    }
    if regimes is not None:
        data |= {"ratio": regimes.ratio, "window": list(regimes.window), "maximum_rate": regimes.maximum_rate}
        data["thresholds"] = {name: _interval(one) for name, one in regimes.thresholds.items()}
    lines = [*_table(found), *(["", f"no regimes: {reason}"] if regimes is None else _regime_lines(regimes, found))]
    if arguments.out is not None:
        write_text(Path(arguments.out), data["circuit"])
        lines.append(f"\ncircuit written to {arguments.out}")
    return "\n".join(lines), data


def _changed(circuit: Circuit, settings: list[str]) -> Circuit:
    for setting in settings:
        name = setting.partition("=")[0].strip()
        if name.startswith("J.") or "->" in name:
            raise InvalidInputError(
                f"--set: '{name}' follows from the measurements; change them in a file, which --template prints"
            )
        circuit = change(circuit, setting)
    return circuit


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _interval(one: Interval) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in vars(one).items()}


def _projection_data(found: ConnectivityEstimate) -> dict[str, Any]:
    return {
        one.name: {
            "connected": one.connected,
            "probed": one.probed,
            "probability": _interval(one.probability),
            "weight": _interval(one.weight) | {"spread_known": one.weight_spread_known},
            "in_degree": one.in_degree,
            "J": _interval(one.J) | {"box": [_finite(end) for end in one.box]},
        }
        for one in found.projections
    }


def _regime_data(regimes: Regimes) -> dict[str, Any]:
    return {name: vars(one) for name, one in regimes.regimes.items()}


def _cell(one: Interval, digits: int) -> str:
    return f"{one.value:.{digits}g} [{one.low:.{digits - 1}g}, {one.high:.{digits - 1}g}]"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _table(found: ConnectivityEstimate) -> list[str]:
    percent = f"{100 * found.confidence:g} %"
    rows = [["projection", "found", "p", "K", "j (mV)", "J = N p j (mV)", "J, all at once"]]
    for one in found.projections:
        weight = _cell(one.weight, 4) if one.weight_spread_known else f"{one.weight.value:.4g} (exact)"
        rows.append(
            [
                one.name,
                f"{one.connected}/{one.probed}",
                _cell(one.probability, 4),
                str(one.in_degree),
                weight,
                _cell(one.J, 5),
                f"[{one.box[0]:.4g}, {one.box[1]:.4g}]",
            ]
        )
    error = max(one.J.monte_carlo_error / one.J.value if one.J.value else 0.0 for one in found.projections)
    lines = [
        f"{found.measured.name}: {percent} intervals; mV where the threshold lies 1 mV above rest; "
        f"{len(found.samples)} samples, seed {found.seed}",
        *_aligned(rows),
        f"the sampled ends of J are known to {100 * error:.2g} % of J or better",
    ]
    return lines + [f"note: {sentence}" for sentence in found.assumptions]


def _regime_row(name: str, one: Regime) -> list[str]:
    there = {True: "yes", False: "no", None: "undecided"}[one.at_estimate]
    share = "-" if one.probability is None else f"{one.probability:.3f} +- {one.standard_error:.2g}"
    undetermined = f", {one.undetermined} undecided" if one.undetermined else ""
    return [name, there, share, f"{one.samples}{undetermined}", one.guaranteed or "-", one.meaning]


def _regime_lines(regimes: Regimes, found: ConnectivityEstimate) -> list[str]:
    header = ["regime", "at the estimate", "probability", "samples", "in the box", "meaning"]
    lines = ["", f"regimes at ratio {regimes.ratio:g}"]
    lines += _aligned([header, *(_regime_row(name, one) for name, one in regimes.regimes.items())])
    ends = regimes.thresholds
    lines += [
        "",
        f"thresholds with {100 * found.confidence:g} % intervals (inf: never)",
        f"  supersaturation is possible above the ratio {_cell(ends['supersaturation_ratio'], 4)} (Eq 4)",
        f"  supersaturation starts at a rate of I of {_cell(ends['supersaturation_rate_I'], 4)} Hz (S6)",
        f"  inhibition-stabilized above a rate of E of {_cell(ends['isn_rate_E'], 4)} Hz (Eq 7)",
    ]
    return lines
