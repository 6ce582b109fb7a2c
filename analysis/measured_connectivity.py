"""Measured connectivity: counts, postsynaptic potentials and membranes, and the p, j and J that follow from them.

For a projection from source to target, with N the number of source neurons,

    p = connected / probed,    j = area / tau_m / (V_th - V_rest),    J = N p j    (Eq 13),

where tau_m and V_th - V_rest are those of the target and the area of a PSP that rises linearly to its peak and then
decays exponentially is peak * (rise_time / 2 + decay_time). A spike that adds j to V at once makes a PSP of area
j tau_m, so j has the measured area; it is in units of V_th - V_rest, that is in mV for neurons whose threshold lies
1 mV above rest. J uses the continuous N p, not the whole in-degree K = floor(N p) of a network: the difference is
rounding, not connectivity. Source: Ekelmans, Kraynyukova, Tchumatchenko 2023, S1 Text.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssnbrian.circuit import FixedInDegree, InvalidInputError
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.templates import whole_number
from ssnbrian.circuit.units import floats_of

KINDS = ("excitatory", "inhibitory")
#: Fewer values than this say next to nothing about their spread: Student's t then has no variance or no mean.
FEWEST_VALUES = 3


@dataclass(frozen=True)
class Measured:
    """A measured mean with its standard error.

    Attributes
    ----------
    value : the mean; a number in the unit of the field it stands in, or a quantity.
    standard_error : of the mean, in the same unit; 0 if no spread is known, and the value is then taken as exact.
    count : number of values behind the standard error (at least 3), or None if it is known without error.
    """

    value: Any
    standard_error: Any = 0.0
    count: int | None = None

    @classmethod
    def from_spread(cls, value: Any, standard_deviation: Any, count: int) -> Measured:
        """From the mean, the standard deviation (numbers or quantities) and the number of values, at least 3."""
        return cls(value, standard_deviation / math.sqrt(_count(count, "count", FEWEST_VALUES)), count)

    @property
    def relative_error(self) -> float:
        """Standard error over the magnitude of the value."""
        return float(self.standard_error / abs(self.value))


@dataclass(frozen=True)
class MeasuredPopulation:
    """Neurons of one kind: how many there are in the circuit, and their mean membrane.

    Attributes
    ----------
    size : number of neurons N.
    tau_membrane : membrane time constant, ms.
    threshold_minus_rest : distance from rest to threshold, mV.
    kind : 'excitatory' or 'inhibitory', the sign of what they project.

    Numbers are in these units; quantities and :class:`Measured` values are taken too. Raises
    :class:`InvalidInputError` for a wrong unit or a value that is not positive.
    """

    name: str
    size: int
    tau_membrane: Measured | Any
    threshold_minus_rest: Measured | Any
    kind: str = "excitatory"

    def __post_init__(self) -> None:
        where = f"population {self.name}"
        if self.kind not in KINDS:
            raise InvalidInputError(f"{where}: kind must be 'excitatory' or 'inhibitory', got '{self.kind}'")
        object.__setattr__(self, "size", _count(self.size, f"{where}: size", 1))
        for name, unit in (("tau_membrane", "ms"), ("threshold_minus_rest", "mV")):
            object.__setattr__(self, name, _positive(getattr(self, name), unit, f"{where}: {name}"))


@dataclass(frozen=True)
class MeasuredProjection:
    """Synapses from ``source`` to ``target``: pairs probed and found connected, and the PSP of one connection.

    Attributes
    ----------
    connected, probed : pairs of neurons.
    psp_peak : mean peak of the PSP, mV; its magnitude, or with the sign of the source.
    rise_time, decay_time : time from onset to peak and decay time constant of the PSP, ms.
    weight : j in units of V_th - V_rest, in place of the three, where the weight itself is what is known.

    Numbers are in these units; quantities and :class:`Measured` values are taken too. Raises
    :class:`InvalidInputError` for counts that cannot be, a wrong unit, a time that is not positive, or neither or
    both of PSP and weight.
    """

    source: str
    target: str
    connected: int
    probed: int
    psp_peak: Measured | Any = None
    rise_time: Measured | Any = None
    decay_time: Measured | Any = None
    weight: Measured | Any = None

    def __post_init__(self) -> None:
        where = f"projection {self.name}"
        object.__setattr__(self, "probed", _count(self.probed, f"{where}: probed", 1))
        object.__setattr__(self, "connected", _count(self.connected, f"{where}: connected", 0))
        if self.connected > self.probed:
            raise InvalidInputError(
                f"{where}: {self.connected} connected pairs out of {self.probed} probed is not possible; "
                f"connected must not exceed probed"
            )
        given = [name for name in ("psp_peak", "rise_time", "decay_time") if getattr(self, name) is not None]
        if (self.weight is None and len(given) < 3) or (self.weight is not None and given):
            raise InvalidInputError(
                f"{where}: give psp_peak, rise_time and decay_time, or else weight; got "
                f"{', '.join(given + ['weight'] * (self.weight is not None)) or 'none of them'}"
            )
        if self.weight is not None:
            object.__setattr__(self, "weight", _positive(self.weight, "1", f"{where}: weight"))
            return
        object.__setattr__(self, "psp_peak", _measured(self.psp_peak, "mV", f"{where}: psp_peak"))
        for name in ("rise_time", "decay_time"):
            object.__setattr__(self, name, _positive(getattr(self, name), "ms", f"{where}: {name}"))

    @property
    def name(self) -> str:
        """``source->target``."""
        return f"{self.source}->{self.target}"

    @property
    def probability(self) -> float:
        """Connection probability p = connected / probed."""
        return self.connected / self.probed


@dataclass(frozen=True)
class MeasuredConnectivity:
    """Measured populations and projections; ``source`` says in words where the numbers come from.

    Raises :class:`InvalidInputError` for an unknown or repeated name, or a PSP whose sign is not that of its source.
    """

    populations: tuple[MeasuredPopulation, ...]
    projections: tuple[MeasuredProjection, ...]
    name: str = "measured"
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", tuple(self.populations))
        object.__setattr__(self, "projections", tuple(self.projections))
        names = [population.name for population in self.populations]
        pairs = [projection.name for projection in self.projections]
        if not names:
            raise InvalidInputError("measured connectivity: there is no population; give at least one")
        for name in (*names, *pairs):
            if (*names, *pairs).count(name) > 1:
                raise InvalidInputError(f"measured connectivity: '{name}' is given twice")
        for projection in self.projections:
            for role in ("source", "target"):
                if getattr(projection, role) not in names:
                    raise InvalidInputError(
                        f"projection {projection.name}: its {role} '{getattr(projection, role)}' is not a population. "
                        f"{nearest(getattr(projection, role), names)}"
                    )
            self._check_sign(projection)

    def _check_sign(self, projection: MeasuredProjection) -> None:
        kind = self.population(projection.source).kind
        if projection.psp_peak is not None and projection.psp_peak.value < 0 and kind == "excitatory":
            raise InvalidInputError(
                f"projection {projection.name}: psp_peak is {projection.psp_peak.value:g} mV, but {projection.source} "
                f"is excitatory. Are source and target interchanged? Projections are named source->target"
            )

    def population(self, name: str) -> MeasuredPopulation:
        """The population of that name; :class:`InvalidInputError` suggests the nearest one."""
        for population in self.populations:
            if population.name == name:
                return population
        names = [population.name for population in self.populations]
        raise InvalidInputError(f"no population '{name}' was measured. {nearest(name, names)}")

    def weight(self, projection: MeasuredProjection) -> float:
        """j of one synapse, in units of V_th - V_rest of the target (mV where that is 1 mV)."""
        return float(weight_of({name: abs(one.value) for name, one in self.factors(projection).items()}))

    def in_degree(self, projection: MeasuredProjection) -> int:
        """Whole in-degree K = floor(N p) of a network with fixed in-degree."""
        size = self.population(projection.source).size
        return FixedInDegree.from_probability(projection.probability, size).in_degree

    def J(self, projection: MeasuredProjection) -> float:
        """Population-wise weight J = N p j (Eq 13), a magnitude in units of V_th - V_rest of the target."""
        return self.population(projection.source).size * projection.probability * self.weight(projection)

    def factors(self, projection: MeasuredProjection) -> dict[str, Measured]:
        """The measured values of which j is made, by name: see :func:`weight_of`."""
        if projection.weight is not None:
            return {"weight": projection.weight}
        target = self.population(projection.target)
        values = {name: getattr(projection, name) for name in ("psp_peak", "rise_time", "decay_time")}
        return values | {
            "tau_membrane": target.tau_membrane,
            "threshold_minus_rest": target.threshold_minus_rest,
        }


def weight_of(factors: dict[str, Any]) -> Any:
    """j in units of V_th - V_rest from the magnitudes of the factors, numbers or arrays in mV and ms."""
    if "weight" in factors:
        return factors["weight"]
    area = factors["psp_peak"] * (factors["rise_time"] / 2 + factors["decay_time"])
    return area / factors["tau_membrane"] / factors["threshold_minus_rest"]


def _count(given: Any, what: str, least: int) -> int:
    number = whole_number(given)
    if number is None or number < least:
        raise InvalidInputError(f"{what} must be a whole number of at least {least}, got {given!r}")
    return number


def _measured(given: Any, unit: str, what: str) -> Measured:
    """A :class:`Measured` in plain numbers of ``unit``."""
    given = given if isinstance(given, Measured) else Measured(given)
    value, error = floats_of(given.value, unit, what), given.standard_error
    if np.ndim(value):
        raise InvalidInputError(f"{what}: expected one value in {unit}, got an array")
    if value == 0:
        raise InvalidInputError(f"{what} is 0; give the mean over the connected pairs")
    error = 0.0 if isinstance(error, (int, float)) and error == 0 else floats_of(error, unit, f"{what} standard error")
    if np.ndim(error) or error < 0:
        raise InvalidInputError(f"{what}: its standard error must be one number of at least 0, got {error!r}")
    if error >= abs(value):
        raise InvalidInputError(
            f"{what}: its standard error ({error:g}) must be smaller than the mean ({abs(value):g}); with this one not "
            f"even the sign is known"
        )
    count = None if given.count is None else _count(given.count, f"{what}: count", FEWEST_VALUES)
    return dataclasses.replace(given, value=value, standard_error=error, count=count)


def _positive(given: Any, unit: str, what: str) -> Measured:
    result = _measured(given, unit, what)
    if result.value < 0:
        raise InvalidInputError(f"{what} must be positive, got {result.value:g} {unit}".removesuffix(" 1"))
    return result
