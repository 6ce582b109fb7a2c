"""Leaky integrate-and-fire neurons."""

from ssnbrian.circuit import NeuronModel, Parameter

LIF = NeuronModel(
    name="lif_white_noise",
    equations="dv/dt = -v/tau + mu_ext + mu_synaptic + sigma*xi : volt",
    threshold="v > threshold",
    reset="v = reset",
    membrane="v",
    noise="sigma",
    parameters=(
        Parameter("tau", "ms", "20 ms", "membrane time constant"),
        Parameter("sigma", "mV/sqrt(s)", "3 mV/sqrt(s)", "standard deviation of the external white noise"),
        Parameter("threshold", "mV", "1 mV", "spike threshold above rest"),
        Parameter("reset", "mV", "0 mV", "potential after a spike"),
    ),
    initial=(("v", "reset + rand()*(threshold - reset)"),),
    explanation="leaky integrate-and-fire with white noise, no refractory period",
    source="Ekelmans, Kraynyukova, Tchumatchenko 2023, Eq 8",
)

LIF_REFRACTORY = NeuronModel(
    name="lif_white_noise_refractory",
    equations="dv/dt = -v/tau + mu_ext + mu_synaptic + sigma*xi : volt (unless refractory)",
    threshold="v > threshold",
    reset="v = reset",
    membrane="v",
    noise="sigma",
    refractory="refractory_period",
    parameters=(*LIF.parameters, Parameter("refractory_period", "ms", "2 ms", "absolute refractory period")),
    initial=LIF.initial,
    explanation="leaky integrate-and-fire with white noise and an absolute refractory period",
    source="Ricciardi 1977; Brunel 2000",
)
