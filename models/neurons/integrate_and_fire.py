"""Integrate-and-fire neurons in millivolts, without noise; ``+ WHITE_NOISE`` adds it.

The mean inputs are currents over the capacitance: mu_ext = I/C, in mV/s. The exponential upstroke is held beyond the
peak, where the spike has been registered, so that no stage of an integration step overflows.
"""

from ssnbrian.circuit import NeuronModel, Parameter

_TAU = Parameter("tau", "ms", "20 ms", "membrane time constant")
_REST = Parameter("rest", "mV", "-65 mV", "resting potential")
_RESET = Parameter("reset", "mV", "-65 mV", "potential after a spike")
_REFRACTORY = Parameter("refractory_period", "ms", "2 ms", "absolute refractory period")

LEAKY = NeuronModel(
    name="lif",
    equations="dv/dt = (rest - v)/tau + mu_ext + mu_synaptic : volt (unless refractory)",
    threshold="v > threshold",
    reset="v = reset",
    refractory="refractory_period",
    parameters=(_TAU, _REST, Parameter("threshold", "mV", "-50 mV", "spike threshold"), _RESET, _REFRACTORY),
    initial=(("v", "reset + rand()*(threshold - reset)"),),
    explanation="leaky integrate-and-fire",
    source="Lapicque 1907; Gerstner, Kistler, Naud, Paninski 2014, Neuronal Dynamics, chapter 1",
)

ESCAPE_NOISE = NeuronModel(
    name="lif_escape_noise",
    equations="""dv/dt = (rest - v)/tau + mu_ext + mu_synaptic : volt (unless refractory)
hazard = escape_rate*exp((v - threshold)/escape_width) : hertz""",
    threshold="rand() < 1 - exp(-hazard*dt)",
    reset="v = reset",
    refractory="refractory_period",
    parameters=(
        *LEAKY.parameters,
        Parameter("escape_rate", "Hz", "100 Hz", "rate of spikes at the threshold"),
        Parameter("escape_width", "mV", "2 mV", "distance over which the rate grows by e"),
    ),
    initial=LEAKY.initial,
    explanation="leaky integrate-and-fire that spikes at random, at a rate that grows exponentially with the membrane",
    source="Gerstner, Kistler, Naud, Paninski 2014, Neuronal Dynamics, chapter 9",
)

EXPONENTIAL_IF = NeuronModel(
    name="exponential_if",
    equations="""
dv/dt = (rest - v + slope_factor*upstroke)/tau + mu_ext + mu_synaptic : volt (unless refractory)
upstroke = exp(clip(v - rheobase_threshold, -inf*volt, peak - rheobase_threshold)/slope_factor) : 1""",
    threshold="v > peak",
    reset="v = reset",
    refractory="refractory_period",
    method="rk4",
    parameters=(
        Parameter("tau", "ms", "10 ms", "membrane time constant"),
        _REST,
        Parameter("rheobase_threshold", "mV", "-50 mV", "potential at which the slope of the I-V curve vanishes"),
        Parameter("slope_factor", "mV", "2 mV", "sharpness of the spike's onset"),
        Parameter("peak", "mV", "-30 mV", "potential at which the spike is registered"),
        _RESET,
        _REFRACTORY,
    ),
    initial=(("v", "reset + rand()*(rheobase_threshold - reset)"),),
    explanation="exponential integrate-and-fire",
    source="Fourcaud-Trocmé, Hansel, van Vreeswijk, Brunel 2003, J Neurosci 23",
)

QUADRATIC_IF = NeuronModel(
    name="quadratic_if",
    equations="""dv/dt = (v - rest)*(v - critical)/(tau*(critical - rest)) + mu_ext + mu_synaptic : volt""",
    threshold="v > peak",
    reset="v = reset",
    method="rk4",
    parameters=(
        Parameter("tau", "ms", "20 ms", "time constant at rest"),
        _REST,
        Parameter("critical", "mV", "-50 mV", "unstable potential above which the neuron fires without input"),
        Parameter("peak", "mV", "0 mV", "potential at which the spike is registered"),
        _RESET,
    ),
    initial=(("v", "reset + rand()*(critical - reset)"),),
    explanation="quadratic integrate-and-fire",
    source="Latham, Richmond, Nelson, Nirenberg 2000, J Neurophysiol 83",
)

ADEX = NeuronModel(
    name="adex",
    equations="""
dv/dt = (g_leak*(rest - v + slope_factor*upstroke) - w)/capacitance + mu_ext + mu_synaptic : volt
upstroke = exp(clip(v - rheobase_threshold, -inf*volt, peak - rheobase_threshold)/slope_factor) : 1
dw/dt = (a*(v - rest) - w)/tau_w : amp""",
    threshold="v > peak",
    reset="v = reset\nw += b",
    method="rk4",
    parameters=(
        Parameter("capacitance", "pF", "281 pF", "membrane capacitance"),
        Parameter("g_leak", "nS", "30 nS", "leak conductance"),
        Parameter("rest", "mV", "-70.6 mV", "resting potential"),
        Parameter("rheobase_threshold", "mV", "-50.4 mV", "potential at which the slope of the I-V curve vanishes"),
        Parameter("slope_factor", "mV", "2 mV", "sharpness of the spike's onset"),
        Parameter("tau_w", "ms", "144 ms", "time constant of the adaptation current"),
        Parameter("a", "nS", "4 nS", "subthreshold adaptation"),
        Parameter("b", "nA", "0.0805 nA", "adaptation current that a spike adds"),
        Parameter("peak", "mV", "-40 mV", "potential at which the spike is registered"),
        Parameter("reset", "mV", "-70.6 mV", "potential after a spike"),
    ),
    initial=(("v", "reset + rand()*(rheobase_threshold - reset)"), ("w", "0*amp")),
    explanation="adaptive exponential integrate-and-fire",
    source="Brette, Gerstner 2005, J Neurophysiol 94",
)

IZHIKEVICH = NeuronModel(
    name="izhikevich",
    equations="""
dv/dt = 0.04*v**2/(mV*ms) + 5*v/ms + 140*mV/ms - recovery + mu_ext + mu_synaptic : volt
drecovery/dt = a*(b*v - recovery) : volt/second""",
    threshold="v > peak",
    reset="v = reset\nrecovery += d",
    method="rk4",
    parameters=(
        Parameter("a", "1/ms", "0.02 1/ms", "rate of the recovery variable"),
        Parameter("b", "1/ms", "0.2 1/ms", "coupling of the recovery variable to the membrane"),
        Parameter("reset", "mV", "-65 mV", "potential after a spike (c)"),
        Parameter("d", "mV/ms", "8 mV/ms", "jump of the recovery variable at a spike"),
        Parameter("peak", "mV", "30 mV", "potential at which the spike is registered"),
    ),
    initial=(("v", "reset + 10*mV*rand()"), ("recovery", "b*v")),
    explanation="Izhikevich's neuron, regular spiking by default",
    source="Izhikevich 2003, IEEE Trans Neural Netw 14",
)
