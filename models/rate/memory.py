"""Rate models of working memory."""

from ssnbrian.circuit import Parameter
from ssnbrian.circuit.rate_model import RateModel

_CELLS = (
    Parameter("tau_E", "ms", "20 ms", "time constant of the excitatory population"),
    Parameter("tau_I", "ms", "5 ms", "time constant of the inhibitory population"),
)

WORKING_MEMORY = RateModel(
    name="working_memory",
    equations="""
        dr_E/dt = (-r_E + F_E)/tau_E : Hz
        dr_I/dt = (-r_I + F_I)/tau_I : Hz
        F_E = r_max/(1 + exp(-beta*(w_EE*r_E - w_EI*r_I + I_E - theta_E))) : Hz
        F_I = r_max/(1 + exp(-beta*(w_IE*r_E - w_II*r_I + I_I - theta_I))) : Hz
    """,
    parameters=(
        *_CELLS,
        Parameter("w_EE", "mV/Hz", "0.7 mV/Hz", "weight to E from E"),
        Parameter("w_EI", "mV/Hz", "0.5 mV/Hz", "weight to E from I (subtracted)"),
        Parameter("w_IE", "mV/Hz", "0.35 mV/Hz", "weight to I from E"),
        Parameter("w_II", "mV/Hz", "0.1 mV/Hz", "weight to I from I (subtracted)"),
        Parameter("I_E", "mV", "0 mV", "input to E; the cue raises it"),
        Parameter("I_I", "mV", "0 mV", "input to I"),
        Parameter("r_max", "Hz", "100 Hz", "maximal firing rate"),
        Parameter("beta", "1/mV", "0.25 1/mV", "slope of the sigmoid"),
        Parameter("theta_E", "mV", "15 mV", "input to E at half of the maximal rate"),
        Parameter("theta_I", "mV", "15 mV", "input to I at half of the maximal rate"),
    ),
    initial=(("r_E", "0 Hz"), ("r_I", "0 Hz")),
    ranges=(("r_E", ("0 Hz", "100 Hz")), ("r_I", ("0 Hz", "100 Hz"))),
    explanation="bistable by recurrent excitation: the high state outlasts the cue",
    source="Wang 2001, Trends in Neurosciences 24; values illustrative",
)

FACILITATING_MEMORY = RateModel(
    name="facilitating_memory",
    equations="""
        dr_E/dt = (-r_E + F_E)/tau_E : Hz
        dr_I/dt = (-r_I + F_I)/tau_I : Hz
        du/dt = (U - u)/tau_f + U*(1 - u)*r_E : 1
        dR/dt = (1 - R)/tau_d - u*R*r_E : 1
        F_E = gain*width*log(1 + exp(h_E/width)) : Hz
        F_I = gain*width*log(1 + exp(h_I/width)) : Hz
        h_E = w_EE*u*R*r_E - w_EI*r_I + I_E : mV
        h_I = w_IE*r_E - w_II*r_I + I_I : mV
    """,
    parameters=(
        *_CELLS,
        Parameter("w_EE", "mV/Hz", "5 mV/Hz", "weight to E from E, times u R"),
        Parameter("w_EI", "mV/Hz", "0.5 mV/Hz", "weight to E from I (subtracted)"),
        Parameter("w_IE", "mV/Hz", "0.5 mV/Hz", "weight to I from E"),
        Parameter("w_II", "mV/Hz", "0.2 mV/Hz", "weight to I from I (subtracted)"),
        Parameter("I_E", "mV", "-2 mV", "input to E; the cue raises it"),
        Parameter("I_I", "mV", "-1 mV", "input to I"),
        Parameter("gain", "Hz/mV", "1 Hz/mV", "slope of the rates at high input"),
        Parameter("width", "mV", "1 mV", "width of the rounded threshold"),
        Parameter("U", "1", "0.2", "utilization of resources at rest"),
        Parameter("tau_f", "ms", "1500 ms", "time constant of facilitation"),
        Parameter("tau_d", "ms", "200 ms", "time constant of recovery from depression"),
    ),
    initial=(("r_E", "0 Hz"), ("r_I", "0 Hz"), ("u", "0.2"), ("R", "1")),
    ranges=(("r_E", ("0 Hz", "60 Hz")), ("r_I", ("0 Hz", "60 Hz")), ("u", ("0", "1")), ("R", ("0", "1"))),
    explanation="memory in facilitated synapses: excitatory and inhibitory rate with facilitation u and resources R",
    source="after Mongillo, Barak, Tsodyks 2008 (their U, tau_f, tau_d); the other values illustrative",
)
