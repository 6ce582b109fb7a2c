"""``ssnbrian show``."""

from __future__ import annotations

import argparse
from typing import Any

from ssnbrian.circuit import InvalidInputError, circuit_to_toml
from ssnbrian.circuit.card import neuron_card, part_card, synapse_card
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.rate_model import rate_model_card
from ssnbrian.cli.parsing import add_circuit, add_json, circuit_of

EXAMPLE = "ssnbrian show supersaturating --toml > my_circuit.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--toml", action="store_true", help="the file a user would edit")
    form.add_argument("--brian2", action="store_true", help="a Brian2 script of the same network")
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The card, the TOML or the Brian2 script."""
    from ssnbrian.models.library import CIRCUITS, TEMPLATES
    from ssnbrian.models.rate.library import RATE_MODELS

    name = arguments.circuit
    cards = {one.name: neuron_card(one) for one in TEMPLATES.neurons.values()}
    cards |= {one.name: synapse_card(one) for one in TEMPLATES.synapses.values()}
    cards |= {one.name: part_card(one) for one in TEMPLATES.parts.values()}
    cards |= {one.name: rate_model_card(one) for one in RATE_MODELS.values()}
    if name in cards:
        if arguments.toml or arguments.brian2 or arguments.set:
            raise InvalidInputError(f"'{name}' is a model; --toml, --brian2 and --set go with a circuit")
        return cards[name], {"name": name, "card": cards[name]}
    if name not in CIRCUITS and not name.endswith(".toml") and "/" not in name:
        raise InvalidInputError(f"there is no circuit or model '{name}'. {nearest(name, [*CIRCUITS, *cards])}")
    circuit = circuit_of(arguments)
    data: dict[str, Any] = {
        "name": circuit.name,
        "toml": circuit_to_toml(circuit),
        "content_hash": circuit.content_hash,
    }
    if arguments.brian2:
        from ssnbrian.engine.script import brian2_script

        text = brian2_script(circuit)
        return text.rstrip(), {**data, "brian2": text}
    return (data["toml"].rstrip() if arguments.toml else str(circuit)), data
