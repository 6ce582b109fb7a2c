"""Firing-rate networks of two units: tau r' = -r + F(W r + I), with each of the usual activation functions."""

from ssnbrian.circuit import Parameter
from ssnbrian.circuit.rate_model import RateModel

_EQUATIONS = """
dr_1/dt = (-r_1 + F_1)/tau_1 : {rate}
dr_2/dt = (-r_2 + F_2)/tau_2 : {rate}
F_1 = {first} : {rate}
F_2 = {second} : {rate}
h_1 = w_11*r_1 + w_12*r_2 + I_1 : {drive}
h_2 = w_21*r_1 + w_22*r_2 + I_2 : {drive}
"""
_ILLUSTRATIVE = "values illustrative"


def _pair(
    name: str, activation: str, weights: tuple[float, ...], inputs: tuple[float, float], tau: tuple[float, float],
    extras: tuple[Parameter, ...], limits: tuple[str, str], explanation: str, source: str, unit: str = "Hz",
) -> RateModel:  # fmt: skip
    drive, weight = ("mV", "mV/Hz") if unit == "Hz" else ("1", "1")
    first, second = (activation.format(h=f"h_{k}") for k in (1, 2))

    def text(number: float, unit: str) -> str:
        return f"{number:g}" if unit == "1" else f"{number:g} {unit}"

    return RateModel(
        name=name,
        equations=_EQUATIONS.format(rate=unit, drive=drive, first=first, second=second),
        parameters=(
            *(
                Parameter(f"tau_{k}", "ms", text(one, "ms"), f"time constant of unit {k}")
                for k, one in enumerate(tau, 1)
            ),
            *(
                Parameter(f"w_{target}", weight, text(one, weight), f"weight to unit {target[0]} from unit {target[1]}")
                for target, one in zip(("11", "12", "21", "22"), weights, strict=True)
            ),
            *(Parameter(f"I_{k}", drive, text(one, drive), f"input to unit {k}") for k, one in enumerate(inputs, 1)),
            *extras,
        ),
        initial=(("r_1", text(0.1, unit)), ("r_2", text(0, unit))),
        ranges=(("r_1", limits), ("r_2", limits)),
        explanation=explanation,
        source=f"{source}; {_ILLUSTRATIVE}",
    )


SIGMOID = _pair(
    "rate_sigmoid", "r_max/(1 + exp(-beta*({h} - theta)))", (0.3, -0.4, 0.5, -0.2), (10.0, 5.0), (20.0, 10.0),
    (
        Parameter("r_max", "Hz", "100 Hz", "maximal firing rate"),
        Parameter("beta", "1/mV", "0.3 1/mV", "slope of the sigmoid"),
        Parameter("theta", "mV", "10 mV", "input at half of the maximal rate"),
    ),
    ("0 Hz", "100 Hz"), "excitatory and inhibitory rate with a sigmoid", "Dayan, Abbott 2001, chapter 7",
)  # fmt: skip

TANH = _pair(
    "rate_tanh", "tanh({h})", (1.6, -0.5, 0.5, 1.4), (0.0, 0.0), (20.0, 20.0), (), ("-1.5", "1.5"),
    "two units with hyperbolic tangents, activity relative to a background", "Dayan, Abbott 2001, chapter 7", unit="1",
)  # fmt: skip

RELU = _pair(
    "rate_relu", "gain*({h} - theta)*int({h} > theta)", (1.2, -1.0, 1.5, -0.5), (20.0, 15.0), (20.0, 10.0),
    (
        Parameter("gain", "Hz/mV", "1 Hz/mV", "slope above the threshold"),
        Parameter("theta", "mV", "5 mV", "threshold of the input"),
    ),
    ("0 Hz", "50 Hz"), "excitatory and inhibitory rate, rectified linear (stabilized by inhibition)",
    "Dayan, Abbott 2001, chapter 7",
)  # fmt: skip

POWER_LAW = _pair(
    "rate_power_law", "gain*clip(({h} - theta)/scale, 0, inf)**n", (1.25, -0.65, 1.2, -0.5), (10.0, 10.0), (20.0, 10.0),
    (
        Parameter("gain", "Hz", "0.04 Hz", "rate at an input of one scale above the threshold"),
        Parameter("theta", "mV", "0 mV", "threshold of the input"),
        Parameter("scale", "mV", "1 mV", "unit of the input"),
        Parameter("n", "1", "2", "exponent"),
    ),
    ("0 Hz", "40 Hz"), "excitatory and inhibitory rate with a threshold power law (stabilized supralinear network)",
    "Ahmadian, Rubin, Miller 2013",
)  # fmt: skip
