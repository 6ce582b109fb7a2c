"""``ssnbrian compare``."""

from __future__ import annotations

import argparse
from typing import Any

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.paths import require_writable
from ssnbrian.cli.parsing import add_circuit, add_json, add_run, circuit_of, number, simulated
from ssnbrian.cli.progress import TerminalProgress

EXAMPLE = "ssnbrian compare supersaturating --figure supersaturating.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    add_run(parser)
    parser.add_argument(
        "--transfer",
        choices=("fit", "paper"),
        default="fit",
        help="power law of the SSN: fitted (default) or as published",
    )
    parser.add_argument(
        "--bin", type=number, default=1.0, metavar="S", help="width of the bins compared, s (default 1)"
    )
    parser.add_argument("--figure", metavar="FILE", help="default: CIRCUIT.png in the current folder")
    parser.add_argument("--out", metavar="FILE", help="also save the recording (.npz)")
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Simulate, compare with the theories that apply, and draw."""
    from ssnbrian.analysis.comparison import compare
    from ssnbrian.cli.theories import theories_of

    circuit = circuit_of(arguments)
    figure = arguments.figure or f"{circuit.name}.png"
    for path in filter(None, (figure, arguments.out)):
        require_writable(path)
    if arguments.bin <= 0:
        raise InvalidInputError(f"--bin must be positive, got {arguments.bin:g} s")
    if arguments.duration is not None and 0 < arguments.duration < arguments.bin:
        raise InvalidInputError(
            f"--duration {arguments.duration:g} s is shorter than one bin of {arguments.bin:g} s; give a longer one or "
            "a smaller --bin"
        )
    theories = theories_of(circuit, arguments.transfer, arguments.dt)
    progress = TerminalProgress()
    recording = simulated(arguments, circuit, progress)
    if arguments.out:
        recording.save(arguments.out)
    comparison = compare(circuit, recording, theories, width=arguments.bin, progress=progress)
    progress.finish()
    comparison.plot(figure)
    data = {**comparison.to_json(), "figure": figure}
    return f"{comparison}\nfigure: {figure}", data
