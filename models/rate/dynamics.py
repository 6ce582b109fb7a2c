"""Rate models of oscillation, competition and learning."""

from ssnbrian.circuit import Parameter
from ssnbrian.circuit.rate_model import RateModel

CTRNN = RateModel(
    name="ctrnn",
    equations="""
        dx_1/dt = (-x_1 + w_11*s_1 + w_12*s_2 + I_1)/tau_1 : 1
        dx_2/dt = (-x_2 + w_21*s_1 + w_22*s_2 + I_2)/tau_2 : 1
        s_1 = 1/(1 + exp(-(x_1 + theta_1))) : 1
        s_2 = 1/(1 + exp(-(x_2 + theta_2))) : 1
    """,
    parameters=(
        Parameter("tau_1", "s", "1 s", "time constant of unit 1 (the unit of time)"),
        Parameter("tau_2", "s", "1 s", "time constant of unit 2"),
        Parameter("w_11", "1", "4.5", "weight of unit 1 to itself"),
        Parameter("w_12", "1", "1", "weight to unit 1 from unit 2"),
        Parameter("w_21", "1", "-1", "weight to unit 2 from unit 1"),
        Parameter("w_22", "1", "4.5", "weight of unit 2 to itself"),
        Parameter("theta_1", "1", "-2.75", "bias of unit 1"),
        Parameter("theta_2", "1", "-1.75", "bias of unit 2"),
        Parameter("I_1", "1", "0", "input to unit 1"),
        Parameter("I_2", "1", "0", "input to unit 2"),
    ),
    initial=(("x_1", "1"), ("x_2", "1")),
    ranges=(("x_1", ("-2", "8")), ("x_2", ("-3", "7"))),
    explanation="continuous-time recurrent neural network, a two-unit oscillator",
    source="Beer 1995, Adaptive Behavior 3",
)

WILSON_COWAN = RateModel(
    name="wilson_cowan",
    equations="""
        dr_E/dt = (-r_E + F_E)/tau_E : 1
        dr_I/dt = (-r_I + F_I)/tau_I : 1
        F_E = 1/(1 + exp(-beta_E*(w_EE*r_E - w_EI*r_I + I_E - theta_E))) : 1
        F_I = 1/(1 + exp(-beta_I*(w_IE*r_E - w_II*r_I + I_I - theta_I))) : 1
    """,
    parameters=(
        Parameter("tau_E", "ms", "10 ms", "time constant of the excitatory population"),
        Parameter("tau_I", "ms", "10 ms", "time constant of the inhibitory population"),
        Parameter("w_EE", "1", "12", "weight to E from E"),
        Parameter("w_EI", "1", "12", "weight to E from I (subtracted)"),
        Parameter("w_IE", "1", "15", "weight to I from E"),
        Parameter("w_II", "1", "2", "weight to I from I (subtracted)"),
        Parameter("I_E", "1", "6", "input to E"),
        Parameter("I_I", "1", "0", "input to I"),
        Parameter("beta_E", "1", "1", "slope of E"),
        Parameter("beta_I", "1", "1", "slope of I"),
        Parameter("theta_E", "1", "4", "threshold of E"),
        Parameter("theta_I", "1", "3.7", "threshold of I"),
    ),
    initial=(("r_E", "0.1"), ("r_I", "0.05")),
    ranges=(("r_E", ("0", "1")), ("r_I", ("0", "1"))),
    explanation="excitatory and inhibitory population, as fractions of the maximal rate; gamma oscillations",
    source="after Wilson, Cowan 1972, without their refractory factor; values illustrative",
)

WINNER_TAKE_ALL = RateModel(
    name="rate_winner_take_all",
    equations="""
        dr_1/dt = (-r_1 + F_1)/tau : 1
        dr_2/dt = (-r_2 + F_2)/tau : 1
        F_1 = 1/(1 + exp(-beta*(I_1 - w*r_2 - theta))) : 1
        F_2 = 1/(1 + exp(-beta*(I_2 - w*r_1 - theta))) : 1
    """,
    parameters=(
        Parameter("tau", "ms", "20 ms", "time constant"),
        Parameter("w", "1", "2", "mutual inhibition"),
        Parameter("I_1", "1", "1.55", "input to unit 1"),
        Parameter("I_2", "1", "1.45", "input to unit 2"),
        Parameter("beta", "1", "4", "slope of the sigmoid"),
        Parameter("theta", "1", "0.5", "input at half of the maximal rate"),
    ),
    initial=(("r_1", "0"), ("r_2", "0")),
    ranges=(("r_1", ("0", "1")), ("r_2", ("0", "1"))),
    explanation="two units that inhibit each other; from equal rates the one with the larger input wins",
    source="values illustrative",
)

HEBBIAN = RateModel(
    name="hebbian",
    equations="""
        dr_i/dt = (-r_i + I_i)/tau : Hz
        dr_j/dt = (-r_j + I_j)/tau : Hz
        dw/dt = eta*(r_i*r_j - alpha*w) : 1
    """,
    parameters=(
        Parameter("tau", "ms", "20 ms", "time constant of the rates"),
        Parameter("I_i", "Hz", "20 Hz", "steady postsynaptic rate"),
        Parameter("I_j", "Hz", "10 Hz", "steady presynaptic rate"),
        Parameter("eta", "s", "1e-3 s", "learning rate"),
        Parameter("alpha", "Hz**2", "400 Hz**2", "decay of the weight"),
    ),
    initial=(("r_i", "0 Hz"), ("r_j", "0 Hz"), ("w", "0")),
    ranges=(("r_i", ("0 Hz", "50 Hz")), ("r_j", ("0 Hz", "50 Hz")), ("w", ("0", "2"))),
    explanation="Hebbian learning of a weight with decay, between two units of given rates",
    source="Dayan, Abbott 2001, chapter 8; values illustrative",
)
