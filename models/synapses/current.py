"""Current synapses; the area of the postsynaptic input is the weight, whatever the time course."""

from ssnbrian.circuit import Parameter, SynapseModel

DELTA = SynapseModel(
    name="delta",
    on_pre="v_post += weight",
    explanation="each spike moves the membrane potential by the weight at once",
    source="Ekelmans, Kraynyukova, Tchumatchenko 2023, Eq 10",
)

ALPHA = SynapseModel(
    name="alpha",
    target_equations="""
dmu_filtered/dt = (mu_rising - mu_filtered)/tau_synapse : volt/second
dmu_rising/dt = -mu_rising/tau_synapse : volt/second""",
    current="mu_filtered",
    on_pre="mu_rising_post += weight/tau_synapse",
    parameters=(Parameter("tau_synapse", "ms", "5 ms", "time from a spike to the peak of its input"),),
    explanation="each spike adds an input of area weight that rises and falls as an alpha function",
    source="Rall 1967, J Neurophysiol 30",
)

EXPONENTIAL = SynapseModel(
    name="exponential",
    target_equations="dmu_filtered/dt = -mu_filtered/tau_synapse : volt/second",
    current="mu_filtered",
    on_pre="mu_filtered_post += weight/tau_synapse",
    parameters=(
        Parameter("tau_synapse", "ms", "10 ms", "decay time of the input"),
        Parameter("delay_low", "ms", "0 ms", "shortest delay"),
        Parameter("delay_high", "ms", "0 ms", "longest delay; delays are uniform between the two"),
    ),
    delay="delay_low + rand()*(delay_high - delay_low)",
    explanation="each spike adds an exponentially decaying input of area weight after a random delay",
    source="Ekelmans, Kraynyukova, Tchumatchenko 2023, Eq 11",
)
