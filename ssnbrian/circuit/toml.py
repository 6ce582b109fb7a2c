"""A circuit as TOML text, and back: ``circuit_from_toml(circuit_to_toml(c)) == c``, to the last bit.

The text is self-contained: the equations of its neurons and synapses stand in it. A file may leave them out and
name templates of the library instead.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ssnbrian.circuit.circuit import Circuit, InputPopulation, Population, Projection
from ssnbrian.circuit.composition import join
from ssnbrian.circuit.drive import Drive, SineDrive
from ssnbrian.circuit.errors import InvalidInputError, nearest
from ssnbrian.circuit.templates import (
    CONNECTION_RULES,
    AllToAll,
    Annealed,
    Bernoulli,
    ConnectionRule,
    FixedInDegree,
    NeuronModel,
    Parameter,
    SynapseModel,
)
from ssnbrian.circuit.units import Value, value_of


@dataclass(frozen=True)
class TemplateLibrary:
    """Models that a file may name without defining them, and parts to join to them (``lif + spike_adaptation``)."""

    neurons: Mapping[str, NeuronModel] = field(default_factory=dict)
    synapses: Mapping[str, SynapseModel] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)


_NEURON_TEXTS = (
    "equations",
    "threshold",
    "reset",
    "membrane",
    "noise",
    "method",
    "refractory",
    "explanation",
    "source",
)
_EMPTY_BY_DEFAULT = ("explanation", "source", "target_equations", "on_post")
_SYNAPSE_TEXTS = (
    "on_pre",
    "on_post",
    "equations",
    "target_equations",
    "current",
    "delay",
    "explanation",
    "source",
)

_SINE_KEYS = {
    "mean_in_mV_per_s": "mean",
    "amplitude_in_mV_per_s": "amplitude",
    "frequency_in_Hz": "frequency",
    "phase_in_rad": "phase",
    "duration_in_s": "duration",
    "knots_per_period": "knots_per_period",
}


def _json(value: Any) -> str:
    # JSON leaves DEL as it is; TOML wants it escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def value_line(key: str, value: Any) -> str:
    """``key = value``."""
    return f"{key} = {_json(value)}"


def text_line(key: str, value: str) -> str:
    """``key = text``; text of several lines as it would be typed, where TOML allows that."""
    if "\n" in value and "'''" not in value and all(letter.isprintable() or letter in "\n\t" for letter in value):
        return f"{key} = '''\n{value}\n'''"
    return value_line(key, value)


def parameter_lines(parameters: tuple[Parameter, ...]) -> Iterator[str]:
    """One line for each declared parameter."""
    for parameter in parameters:
        default = "" if parameter.default is None else f", default = {_json(parameter.default)}"
        explanation = _json(parameter.explanation)
        yield f'parameters.{parameter.name} = {{ unit = "{parameter.unit}"{default}, explanation = {explanation} }}'


def _rule_lines(rule: ConnectionRule) -> Iterator[str]:
    for name, kind in CONNECTION_RULES.items():
        if isinstance(rule, kind):
            yield value_line("rule", name)
    if isinstance(rule, FixedInDegree):
        yield value_line("in_degree", rule.in_degree)
    if isinstance(rule, Bernoulli | Annealed):
        yield value_line("probability", rule.probability)
    if isinstance(rule, AllToAll) and rule.autapses:
        yield value_line("autapses", rule.autapses)


def _template_lines(kind: str, model: NeuronModel | SynapseModel, texts: tuple[str, ...]) -> Iterator[str]:
    yield f"\n[{kind}.{model.name}]"
    for key in texts:
        value = getattr(model, key)
        unneeded = key in _EMPTY_BY_DEFAULT or (key == "equations" and isinstance(model, SynapseModel))
        if value or (value is not None and not unneeded):
            yield text_line(key, value)
    for variable, expression in model.initial:
        yield value_line(f"initial.{variable}", expression)
    yield from parameter_lines(model.parameters)


def _drive_lines(drive: Drive) -> Iterator[str]:
    if isinstance(drive, SineDrive):
        for key, field_name in _SINE_KEYS.items():
            yield value_line(key, getattr(drive, field_name))
        return
    yield value_line("times_in_s", list(drive.times))
    yield value_line("mu_ext_in_mV_per_s", list(drive.values))
    if drive.duration is not None:
        yield value_line("duration_in_s", drive.duration)


def circuit_to_toml(circuit: Circuit) -> str:
    """The file a user would edit; reading it gives an equal circuit."""
    lines = [value_line("name", circuit.name)]
    lines += [value_line(key, getattr(circuit, key)) for key in ("description", "source") if getattr(circuit, key)]
    lines.append(value_line("ratio", circuit.ratio) + "  # mu_ext of inhibitory over mu_ext of excitatory populations")
    if circuit.drive is not None:
        lines += ["\n[drive]", value_line("kind", circuit.drive.kind), *_drive_lines(circuit.drive)]
    for population in circuit.populations:
        lines += [f"\n[populations.{population.name}]", value_line("size", population.size)]
        lines += [value_line("kind", population.kind), value_line("neuron", population.neuron.name)]
        for name, value in population.parameters.items():
            lines.append(value_line(name, value.text(population.neuron.parameter(name).unit)))
    for one in circuit.inputs:
        lines += [f"\n[inputs.{one.name}]", value_line("size", one.size), value_line("kind", one.kind)]
        lines.append(value_line("rate", one.rate.text("Hz")))
    for projection in circuit.projections:
        lines += [f'\n[projections."{projection.name}"]', value_line("synapse", projection.synapse.name)]
        lines += [*_rule_lines(projection.rule), value_line("weight", projection.weight.text("mV"))]
        units = {parameter.name: parameter.unit for parameter in projection.synapse.parameters}
        lines += [value_line(name, value.text(units[name])) for name, value in projection.parameters.items()]
    neurons = {population.neuron.name: population.neuron for population in circuit.populations}
    synapses = {projection.synapse.name: projection.synapse for projection in circuit.projections}
    for neuron in neurons.values():
        lines += _template_lines("neurons", neuron, _NEURON_TEXTS)
    for synapse in synapses.values():
        lines += _template_lines("synapses", synapse, _SYNAPSE_TEXTS)
    return "\n".join(lines) + "\n"


class TableReader:
    """Takes keys out of one table and complains about those nobody asked for."""

    def __init__(self, table: Any, where: str) -> None:
        if not isinstance(table, dict):
            raise InvalidInputError(f"{where}: expected a table of keys, got {table!r}")
        self.table = dict(table)
        self.where = where
        self.asked: list[str] = []

    def take(self, key: str, kinds: type | tuple[type, ...], default: Any = ...) -> Any:
        self.asked.append(key)
        if key not in self.table:
            if default is ...:
                close = nearest(key, self.table)
                hint = f" ({close})" if close.startswith("Did") else ""
                raise InvalidInputError(f"{self.where}: the key '{key}' is missing{hint}")
            return default
        value = self.table.pop(key)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            expected = kinds.__name__ if isinstance(kinds, type) else " or ".join(kind.__name__ for kind in kinds)
            raise InvalidInputError(f"{self.where}: '{key}' should be of type {expected}, got {value!r}")
        return value

    def finish(self) -> None:
        for key in self.table:
            raise InvalidInputError(f"{self.where}: unknown key '{key}'. {nearest(key, self.asked)}")


def read_parameters(reader: TableReader) -> tuple[Parameter, ...]:
    """The parameters that a table declares."""
    parameters = []
    for name, table in reader.take("parameters", dict, {}).items():
        entry = TableReader(table, f"{reader.where}.parameters.{name}")
        given = (entry.take("unit", str), entry.take("default", str, None), entry.take("explanation", str, ""))
        entry.finish()
        try:
            parameters.append(Parameter(name, *given))
        except InvalidInputError as error:
            raise type(error)(f"{entry.where}: {error}") from None
    return tuple(parameters)


def _read_initial(reader: TableReader) -> tuple[tuple[str, str], ...]:
    table = TableReader(reader.take("initial", dict, {}), f"{reader.where}.initial")
    return tuple((variable, table.take(variable, str)) for variable in list(table.table))


def _read_neuron(name: str, table: Any) -> NeuronModel:
    reader = TableReader(table, f"[neurons.{name}]")
    texts = {key: reader.take(key, str) for key in ("equations", "threshold", "reset")}
    for key in ("membrane", "noise", "method", "refractory", "explanation", "source"):
        value = reader.take(key, str, None)
        if value is not None:
            texts[key] = value
    initial, parameters = _read_initial(reader), read_parameters(reader)
    reader.finish()
    return NeuronModel(name=name, parameters=parameters, initial=initial, **texts)


def _read_synapse(name: str, table: Any) -> SynapseModel:
    reader = TableReader(table, f"[synapses.{name}]")
    texts = {"on_pre": reader.take("on_pre", str)}
    for key in _SYNAPSE_TEXTS[1:]:
        value = reader.take(key, str, None)
        if value is not None:
            texts[key] = value
    initial, parameters = _read_initial(reader), read_parameters(reader)
    reader.finish()
    return SynapseModel(name=name, parameters=parameters, initial=initial, **texts)


def _pick(name: str, models: Mapping[str, Any], where: str, what: str) -> Any:
    if name not in models:
        raise InvalidInputError(f"{where}: unknown {what} '{name}'. {nearest(name, models)}")
    return models[name]


def _joined(text: str, models: Mapping[str, Any], parts: Mapping[str, Any], where: str, what: str) -> Any:
    """The model of a name, or of a sum of names such as ``lif + white_noise``."""
    first, *others = (name.strip() for name in text.split("+"))
    model = _pick(first, models, where, what)
    for name in others:
        model = join(model, _pick(name, parts, where, "part"))
    return model


def _read_population(
    name: str, table: Any, neurons: Mapping[str, NeuronModel], parts: Mapping[str, Any]
) -> Population:
    reader = TableReader(table, f"[populations.{name}]")
    model = _joined(reader.take("neuron", str), neurons, parts, reader.where, "neuron model")
    size, kind = reader.take("size", int), reader.take("kind", str, "excitatory")
    parameters = {}
    for parameter in model.parameters:
        value = reader.take(parameter.name, (str, int, float), None)
        if value is not None:
            parameters[parameter.name] = value
    reader.finish()
    return Population(name, size, model, kind, parameters)


def _read_input(name: str, table: Any) -> InputPopulation:
    reader = TableReader(table, f"[inputs.{name}]")
    size, rate = reader.take("size", int), reader.take("rate", str)
    population = InputPopulation(name, size, rate, reader.take("kind", str, "excitatory"))
    reader.finish()
    return population


def _read_rule(reader: TableReader) -> ConnectionRule:
    name = reader.take("rule", str, "fixed_in_degree")
    kind = _pick(name, CONNECTION_RULES, reader.where, "connection rule")
    if kind is FixedInDegree:
        return FixedInDegree(reader.take("in_degree", int))
    if kind is AllToAll:
        return AllToAll(reader.take("autapses", bool, False))
    probability = reader.take("probability", (int, float))
    return Annealed(probability) if kind is Annealed else Bernoulli(probability)


def _read_projection(
    name: str, table: Any, synapses: Mapping[str, SynapseModel], parts: Mapping[str, Any], sizes: Mapping[str, int]
) -> Projection:
    where = f'[projections."{name}"]'
    source, arrow, target = (part.strip() for part in name.partition("->"))
    if not arrow:
        raise InvalidInputError(f'{where}: a projection is named "source->target", e.g. [projections."E->I"]')
    reader = TableReader(table, where)
    model = _joined(reader.take("synapse", str, "delta"), synapses, parts, where, "synapse model")
    rule = _read_rule(reader)
    weight, total = reader.take("weight", str, None), reader.take("J", str, None)
    if (weight is None) == (total is None):
        raise InvalidInputError(f"{where}: give either weight (of one synapse) or J (of all of a neuron), in mV")
    if total is not None:
        value = value_of(total, "mV", f"{name}.J")
        in_degree = rule.mean_in_degree(sizes.get(source, 0), source == target)
        if in_degree == 0:
            raise InvalidInputError(f"{where}: J cannot be shared out over an in-degree of 0; give weight")
        weight = Value(value.si / in_degree, value.dimension)
    parameters = {}
    for parameter in model.parameters:
        given = reader.take(parameter.name, str, None)
        if given is not None:
            parameters[parameter.name] = given
    reader.finish()
    return Projection(source, target, weight, rule, model, parameters)


def _read_drive(table: Any) -> Drive:
    reader = TableReader(table, "[drive]")
    kind = reader.take("kind", str, "piecewise-linear")
    if kind == "sine" and "times_in_s" not in reader.table:
        defaults = {one.name: one.default for one in dataclasses.fields(SineDrive)}
        given = {
            name: reader.take(key, (int, float), ... if defaults[name] is dataclasses.MISSING else defaults[name])
            for key, name in _SINE_KEYS.items()
        }
        reader.finish()
        return SineDrive(**given)
    drive = Drive(
        kind,
        tuple(reader.take("times_in_s", list)),
        tuple(reader.take("mu_ext_in_mV_per_s", list)),
        reader.take("duration_in_s", (int, float), None),
    )
    reader.finish()
    return drive


def circuit_from_toml(text: str, library: TemplateLibrary | None = None, where: str = "circuit") -> Circuit:
    """Read a circuit. Raises :class:`InvalidInputError` naming the table, the key and the nearest known one."""
    library = library or TemplateLibrary()
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{where} is not valid TOML: {error}") from None
    try:
        return _read_circuit(data, library)
    except InvalidInputError as error:
        raise type(error)(f"{where}: {error}") from None


def _read_circuit(data: dict[str, Any], library: TemplateLibrary) -> Circuit:
    if "rate_model" in data and "populations" not in data:
        raise InvalidInputError("this is a rate model and no circuit; it goes with 'ssnbrian rate' or 'ssnbrian show'")
    reader = TableReader(data, "top of the file")
    neurons = {name: _read_neuron(name, table) for name, table in reader.take("neurons", dict, {}).items()}
    synapses = {name: _read_synapse(name, table) for name, table in reader.take("synapses", dict, {}).items()}
    neurons, synapses = {**library.neurons, **neurons}, {**library.synapses, **synapses}
    tables = reader.take("populations", dict, {})
    populations = tuple(_read_population(name, table, neurons, library.parts) for name, table in tables.items())
    inputs = tuple(_read_input(name, table) for name, table in reader.take("inputs", dict, {}).items())
    sizes = {one.name: one.size for one in populations} | {one.name: one.size for one in inputs}
    tables = reader.take("projections", dict, {})
    projections = tuple(
        _read_projection(name, table, synapses, library.parts, sizes) for name, table in tables.items()
    )
    drive = reader.take("drive", dict, None)
    fields = {key: reader.take(key, str, "") for key in ("description", "source")}
    name, ratio = reader.take("name", str), reader.take("ratio", (int, float), 1.0)
    reader.finish()
    course = None if drive is None else _read_drive(drive)
    return Circuit(name, populations, projections, course, ratio, **fields, inputs=inputs)


def load_circuit(path: str | Path, library: TemplateLibrary | None = None) -> Circuit:
    """Read a circuit from a file; a missing or unreadable file is an :class:`InvalidInputError`."""
    return circuit_from_toml(read_file(path, "circuit"), library, where=f"'{path}'")


def read_file(path: str | Path, what: str) -> str:
    """The text of a file that should hold a ``what``."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidInputError(f"there is no file '{path}'") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"'{path}' is not a text file; a {what} file is TOML in UTF-8") from None
    except OSError as error:
        raise InvalidInputError(f"cannot read '{path}': {error.strerror}") from None
