"""Finite-size (mesoscopic) population models: stochastic integral equation, macroscopic and naive forms."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .circuits import drive_in_steps, mesoscopic_refusal, network_of
    from .initial_state import MesoscopicState
    from .parameters import EscapeNeuron, MesoscopicNetwork
    from .simulation import MesoscopicRun, simulate
    from .stationary import network_rates, stationary_rate, survival_in_steps

_HOMES = {
    "EscapeNeuron": "parameters",
    "MesoscopicNetwork": "parameters",
    "MesoscopicRun": "simulation",
    "MesoscopicState": "initial_state",
    "drive_in_steps": "circuits",
    "mesoscopic_refusal": "circuits",
    "network_of": "circuits",
    "network_rates": "stationary",
    "simulate": "simulation",
    "stationary_rate": "stationary",
    "survival_in_steps": "stationary",
}
__all__ = [
    "EscapeNeuron",
    "MesoscopicNetwork",
    "MesoscopicRun",
    "MesoscopicState",
    "drive_in_steps",
    "mesoscopic_refusal",
    "network_of",
    "network_rates",
    "simulate",
    "stationary_rate",
    "survival_in_steps",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
