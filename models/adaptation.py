"""Spike-frequency adaptation, by a current or by the threshold.

At a rate r the current is adaptation_step r on average, so that the steady rate solves r = F(mu - adaptation_step r)
with the F-I curve F of the neuron: a small step lowers the rate by the fraction adaptation_step dF/dmu. A threshold
rises by threshold_area r on average. Two parts that raise the threshold join, each with its own time constant.
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

_SOURCE = "Schwalger, Deger, Gerstner 2017, PLoS Comput Biol 13"

THRESHOLD_ADAPTATION = Adaptation(
    name="threshold_adaptation",
    term="threshold_rise",
    equations="dthreshold_rise/dt = -threshold_rise/tau_threshold : volt",
    on_spike="threshold_rise += threshold_area/tau_threshold",
    parameters=(
        Parameter("tau_threshold", "ms", "100 ms", "decay time of the threshold"),
        Parameter("threshold_area", "mV*ms", "100 mV*ms", "area of the threshold's rise after one spike"),
    ),
    explanation="a threshold that every spike raises",
    source=_SOURCE,
    adds_to="threshold",
)

SLOW_THRESHOLD_ADAPTATION = Adaptation(
    name="slow_threshold_adaptation",
    term="slow_threshold_rise",
    equations="dslow_threshold_rise/dt = -slow_threshold_rise/tau_slow_threshold : volt",
    on_spike="slow_threshold_rise += slow_threshold_area/tau_slow_threshold",
    parameters=(
        Parameter("tau_slow_threshold", "ms", "1000 ms", "decay time of the slow rise of the threshold"),
        Parameter("slow_threshold_area", "mV*ms", "100 mV*ms", "area of the slow rise after one spike"),
    ),
    explanation="a threshold that every spike raises for long",
    source=_SOURCE,
    adds_to="threshold",
)
