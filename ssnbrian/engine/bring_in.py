"""Existing Brian2 definitions as neuron models, synapse models and circuits; the objects stay as they are.

What is decided here: constants, shared parameters and external names become parameters with their values as defaults.
``mu_ext`` and ``mu_synaptic`` are added to the derivative of the membrane where the equations lack them; an input
current of the user's stays a parameter. Variables that synapses change move from the target's equations to the
synapse's model (see :mod:`ssnbrian.engine.bring_in_synapse`), and every weight becomes the area in mV of its input; its
sign is the kind of the source. Brian2's own defaults (0) stand for initial values that were not set.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import brian2
import numpy as np
from brian2.core.namespace import get_local_namespace
from brian2.core.variables import Subexpression
from brian2.groups.neurongroup import Resetter, StateUpdater, SubexpressionUpdater, Thresholder
from brian2.groups.subgroup import Subgroup

from ssnbrian.circuit import (
    Circuit,
    Drive,
    InputPopulation,
    InvalidInputError,
    NeuronModel,
    Population,
    Projection,
    SynapseModel,
    Value,
)
from ssnbrian.circuit.templates import ConnectionRule
from ssnbrian.circuit.units import value_of
from ssnbrian.engine.bring_in_neuron import BrianNeuron
from ssnbrian.engine.bring_in_neuron_model import neuron_model
from ssnbrian.engine.bring_in_rules import ConnectedPart, Segment
from ssnbrian.engine.bring_in_synapse import BrianSynapses
from ssnbrian.engine.bring_in_synapse_model import synapse_model
from ssnbrian.engine.bring_in_texts import array_of, uniform_value

_STEPS = (Thresholder, Resetter, StateUpdater, SubexpressionUpdater)
_MONITORS = (brian2.SpikeMonitor, brian2.StateMonitor, brian2.PopulationRateMonitor)


def neuron_from_brian2(
    group: brian2.NeuronGroup,
    name: str | None = None,
    *,
    membrane: str | None = None,
    synapses: Iterable[brian2.Synapses] = (),
    initial: Mapping[str, str] | None = None,
    namespace: Mapping[str, Any] | None = None,
) -> NeuronModel:
    """The model of a group; its parameters have the group's values as defaults.

    Parameters
    ----------
    group : the group; a subgroup stands for the whole.
    name : of the model; default: the group's.
    membrane : the variable that takes the inputs, in volt; default: v, or the only one in the threshold.
    synapses : those that end on the group; the variables they change belong to their own models.
    initial : expressions for variables whose initial values differ between neurons.
    namespace : external names; default: those of the caller, as in Brian2.

    Raises
    ------
    InvalidInputError : for what a model cannot hold, with the group and what would help.
    """
    namespace = get_local_namespace(1) if namespace is None else namespace
    group = getattr(group, "source", group)
    if not isinstance(group, brian2.NeuronGroup):
        raise InvalidInputError(f"neuron_from_brian2 expects a NeuronGroup, got {type(group).__name__}")
    given = [BrianSynapses(one, namespace) for one in synapses]
    return neuron_model(_neuron(group, given, namespace, membrane, initial or {}), name or group.name)


def synapse_from_brian2(
    synapses: brian2.Synapses,
    name: str | None = None,
    *,
    weight: str | None = None,
    reference: Any = None,
    membrane: str | None = None,
    delay: str | None = None,
    namespace: Mapping[str, Any] | None = None,
) -> SynapseModel:
    """The model of synapses with the equations they bring to their target; give both to :func:`neuron_from_brian2`.

    Parameters
    ----------
    synapses : one pathway from source spikes, one from target spikes at most.
    name : of the model; default: that of the synapses.
    weight : the name of the weight in on_pre; default: weight, w, or all that on_pre adds.
    reference : the membrane potential (volt) at which the weight is the area of the input; needed only where the
        input depends on the membrane; default: a parameter named so, or the potential after a spike.
    membrane, namespace : of the target, as in :func:`neuron_from_brian2`.
    delay : a Brian2 expression where delays differ.

    Raises
    ------
    InvalidInputError : for what a model cannot hold, with the synapses and what would help.
    """
    namespace = get_local_namespace(1) if namespace is None else namespace
    if not isinstance(synapses, brian2.Synapses):
        raise InvalidInputError(f"synapse_from_brian2 expects Synapses, got {type(synapses).__name__}")
    potential = None if reference is None else value_of(reference, "mV", "reference")
    one = BrianSynapses(synapses, namespace, weight, potential, delay)
    neuron = _neuron(one.target, [one], namespace, membrane, {})
    return synapse_model(one, neuron, name or synapses.name).model


def _neuron(
    group: Any,
    synapses: Iterable[BrianSynapses],
    namespace: Mapping[str, Any],
    membrane: str | None,
    initial: Mapping[str, str],
) -> BrianNeuron:
    """A group with what synapses change in it."""
    for one in group.contained_objects:
        if not isinstance(one, _STEPS):
            raise InvalidInputError(f"group '{group.name}': it has {one.name}, which a description cannot hold")
    plain = BrianNeuron(group, namespace, membrane)
    ending = [one for one in synapses if one.target.name == group.name]
    moved = frozenset[str]().union(*(one.moved(plain.membrane) for one in ending))
    assigned = frozenset(one.hit for one in ending)
    return BrianNeuron(group, namespace, membrane, assigned, moved, initial)


@dataclass(frozen=True)
class Choices:
    """What :func:`circuit_from_brian2` is told about single objects, by their Brian2 names.

    Of groups: the variables that are ``membranes`` and expressions for ``initial`` values that differ, in which i and N
    count the neurons of each population where a group is cut; of Synapses: the
    names of ``weights`` in on_pre, the potentials (volt) that are ``references`` of weights, expressions for ``delays``
    that differ, and connection ``rules``. ``drop_self_connections`` leaves out synapses from a neuron to itself.
    """

    membranes: Mapping[str, str] = field(default_factory=dict)
    initial: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, Any] = field(default_factory=dict)
    delays: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, ConnectionRule] = field(default_factory=dict)
    drop_self_connections: bool = False


def circuit_from_brian2(
    objects: brian2.Network | Iterable[Any],
    name: str,
    *,
    drive: Drive | None = None,
    ratio: float = 1.0,
    namespace: Mapping[str, Any] | None = None,
    choices: Choices | None = None,
) -> Circuit:
    """A circuit of Brian2 objects: groups, Poisson groups and synapses; monitors are left out.

    Groups become populations, cut where synapses use subgroups; their kind is the sign of what they project, excitatory
    where that is nothing. Synapses become projections: all to all where every pair is connected, of fixed in-degree
    where all are equal; every other rule has to be named in ``choices.rules``, and is checked against the synapses
    there are. One model serves each group and each Synapses, named as they are.

    Parameters
    ----------
    objects : a Network, or an iterable of objects.
    name : of the circuit.
    drive, ratio : of the circuit; an input of the user's own stays in the equations.
    namespace : external names; default: those of the caller, as in Brian2.
    choices : membranes, weights and the like of single objects.

    Raises
    ------
    InvalidInputError : for what a circuit cannot hold, with the object and what would help.
    """
    namespace = get_local_namespace(1) if namespace is None else namespace
    given = list(objects.objects if isinstance(objects, brian2.Network) else objects)
    return _Assembly(given, namespace, choices or Choices()).circuit(name, drive, ratio)


class _Assembly:
    def __init__(self, objects: list[Any], namespace: Mapping[str, Any], choices: Choices) -> None:
        self.choices = choices
        self.groups: list[Any] = []
        self.poisson: list[Any] = []
        found: list[Any] = []
        for one in objects:
            if isinstance(one, brian2.NeuronGroup):
                self.groups.append(one)
            elif isinstance(one, brian2.PoissonGroup):
                self.poisson.append(one)
            elif isinstance(one, brian2.Synapses):
                found.append(one)
            elif not isinstance(one, (*_MONITORS, Subgroup)):
                raise InvalidInputError(
                    f"'{one.name}' is a {type(one).__name__}, which a circuit cannot hold; there are NeuronGroup, "
                    f"PoissonGroup and Synapses"
                )
        names = [one.name for one in (*self.groups, *self.poisson, *found)]
        self._check_choices(names)
        self.segments = {one.name: self._cut(one, found) for one in (*self.groups, *self.poisson)}
        self.synapses = []
        for one in found:
            for end in (one.source, one.target):
                if getattr(end, "source", end).name not in self.segments:
                    raise InvalidInputError(
                        f"synapses '{one.name}': group '{end.name}' is not among the objects; add it"
                    )
            reference = choices.references.get(one.name)
            potential = None if reference is None else value_of(reference, "mV", f"reference of {one.name}")
            whole = getattr(one.source, "source", one.source)
            self.synapses.append(
                BrianSynapses(
                    one,
                    namespace,
                    choices.weights.get(one.name),
                    potential,
                    choices.delays.get(one.name),
                    self.segments[whole.name][0].name if len(self.segments[whole.name]) == 1 else "",
                )
            )
        self.neurons = {
            one.name: _neuron(
                one, self.synapses, namespace, choices.membranes.get(one.name), choices.initial.get(one.name, {})
            )
            for one in self.groups
        }

    def _check_choices(self, names: list[str]) -> None:
        from ssnbrian.circuit.errors import nearest

        for key in ("membranes", "initial", "weights", "references", "delays", "rules"):
            for name in getattr(self.choices, key):
                if name not in names:
                    raise InvalidInputError(f"choices.{key}: there is no object '{name}'. {nearest(name, names)}")

    @staticmethod
    def _cut(group: Any, synapses: list[Any]) -> list[Segment]:
        """The populations of a group, cut at the ends of the subgroups that synapses use."""
        ends = [
            end
            for one in synapses
            for end in (one.source, one.target)
            if getattr(end, "source", end).name == group.name
        ]
        parts = {(int(end.start), int(end.stop)): end.name for end in ends if isinstance(end, Subgroup)}
        cuts = sorted({0, group.N, *itertools.chain.from_iterable(parts)})
        pairs = list(itertools.pairwise(cuts))
        base = group.name.removeprefix("neurons_")
        if len(pairs) == 1:
            return [Segment(base, 0, int(group.N))]
        # Brian2 names subgroups after their group where the user gives no name.
        return [Segment(f"{base}_{k}", *pair) for k, pair in enumerate(pairs)]

    def _covered(self, end: Any) -> list[Segment]:
        segments = self.segments[getattr(end, "source", end).name]
        start = int(end.start) if isinstance(end, Subgroup) else 0
        stop = int(end.stop) if isinstance(end, Subgroup) else segments[-1].stop
        return [one for one in segments if start <= one.start and one.stop <= stop]

    def circuit(self, name: str, drive: Drive | None, ratio: float) -> Circuit:
        """The whole."""
        projections: list[Projection] = []
        signs: dict[str, float] = {}
        for one in self.synapses:
            brought = synapse_model(one, self.neurons[one.target.name], one.synapses.name)
            for source in self._covered(one.synapses.source):
                self._add_sign(signs, source.name, brought.weight, one.where)
                for target in self._covered(one.synapses.target):
                    rule = self._rule(one, source, target)
                    if rule is not None:
                        weight = Value(abs(brought.weight.si), brought.weight.dimension)
                        projections.append(Projection(source.name, target.name, weight, rule, brought.model))
        kinds = {segment: "inhibitory" if sign < 0 else "excitatory" for segment, sign in signs.items()}
        populations = []
        for group in self.groups:
            model = neuron_model(self.neurons[group.name], group.name)
            for part in self.segments[group.name]:
                populations.append(Population(part.name, part.size, model, kinds.get(part.name, "excitatory")))
        inputs = [self._input(group, part, kinds) for group in self.poisson for part in self.segments[group.name]]
        text = "brought in from Brian2"
        return Circuit(name, tuple(populations), tuple(projections), drive, ratio, text, inputs=tuple(inputs))

    @staticmethod
    def _add_sign(signs: dict[str, float], source: str, weight: Value, where: str) -> None:
        sign = float(np.sign(weight.si))
        if sign and signs.setdefault(source, sign) != sign:
            raise InvalidInputError(
                f"{where}: population '{source}' excites here and inhibits elsewhere; split it into two groups"
            )

    @staticmethod
    def _input(group: Any, part: Segment, kinds: Mapping[str, str]) -> InputPopulation:
        where = f"Poisson group '{group.name}'"
        if isinstance(group.variables["rates"], Subexpression):
            raise InvalidInputError(f"{where}: its rates are an expression; give one rate, e.g. rates=10*Hz")
        rate = uniform_value(group, "rates", where, "make a group of each rate")
        assert rate is not None
        return InputPopulation(part.name, part.size, rate, kinds.get(part.name, "excitatory"))

    def _rule(self, one: BrianSynapses, source: Segment, target: Segment) -> ConnectionRule | None:
        """How a part of synapses is connected; None for two parts that it does not connect at all."""
        i, j = (array_of(one.synapses, end, one.where) for end in ("_synaptic_pre", "_synaptic_post"))
        inside = (source.start <= i) & (i < source.stop) & (target.start <= j) & (j < target.stop)
        whole = len(self._covered(one.synapses.source)) * len(self._covered(one.synapses.target)) == 1
        if not inside.any() and not whole:
            return None
        part = ConnectedPart(one.synapses.name, source, target, i[inside], j[inside])
        return part.rule(self.choices.rules.get(one.synapses.name), self.choices.drop_self_connections)
