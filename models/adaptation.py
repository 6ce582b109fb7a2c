"""Spike-frequency adaptation."""

from ssnbrian.circuit import Adaptation, Parameter

SPIKE_ADAPTATION = Adaptation(
    name="spike_adaptation",
    term="(-adaptation)",
    equations="dadaptation/dt = -adaptation/tau_adaptation : volt/second",
    on_spike="adaptation += adaptation_step/tau_adaptation",
    parameters=(
        Parameter("tau_adaptation", "ms", "100 ms", "decay time of the adaptation current"),
        Parameter("adaptation_step", "mV", "0.1 mV", "area of the adaptation current of one spike"),
    ),
    explanation="a current that every spike raises and that slows the neuron down",
    source="Benda, Herz 2003, Neural Comput 15",
)
