"""Parameters along which bifurcations are followed: their names, units, and the theory's numbers at every value.

Four kinds of names: the drive (``mu_ext`` of E, with I at ``ratio`` times it; ``ratio``; ``mu_ext_I`` alone), the
coefficients of an SSN (``a_E``, ``b_E``, ``n_E``, ``J.EE``, ``tau_population_E``, with the names of its populations),
and for a circuit the values that it is described by (``E.tau``, ``E->E.weight``, ``J.EE``). The last need a new fit of
the transfer function at every value. A least-squares fit over a fixed grid of inputs below 10 Hz jumps by a little
whenever an input enters or leaves that range; continuation needs smooth numbers, so the numbers are fitted at
Chebyshev points and represented by polynomials, whose error against single fits is measured and stated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ssnbrian.circuit import Circuit, InvalidInputError
from ssnbrian.circuit.changes import Change, changes
from ssnbrian.circuit.errors import nearest

from .characteristic import TwoPopulationSSN
from .conductance_transfer import fitted_law
from .mean_field import conductance_refusal, coupling_of, recognise_lif
from .parameter_family import DRIVE_UNITS, LOGARITHMIC, SSN_FIELDS, Drive, Family, SmoothNumbers
from .plastic_network import PlasticSSN
from .power_law import PowerLaw
from .projection_efficacies import NOT_CONSTANT
from .reduction import NotApplicableError
from .self_consistent_solver import Coupling
from .ssn import SSN


def circuit_parameters(circuit: Circuit) -> dict[str, Change]:
    """Every value of a circuit that the steady states may depend on, J included."""
    return {name: one for name, one in changes(circuit).items() if one.what in ("population", "weight")}


def _set(change: Change, circuit: Circuit, value: float) -> Circuit:
    return change.apply(circuit, f"{value!r} {change.unit}")


def fitted_laws(circuit: Circuit) -> dict[str, PowerLaw]:
    """Fits for the leaky integrate-and-fire populations of the circuit, each neuron's only once."""
    lif = [one for one in circuit.populations if recognise_lif(one.neuron) is not None]
    return {one.name: fitted_law(circuit, one) for one in lif}


def ssn_numbers(ssn: SSN) -> np.ndarray:
    """The numbers of an SSN of an E-I pair as a vector; a as its logarithm. Plastic weights: what e multiplies."""
    if isinstance(ssn.network, PlasticSSN):
        laws = [getattr(law, name) for law in ssn.transfer for name in "abn"]
        numbers = [*laws, *np.abs(ssn.network.static.weights).ravel(), *ssn.tau_population]
        values = dict(zip(SSN_FIELDS, numbers, strict=True))
    else:
        values = ssn.values()
    vector = np.array([values[name] for name in SSN_FIELDS])
    return np.where(LOGARITHMIC, np.log(np.where(LOGARITHMIC, vector, 1.0)), vector)


def network_of(numbers: np.ndarray) -> TwoPopulationSSN:
    """The network of an SSN's numbers. Raises InvalidInputError for a value that no network has."""
    try:
        plain = np.where(LOGARITHMIC, np.exp(np.where(LOGARITHMIC, numbers, 0.0)), numbers)
        return TwoPopulationSSN(*plain[:10].tolist())
    except ValueError as error:
        raise InvalidInputError(str(error)) from None


def ssn_parameters(ssn: SSN) -> dict[str, tuple[str, int]]:
    """Names of an SSN's own coefficients with their unit and position in its numbers."""
    units = {"a": "Hz/(mV/s)^n", "b": "mV/s", "n": "1", "tau": "s"}
    E, I = ssn.populations
    role = {"E": E, "I": I}
    table = {}
    for k, field in enumerate(SSN_FIELDS):
        kind, _, who = field.partition("_")
        if kind == "J":
            table[f"J.{role[who[0]]}{role[who[1]]}"] = ("mV", k)
        else:
            table[f"{'tau_population' if kind == 'tau' else kind}_{role[who]}"] = (units[kind], k)
    return table


