"""The description: circuits, templates, drives and recordings as plain frozen values."""

from ssnbrian.circuit.circuit import Circuit, InputPopulation, Population, Projection
from ssnbrian.circuit.composition import Adaptation, Cell, Noise, Plasticity
from ssnbrian.circuit.drive import Constant, Course, Drive, PiecewiseLinear, Ramp, Samples, Sine, SineDrive, Staircase
from ssnbrian.circuit.errors import InvalidInputError, SsnbrianError, UnitError
from ssnbrian.circuit.recording import Recording
from ssnbrian.circuit.templates import (
    AllToAll,
    Annealed,
    Bernoulli,
    FixedInDegree,
    NeuronModel,
    Parameter,
    SynapseModel,
)
from ssnbrian.circuit.toml import TemplateLibrary, circuit_from_toml, circuit_to_toml, load_circuit
from ssnbrian.circuit.units import Value, parse_value

__all__ = [
    "Adaptation",
    "AllToAll",
    "Annealed",
    "Bernoulli",
    "Cell",
    "Circuit",
    "Constant",
    "Course",
    "Drive",
    "FixedInDegree",
    "InputPopulation",
    "InvalidInputError",
    "NeuronModel",
    "Noise",
    "Parameter",
    "PiecewiseLinear",
    "Plasticity",
    "Population",
    "Projection",
    "Ramp",
    "Recording",
    "Samples",
    "Sine",
    "SineDrive",
    "SsnbrianError",
    "Staircase",
    "SynapseModel",
    "TemplateLibrary",
    "UnitError",
    "Value",
    "circuit_from_toml",
    "circuit_to_toml",
    "load_circuit",
    "parse_value",
]
