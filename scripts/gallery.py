"""The gallery: a page with equations, parameters, figure and use of every model and circuit of the library.

Usage: python scripts/gallery.py FOLDER [--only NAME …] [--no-circuits] [--no-figures]

Everything is generated: the text from the models, the figures from runs. A second run gives the same bytes of text.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssnbrian.models.offered import offered

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.card import model_texts, text_lines
from ssnbrian.circuit.errors import SsnbrianError, nearest
from ssnbrian.circuit.latex_models import ModelLatex, circuit_latex, model_latex
from ssnbrian.circuit.paths import write_text

_PART = {"adaptation": "lif", "noise": "lif", "plasticity": "delta"}
_MOST_SYNAPSES = 2e7  # of a circuit with a figure
_SIMULATE = "from ssnbrian.engine.simulate import simulate"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _block(language: str, lines: Iterable[str]) -> list[str]:
    return [f"```{language}", *lines, "```", ""]


def _formulas(latex: ModelLatex) -> list[str]:
    rows = [rf"& {line} \\" for line in latex.lines]
    return _block("math", [r"\begin{aligned}", *rows, r"\end{aligned}"])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [*("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines), ""]


def _parameters(model: Any, latex: ModelLatex) -> list[str]:
    if not model.parameters:
        return ["It has no parameters.", ""]
    rows = []
    for one in model.parameters:
        default = "required" if one.default is None else one.default
        unit = "" if one.unit == "1" else one.unit
        rows.append((f"${latex.symbols[one.name]}$", f"`{one.name}`", default, unit, one.explanation))
    return _table(("symbol", "name", "default", "unit", "meaning"), rows)


def usage(kind: str, name: str) -> tuple[list[str], list[str]]:
    """Lines of Python and of a circuit's TOML file (shell for what has a file of its own) that use a model."""
    if kind == "circuits":
        python = [_SIMULATE, "from ssnbrian.models.library import find_circuit", f'circuit = find_circuit("{name}")',
                  "recording = simulate(circuit, seed=1)"]  # fmt: skip
        return python, [f"ssnbrian show {name} --toml > mine.toml", "ssnbrian run mine.toml"]
    if kind == "rate models":
        python = ["from ssnbrian.analysis.rate_model_analysis import fixed_points",
                  "from ssnbrian.models.rate.library import find_rate_model",
                  f'points = fixed_points(find_rate_model("{name}"))']  # fmt: skip
        return python, [f"ssnbrian show {name} --toml > mine.toml", "ssnbrian rate mine.toml"]
    library = "from ssnbrian.models.library import TEMPLATES"
    base = _PART.get(kind, name)
    text = base if base == name else f"{base} + {name}"
    if kind in ("synapses", "plasticity"):
        part = f' + TEMPLATES.parts["{name}"]' if base != name else ""
        python = ["from ssnbrian.circuit import FixedInDegree, Projection", library,
                  f'synapse = TEMPLATES.synapses["{base}"]{part}',
                  'projection = Projection("E", "E", "0.1 mV", FixedInDegree(40), synapse)']  # fmt: skip
        return python, ['[projections."E->E"]', f'synapse = "{text}"', 'weight = "0.1 mV"', "in_degree = 40"]
    part = f' + TEMPLATES.parts["{name}"]' if base != name else ""
    python = ["from ssnbrian.circuit import Population", library, f'neuron = TEMPLATES.neurons["{base}"]{part}',
              'population = Population("E", 400, neuron)']  # fmt: skip
    return python, ["[populations.E]", "size = 400", f'neuron = "{text}"']


def _use(kind: str, name: str) -> list[str]:
    python, file = usage(kind, name)
    language = "sh" if kind in ("circuits", "rate models") else "toml"
    return ["## Use", "", *_block("python", python), *_block(language, file)]


def _head(name: str, kind: str, explanation: str, figure: bool) -> list[str]:
    lines = [f"# {name}", "", _sentence(explanation), f"One of the [{kind}](index.md#{kind.replace(' ', '-')}).", ""]
    return lines + ([f"![What {name} does]({name}.png)", ""] if figure else [])


def model_page(kind: str, model: Any, figure: bool) -> str:
    """The page of a neuron, synapse, part or rate model."""
    latex = model_latex(model)
    lines = _head(model.name, kind, model.explanation, figure)
    lines += ["## Equations", "", *_formulas(latex)]
    lines += ["## Brian2 text", "", *_block("", text_lines(model_texts(model)))]
    lines += ["## Parameters", "", *_parameters(model, latex), *_use(kind, model.name)]
    return _finished(lines, model.source)


def _values(owner: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in owner.parameters.items())


