"""An E-I pair with conductance synapses."""

from __future__ import annotations

from ssnbrian.models.circuits.pair import pair
from ssnbrian.models.neurons.integrate_and_fire import LEAKY
from ssnbrian.models.noise import WHITE_NOISE
from ssnbrian.models.synapses.conductance import CONDUCTANCE_EXCITATORY, CONDUCTANCE_INHIBITORY

from ssnbrian.circuit import Circuit, Population, Ramp

_NOISE = "60 mV/sqrt(s)"


def conductance_ei() -> Circuit:
    """LIF neurons in mV whose inhibition also shunts: the excitatory rate falls as the input grows.

    Inhibition reverses at -70 mV, close to rest (-65 mV), so that at high input the conductance that it opens is larger
    than the leak: the membrane becomes faster and less excitable. The weights J are areas at the synapses' reference
    potentials, -65 mV for excitation and -60 mV for inhibition.
    """
    neuron = LEAKY + WHITE_NOISE
    populations = (
        Population("E", 2000, neuron, "excitatory", {"tau": "20 ms", "sigma": _NOISE}),
        Population("I", 500, neuron, "inhibitory", {"tau": "10 ms", "sigma": _NOISE}),
    )
    from_E, from_I = (CONDUCTANCE_EXCITATORY, {}), (CONDUCTANCE_INHIBITORY, {"tau_synapse": "5 ms"})
    return pair(
        "conductance_ei",
        populations,
        {"EE": 45.0, "EI": 150.0, "IE": 90.0, "II": 45.0},
        {"E": 400, "I": 200},
        {"EE": from_E, "EI": from_I, "IE": from_E, "II": from_I},
        Ramp(0, 700, duration=28),
        1.0,
        "conductance synapses: shunting inhibition lowers the excitatory rate at high input",
    )
