"""Connection rules recognised from the synapses that there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssnbrian.circuit import AllToAll, Bernoulli, FixedInDegree, InvalidInputError
from ssnbrian.circuit.templates import ConnectionRule

_LARGEST_DEVIATION = 5.0


@dataclass(frozen=True)
class Segment:
    """A part of a group that is a population of its own."""

    name: str
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class ConnectedPart:
    """Synapses of one name between two populations: neurons ``i`` to ``j``, counted in their whole groups."""

    name: str
    source: Segment
    target: Segment
    i: np.ndarray
    j: np.ndarray

    @property
    def where(self) -> str:
        return f"synapses '{self.name}'"

    def rule(self, chosen: ConnectionRule | None, drop_self_connections: bool) -> ConnectionRule:
        """The rule chosen, checked, or the one that the in-degrees tell.

        Raises :class:`InvalidInputError` where they tell none, contradict the one chosen, or no rule can hold them.
        """
        i, j, recurrent = self.i, self.j, self.source == self.target
        if recurrent and np.any(i == j):
            if self._is_complete() and not drop_self_connections and chosen in (None, AllToAll(autapses=True)):
                return AllToAll(autapses=True)
            if not drop_self_connections:
                raise InvalidInputError(
                    f"{self.where}: some neurons connect to themselves, which only all to all allows; connect with "
                    f"condition='i != j' or leave such synapses out by choices with drop_self_connections=True"
                )
            i, j = i[i != j], j[i != j]
        if len(np.unique(i * np.int64(self.target.stop) + j)) < len(i):
            raise InvalidInputError(f"{self.where}: some pairs are connected more than once, which no rule allows")
        sources = self.source.size - recurrent
        counts = np.bincount(j - self.target.start, minlength=self.target.size)
        if chosen is not None:
            self._check(chosen, counts, sources)
            return chosen
        if np.all(counts == counts[0]):
            return AllToAll() if counts[0] == sources > 0 else FixedInDegree(int(counts[0]))
        raise InvalidInputError(
            f"{self.where}: in-degrees from {counts.min()} to {counts.max()} tell no rule; name it by choices with "
            f"rules={{'{self.name}': Bernoulli({counts.mean() / sources:.3g})}}"
        )

    def _is_complete(self) -> bool:
        """Whether every source connects to every target once, in a recurrent projection to itself too."""
        pairs = self.source.size * self.target.size
        return len(self.i) == pairs == len(np.unique(self.i * np.int64(self.target.stop) + self.j))

    def _check(self, rule: ConnectionRule, counts: np.ndarray, sources: int) -> None:
        """Raise where the synapses contradict a rule: exactly, or Bernoulli's by more than 5 standard deviations."""
        if isinstance(rule, Bernoulli):
            p, pairs = rule.probability, sources * len(counts)
            spread = _LARGEST_DEVIATION * np.sqrt(pairs * p * (1 - p))
            right = abs(counts.sum() - p * pairs) <= spread
        else:
            expected = rule.in_degree if isinstance(rule, FixedInDegree) else sources
            right = bool(np.all(counts == expected))
        if not right:
            raise InvalidInputError(
                f"{self.where}: {rule} was named as its rule, but its in-degrees run from {counts.min()} to "
                f"{counts.max()} with a mean of {counts.mean():.4g}"
            )
