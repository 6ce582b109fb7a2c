"""Everything that the library offers, by kind and name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ssnbrian.models.library import ADAPTATION, CIRCUITS, NOISE, PLASTICITY, TEMPLATES
from ssnbrian.models.rate.library import RATE_MODELS


def offered(circuits: bool = True) -> dict[str, Mapping[str, Any]]:
    """Models, parts and circuits by kind, as ``ssnbrian list --json`` names them, and name."""
    return {
        "circuits": {name: make() for name, make in CIRCUITS.items()} if circuits else {},
        "neurons": TEMPLATES.neurons,
        "adaptation": ADAPTATION,
        "noise": NOISE,
        "synapses": TEMPLATES.synapses,
        "plasticity": PLASTICITY,
        "rate_models": RATE_MODELS,
    }
