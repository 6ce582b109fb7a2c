"""``--set`` of ``ssnbrian markov``: the short names of a Markov network beside those of its circuit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.changes import changes
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.units import value_of
from ssnbrian.cli.parsing import change

if TYPE_CHECKING:
    import numpy as np

    from ssnbrian.analysis.markov.kick_forms import Family
    from ssnbrian.analysis.markov.parameters import MarkovNetwork


@dataclass(frozen=True)
class Short:
    """A value by its short name: the unit it is given in, the unit of the network, and how it is put there."""

    unit: str
    inside: str
    put: Callable[[MarkovNetwork, float], MarkovNetwork]


def network_with(circuit: Circuit, settings: Sequence[str]) -> tuple[Family, MarkovNetwork]:
    """The network of a circuit with ``NAME=VALUE`` settings, each name one of the circuit's or a short one.

    Raises InvalidInputError for a circuit without a Markov network, an unknown name, with the nearest one, or a value
    that the name cannot have.
    """
    from ssnbrian.analysis.markov.circuits import family_of, network_of

    short, own, rest = short_names(network_of(circuit)), changes(circuit), []
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if equals and text and name in short and name not in own:
            rest.append((name, text))
        elif equals and name not in own and "." not in name:
            raise InvalidInputError(f"--set: there is nothing called '{name}'. {nearest(name, [*short, *own])}")
        else:
            circuit = change(circuit, setting)
    network = network_of(circuit)
    for name, text in rest:
        network = set_short(network, name, text)
    return family_of(circuit), network


def set_short(network: MarkovNetwork, name: str, text: str) -> MarkovNetwork:
    """The network with one value by its short name; raises InvalidInputError for a value it cannot have."""
    one = short_names(network)[name]
    value = value_of(text, one.unit, name).to(one.inside)
    try:
        return one.put(network, value)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name} = {text}: {error}") from None


def short_names(network: MarkovNetwork) -> dict[str, Short]:
    """Short names of a network's values, target before source.

    ``tau_XY`` and ``tau_Y`` (of all projections of Y), ``p_XY``, ``p``, ``s_XY``, ``N_X``, ``drive_X``, ``drive``,
    ``tau_r`` or ``tau_R``, and the leak's ``tau_m``.
    """
    found: dict[str, Short] = {}
    every = slice(None)
    for y, source in enumerate(network.names):
        found[f"tau_{source}"] = _element("ms", "s", "decay_times", (every, y))
        found[f"N_{source}"] = _element("1", "1", "sizes", (y,))
        found[f"drive_{source}"] = _element("1/ms", "Hz", "drive", (y,))
        for x, target in enumerate(network.names):
            found[f"tau_{target}{source}"] = _element("ms", "s", "decay_times", (x, y))
            found[f"p_{target}{source}"] = _element("1", "1", "probabilities", (x, y))
            found[f"s_{target}{source}"] = _element("mV", "mV", "weights", (x, y))
    found["p"] = _element("1", "1", "probabilities", (every, every))
    found["drive"] = _element("1/ms", "Hz", "drive", (every,))
    found["tau_r"] = found["tau_R"] = _element("ms", "s", "refractory", (every,))
    found["tau_m"] = Short("ms", "s", lambda network, value: replace(network, leak_time=value))
    return found


def _element(unit: str, inside: str, field: str, where: tuple[int | slice, ...]) -> Short:
    def put(network: MarkovNetwork, value: float) -> MarkovNetwork:
        values: np.ndarray = getattr(network, field).copy()
        values[where] = value
        return replace(network, **{field: values})

    return Short(unit, inside, put)
