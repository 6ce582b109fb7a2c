"""Measured connectivity from a TOML file.

``[populations.NAME]`` holds size, tau_membrane, threshold_minus_rest and kind (which may be left out for populations
named E and I); ``[projections."SOURCE->TARGET"]`` holds connected and probed, and psp_peak, rise_time and decay_time,
or weight. Values with a unit are text such as "20.066 ms". Beside each measured KEY may stand KEY_standard_error, or
KEY_standard_deviation with KEY_count.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.toml import TableReader
from ssnbrian.circuit.units import value_of

from .measured_connectivity import Measured, MeasuredConnectivity, MeasuredPopulation, MeasuredProjection

_KINDS = {"E": "excitatory", "I": "inhibitory"}
_UNITS = {
    "tau_membrane": "ms",
    "threshold_minus_rest": "mV",
    "psp_peak": "mV",
    "rise_time": "ms",
    "decay_time": "ms",
    "weight": "1",
}


def connectivity_from_toml(text: str, where: str = "connectivity") -> MeasuredConnectivity:
    """Read measured connectivity. Raises :class:`InvalidInputError` naming file, table, key and what would be right."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{where} is not valid TOML: {error}") from None
    try:
        return _read(data)
    except InvalidInputError as error:
        raise type(error)(f"{where}: {error}") from None


def load_connectivity(path: str | Path) -> MeasuredConnectivity:
    """Read measured connectivity from a file; a missing or unreadable file is an :class:`InvalidInputError`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidInputError(f"there is no file '{path}'") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"'{path}' is not a text file; a connectivity file is TOML in UTF-8") from None
    except OSError as error:
        raise InvalidInputError(f"cannot read '{path}': {error.strerror}") from None
    return connectivity_from_toml(text, where=f"'{path}'")


def _read(data: dict[str, Any]) -> MeasuredConnectivity:
    reader = TableReader(data, "top of the file")
    name, source = reader.take("name", str, "measured"), reader.take("source", str, "")
    populations = [_population(key, table) for key, table in reader.take("populations", dict).items()]
    projections = [_projection(key, table) for key, table in reader.take("projections", dict).items()]
    reader.finish()
    return MeasuredConnectivity(tuple(populations), tuple(projections), name, source)


def _population(name: str, table: Any) -> MeasuredPopulation:
    where = f"[populations.{name}]"
    reader = TableReader(table, where)
    kind = reader.take("kind", str, _KINDS.get(name))
    size = reader.take("size", int)
    membrane = {key: _measured(reader, key) for key in ("tau_membrane", "threshold_minus_rest")}
    reader.finish()
    if kind is None:
        raise InvalidInputError(f'{where}: the key \'kind\' is missing; it is "excitatory" or "inhibitory"')
    return _named(where, MeasuredPopulation, name, size, kind=kind, **membrane)


def _projection(name: str, table: Any) -> MeasuredProjection:
    where = f'[projections."{name}"]'
    source, arrow, target = (part.strip() for part in name.partition("->"))
    if not arrow:
        raise InvalidInputError(f'{where}: a projection is named "source->target", e.g. [projections."E->I"]')
    reader = TableReader(table, where)
    counts = reader.take("connected", int), reader.take("probed", int)
    values = {key: _measured(reader, key, required=False) for key in ("psp_peak", "rise_time", "decay_time", "weight")}
    reader.finish()
    return _named(where, MeasuredProjection, source, target, *counts, **values)


def _named(where: str, make: Any, *values: Any, **more: Any) -> Any:
    try:
        return make(*values, **more)
    except InvalidInputError as error:
        raise type(error)(f"{where}: {error}") from None


def _measured(reader: TableReader, key: str, required: bool = True) -> Measured | None:
    """The value of a key with the spread that stands beside it."""
    mean = _number(reader, key, ... if required else None)
    error = _number(reader, f"{key}_standard_error")
    deviation = _number(reader, f"{key}_standard_deviation")
    count = reader.take(f"{key}_count", int, None)
    if mean is None:
        if (error, deviation, count) != (None, None, None):
            raise InvalidInputError(f"{reader.where}: there is a spread of '{key}' but '{key}' itself is missing")
        return None
    if error is not None and deviation is not None:
        raise InvalidInputError(f"{reader.where}: give {key}_standard_error or {key}_standard_deviation, not both")
    if deviation is None:
        return Measured(mean, error or 0.0, count)
    if count is None:
        raise InvalidInputError(
            f"{reader.where}: {key}_standard_deviation needs {key}_count, the number of values it is taken over"
        )
    return _named(f"{reader.where}: {key}", Measured.from_spread, mean, deviation, count)


def _number(reader: TableReader, key: str, default: Any = None) -> float | None:
    """A number in the unit of the key, or None."""
    stem = key.removesuffix("_standard_error").removesuffix("_standard_deviation")
    unit = _UNITS[stem]
    given = reader.take(key, (str, int, float), default)
    if given is None:
        return None
    return value_of(given, unit, f"{reader.where}.{key}").to(unit)