def circuit_page(circuit: Circuit, figure: bool) -> str:
    """The page of a circuit: populations, projections, and the equations of its models."""
    lines = _head(circuit.name, "circuits", circuit.description, figure)
    rows = [(one.name, str(one.size), one.kind, one.neuron.name, _values(one)) for one in circuit.populations]
    rows += [(one.name, str(one.size), one.kind, "Poisson processes", f"rate {one.rate}") for one in circuit.inputs]
    lines += ["## Populations", "", *_table(("name", "size", "kind", "neuron", "parameters"), rows)]
    if circuit.projections:
        rows = []
        for one in circuit.projections:
            weights = (f"{one.weight.to('mV'):.6g}", f"{circuit.weight_total(one).to('mV'):.6g}")
            ends, in_degree = f"{one.source} → {one.target}", f"{circuit.in_degree(one):g}"
            rows.append((ends, one.synapse.name, in_degree, *weights, _values(one)))
        header = ("projection", "synapse", "in-degree K", "weight j (mV)", "J = K j (mV)", "parameters")
        lines += ["## Projections", "", *_table(header, rows)]
    lines += ["## Equations", ""]
    models = [one.neuron for one in circuit.populations] + [one.synapse for one in circuit.projections]
    by_name = {one.name: one for one in models}
    for name, latex in circuit_latex(circuit).items():
        lines += [f"### {name}", "", _sentence(by_name[name].explanation), "", *_formulas(latex)]
        lines += _block("", text_lines(model_texts(by_name[name])))
    return _finished([*lines, *_use("circuits", circuit.name)], circuit.source)


def _finished(lines: list[str], source: str) -> str:
    return "\n".join([*lines, *(["## Source", "", source, ""] if source else [])])


def _index(kinds: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["# The models of the library", ""]
    lines += ["Each page is generated from the model itself, and its figure from a run.", ""]
    for kind, models in kinds.items():
        lines += [f"## {kind[0].upper()}{kind[1:]}", ""]
        for name, model in models.items():
            explanation = model.description if isinstance(model, Circuit) else model.explanation
            lines.append(f"- [{name}]({name}.md): {explanation}")
        lines.append("")
    return "\n".join(lines)


def chosen(only: Sequence[str], circuits: bool) -> dict[str, dict[str, Any]]:
    """The models asked for by kind and name; :class:`InvalidInputError` for a name that is not offered."""
    kinds = {kind.replace("_", " "): dict(models) for kind, models in offered(circuits).items()}
    known = [name for models in kinds.values() for name in models]
    if twice := [name for name in known if known.count(name) > 1]:
        raise InvalidInputError(f"two models are named '{twice[0]}', and would have one page")
    for name in only:
        if name not in known:
            raise InvalidInputError(f"there is no model '{name}'. {nearest(name, known)}")
    if only:
        kinds = {kind: {name: models[name] for name in models if name in only} for kind, models in kinds.items()}
    return {kind: models for kind, models in kinds.items() if models}


def _is_large(model: Any) -> bool:
    """Whether a run of the model asks for more than a small computer has."""
    if not isinstance(model, Circuit):
        return False
    return sum(model.in_degree(one) * model.population(one.target).size for one in model.projections) > _MOST_SYNAPSES


def _draw(kinds: Mapping[str, Mapping[str, Any]], folder: Path, target: str) -> None:
    from ssnbrian.cli.progress import TerminalProgress
    from ssnbrian.workflow.demonstration import demonstrate
    from ssnbrian.workflow.figure_file import save_whole

    for kind, models in kinds.items():
        print(f"{kind}: {', '.join(models)}", file=sys.stderr)
        # Circuits differ in structure: each is built and drawn before the next is started.
        groups = [[one] for one in models.items()] if kind == "circuits" else [list(models.items())]
        for group in groups:
            progress = TerminalProgress()
            figures = demonstrate([model for _, model in group], target=target, progress=progress)
            progress.finish()
            for (name, _), figure in zip(group, figures, strict=True):
                save_whole(figure, folder / f"{name}.png")


def write_gallery(
    folder: Path, only: Sequence[str] = (), circuits: bool = True, figures: bool = True, target: str = "cpp"
) -> dict[str, dict[str, Any]]:
    """Write the pages, the index and the figures; returns the models by kind and name."""
    kinds = chosen(only, circuits)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {
        kind: {name: one for name, one in models.items() if figures and not _is_large(one)}
        for kind, models in kinds.items()
    }
    _draw({kind: models for kind, models in drawn.items() if models}, folder, target)
    for kind, models in kinds.items():
        for name, model in models.items():
            figure = name in drawn[kind]
            page = circuit_page(model, figure) if kind == "circuits" else model_page(kind, model, figure)
            write_text(folder / f"{name}.md", page)
    write_text(folder / "index.md", _index(kinds))
    return kinds


def main(words: Sequence[str] | None = None) -> int:
    """Write the gallery; 2 for wrong input."""
    parser = argparse.ArgumentParser(description="Write a page of every model and circuit of the library.")
    parser.add_argument("folder", type=Path, help="where the pages go; made where it is missing")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these models")
    parser.add_argument("--no-circuits", action="store_true", help="leave the circuits out, which take longest")
    parser.add_argument("--no-figures", action="store_true", help="text only, nothing is run")
    parser.add_argument("--target", choices=("cpp", "numpy"), default="cpp", help="numpy needs no compiler and is slow")
    arguments = parser.parse_args(words)
    try:
        kinds = write_gallery(
            arguments.folder, arguments.only, not arguments.no_circuits, not arguments.no_figures, arguments.target
        )
    except SsnbrianError as error:
        print(f"gallery: {error}", file=sys.stderr)
        return 2 if isinstance(error, InvalidInputError) else 1
    print(f"{sum(len(models) for models in kinds.values())} pages in {arguments.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
