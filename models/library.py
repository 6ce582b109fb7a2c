"""What the library offers, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ssnbrian.models.interneurons import interneurons
from ssnbrian.models.neurons.lif import LIF, LIF_REFRACTORY
from ssnbrian.models.papers import ekelmans2023
from ssnbrian.models.synapses.current import DELTA, EXPONENTIAL

from ssnbrian.circuit import Circuit, InvalidInputError, TemplateLibrary
from ssnbrian.circuit import load_circuit as read_circuit
from ssnbrian.circuit.errors import nearest

CIRCUITS: Mapping[str, Callable[[], Circuit]] = {
    function.__name__: function
    for function in (
        ekelmans2023.supersaturating,
        ekelmans2023.xor_gate,
        ekelmans2023.mouse_v1,
        ekelmans2023.mouse_v1_isn,
        ekelmans2023.bistable,
        ekelmans2023.negative_determinant,
        interneurons,
    )
}
TEMPLATES = TemplateLibrary(
    neurons={model.name: model for model in (LIF, LIF_REFRACTORY)},
    synapses={model.name: model for model in (DELTA, EXPONENTIAL)},
)


def load_circuit(path: str | Path) -> Circuit:
    """A circuit from a TOML file, which may name the templates of the library."""
    return read_circuit(path, TEMPLATES)


def find_circuit(name: str) -> Circuit:
    """A circuit of the library by name, or from a TOML file by path."""
    if name in CIRCUITS:
        return CIRCUITS[name]()
    if name.endswith(".toml") or "/" in name or Path(name).is_file():
        return load_circuit(name)
    raise InvalidInputError(
        f"there is no circuit '{name}'. {nearest(name, CIRCUITS)} "
        f"A circuit is a name from 'ssnbrian list' or a .toml file."
    )
