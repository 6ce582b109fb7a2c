"""What the library offers, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ssnbrian.models.adaptation import SLOW_THRESHOLD_ADAPTATION, SPIKE_ADAPTATION, THRESHOLD_ADAPTATION
from ssnbrian.models.circuits.adaptation import adex_ei
from ssnbrian.models.circuits.conductance import conductance_ei
from ssnbrian.models.circuits.finite_size import (
    bistable_escape,
    column,
    escape_ei,
    escape_ei_adapting,
    escape_ei_sparse,
    escape_lif,
    winner_take_all,
    winner_take_all_adapting,
)
from ssnbrian.models.circuits.markov import conductance, kicks, kicks_regular, kicks_synchronous
from ssnbrian.models.circuits.short_term_plasticity import (
    depression_ei,
    dynamic_microcircuit,
    facilitating_memory_ei,
)
from ssnbrian.models.circuits.stochastic_resonance import stochastic_resonance
from ssnbrian.models.interneurons import interneurons
from ssnbrian.models.neurons.hodgkin_huxley import HODGKIN_HUXLEY
from ssnbrian.models.neurons.integrate_and_fire import (
    ADEX,
    ESCAPE_NOISE,
    EXPONENTIAL_IF,
    IZHIKEVICH,
    LEAKY,
    QUADRATIC_IF,
)
from ssnbrian.models.neurons.kicks import INTEGER_KICKS, KICK_CONDUCTANCE
from ssnbrian.models.neurons.lif import LIF, LIF_REFRACTORY
from ssnbrian.models.noise import WHITE_NOISE
from ssnbrian.models.papers import ekelmans2023
from ssnbrian.models.plasticity.short_term import (
    DEPRESSION,
    FACILITATION,
    FACILITATION_DEPRESSION,
    TSODYKS_MARKRAM,
)
from ssnbrian.models.plasticity.spike_timing import HEBBIAN, PAIR_STDP, TRIPLET_STDP
from ssnbrian.models.synapses.conductance import CONDUCTANCE_EXCITATORY, CONDUCTANCE_INHIBITORY, NMDA
from ssnbrian.models.synapses.current import ALPHA, DELTA, EXPONENTIAL
from ssnbrian.models.synapses.kicks import (
    PENDING_CONDUCTANCE,
    PENDING_CONDUCTANCE_INHIBITORY,
    PENDING_KICKS,
    PENDING_KICKS_INHIBITORY,
)

from ssnbrian.circuit import Adaptation, Circuit, InvalidInputError, Noise, Plasticity, TemplateLibrary
from ssnbrian.circuit import load_circuit as read_circuit
from ssnbrian.circuit.errors import nearest

CIRCUITS: Mapping[str, Callable[[], Circuit]] = {
    function.__name__: function
    for function in (
        ekelmans2023.supersaturating,
        ekelmans2023.xor_gate,
        ekelmans2023.mouse_v1,
        ekelmans2023.mouse_v1_isn,
        ekelmans2023.bistable,
        ekelmans2023.negative_determinant,
        interneurons,
        conductance_ei,
        depression_ei,
        facilitating_memory_ei,
        adex_ei,
        dynamic_microcircuit,
        stochastic_resonance,
        escape_lif,
        escape_ei,
        escape_ei_sparse,
        escape_ei_adapting,
        winner_take_all,
        winner_take_all_adapting,
        bistable_escape,
        column,
        kicks,
        kicks_regular,
        kicks_synchronous,
        conductance,
    )
}
NEURONS = (
    LIF,
    LIF_REFRACTORY,
    LEAKY,
    ESCAPE_NOISE,
    EXPONENTIAL_IF,
    QUADRATIC_IF,
    ADEX,
    IZHIKEVICH,
    HODGKIN_HUXLEY,
    INTEGER_KICKS,
    KICK_CONDUCTANCE,
)
SYNAPSES = (
    DELTA,
    EXPONENTIAL,
    ALPHA,
    CONDUCTANCE_EXCITATORY,
    CONDUCTANCE_INHIBITORY,
    NMDA,
    PENDING_KICKS,
    PENDING_KICKS_INHIBITORY,
    PENDING_CONDUCTANCE,
    PENDING_CONDUCTANCE_INHIBITORY,
)
#: Parts that are joined to a neuron (adaptation, noise) or to a synapse (plasticity).
ADAPTATION: Mapping[str, Adaptation] = {
    part.name: part for part in (SPIKE_ADAPTATION, THRESHOLD_ADAPTATION, SLOW_THRESHOLD_ADAPTATION)
}
NOISE: Mapping[str, Noise] = {part.name: part for part in (WHITE_NOISE,)}
PLASTICITY: Mapping[str, Plasticity] = {
    part.name: part
    for part in (
        DEPRESSION,
        FACILITATION,
        FACILITATION_DEPRESSION,
        TSODYKS_MARKRAM,
        PAIR_STDP,
        TRIPLET_STDP,
        HEBBIAN,
    )
}
TEMPLATES = TemplateLibrary(
    neurons={model.name: model for model in NEURONS},
    synapses={model.name: model for model in SYNAPSES},
    parts={**ADAPTATION, **NOISE, **PLASTICITY},
)


def load_circuit(path: str | Path) -> Circuit:
    """A circuit from a TOML file, which may name the templates of the library."""
    return read_circuit(path, TEMPLATES)


def find_circuit(name: str) -> Circuit:
    """A circuit of the library by name, or from a TOML file by path."""
    if name in CIRCUITS:
        return CIRCUITS[name]()
    if name.endswith(".toml") or "/" in name or Path(name).is_file():
        return load_circuit(name)
    raise InvalidInputError(
        f"there is no circuit '{name}'. {nearest(name, CIRCUITS)} "
        f"A circuit is a name from 'ssnbrian list' or a .toml file."
    )
