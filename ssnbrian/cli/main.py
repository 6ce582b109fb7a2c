"""The command line: ``ssnbrian COMMAND``, see ``COMMANDS``.

Exit codes: 0 done, 1 failed, 2 wrong input.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from ssnbrian.circuit.errors import InvalidInputError, SsnbrianError, nearest
from ssnbrian.cli.parsing import protect_negative_ranges

COMMANDS = {
    "list": "what the library offers",
    "show": "the card of a circuit or model, its TOML or its Brian2 script",
    "predict": "steady states and conditions, without simulating",
    "map": "regimes over mu_ext and ratio with their exact boundaries",
    "bifurcation": "all steady states over one parameter, with folds, Hopf points and limit cycles",
    "design": "networks that have a regime asked for, verified by theory and by simulation",
    "connectivity": "p, j and J with confidence intervals from measured connectivity, and the regimes they allow",
    "run": "simulate a circuit",
    "sweep": "simulate a circuit over a grid of values and seeds, resuming what was interrupted",
    "compare": "theory and simulation side by side",
    "mesoscopic": "finite-size population model of a circuit of escape-noise neurons",
    "markov": "networks of pending kicks, their differential equations and fixed point side by side",
    "rate": "fixed points, eigenvalues, Hopf points and phase plane of a rate model",
    "transfer": "firing rate of a leaky integrate-and-fire neuron, or of any model as measured, and its power-law fit",
}


class _Parser(argparse.ArgumentParser):
    """Suggests the nearest command for a mistyped one."""

    def error(self, message: str) -> NoReturn:
        if "invalid choice" in message and "argument COMMAND" in message:
            wrong = message.split("invalid choice: ")[1].split(" (", maxsplit=1)[0].strip("'\"")
            message = f"there is no command '{wrong}'. {nearest(wrong, COMMANDS)}"
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(2)


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    from ssnbrian import __version__

    parser = _Parser(
        prog="ssnbrian", description="Spiking circuits and the theory of their regimes.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"ssnbrian {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, explanation in COMMANDS.items():
        module = importlib.import_module(f"ssnbrian.cli.{name}")
        command = commands.add_parser(
            name,
            help=explanation,
            description=explanation[0].upper() + explanation[1:] + ".",
            epilog=f"example: {module.EXAMPLE}",
            allow_abbrev=False,
        )
        module.add_arguments(command)
        command.set_defaults(execute=module.execute)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = protect_negative_ranges(list(sys.argv[1:] if words is None else words))
    arguments = build_parser().parse_args(words)
    try:
        text, data = arguments.execute(arguments)
    except InvalidInputError as error:
        print(f"ssnbrian: {error}", file=sys.stderr)
        return 2
    except ValueError as error:  # an argument outside what the theory is defined for
        print(f"ssnbrian: {error}", file=sys.stderr)
        return 2
    except SsnbrianError as error:
        print(f"ssnbrian: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ssnbrian: interrupted", file=sys.stderr)
        return 1
    try:
        print(json.dumps(data, allow_nan=False, default=_plain) if arguments.json else text, flush=True)
    except BrokenPipeError:
        sys.stderr.close()
    return 1 if data.get("failed") else 0


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in JSON output")


if __name__ == "__main__":
    sys.exit(main())
