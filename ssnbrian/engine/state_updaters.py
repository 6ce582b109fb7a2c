"""The integration method of a neuron model, as Brian2 takes it."""

from __future__ import annotations

from typing import Any

from brian2.stateupdaters.explicit import ExplicitStateUpdater

from ssnbrian.circuit import NeuronModel
from ssnbrian.engine.exponential_step import LinearStep

# Without noise this is Brian2's rk4. Brian2's heun, its only other method for noise above the first order in name, has
# the drift of Euler's.
RUNGE_KUTTA_WITH_NOISE = ExplicitStateUpdater(
    """
    k_1 = dt*f(x, t) + g(x, t)*dW
    k_2 = dt*f(x + k_1/2, t + dt/2) + g(x, t)*dW
    k_3 = dt*f(x + k_2/2, t + dt/2) + g(x, t)*dW
    k_4 = dt*f(x + k_3, t + dt) + g(x, t)*dW
    x_new = x + (k_1 + 2*k_2 + 2*k_3 + k_4)/6
    """,
    stochastic="additive",
)


def state_updater(model: NeuronModel) -> Any:
    """The name of Brian2's method, or the updater of ours that stands for 'exact' and for 'rk4' with noise."""
    if model.method == "exact":
        return LinearStep(model.membrane)
    if model.method == "rk4" and model.noise is not None:
        return RUNGE_KUTTA_WITH_NOISE
    return model.method
