"""A rate model as TOML text, and back: ``rate_model_from_toml(rate_model_to_toml(m)) == m``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ssnbrian.circuit.errors import InvalidInputError
from ssnbrian.circuit.rate_model import RateModel
from ssnbrian.circuit.toml import (
    TableReader,
    parameter_lines,
    read_file,
    read_parameters,
    text_line,
    value_line,
)

TABLE = "rate_model"


def rate_model_to_toml(model: RateModel) -> str:
    """The file a user would edit; reading it gives an equal model."""
    lines = [f"[{TABLE}]", value_line("name", model.name)]
    lines += [value_line(key, getattr(model, key)) for key in ("explanation", "source") if getattr(model, key)]
    lines.append(text_line("equations", model.equations))
    lines += [value_line(f"initial.{name}", text) for name, text in model.initial]
    lines += [value_line(f"ranges.{name}", list(limits)) for name, limits in model.ranges]
    return "\n".join([*lines, *parameter_lines(model.parameters)]) + "\n"


def rate_model_from_toml(text: str, where: str = "rate model") -> RateModel:
    """Read a rate model from a table ``[rate_model]`` with the fields of :class:`RateModel`.

    Raises :class:`InvalidInputError`: one sentence with ``where``, the model and the line of the equation that is
    wrong, or the key that is missing, unknown or of the wrong type.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{where} is not valid TOML: {error}") from None
    try:
        return _read(data)
    except InvalidInputError as error:
        raise type(error)(f"{where}: {error}") from None


def _read(data: dict[str, Any]) -> RateModel:
    top = TableReader(data, "top of the file")
    if "populations" in data and TABLE not in data:
        raise InvalidInputError(f"this is a circuit, which has no [{TABLE}]; a circuit goes with run, compare or show")
    reader = TableReader(top.take(TABLE, dict), f"[{TABLE}]")
    top.finish()
    name, equations = reader.take("name", str), reader.take("equations", str)
    initial = TableReader(reader.take("initial", dict), f"[{TABLE}.initial]")
    ranges = TableReader(reader.take("ranges", dict), f"[{TABLE}.ranges]")
    model = RateModel(
        name=name,
        equations=equations,
        parameters=read_parameters(reader),
        initial=tuple((one, _value(initial, one)) for one in list(initial.table)),
        ranges=tuple((one, _limits(ranges, one)) for one in list(ranges.table)),
        explanation=reader.take("explanation", str, ""),
        source=reader.take("source", str, ""),
    )
    reader.finish()
    return model


def _value(reader: TableReader, name: str) -> str:
    """Text with unit; a plain number is one without dimension."""
    return str(reader.take(name, (str, int, float)))


def _limits(reader: TableReader, name: str) -> tuple[str, str]:
    given = reader.take(name, list)
    if len(given) != 2 or any(isinstance(one, bool) or not isinstance(one, (str, int, float)) for one in given):
        raise InvalidInputError(f'{reader.where}: \'{name}\' must be two values, e.g. ["0 Hz", "50 Hz"], got {given!r}')
    return str(given[0]), str(given[1])


def load_rate_model(path: str | Path) -> RateModel:
    """Read a rate model from a file; a missing or unreadable file is an :class:`InvalidInputError`."""
    return rate_model_from_toml(read_file(path, "rate model"), f"'{path}'")


def is_rate_model_file(path: str | Path) -> bool:
    """Whether a file can be read as TOML and has a table ``[rate_model]``."""
    try:
        return TABLE in tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
