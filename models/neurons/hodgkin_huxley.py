"""The neuron of Hodgkin and Huxley.

Its exponential step is stable at 0.1 ms, where methods of Runge and Kutta are not, and of second order: at 15 uA/cm2
the interval of 12.7 ms between spikes comes out 0.5 % longer at dt = 0.1 ms, 0.03 % at 0.025 ms. For the order of the
membrane's error see ``scripts/convergence.py``.
"""

from ssnbrian.circuit import NeuronModel, Parameter

HODGKIN_HUXLEY = NeuronModel(
    name="hodgkin_huxley",
    equations="""
dv/dt = (g_Na*m**3*h*(E_Na - v) + g_K*n**4*(E_K - v) + g_leak*(E_leak - v))/capacitance + mu_ext + mu_synaptic : volt
dm/dt = 1/exprel(-(v + 40*mV)/(10*mV))/ms*(1 - m) - 4*exp(-(v + 65*mV)/(18*mV))/ms*m : 1
dh/dt = 0.07*exp(-(v + 65*mV)/(20*mV))/ms*(1 - h) - 1/(1 + exp(-(v + 35*mV)/(10*mV)))/ms*h : 1
dn/dt = 0.1/exprel(-(v + 55*mV)/(10*mV))/ms*(1 - n) - 0.125*exp(-(v + 65*mV)/(80*mV))/ms*n : 1""",
    threshold="v > threshold",
    # A reset has to stand here; the channels themselves bring the membrane back.
    reset="v = v",
    refractory="v > threshold",
    method="exact",
    parameters=(
        Parameter("capacitance", "uF/m**2", "10000 uF/m**2", "membrane capacitance per area (1 uF/cm2)"),
        Parameter("g_Na", "S/m**2", "1200 S/m**2", "sodium conductance per area (120 mS/cm2)"),
        Parameter("g_K", "S/m**2", "360 S/m**2", "potassium conductance per area (36 mS/cm2)"),
        Parameter("g_leak", "S/m**2", "3 S/m**2", "leak conductance per area (0.3 mS/cm2)"),
        Parameter("E_Na", "mV", "50 mV", "reversal potential of sodium"),
        Parameter("E_K", "mV", "-77 mV", "reversal potential of potassium"),
        Parameter("E_leak", "mV", "-54.387 mV", "reversal potential of the leak"),
        Parameter("threshold", "mV", "-20 mV", "potential at which a spike is registered"),
    ),
    initial=(("v", "-65*mV + 5*mV*rand()"), ("m", "0.0529"), ("h", "0.5961"), ("n", "0.3177")),
    explanation="Hodgkin and Huxley's neuron; 1 mV/ms of mean input is 1 uA/cm2",
    source="Hodgkin, Huxley 1952, J Physiol 117; potentials as in Dayan, Abbott 2001, Theoretical Neuroscience",
)
