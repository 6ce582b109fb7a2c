"""Finite-size (mesoscopic) population models: stochastic integral equation, macroscopic and naive forms.

Most of what is here and in :mod:`..renewal` and :mod:`..lnp` is taught in the slides "Neural population dynamics of
finite-size spiking neural networks" (Schwalger, 15 June 2023). Six of their formulas are wrong or ambiguous as printed:

1. P_L of the leaky integrate-and-fire neuron with white noise: delta is printed as (1 + 2 mu)/(4 D); correct is
   (2 mu - 1)/(4 D), as P_L(0) = 1 demands (:mod:`..renewal.white_noise_lif`).
2. The rate of the Langevin equation is printed without the mass a_0; correct is
   r = a_0 F_0 + Lambda (1 - a_0) - 2 Re sum a_n/P_L'(lambda_n), and c_0 is multiplied by a_0. As printed the spectrum
   at frequency 0 is r/N instead of CV^2 r/N (:mod:`..renewal.langevin_equation`).
3. Extinction of x' = sigma sqrt(x) xi by the time t has the probability exp(-2 x/(sigma^2 t)); the 2 is not printed
   (:func:`.simulation.simulate`, model "naive").
4. The potential u(t|t') is printed with e^((t - s)/tau), which grows; correct is e^(-(t - s)/tau). It is also printed
   with J/tau; here a weight is the jump of the membrane in mV (:mod:`.parameters`, :mod:`..lnp.network`).
5. dZ is printed once as the sum and once as the mean of the increments of the neurons; here counts are sums, activities
   means per time, and a weight says which it multiplies (:class:`.parameters.MesoscopicNetwork`, :mod:`..lnp.network`).
6. Two different Lambda have one letter: the stochastic integral equation has 1/(2 int S (1 - S)) = 1/E|T1 - T2| in its
   stationary state, the Langevin equation 1/standard deviation of the intervals; the first is 0.886 of the second for
   Gaussian intervals (:class:`..renewal.Intervals`, which has both by name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .circuits import drive_in_steps, mesoscopic_refusal, network_of
    from .finite_size import FiniteSizeComparison, compare_finite_size
    from .fitted_escape import FittedEscape, fit_escape, fitted_network_of, fitted_refusal, working_rates
    from .initial_state import MesoscopicState
    from .langevin import LangevinNetworkRun, simulate_langevin
    from .network_response import NetworkResponse
    from .parameters import EscapeNeuron, MesoscopicNetwork
    from .simulation import MesoscopicRun, simulate
    from .stationary import network_rates, stationary_rate, survival_in_steps
    from .theory import Mesoscopic

_HOMES = {
    "EscapeNeuron": "parameters",
    "FiniteSizeComparison": "finite_size",
    "FittedEscape": "fitted_escape",
    "LangevinNetworkRun": "langevin",
    "Mesoscopic": "theory",
    "MesoscopicNetwork": "parameters",
    "MesoscopicRun": "simulation",
    "MesoscopicState": "initial_state",
    "NetworkResponse": "network_response",
    "compare_finite_size": "finite_size",
    "drive_in_steps": "circuits",
    "fit_escape": "fitted_escape",
    "fitted_network_of": "fitted_escape",
    "fitted_refusal": "fitted_escape",
    "mesoscopic_refusal": "circuits",
    "network_of": "circuits",
    "network_rates": "stationary",
    "simulate": "simulation",
    "simulate_langevin": "langevin",
    "stationary_rate": "stationary",
    "survival_in_steps": "stationary",
    "working_rates": "fitted_escape",
}
__all__ = [
    "EscapeNeuron",
    "FiniteSizeComparison",
    "FittedEscape",
    "LangevinNetworkRun",
    "Mesoscopic",
    "MesoscopicNetwork",
    "MesoscopicRun",
    "MesoscopicState",
    "NetworkResponse",
    "compare_finite_size",
    "drive_in_steps",
    "fit_escape",
    "fitted_network_of",
    "fitted_refusal",
    "mesoscopic_refusal",
    "network_of",
    "network_rates",
    "simulate",
    "simulate_langevin",
    "stationary_rate",
    "survival_in_steps",
    "working_rates",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