def require_parameter(subject: Circuit | SSN, name: str) -> None:
    """Raise InvalidInputError with the nearest known name for what is no parameter of the circuit or SSN."""
    circuit = subject if isinstance(subject, Circuit) else None
    known = [*DRIVE_UNITS, *(circuit_parameters(circuit) if circuit is not None else ())]
    if circuit is None and subject.kinds == ("excitatory", "inhibitory"):
        known += ssn_parameters(subject)
    elif circuit is not None and sorted(one.kind for one in circuit.populations) == ["excitatory", "inhibitory"]:
        E, I = (one.name for one in sorted(circuit.populations, key=lambda one: one.kind))
        known += [f"{kind}_{who}" for kind in ("a", "b", "n", "tau_population") for who in (E, I)]
    if name not in known:
        raise _unknown(name, known, circuit)


def _unknown(name: str, known: Sequence[str], circuit: Circuit | None) -> InvalidInputError:
    """The error for a name that is no parameter."""
    projections = () if circuit is None else circuit.projections
    for one in projections:
        if name in {f"{one.name}.{parameter}" for parameter in one.parameters}:
            idle = f"the steady states do not depend on '{name}'"
            plastic = f"states are not followed along '{name}', a parameter of plastic synapses"
            return InvalidInputError(f"{plastic if one.synapse.equations else idle}; choose another parameter")
    return InvalidInputError(f"there is no parameter called '{name}'. {nearest(name, known)}")


def _refuse_inputs(names: Sequence[str]) -> None:
    if names:
        raise InvalidInputError(
            f"bifurcations are followed for circuits without input populations; this one has {', '.join(names)}: "
            f"put their mean input into mu_ext"
        )


def ssn_family(
    subject: Circuit | SSN,
    names: Sequence[str],
    ranges: Sequence[tuple[float, float]],
    drive: Drive,
    transfer: Mapping[str, PowerLaw] | None = None,
    tau_population: Any = None,
    plastic: bool = False,
) -> tuple[SSN, Family]:
    """The SSN at the circuit's own values, and its family over the parameters.

    With ``plastic`` synapses may be plastic; the weights among the numbers are then what the efficacies multiply.

    Raises
    ------
    InvalidInputError : a name is unknown, nothing depends on it, or the transfer functions were given although the
        parameter changes the neuron they belong to.
    """
    circuit = subject if isinstance(subject, Circuit) else None
    laws = dict(fitted_laws(circuit)) if circuit is not None else {}
    laws.update(transfer or {})
    ssn = subject if circuit is None else SSN.from_circuit(circuit, transfer=laws, tau_population=tau_population)
    if ssn.kinds != ("excitatory", "inhibitory"):
        raise InvalidInputError(
            f"bifurcations of the SSN are followed for one excitatory and one inhibitory population, not for "
            f"{', '.join(ssn.populations)}"
        )
    if isinstance(ssn.network, PlasticSSN) and not plastic:
        raise NotApplicableError(NOT_CONSTANT)
    _refuse_inputs(ssn.poisson_inputs.names)
    own = ssn_parameters(ssn)
    described = {} if circuit is None else circuit_parameters(circuit)
    units, varied, fitted_ranges = [], [], []
    for name, limits in zip(names, ranges, strict=True):
        if name in DRIVE_UNITS:
            units.append(DRIVE_UNITS[name])
        elif name in own:
            units.append(own[name][0])
        elif name in described:
            units.append(described[name].unit)
            varied.append(described[name])
            fitted_ranges.append(limits)
            for limit in limits:
                _set(described[name], circuit, limit)
        else:
            raise _unknown(name, [*DRIVE_UNITS, *own, *described], circuit)
    if len({*names}) < len(names):
        raise InvalidInputError(f"the two parameters must differ, got '{names[0]}' twice")

    def numbers(values: Sequence[float]) -> np.ndarray:
        if not varied:
            return ssn_numbers(ssn)
        changed = circuit
        for one, value in zip(varied, values, strict=True):
            changed = _set(one, changed, value)
        _refuse_given_laws(circuit, changed, transfer)
        held = {**fitted_laws(changed), **(transfer or {})}
        return ssn_numbers(SSN.from_circuit(changed, transfer=held, tau_population=tau_population))

    base = SmoothNumbers.fitted(numbers, fitted_ranges)
    if varied:
        _refuse_idle(base, [n for n in names if n not in DRIVE_UNITS and n not in own])
    replaced = {name: own[name][1] for name in names if name in own}
    error = _interpolation_error(base, numbers) if varied else 0.0
    family = Family(tuple(names), tuple(units), tuple(ranges), drive, base, replaced, error)
    for corner in np.array(np.meshgrid(*ranges)).reshape(len(names), -1).T:
        numbers_there = family.numbers(corner)
        if not np.all(numbers_there[10:] > 0):
            raise InvalidInputError(f"population time constants must be positive, got {numbers_there[10:].tolist()} s")
        network_of(numbers_there)
    return ssn, family


