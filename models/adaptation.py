"""Spike-frequency adaptation.

At a rate r the current is adaptation_step r on average, so that the steady rate solves r = F(mu - adaptation_step r)
with the F-I curve F of the neuron: a small step lowers the rate by the fraction adaptation_step dF/dmu.
"""

from ssnbrian.circuit import Adaptation, Parameter

SPIKE_ADAPTATION = Adaptation(
    name="spike_adaptation",
    term="(-adaptation)",
    equations="dadaptation/dt = -adaptation/tau_adaptation : volt/second",
    on_spike="adaptation += adaptation_step/tau_adaptation",
    parameters=(
        Parameter("tau_adaptation", "ms", "100 ms", "decay time of the adaptation current"),
        Parameter("adaptation_step", "mV", "1 mV", "area of the adaptation current of one spike"),
    ),
    explanation="a current that every spike raises and that slows the neuron down",
    source="Benda, Herz 2003, Neural Comput 15",
)
