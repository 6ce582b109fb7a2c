"""``ssnbrian show``."""

from __future__ import annotations

import argparse
from typing import Any

from ssnbrian.circuit import Circuit, InvalidInputError, circuit_to_toml
from ssnbrian.circuit.card import model_card
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.latex_models import circuit_latex, model_latex
from ssnbrian.circuit.rate_model import RateModel, brian2_text
from ssnbrian.circuit.rate_model_toml import is_rate_model_file, rate_model_to_toml
from ssnbrian.cli.parsing import add_circuit, add_json, circuit_of

EXAMPLE = "ssnbrian show supersaturating --toml > my_circuit.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_circuit(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--toml", action="store_true", help="the file a user would edit")
    form.add_argument("--brian2", action="store_true", help="a Brian2 script of the same network")
    parser.add_argument("--figure", metavar="PATH", help="run the model and draw what it does, e.g. lif.png")
    parser.add_argument(
        "--target", choices=("cpp", "numpy"), default="cpp", help="of the run for --figure; numpy is slow"
    )
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The card with LaTeX, the TOML or the Brian2 script; with ``--figure`` also a figure."""
    if arguments.figure is not None:
        from ssnbrian.workflow.figure_file import require_figure

        require_figure(arguments.figure)
    model = _found(arguments)
    if isinstance(model, Circuit):
        text, data = _circuit(model, arguments)
    elif isinstance(model, RateModel):
        text, data = _rate_model(model, arguments)
    else:
        text, data = _template(model, arguments)
    if arguments.figure is not None:
        _draw(model, arguments)
        data["figure"] = arguments.figure
        if not arguments.toml and not arguments.brian2:
            text += f"\nfigure: {arguments.figure}"
    return text, data


def _found(arguments: argparse.Namespace) -> Any:
    """The model, rate model or circuit of that name or file."""
    from ssnbrian.models.library import CIRCUITS, TEMPLATES
    from ssnbrian.models.rate.library import RATE_MODELS, find_rate_model

    name = arguments.circuit
    templates: dict[str, Any] = {**TEMPLATES.neurons, **TEMPLATES.synapses, **TEMPLATES.parts}
    if name in RATE_MODELS or is_rate_model_file(name):
        return find_rate_model(name)
    if name in templates:
        return templates[name]
    if name not in CIRCUITS and not name.endswith(".toml") and "/" not in name:
        known = [*CIRCUITS, *templates, *RATE_MODELS]
        raise InvalidInputError(f"there is no circuit or model '{name}'. {nearest(name, known)}")
    return circuit_of(arguments)


def _template(model: Any, arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    if arguments.toml or arguments.brian2 or arguments.set:
        raise InvalidInputError(f"'{model.name}' is a model; --toml, --brian2 and --set go with a circuit")
    card, latex = model_card(model), list(model_latex(model).lines)
    return _with_latex(card, latex), {"name": model.name, "card": card, "latex": latex}


def _rate_model(model: RateModel, arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    if arguments.set:
        raise InvalidInputError(f"--set goes with a circuit; 'ssnbrian rate {arguments.circuit}' takes it for a model")
    card, toml, latex = model_card(model), rate_model_to_toml(model), list(model_latex(model).lines)
    data = {"name": model.name, "card": card, "toml": toml, "latex": latex}
    if arguments.brian2:
        text = brian2_text(model)
        return text.rstrip(), {**data, "brian2": text}
    return (toml.rstrip() if arguments.toml else _with_latex(card, latex)), data


def _circuit(circuit: Circuit, arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    toml, latex = circuit_to_toml(circuit), _circuit_latex(circuit)
    data = {"name": circuit.name, "toml": toml, "content_hash": circuit.content_hash, "latex": latex}
    if arguments.brian2:
        from ssnbrian.engine.script import brian2_script

        text = brian2_script(circuit)
        return text.rstrip(), {**data, "brian2": text}
    return (toml.rstrip() if arguments.toml else _with_latex(str(circuit), latex)), data


def _circuit_latex(circuit: Circuit) -> list[str]:
    """The LaTeX of every model behind a comment with its name."""
    try:
        models = circuit_latex(circuit)
    except InvalidInputError as error:
        # The card must be readable when an equation is not.
        return [f"% {error}"]
    return [line for name, found in models.items() for line in (f"% {name}", *found.lines)]


def _with_latex(card: str, latex: list[str]) -> str:
    return "\n".join([card, "LaTeX", *(f"    {line}" for line in latex)])


def _draw(model: Any, arguments: argparse.Namespace) -> None:
    from ssnbrian.cli.progress import TerminalProgress
    from ssnbrian.workflow.demonstration import demonstrate
    from ssnbrian.workflow.figure_file import save_whole

    progress = TerminalProgress()
    (figure,) = demonstrate([model], target=arguments.target, progress=progress)
    progress.finish()
    save_whole(figure, arguments.figure)
