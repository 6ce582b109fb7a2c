"""ssnbrian: one circuit, its Brian2 simulation and every theory of it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssnbrian.device.registration import register_when_imported

if TYPE_CHECKING:
    from ssnbrian.circuit import Circuit, Constant, PiecewiseLinear, Ramp, Recording, Samples, Sine, Staircase
    from ssnbrian.engine.bring_in import circuit_from_brian2, neuron_from_brian2, synapse_from_brian2
    from ssnbrian.engine.simulate import simulate
    from ssnbrian.engine.sweep import SweepPoint, sweep
    from ssnbrian.models.library import load_circuit

__version__ = "0.1.0"

# From a checkout, ``models`` and ``analysis`` stand beside this folder; installed, they stand inside it.
_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "setup.cfg").is_file() and (_checkout / "models").is_dir():
    __path__.append(str(_checkout))

_HOMES = dict.fromkeys(
    ("Circuit", "Constant", "PiecewiseLinear", "Ramp", "Recording", "Samples", "Sine", "Staircase"),
    "ssnbrian.circuit",
) | {
    "SweepPoint": "ssnbrian.engine.sweep",
    "circuit_from_brian2": "ssnbrian.engine.bring_in",
    "load_circuit": "ssnbrian.models.library",
    "neuron_from_brian2": "ssnbrian.engine.bring_in",
    "simulate": "ssnbrian.engine.simulate",
    "sweep": "ssnbrian.engine.sweep",
    "synapse_from_brian2": "ssnbrian.engine.bring_in",
}
__all__ = [
    "Circuit",
    "Constant",
    "PiecewiseLinear",
    "Ramp",
    "Recording",
    "Samples",
    "Sine",
    "Staircase",
    "SweepPoint",
    "circuit_from_brian2",
    "load_circuit",
    "neuron_from_brian2",
    "simulate",
    "sweep",
    "synapse_from_brian2",
]


register_when_imported()


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
