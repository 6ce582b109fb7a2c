"""The right-hand sides of the library's rate models, written by hand in NumPy from their sources, in SI base units.

``RIGHT_HAND_SIDES[name](p, *state)`` gives the slopes in the order of the model's state variables; ``p`` holds the
values of its parameters as attributes. A model that is missing here fails the tests that go through the library.
"""

from functools import cache
from types import SimpleNamespace

import numpy as np


def logistic(x):
    return 1 / (1 + np.exp(-x))


def pair(activation):
    """tau r' = -r + F(W r + I) for two units."""

    def slopes(p, r_1, r_2):
        h_1 = p.w_11 * r_1 + p.w_12 * r_2 + p.I_1
        h_2 = p.w_21 * r_1 + p.w_22 * r_2 + p.I_2
        return (activation(p, h_1) - r_1) / p.tau_1, (activation(p, h_2) - r_2) / p.tau_2

    return slopes


def ctrnn(p, x_1, x_2):
    out_1, out_2 = logistic(x_1 + p.theta_1), logistic(x_2 + p.theta_2)
    return (
        (-x_1 + p.w_11 * out_1 + p.w_12 * out_2 + p.I_1) / p.tau_1,
        (-x_2 + p.w_21 * out_1 + p.w_22 * out_2 + p.I_2) / p.tau_2,
    )


def wilson_cowan(p, r_E, r_I):
    target_E = logistic(p.beta_E * (p.w_EE * r_E - p.w_EI * r_I + p.I_E - p.theta_E))
    target_I = logistic(p.beta_I * (p.w_IE * r_E - p.w_II * r_I + p.I_I - p.theta_I))
    return (target_E - r_E) / p.tau_E, (target_I - r_I) / p.tau_I


def winner_take_all(p, r_1, r_2):
    target_1 = logistic(p.beta * (p.I_1 - p.w * r_2 - p.theta))
    target_2 = logistic(p.beta * (p.I_2 - p.w * r_1 - p.theta))
    return (target_1 - r_1) / p.tau, (target_2 - r_2) / p.tau


def hebbian(p, r_i, r_j, w):
    return (p.I_i - r_i) / p.tau, (p.I_j - r_j) / p.tau, p.eta * (r_i * r_j - p.alpha * w)


def working_memory(p, r_E, r_I):
    h_E = p.w_EE * r_E - p.w_EI * r_I + p.I_E
    h_I = p.w_IE * r_E - p.w_II * r_I + p.I_I
    target_E = p.r_max * logistic(p.beta * (h_E - p.theta_E))
    target_I = p.r_max * logistic(p.beta * (h_I - p.theta_I))
    return (target_E - r_E) / p.tau_E, (target_I - r_I) / p.tau_I


def facilitating_memory(p, r_E, r_I, u, R):
    def soft(h):
        return p.gain * p.width * np.logaddexp(0, h / p.width)

    released = u * R * r_E
    return (
        (soft(p.w_EE * released - p.w_EI * r_I + p.I_E) - r_E) / p.tau_E,
        (soft(p.w_IE * r_E - p.w_II * r_I + p.I_I) - r_I) / p.tau_I,
        (p.U - u) / p.tau_f + p.U * (1 - u) * r_E,
        (1 - R) / p.tau_d - released,
    )


RIGHT_HAND_SIDES = {
    "rate_sigmoid": pair(lambda p, h: p.r_max * logistic(p.beta * (h - p.theta))),
    "rate_tanh": pair(lambda p, h: np.tanh(h)),
    "rate_relu": pair(lambda p, h: p.gain * np.maximum(h - p.theta, 0)),
    "rate_power_law": pair(lambda p, h: p.gain * (np.maximum(h - p.theta, 0) / p.scale) ** p.n),
    "ctrnn": ctrnn,
    "wilson_cowan": wilson_cowan,
    "rate_winner_take_all": winner_take_all,
    "hebbian": hebbian,
    "working_memory": working_memory,
    "facilitating_memory": facilitating_memory,
}


@cache
def values_of(model):
    return SimpleNamespace(**{name: value.si for name, value in model.values.items()})


def slope_by_hand(model, state):
    """dx/dt of a model of the library, or of one with changed parameters, at a state (d,), SI."""
    return np.array(RIGHT_HAND_SIDES[model.name](values_of(model), *state))
