"""Stochastic resonance: noise that lets neurons follow an input below their threshold."""

from __future__ import annotations

from ssnbrian.models.neurons.lif import LIF

from ssnbrian.circuit import Circuit, Population, Sine


def stochastic_resonance() -> Circuit:
    """1000 uncoupled neurons under a slow sine of mu_ext that never reaches the threshold without noise.

    The mean potential mu_ext tau stays between 0.2 and 0.6 mV, the threshold is 1 mV. The signal-to-noise ratio of the
    spike trains at the frequency of the sine is largest near the sigma given here and falls for less and for more noise
    (``--set 'E.sigma=1.5 mV/sqrt(s)'``); ``analysis/stochastic_resonance.py`` measures and predicts it.
    """
    neurons = Population("E", 1000, LIF, "excitatory", {"sigma": "2.7 mV/sqrt(s)"})
    text = "uncoupled neurons under a subthreshold sine: noise transmits it best at an intermediate sigma"
    source = "effect: Gammaitoni, Hanggi, Jung, Marchesoni 1998, Rev Mod Phys 70; values illustrative"
    return Circuit("stochastic_resonance", (neurons,), (), Sine(20, 10, 0.1, duration=80), 1.0, text, source)
