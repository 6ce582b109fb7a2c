"""Noise in the membrane."""

from ssnbrian.circuit import Noise, Parameter

WHITE_NOISE = Noise(
    name="white_noise",
    amplitude="sigma",
    parameters=(Parameter("sigma", "mV/sqrt(s)", "3 mV/sqrt(s)", "standard deviation of the external white noise"),),
    explanation="white noise",
)
