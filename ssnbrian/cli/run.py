"""``ssnbrian run``."""

from __future__ import annotations

import argparse
from typing import Any

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.paths import require_writable
from ssnbrian.cli.parsing import add_circuit, add_json, add_run, circuit_of, number, simulated
from ssnbrian.cli.progress import TerminalProgress

EXAMPLE = "ssnbrian run supersaturating --mu 10 --ratio 1 --duration 20 --dt 0.1 --seed 1 --out run.npz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    add_run(parser)
    parser.add_argument("--out", metavar="FILE", help="save the recording (.npz)")
    parser.add_argument("--spikes", action="store_true", help="keep every spike in the recording")
    parser.add_argument(
        "--record", action="append", default=[], metavar="NAME:INDICES", help="record a variable, e.g. E.v:0,1,2"
    )
    parser.add_argument(
        "--discard",
        type=number,
        metavar="S",
        help="leave the first seconds out of the rates (default: a tenth of the run, at most 1 s)",
    )
    add_json(parser)


def _discard(given: float | None, duration: float) -> float:
    """Seconds to leave out, so that the start from arbitrary membrane potentials does not count."""
    if given is None:
        return min(1.0, 0.1 * duration)
    if not 0 <= given < duration:
        raise InvalidInputError(f"--discard must lie between 0 and the duration of {duration:g} s, got {given:g}")
    return given


def _variables(given: list[str]) -> dict[str, list[int]]:
    variables = {}
    for text in given:
        name, _, indices = text.partition(":")
        try:
            variables[name] = [int(index) for index in indices.split(",")]
        except ValueError:
            raise InvalidInputError(f"--record expects NAME:INDICES, e.g. E.v:0,1,2, got '{text}'") from None
    return variables


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Simulate and report rates with standard errors."""
    from ssnbrian.analysis.statistics import mean_rates

    circuit = circuit_of(arguments)
    if arguments.out:
        require_writable(arguments.out)
    if arguments.discard is not None:
        _discard(arguments.discard, arguments.duration or float("inf"))
    progress = TerminalProgress()
    recording = simulated(arguments, circuit, progress, spikes=arguments.spikes, variables=_variables(arguments.record))
    progress.finish()
    if arguments.out:
        recording.save(arguments.out)
    wanted = arguments.discard if recording.completed else None
    discard = _discard(wanted, recording.duration)
    try:
        rates = mean_rates(recording, discard)
    except InvalidInputError:  # too short for a standard error
        discard = discard if recording.completed else 0.0
        rates = {name: (rate, None) for name, rate in recording.rates(discard).items()}
    data = {
        "circuit": circuit.name,
        "rates": {name: rate for name, (rate, _) in rates.items()},
        "standard_errors": {name: error for name, (_, error) in rates.items()},
        **{key: recording.metadata[key] for key in ("duration", "dt", "seed", "status", "build", "wall_seconds")},
        "discarded": discard,
        "loop_seconds": recording.metadata["loop_seconds"],
        "crossing": recording.metadata["crossing"],
        "paths": recording.metadata.get("paths", []),
        "content_hash": recording.metadata["content_hash"],
        "out": arguments.out,
    }
    lines = [
        f"{circuit.name}: {recording.duration:g} s, dt {arguments.dt:g} ms, seed {data['seed']}: {recording.status}"
    ]
    for name, (rate, error) in rates.items():
        lines.append(f"  {name}  {rate:.4f} Hz" + ("" if error is None else f"  (standard error {error:.4f} Hz)"))
    if arguments.out:
        lines.append(f"recording: {arguments.out}")
    return "\n".join(lines), data
