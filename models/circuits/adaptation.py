"""An E-I pair of adapting excitatory neurons."""

from __future__ import annotations

from ssnbrian.models.circuits.pair import pair
from ssnbrian.models.neurons.integrate_and_fire import ADEX, LEAKY
from ssnbrian.models.noise import WHITE_NOISE
from ssnbrian.models.synapses.current import EXPONENTIAL

from ssnbrian.circuit import Circuit, Population, Ramp

_NOISE = {"sigma": "60 mV/sqrt(s)"}


def adex_ei() -> Circuit:
    """AdEx excitatory neurons (regular spiking) with LIF inhibition: asynchronous, inhibition-stabilised at high rates.

    Slow E->E synapses with random delays keep the network asynchronous. The SSN needs the F-I curve of the AdEx
    neurons, which ``compare`` and ``predict`` measure; adaptation is part of it, so the power law is that of slow
    inputs, as in the ramp of the default drive.
    """
    populations = (
        Population("E", 1600, ADEX + WHITE_NOISE, "excitatory", _NOISE),
        Population("I", 400, LEAKY + WHITE_NOISE, "inhibitory", {**_NOISE, "tau": "10 ms"}),
    )
    slow, fast = {"tau_synapse": "50 ms", "delay_high": "50 ms"}, {"tau_synapse": "3 ms"}
    return pair(
        "adex_ei",
        populations,
        {"EE": 120.0, "EI": 150.0, "IE": 120.0, "II": 60.0},
        {"E": 160, "I": 100},
        {"EE": (EXPONENTIAL, slow), "EI": (EXPONENTIAL, fast), "IE": (EXPONENTIAL, fast), "II": (EXPONENTIAL, fast)},
        Ramp(1000, 2400, duration=28),
        0.15,
        "adapting AdEx neurons with LIF inhibition: asynchronous and inhibition-stabilised",
    )
