"""``ssnbrian list``."""

from __future__ import annotations

import argparse
from typing import Any

from ssnbrian.cli.parsing import add_json

EXAMPLE = "ssnbrian list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Names that ``show`` accepts, with a line on each."""
    from ssnbrian.models.library import CIRCUITS, TEMPLATES

    lines = ["circuits"]
    lines += [f"  {name:<26} {function().description}" for name, function in CIRCUITS.items()]
    lines.append("neurons")
    lines += [f"  {name:<26} {model.explanation}" for name, model in TEMPLATES.neurons.items()]
    lines.append("synapses")
    lines += [f"  {name:<26} {model.explanation}" for name, model in TEMPLATES.synapses.items()]
    data = {"circuits": list(CIRCUITS), "neurons": list(TEMPLATES.neurons), "synapses": list(TEMPLATES.synapses)}
    return "\n".join(lines), data
