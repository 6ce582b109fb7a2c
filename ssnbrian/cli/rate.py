"""``ssnbrian rate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssnbrian.circuit import InvalidInputError
from ssnbrian.cli.parsing import add_json, span

if TYPE_CHECKING:
    from ssnbrian.analysis.rate_model_analysis import FixedPoints
    from ssnbrian.analysis.rate_model_hopf import HopfPoint
    from ssnbrian.analysis.rate_system import RateSystem
    from ssnbrian.circuit.rate_model import RateModel

EXAMPLE = "ssnbrian rate wilson_cowan --set I_E=2 --hopf I_E=0:3 --figure plane.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="name of a rate model, or a .toml file; without it, all are listed"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter, e.g. --set 'tau_E=20 ms'"
    )
    parser.add_argument(
        "--hopf", metavar="PARAMETER=LOW:HIGH", help="also the Hopf points over a parameter, in its unit, e.g. I_E=0:3"
    )
    parser.add_argument("--figure", metavar="PATH", help="draw the phase plane (two state variables)")
    add_json(parser)


def execute(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Card, fixed points, Hopf points and figure."""
    from ssnbrian.analysis.rate_model_analysis import fixed_points
    from ssnbrian.analysis.rate_system import RateSystem
    from ssnbrian.circuit.rate_model import rate_model_card
    from ssnbrian.models.rate.library import RATE_MODELS, find_rate_model

    figure = arguments.figure
    if arguments.model is None:
        if arguments.set or arguments.hopf or figure:
            raise InvalidInputError(f"name the MODEL, e.g. '{EXAMPLE}'")
        models = {name: model.explanation for name, model in RATE_MODELS.items()}
        return "\n".join(f"{name:<20} {text}" for name, text in models.items()), {"models": models}
    if figure is not None and not Path(figure).absolute().parent.is_dir():
        raise InvalidInputError(f"--figure: there is no folder '{Path(figure).parent}'")
    model = _changed(find_rate_model(arguments.model), arguments.set)
    if figure is not None and len(model.states) != 2:
        raise InvalidInputError(
            f"--figure: {model.name} has {len(model.states)} state variables; a phase plane needs two"
        )
    system = RateSystem.from_model(model)
    hopf = None if arguments.hopf is None else _hopf(system, arguments.hopf)
    points = fixed_points(system)
    if figure is not None:
        from ssnbrian.analysis.phase_plane import phase_plane_figure

        phase_plane_figure(model, figure, points=points)
    lines = [rate_model_card(model), *_lines(system, points)]
    if hopf is not None:
        lines.append(f"Hopf points over {arguments.hopf}: {len(hopf) or 'none found'}")
        lines += [
            f"  {_quantity(one.value, one.unit, 8)}: {one.frequency:.5g} Hz at {_state(system, one.values)}"
            for one in hopf
        ]
    if figure is not None:
        lines.append(f"figure: {figure}")
    return "\n".join(lines), {**_data(model, points), "hopf": _hopf_data(hopf), "figure": figure}


def _changed(model: RateModel, settings: list[str]) -> RateModel:
    values = {}
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or not text:
            raise InvalidInputError(f"--set expects NAME=VALUE, e.g. 'tau_E=20 ms', got '{setting}'")
        values[model.parameter(name).name] = text
    return model.with_parameters(**values)


def _hopf(system: RateSystem, text: str) -> tuple[HopfPoint, ...]:
    from ssnbrian.analysis.rate_model_hopf import hopf_points

    name, equals, limits = (part.strip() for part in text.partition("="))
    if not equals:
        raise InvalidInputError(f"--hopf expects PARAMETER=LOW:HIGH, e.g. I_E=0:3, got '{text}'")
    try:
        low, high = span(limits)
    except argparse.ArgumentTypeError as error:
        raise InvalidInputError(f"--hopf {name}: {error}") from None
    return hopf_points(system, name, (low, high))


def _state(system: RateSystem, values: Any) -> str:
    pairs = zip(values.items(), system.units, strict=True)
    return ", ".join(f"{name} {_quantity(value, unit, 6)}" for (name, value), unit in pairs)


def _quantity(value: float, unit: str, digits: int) -> str:
    return f"{value:.{digits}g}" + ("" if unit == "1" else f" {unit}")


def _lines(system: RateSystem, points: FixedPoints) -> list[str]:
    lines = [f"fixed points: {len(points) or 'none'}"]
    for one in points:
        words = f", {one.frequency:.5g} Hz" if one.frequency is not None else ""
        lines.append(f"  {_state(system, one.values)}: {one.kind}{words}")
        lines.append("    eigenvalues (1/s): " + ", ".join(_complex(value) for value in one.eigenvalues))
    return [*lines, f"  {'complete' if points.complete else 'perhaps not complete'}: {points.reason}"]


def _complex(value: complex) -> str:
    return f"{value.real:.5g}" + (f" {'+' if value.imag > 0 else '-'} {abs(value.imag):.5g}i" if value.imag else "")


def _data(model: RateModel, points: FixedPoints) -> dict[str, Any]:
    return {
        "model": model.name,
        "parameters": {one.name: one.default for one in model.parameters},
        "fixed_points": [
            {
                "values": dict(one.values),
                "eigenvalues": [[value.real, value.imag] for value in one.eigenvalues],
                "stable": one.stable,
                "kind": one.kind,
                "frequency": one.frequency,
            }
            for one in points
        ],
        "complete": points.complete,
        "reason": points.reason,
    }


def _hopf_data(hopf: tuple[HopfPoint, ...] | None) -> list[dict[str, Any]] | None:
    if hopf is None:
        return None
    return [
        {
            "parameter": one.parameter,
            "value": one.value,
            "unit": one.unit,
            "frequency": one.frequency,
            "values": dict(one.values),
        }
        for one in hopf
    ]