def _refuse_given_laws(circuit: Any, changed: Any, transfer: Mapping[str, PowerLaw] | None) -> None:
    for name in transfer or {}:
        old, new = circuit.population(name), changed.population(name)
        if old.parameters != new.parameters:
            raise InvalidInputError(
                f"the transfer function of {name} was given, but the parameter changes its neuron, so that the "
                f"function would have to change too; leave transfer to be fitted along"
            )


def _refuse_idle(base: SmoothNumbers, names: Sequence[str]) -> None:
    for axis, name in enumerate(names):
        higher = np.delete(base.coefficients, 0, axis=axis)
        if not np.any(higher):
            raise InvalidInputError(f"the steady states do not depend on '{name}'; choose another parameter")


def _interpolation_error(base: SmoothNumbers, numbers: Callable[[Sequence[float]], np.ndarray]) -> float:
    """Largest difference in Hz of the transfer functions from single fits at values between the nodes."""
    worst = 0.0
    for share in (0.013, 0.137, 0.261, 0.389, 0.517, 0.641, 0.769, 0.893, 0.987):
        values = [low + share * (high - low) for low, high in base.ranges]
        smooth, single = base(values), numbers(values)
        for k in (0, 3):
            law = PowerLaw(np.exp(single[k]), single[k + 1], single[k + 2])
            mu = law.inverse(np.linspace(0, 10, 101))
            ours = PowerLaw(np.exp(smooth[k]), smooth[k + 1], smooth[k + 2])
            worst = max(worst, float(np.max(np.abs(ours(mu) - law(mu)))))
    return worst


def coupling_numbers(coupling: Coupling) -> np.ndarray:
    """The numbers of the self-consistent theory as a vector: J, jJ, sigma, tau, threshold, reset, refractory."""
    parts = (coupling.weights, coupling.variances, coupling.sigma, coupling.tau)
    rest = (coupling.threshold, coupling.reset, coupling.refractory)
    return np.concatenate([np.ravel(part) for part in (*parts, *rest)])


def coupling_with(coupling: Coupling, numbers: np.ndarray) -> Coupling:
    """The coupling of the same populations with those numbers."""
    n = len(coupling.populations)
    J, variances, *rest = np.split(numbers, [n * n, 2 * n * n, *(2 * n * n + k * n for k in range(1, 5))])
    names = ("sigma", "tau", "threshold", "reset", "refractory")
    changed = dict(zip(names, rest, strict=True))
    return dataclasses.replace(coupling, weights=J.reshape(n, n), variances=variances.reshape(n, n), **changed)


def self_consistent_family(
    circuit: Circuit, names: Sequence[str], ranges: Sequence[tuple[float, float]], drive: Drive
) -> tuple[Coupling, Family]:
    """The coupling at the circuit's own values, and its family. Raises as :func:`ssn_family`."""
    _refuse_inputs([one.name for one in circuit.inputs])
    if (reason := conductance_refusal(circuit)) is not None:
        raise NotApplicableError(f"the self-consistent states of '{circuit.name}' cannot be followed: {reason}")
    described = circuit_parameters(circuit)
    units, fitted = [], []
    for name, limits in zip(names, ranges, strict=True):
        if name not in DRIVE_UNITS and name not in described:
            raise _unknown(name, [*DRIVE_UNITS, *described], circuit)
        units.append(DRIVE_UNITS[name] if name in DRIVE_UNITS else described[name].unit)
        if name in described:
            fitted.append((described[name], limits))
            for limit in limits:
                _set(described[name], circuit, limit)

    def numbers(values: Sequence[float]) -> np.ndarray:
        changed = circuit
        for (one, _), value in zip(fitted, values, strict=True):
            changed = _set(one, changed, value)
        return coupling_numbers(coupling_of(changed))

    base = SmoothNumbers.fitted(numbers, [limits for _, limits in fitted])
    if fitted:
        _refuse_idle(base, [name for name in names if name in described])
    return coupling_of(circuit), Family(tuple(names), tuple(units), tuple(ranges), drive, base, {})
