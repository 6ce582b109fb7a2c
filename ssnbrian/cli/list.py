"""``ssnbrian list``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ssnbrian.cli.parsing import add_json

EXAMPLE = "ssnbrian list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Names that ``show`` accepts, with a line on each."""
    from ssnbrian.models.library import ADAPTATION, CIRCUITS, NOISE, PLASTICITY, TEMPLATES
    from ssnbrian.models.rate.library import RATE_MODELS

    offered = {
        "circuits": {name: function().description for name, function in CIRCUITS.items()},
        "neurons": _explained(TEMPLATES.neurons),
        "adaptation": _explained(ADAPTATION),
        "noise": _explained(NOISE),
        "synapses": _explained(TEMPLATES.synapses),
        "plasticity": _explained(PLASTICITY),
        "rate_models": _explained(RATE_MODELS),
    }
    lines = []
    for kind, names in offered.items():
        lines.append(kind.replace("_", " "))
        lines += [f"  {name:<26} {text}" for name, text in names.items()]
    lines.append("parts join: in Python LIF + SPIKE_ADAPTATION, in a file neuron = \"lif + spike_adaptation\"")
    return "\n".join(lines), {kind: list(names) for kind, names in offered.items()}


def _explained(models: Mapping[str, Any]) -> dict[str, str]:
    return {name: model.explanation for name, model in models.items()}
