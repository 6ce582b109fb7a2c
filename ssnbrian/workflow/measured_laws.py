"""Measured power laws of a circuit's populations, with the shunt where they receive conductances."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssnbrian.analysis.conductance_transfer import fit_conductance_law
from ssnbrian.analysis.mean_field import conductance_range, has_conductances, recognise_lif, reference_potential
from ssnbrian.analysis.power_law import PowerLaw
from ssnbrian.circuit import Adaptation, Circuit, InvalidInputError, Parameter, Population
from ssnbrian.workflow.transfer_fit import described, measured_curve, measured_law

CONDUCTANCES = 3

_STEADY_CONDUCTANCE = Adaptation(
    name="steady_conductance",
    term="steady_conductance*(steady_potential - v)",
    equations="",
    parameters=(
        Parameter("steady_conductance", "Hz", "0 Hz", "conductance over the capacitance"),
        Parameter("steady_potential", "mV", "0 mV", "potential towards which it pulls"),
    ),
    explanation="a steady conductance",
)


def measured_laws(circuit: Circuit, **settings: Any) -> dict[str, PowerLaw]:
    """The measured power law of each population whose neurons are no plain LIF, by name.

    Neurons with equal model, parameters and conductances are measured once. ``settings`` are those of
    :func:`~ssnbrian.workflow.transfer_fit.measured_law`. Raises :class:`~ssnbrian.circuit.InvalidInputError` as it
    does, also where no power law fits.
    """
    found: dict[Any, PowerLaw] = {}
    laws = {}
    for population in circuit.populations:
        if recognise_lif(population.neuron) is not None:
            continue
        ends, potential = (0.0, 0.0), 0.0
        if has_conductances(circuit, population.name):
            ends, potential = conductance_range(circuit, population.name), reference_potential(circuit, population)
        key = (population.neuron, population.parameters, ends, potential)
        if key not in found:
            try:
                found[key] = _law(population, ends, potential, settings)
            except InvalidInputError:
                raise
            except ValueError as error:
                raise InvalidInputError(f"the {described(population)} have no power law: {error}") from None
        laws[population.name] = found[key]
    return laws


def _law(population: Population, ends: tuple[float, float], potential: float, settings: dict[str, Any]) -> PowerLaw:
    if ends[1] == 0:
        return measured_law(population, **settings).law
    return measured_conductance_law(population, ends, potential, **settings)


def measured_conductance_law(
    population: Population, conductances: tuple[float, float], potential: float, **settings: Any
) -> PowerLaw:
    """The law nu = a (mu - b - shunt g)_+^n of any neuron from F–I curves at steady conductances g.

    Parameters
    ----------
    conductances : smallest and largest, 1/s over the capacitance; curves are measured at both and halfway.
    potential : mV, towards which they pull; the mean inputs are those of the neuron without them.
    settings : as for :func:`~ssnbrian.workflow.transfer_fit.measured_law`, whose errors are raised.
    """
    levels = np.linspace(*conductances, CONDUCTANCES)
    model, name = population.neuron + _STEADY_CONDUCTANCE, population.name
    curves = []
    for level in levels:
        parameters = dict(population.parameters) | {
            "steady_conductance": f"{float(level)!r} Hz",
            "steady_potential": f"{potential!r} mV",
        }
        curves.append(measured_curve(Population(name, 1, model, parameters=parameters), **settings))
    mu, rates = (np.array([getattr(curve, one) for curve in curves]) for one in ("mu", "rates"))
    return fit_conductance_law(mu, levels, rates, settings.get("maximum_rate", 10.0))
