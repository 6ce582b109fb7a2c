"""``ssnbrian list``."""

from __future__ import annotations

import argparse
from typing import Any

from ssnbrian.circuit import Circuit
from ssnbrian.cli.parsing import add_json

EXAMPLE = "ssnbrian list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Names that ``show`` accepts, with a line on each."""
    from ssnbrian.models.offered import offered

    kinds = offered()
    lines = []
    for kind, models in kinds.items():
        lines.append(kind.replace("_", " "))
        lines += [f"  {name:<26} {_explanation(model)}" for name, model in models.items()]
    lines.append("parts join: in Python LIF + SPIKE_ADAPTATION, in a file neuron = \"lif + spike_adaptation\"")
    return "\n".join(lines), {kind: list(models) for kind, models in kinds.items()}


def _explanation(model: Any) -> str:
    return str(model.description if isinstance(model, Circuit) else model.explanation)
