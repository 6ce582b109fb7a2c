"""The rate models of the library, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ssnbrian.models.rate.dynamics import CTRNN, HEBBIAN, WILSON_COWAN, WINNER_TAKE_ALL
from ssnbrian.models.rate.memory import FACILITATING_MEMORY, WORKING_MEMORY
from ssnbrian.models.rate.networks import POWER_LAW, RELU, SIGMOID, TANH

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.rate_model import RateModel
from ssnbrian.circuit.rate_model_toml import load_rate_model

RATE_MODELS: Mapping[str, RateModel] = {
    model.name: model
    for model in (
        SIGMOID,
        TANH,
        RELU,
        POWER_LAW,
        CTRNN,
        WILSON_COWAN,
        WINNER_TAKE_ALL,
        HEBBIAN,
        WORKING_MEMORY,
        FACILITATING_MEMORY,
    )
}


def find_rate_model(name: str) -> RateModel:
    """A rate model of the library by name, or from a TOML file by path.

    Raises :class:`InvalidInputError`, with the nearest name where there is none.
    """
    if name in RATE_MODELS:
        return RATE_MODELS[name]
    if name.endswith(".toml") or "/" in name or Path(name).is_file():
        return load_rate_model(name)
    raise InvalidInputError(
        f"there is no rate model '{name}'. {nearest(name, RATE_MODELS)} "
        f"A rate model is a name from 'ssnbrian rate' or a .toml file."
    )
