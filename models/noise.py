"""Noise in the membrane.

The default amplitude suits neurons in millivolts, whose threshold lies some 15 mV above rest: far below threshold a
membrane of time constant tau then varies with a standard deviation of sigma sqrt(tau/2), 3.5 mV at 10 ms and 5 mV at
20 ms. A neuron in units of its threshold wants a few mV/sqrt(s), as the LIF neurons with noise of their own have.
"""

from ssnbrian.circuit import Noise, Parameter

WHITE_NOISE = Noise(
    name="white_noise",
    amplitude="sigma",
    parameters=(Parameter("sigma", "mV/sqrt(s)", "50 mV/sqrt(s)", "standard deviation of the external white noise"),),
    explanation="white noise",
    source="Uhlenbeck, Ornstein 1930, Phys Rev 36",
)
