"""What a design is asked for, within which bounds, and what an answer must show.

A regime is a frozen value that says what is wanted. It can refuse a request that no network within the bounds
meets, propose candidates, and verify any candidate by a computation that does not know how it was made.
Units: rates in Hz, mu in mV/s, J and j in mV, tau in s.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ssnbrian.circuit import Drive, FixedInDegree, InvalidInputError
from ssnbrian.circuit.errors import nearest
from ssnbrian.circuit.units import floats_of

from ..characteristic import TwoPopulationSSN
from ..power_law import PowerLaw, fit_transfer
from ..self_consistent import SelfConsistent
from ..ssn import SSN

PAIRS = ("EE", "EI", "IE", "II")
"""Pairs of populations, target before source."""
POPULATIONS = ("E", "I")

# The networks of Ekelmans et al. 2023 have J between 0.67 (E->E of mouse V1) and 23.7 mV (E->I of mouse V1) in units
# of the threshold, the connection probabilities below, and at most j = 0.113 mV (I->I of mouse V1).
_WEIGHTS = (0.5, 25.0)
_PROBABILITIES = {"EE": 0.065, "EI": 0.2, "IE": 0.275, "II": 0.1}
_DENSEST = 0.5

Range = tuple[float, float]


class InfeasibleDesignError(InvalidInputError):
    """No network within the bounds has the regime asked for, or none was found.

    Attributes
    ----------
    inequality : the condition that cannot hold, with its numbers.
    proven : whether it is proven that no network within the bounds meets the request; a search that found none
        is no proof.
    feasible : the nearest request that could be met, in words, or None where that is not known.
    """

    def __init__(self, inequality: str, *, proven: bool, feasible: str | None = None) -> None:
        self.inequality = inequality
        self.proven = proven
        self.feasible = feasible
        status = "infeasible (proven)" if proven else "nothing found (no proof that it is infeasible)"
        super().__init__(f"{status}: {inequality}" + (f". Feasible: {feasible}" if feasible else ""))


def positive_number(given: Any, unit: str, what: str) -> float:
    """One finite number above 0 in ``unit`` from a number, text or quantity; else :class:`InvalidInputError`."""
    number = one_number(given, unit, what)
    if number <= 0:
        raise InvalidInputError(f"{what}: must be above 0 {unit}, got {number:g}")
    return number


def one_number(given: Any, unit: str, what: str) -> float:
    """One finite number in ``unit`` from a number, text or quantity; else :class:`InvalidInputError`."""
    number = floats_of(given, unit, what)
    if not isinstance(number, float):
        raise InvalidInputError(f"{what}: expected one number in {unit}, got {np.size(number)}")
    return number


def _range(given: Any, unit: str, what: str, lowest: float = 0.0) -> Range:
    try:
        low, high = given
    except (TypeError, ValueError):
        raise InvalidInputError(f"{what}: expected (lowest, highest) in {unit}, got {given!r}") from None
    low, high = one_number(low, unit, f"lowest {what}"), one_number(high, unit, f"highest {what}")
    if not lowest <= low <= high:
        raise InvalidInputError(f"{what}: expected {lowest:g} <= lowest <= highest in {unit}, got ({low:g}, {high:g})")
    return low, high


def _by_pair(given: Any, default: Mapping[str, Range], unit: str, what: str) -> Mapping[str, Range]:
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        given = dict.fromkeys(PAIRS, given)
    for pair in given:
        if pair not in PAIRS:
            raise InvalidInputError(f"{what}: no pair '{pair}' (target before source). {nearest(str(pair), PAIRS)}")
    return MappingProxyType({pair: _range(given.get(pair, default[pair]), unit, f"{what} {pair}") for pair in PAIRS})


@dataclass(frozen=True)
class DesignBounds:
    """What the weights, the input ratio and the realisation may be.

    Attributes
    ----------
    weights : (lowest, highest) J in mV by pair, target before source, or one range for all; pairs left out keep the
        default 0.5 to 25 mV, which covers the networks of Ekelmans et al. 2023 (threshold 1 mV).
    ratio : (lowest, highest) mu_ext of I over mu_ext of E.
    probability : (lowest, highest) connection probability by pair, or one range for all. The default goes from that
        of the paper up to 0.5; the lowest is taken at which no synapse is stronger than ``largest_synapse``.
    sizes : neurons of E and I.
    largest_synapse : largest weight j of one synapse, mV.

    A J that no number of synapses within the bounds can carry is left out: see ``weights_realisable``.
    Raises :class:`~ssnbrian.circuit.InvalidInputError` for an unknown pair, an empty range or a wrong unit.
    """

    weights: Mapping[str, Any] = field(default_factory=dict)
    ratio: Range = (0.2, 5.0)
    probability: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=lambda: {"E": 3000, "I": 1000})
    largest_synapse: float = 0.125

    def __post_init__(self) -> None:
        usual = {pair: (low, _DENSEST) for pair, low in _PROBABILITIES.items()}
        probability = _by_pair(self.probability, usual, "1", "connection probability")
        for pair, (_, high) in probability.items():
            if not 0 < high <= 1:
                raise InvalidInputError(f"connection probability {pair}: must lie in (0, 1], got up to {high:g}")
        object.__setattr__(self, "probability", probability)
        object.__setattr__(self, "sizes", MappingProxyType(self._checked_sizes()))
        largest = positive_number(self.largest_synapse, "mV", "largest_synapse")
        object.__setattr__(self, "largest_synapse", largest)
        object.__setattr__(self, "ratio", _range(self.ratio, "1", "ratio"))
        weights = _by_pair(self.weights, dict.fromkeys(PAIRS, _WEIGHTS), "mV", "J")
        object.__setattr__(self, "weights", weights)
        for pair, (low, high) in self.weights_realisable.items():
            if low > high:
                raise InvalidInputError(
                    f"J {pair}: {low:g} mV cannot be realised with synapses of at most {largest:g} mV and a connection "
                    f"probability of at most {self.probability[pair][1]:g}; the highest J would be {high:g} mV"
                )

    def _checked_sizes(self) -> dict[str, int]:
        sizes = dict(self.sizes)
        for name in sizes:
            if name not in POPULATIONS:
                raise InvalidInputError(f"sizes: no population '{name}'. {nearest(str(name), POPULATIONS)}")
        for name in POPULATIONS:
            size = sizes.get(name)
            if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 2:
                raise InvalidInputError(f"sizes: expected a whole number of at least 2 for {name}, got {size!r}")
        return {name: int(sizes[name]) for name in POPULATIONS}

    def in_degrees(self, pair: str) -> tuple[int, int]:
        """Lowest and highest number K of synapses per target neuron; at least one synapse, no autapses."""
        source = self.sizes[pair[1]]
        available = source - (pair[0] == pair[1])
        low, high = (FixedInDegree.from_probability(p, source).in_degree for p in self.probability[pair])
        return max(min(low, available), 1), max(min(high, available), 1)

    @property
    def weights_realisable(self) -> dict[str, Range]:
        """(lowest, highest) J in mV by pair that ``weights`` allows and K synapses of ``largest_synapse`` can carry."""
        return {
            pair: (low, min(high, self.in_degrees(pair)[1] * self.largest_synapse))
            for pair, (low, high) in self.weights.items()
        }

    def contains(self, weights: Mapping[str, float], ratio: float) -> bool:
        """Whether the weights (mV) can be realised within the bounds and the ratio lies in its range."""
        return bool(self.inside({pair: np.asarray(weights[pair]) for pair in PAIRS}, np.asarray(ratio)))

    def inside(self, weights: Mapping[str, np.ndarray], ratio: np.ndarray) -> np.ndarray:
        """:meth:`contains` for arrays of weights and ratios, element by element."""
        ranges = [(ratio, self.ratio), *((weights[pair], self.weights_realisable[pair]) for pair in PAIRS)]
        return np.logical_and.reduce([(low <= value) & (value <= high) for value, (low, high) in ranges])

    def margin(self, weights: Mapping[str, float], ratio: float) -> float:
        """Relative distance of the value nearest to one of its bounds: 0 on a bound, 0.1 for 10 % away from it.

        A range of a single value, which leaves no choice, does not count. Infinite if there is no other.
        """
        ranges = [(weights[pair], *limits) for pair, limits in self.weights_realisable.items()]
        ranges.append((ratio, *self.ratio))
        distances = [
            min(value / low - 1 if low > 0 else math.inf, high / value - 1 if value > 0 else math.inf)
            for value, low, high in ranges
            if low < high
        ]
        return min(distances, default=math.inf)


@dataclass(frozen=True)
class Setting:
    """What a design is made for: transfer functions, population time constants and bounds.

    Attributes
    ----------
    transfer : power laws of E and I (a in Hz/(mV/s)^n, b in mV/s).
    tau_population : population time constants of E and I, s; stability depends on them.
    bounds : see :class:`DesignBounds`.
    """

    transfer: tuple[PowerLaw, PowerLaw]
    tau_population: tuple[float, float]
    bounds: DesignBounds

    @classmethod
    def default(cls, bounds: DesignBounds | None = None) -> Setting:
        """The neurons of Ekelmans et al. 2023: tau 20 (E) and 10 ms (I), threshold 1 mV, noise 3 mV/sqrt(s)."""
        tau = (0.02, 0.01)
        return cls((fit_transfer(3.0, tau[0]), fit_transfer(3.0, tau[1])), tau, bounds or DesignBounds())

    def network(self, weights: Mapping[str, float]) -> TwoPopulationSSN:
        """The SSN with J in mV by pair."""
        E, I = self.transfer
        return TwoPopulationSSN(E.a, E.b, E.n, I.a, I.b, I.n, *(weights[pair] for pair in PAIRS))

    def ssn(self, weights: Mapping[str, float]) -> SSN:
        """The same as a reduction, with steady states, folds and conditions."""
        return SSN(POPULATIONS, self.transfer, self.network(weights), self.tau_population)

    def values(self, weights: Mapping[str, float] | None = None, **more: Any) -> dict[str, Any]:
        """Transfer functions, time constants and weights by the names that ``conditions`` uses, with ``more`` added."""
        named: dict[str, Any] = {}
        for name, law, tau in zip(POPULATIONS, self.transfer, self.tau_population, strict=True):
            named |= {f"a_{name}": law.a, f"b_{name}": law.b, f"n_{name}": law.n, f"tau_{name}": tau}
        return named | {f"J_{pair}": value for pair, value in (weights or {}).items()} | more


@dataclass(frozen=True)
class Candidate:
    """A network that may have the regime: J in mV by pair (target before source), input ratio, how it was found."""

    weights: Mapping[str, float]
    ratio: float
    note: str = ""


@dataclass(frozen=True)
class Verification:
    """Whether a candidate has the regime, from its steady states and folds.

    Attributes
    ----------
    satisfied : whether everything asked for holds.
    asked, found : what was wanted and what the theory gives, by name with its unit (``peak_Hz``).
    reasons : what does not hold, in words; empty if satisfied.
    margins : how far each part is from being lost, as dimensionless relative distances: 0 where it is lost, 0.1 if a
        change of 10 % is needed. The smallest one ranks the candidates.
    """

    satisfied: bool
    asked: Mapping[str, Any]
    found: Mapping[str, Any]
    reasons: tuple[str, ...] = ()
    margins: Mapping[str, float] = field(default_factory=dict)

    @property
    def robustness(self) -> float:
        """The smallest margin; 0 if there is none."""
        return min(self.margins.values(), default=0.0)


class Regime(ABC):
    """A regime asked for. Concrete regimes are final frozen dataclasses that check and convert their values."""

    name: ClassVar[str]
    #: Pairs whose synapses are best filtered and delayed, so that the spiking network does not synchronise.
    filtered: ClassVar[tuple[str, ...]] = ()
    #: Pair -> name in ``Verification.asked``: the weights that are adjusted to meet it in the self-consistent theory.
    adjusted: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @abstractmethod
    def refusal(self, setting: Setting) -> InfeasibleDesignError | None:
        """The inequality that no network within the bounds can satisfy (proven), or None if none is known."""

    @abstractmethod
    def candidates(self, setting: Setting, rng: np.random.Generator) -> Iterator[Candidate]:
        """Networks that may have the regime, each different, until enough were drawn or there are no more.

        They need not lie within the bounds or have the regime: the search checks both.
        """

    @abstractmethod
    def verify(self, candidate: Candidate, setting: Setting) -> Verification:
        """Whether the candidate has the regime, computed from its steady states, folds and conditions alone."""

    def self_consistent(
        self, candidate: Candidate, verification: Verification, theory: SelfConsistent
    ) -> Mapping[str, Any] | None:
        """What the self-consistent theory of the circuit gives, by the names of ``verification.found``.

        Empty if the circuit lacks the regime there; None if that is not examined.
        """
        return None

    def drive(self, candidate: Candidate, setting: Setting) -> Drive | None:
        """The input that shows the regime, as the default drive of the circuit; None if there is no single one."""
        return None

    def neighbours(self) -> Iterator[Regime]:
        """Requests of the same kind, the nearest first, among which a feasible one is looked for."""
        return iter(())
