"""Plasticity by spike timing and by rates: a relative weight, 1 at first, multiplies the weight of each synapse.

A spike transmits the weight that it finds and changes it afterwards. Where source and target spike in one time step,
the source comes first, so the pair potentiates: in a balanced rule this adds a drift of order dt (A_plus + A_minus).
"""

from ssnbrian.circuit import Parameter, Plasticity

_LARGEST = Parameter("largest", "1", "2", "largest relative weight; the smallest is 0")
_START = ("relative_weight", "1")

PAIR_STDP = Plasticity(
    name="pair_stdp",
    efficacy="relative_weight",
    equations="""relative_weight : 1
dtrace_source/dt = -trace_source/tau_plus : 1 (event-driven)
dtrace_target/dt = -trace_target/tau_minus : 1 (event-driven)""",
    after="""trace_source += A_plus
relative_weight = clip(relative_weight - trace_target, 0, largest)""",
    on_post="""trace_target += A_minus
relative_weight = clip(relative_weight + trace_source, 0, largest)""",
    parameters=(
        Parameter("tau_plus", "ms", "20 ms", "window of potentiation, source before target"),
        Parameter("tau_minus", "ms", "20 ms", "window of depression, target before source"),
        Parameter("A_plus", "1", "0.005", "largest potentiation by one pair"),
        Parameter("A_minus", "1", "0.00525", "largest depression by one pair"),
        _LARGEST,
    ),
    initial=(_START,),
    explanation="spike-timing-dependent plasticity of all pairs, with exponential windows",
    source="Song, Miller, Abbott 2000, Nat Neurosci 3",
)

TRIPLET_STDP = Plasticity(
    name="triplet_stdp",
    efficacy="relative_weight",
    equations="""relative_weight : 1
dtrace_source/dt = -trace_source/tau_plus : 1 (event-driven)
dtrace_target/dt = -trace_target/tau_minus : 1 (event-driven)
dtrace_slow/dt = -trace_slow/tau_slow : 1 (event-driven)""",
    after="""trace_source += 1
relative_weight = clip(relative_weight - A2_minus*trace_target, 0, largest)""",
    on_post="""relative_weight = clip(relative_weight + A3_plus*trace_source*trace_slow, 0, largest)
trace_target += 1
trace_slow += 1""",
    parameters=(
        Parameter("tau_plus", "ms", "16.8 ms", "decay of the trace of source spikes"),
        Parameter("tau_minus", "ms", "33.7 ms", "decay of the fast trace of target spikes"),
        Parameter("tau_slow", "ms", "114 ms", "decay of the slow trace of target spikes"),
        Parameter("A3_plus", "1", "0.0065", "potentiation by a triplet of one source and two target spikes"),
        Parameter("A2_minus", "1", "0.0071", "depression by a pair"),
        _LARGEST,
    ),
    initial=(_START,),
    explanation="minimal triplet rule: pairs depress, triplets of one source and two target spikes potentiate",
    source="Pfister, Gerstner 2006, J Neurosci 26 (visual cortex, all to all, minimal)",
)

HEBBIAN = Plasticity(
    name="hebbian_rates",
    efficacy="relative_weight",
    equations="""
drelative_weight/dt = learning*(rate_source*rate_target - decay*relative_weight) : 1 (clock-driven)
drate_source/dt = -rate_source/tau_rate : hertz (clock-driven)
drate_target/dt = -rate_target/tau_rate : hertz (clock-driven)""",
    after="rate_source += 1/tau_rate",
    on_post="rate_target += 1/tau_rate",
    parameters=(
        Parameter("learning", "s", "0.001 s", "speed of learning"),
        Parameter("decay", "Hz**2", "100 Hz**2", "product of rates that keeps the weight as it is"),
        Parameter("tau_rate", "ms", "100 ms", "time over which rates are estimated"),
    ),
    initial=(_START,),
    explanation="Hebb's rule for rates with decay: the relative weight tends to the product of rates over decay",
    source="Dayan, Abbott 2001, Theoretical Neuroscience, chapter 8",
)
