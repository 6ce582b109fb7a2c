"""What else than the drive may follow a course during a run: rates of input populations, weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ssnbrian.circuit import Circuit, Course, Drive, InvalidInputError
from ssnbrian.circuit.errors import nearest
from ssnbrian.engine.names import weight_in_target


def _checked(given: Any, unit: str, what: str, example: str) -> Drive:
    if not isinstance(given, Drive) or given.unit != unit:
        got = f"a course in {given.unit}" if isinstance(given, Drive) else repr(given)
        raise InvalidInputError(f"{what}: expected a course in {unit}, e.g. {example}, got {got}")
    if min(given.values) < 0:
        raise InvalidInputError(f"{what}: must not be negative, got {min(given.values):g} {unit}")
    return given


def input_rate_courses(circuit: Circuit, given: Mapping[str, Any], step: float) -> dict[str, Drive]:
    """Course of the rate (Hz) of every input population, in their order; constant where none is given.

    Raises :class:`InvalidInputError` for an unknown name, a wrong unit, or a rate above one spike per step.
    """
    names = [one.name for one in circuit.inputs]
    for name in given:
        if name not in names:
            hint = nearest(name, names) if names else f"The circuit {circuit.name} has none."
            raise InvalidInputError(f"input rates: '{name}' is not an input population. {hint}")
    courses = {}
    for one in circuit.inputs:
        what = f"input rates of {one.name}"
        default = Course([0.0], [one.rate.to("Hz")], "Hz")
        course = _checked(given.get(one.name, default), "Hz", what, "Course([0, 5], [1, 10], 'Hz')")
        if max(course.values) * step > 1:
            raise InvalidInputError(
                f"{what}: {max(course.values):g} Hz is more than one spike per step of {step * 1000:g} ms; "
                f"use more processes of a lower rate, or a smaller dt"
            )
        courses[one.name] = course
    return courses


def weight_courses(circuit: Circuit, given: Mapping[str, Any]) -> dict[str, Drive]:
    """Course of the weight of one synapse (mV, magnitude) by projection, from ``E->E.weight`` or ``J.EE``.

    Raises :class:`InvalidInputError` for an unknown name, a wrong unit, a projection given twice, or a synapse whose
    weight stands in the equations of its target.
    """
    known = {}
    for projection in circuit.projections:
        known[f"{projection.name}.weight"] = projection, 1.0
        known[f"J.{projection.target}{projection.source}"] = projection, circuit.in_degree(projection)
    courses: dict[str, Drive] = {}
    for name, value in given.items():
        if name not in known:
            raise InvalidInputError(f"weights: there is no '{name}'. {nearest(name, known)}")
        projection, share = known[name]
        course = _checked(value, "mV", f"weights {name}", "Course([0, 5], [0.01, 0.02], 'mV')")
        if projection.name in courses:
            raise InvalidInputError(f"weights: two courses were given for {projection.name}")
        if weight_in_target(projection.synapse):
            raise InvalidInputError(
                f"weights {name}: the weight of {projection.synapse.name} acts at the target after the spike, "
                f"so it cannot follow a course; give it one value"
            )
        if share == 0:
            raise InvalidInputError(f"weights {name}: J cannot be shared out over an in-degree of 0")
        courses[projection.name] = course.scaled(1 / share)
    return {one.name: courses[one.name] for one in circuit.projections if one.name in courses}
