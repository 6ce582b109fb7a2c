"""The linear mean field of a network of kicks: the cheapest theory of its rates, as a control.

On its way from the reset to the threshold a neuron is paid for by the mean displacement of all its kicks; inhibition
acts at one mean potential, refractory times and noise are left out:

    (threshold - reset) nu_X = lambda_X + sum_exc C_XY nu_Y - sum_inh C_XY nu_Y,
    C_XY = N_Y P_XY S_XY, times (mean - reversal)/(threshold - reversal) from an inhibitory Y.

Source: Li, Chariker & Young 2019.
"""

from __future__ import annotations

import numpy as np

from ssnbrian.circuit import InvalidInputError, SsnbrianError

from .parameters import MarkovNetwork

__all__ = ["linear_rates"]


def linear_rates(network: MarkovNetwork, mean_potential: float | None = None) -> np.ndarray:
    """Rates (n,) Hz of the linear mean field, negative where it says so: then it does not apply.

    ``mean_potential`` (mV) at which inhibition acts; by default halfway from the reset to the threshold.

    Raises InvalidInputError for a potential outside of the possible ones or a leak, SsnbrianError if the equations have
    no unique solution.
    """
    if np.isfinite(network.leak_time):
        raise InvalidInputError("the linear mean field has no leak; leave leak_time out")
    mean = 0.5 * (network.reset + network.threshold) if mean_potential is None else float(mean_potential)
    if not network.reversal <= mean <= network.threshold:
        raise InvalidInputError(f"mean_potential {mean} mV must lie between reversal and threshold")
    pull = (mean - network.reversal) / (network.threshold - network.reversal)
    strength = network.probabilities * network.sizes * network.weights * np.where(network.inhibitory, -pull, 1.0)
    try:
        return np.linalg.solve((network.threshold - network.reset) * np.eye(len(strength)) - strength, network.drive)
    except np.linalg.LinAlgError:
        raise SsnbrianError("the linear mean field has no unique solution at these weights") from None
