"""Names of a circuit's Brian2 objects, and the parameters a run may change; needs no Brian2."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ssnbrian.circuit import Annealed, Circuit, Projection, SynapseModel, Value
from ssnbrian.circuit.composition import declared
from ssnbrian.circuit.units import DIMENSIONLESS


def group_name(population: str) -> str:
    """Name of the Brian2 group of a population."""
    return f"neurons_{population}"


def synapses_name(projection: Projection) -> str:
    """Name of the Brian2 synapses of a projection."""
    return f"synapses_{projection.source}_to_{projection.target}"


def rename(text: str, names: Mapping[str, str]) -> str:
    """Brian2 text with whole identifiers replaced; their endings _pre and _post stay."""
    text = re.sub(r"\bd(\w+)/dt\b", lambda m: f"d{names.get(m.group(1), m.group(1))}/dt", text)
    return re.sub(r"\b(\w+?)(_post|_pre)?\b", lambda m: names.get(m.group(1), m.group(1)) + (m.group(2) or ""), text)


def weight_in_target(model: SynapseModel) -> bool:
    """Whether the weight stands in the equations that a synapse brings into its target."""
    return re.search(r"\bweight\b", model.target_equations) is not None


def renamed_in_target(projection: Projection) -> dict[str, str]:
    """Names that a projection's synapse brings into its target, made unique per source."""
    model = projection.synapse
    if model.current is None:
        return {}
    names = [
        *sorted(declared(model.target_equations)),
        *(p.name for p in model.parameters if re.search(rf"\b{p.name}\b", model.target_equations)),
        *(["weight"] if weight_in_target(model) else []),
    ]
    return {name: f"{name}_from_{projection.source}" for name in names}


def shared_parameters(circuit: Circuit, changing_weights: Sequence[str] = ()) -> dict[tuple[str, str], Value]:
    """(Brian2 object, parameter) -> value, for everything that a run may change without compiling.

    The weights of the projections in ``changing_weights`` follow courses and are no parameters.
    """
    values: dict[tuple[str, str], Value] = {}
    for population in circuit.populations:
        for name, value in population.parameters.items():
            values[group_name(population.name), name] = value
    for projection in circuit.projections:
        sign = circuit.source_of(projection).sign
        weight = Value(sign * projection.weight.si, projection.weight.dimension)
        if projection.name not in changing_weights:
            values[synapses_name(projection), "weight"] = weight
        if isinstance(projection.rule, Annealed):
            values[synapses_name(projection), "probability"] = Value(projection.rule.probability, DIMENSIONLESS)
        renamed = renamed_in_target(projection)
        if "weight" in renamed:
            values[group_name(projection.target), renamed["weight"]] = weight
        for name, value in projection.parameters.items():
            values[synapses_name(projection), name] = value
            if name in renamed:
                values[group_name(projection.target), renamed[name]] = value
    return values
