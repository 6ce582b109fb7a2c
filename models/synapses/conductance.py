"""Conductance-based synapses: the input depends on the distance of the membrane from a reversal potential.

``weight`` is the area (mV) of the input of one spike while the membrane is at the reference potential, so J = K j means
what it means for current synapses; the conductance per spike is j/((reversal - reference) tau_synapse), in 1/s, that is
relative to the capacitance. Reversal and reference are potentials of the target's own scale.
"""

from ssnbrian.circuit import Parameter, SynapseModel

_REFERENCE = Parameter("reference", "mV", "-65 mV", "potential at which the weight is the area of the input")

CONDUCTANCE_EXCITATORY = SynapseModel(
    name="conductance_excitatory",
    target_equations="""
dconductance/dt = -conductance/tau_synapse : hertz
mu_conductance = conductance*(reversal - v) : volt/second""",
    current="mu_conductance",
    on_pre="conductance_post += weight/((reversal - reference)*tau_synapse)",
    parameters=(
        Parameter("tau_synapse", "ms", "5 ms", "decay time of the conductance"),
        Parameter("reversal", "mV", "0 mV", "reversal potential"),
        _REFERENCE,
    ),
    explanation="each spike opens a conductance towards an excitatory reversal potential, which decays exponentially",
    source="Destexhe, Mainen, Sejnowski 1998, in Methods in Neuronal Modeling (AMPA)",
)

CONDUCTANCE_INHIBITORY = SynapseModel(
    name="conductance_inhibitory",
    target_equations=CONDUCTANCE_EXCITATORY.target_equations,
    current="mu_conductance",
    on_pre=CONDUCTANCE_EXCITATORY.on_pre,
    parameters=(
        Parameter("tau_synapse", "ms", "10 ms", "decay time of the conductance"),
        Parameter("reversal", "mV", "-70 mV", "reversal potential"),
        Parameter("reference", "mV", "-60 mV", "potential at which the weight is the area of the input"),
    ),
    explanation="each spike opens a conductance towards an inhibitory reversal potential, which decays exponentially",
    source="Destexhe, Mainen, Sejnowski 1998, in Methods in Neuronal Modeling (GABA-A)",
)

NMDA = SynapseModel(
    name="nmda",
    target_equations="""
dconductance/dt = (rising - conductance)/tau_decay : hertz
drising/dt = -rising/tau_rise : hertz
block = 1/(1 + magnesium*exp(-0.062*v/mV)/3.57) : 1 (constant over dt)
mu_conductance = conductance*block*(reversal - v) : volt/second""",
    current="mu_conductance",
    on_pre="""rising_post += weight*(1 + magnesium*exp(-0.062*reference/mV)/3.57)/((reversal - reference)*tau_rise)""",
    parameters=(
        Parameter("tau_rise", "ms", "2 ms", "rise time of the conductance"),
        Parameter("tau_decay", "ms", "100 ms", "decay time of the conductance"),
        Parameter("reversal", "mV", "0 mV", "reversal potential"),
        Parameter("reference", "mV", "-65 mV", "potential at which the weight is the area of the input"),
        Parameter("magnesium", "1", "1", "extracellular magnesium in mmol/l, which blocks the channels at rest"),
    ),
    explanation="a slow conductance that magnesium blocks at rest, without saturation",
    source="Jahr, Stevens 1990, J Neurosci 10 (block); Wang 2002, Neuron 36 (time constants)",
)
