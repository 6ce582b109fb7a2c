"""The right-hand side of the master equation as loops, for compilation: array calls on small vectors cost too much."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from ..compilation import compiled_last
from .kick_equations import KickEquations

__all__ = ["FlowTable", "flow", "flow_table", "right_hand_side", "variational_right_hand_side", "varied_flow"]

Derivatives = Callable[[float, np.ndarray], np.ndarray]


class FlowTable(NamedTuple):
    """What the loops need of KickEquations: ``table`` and the CSR pattern's ``columns`` and ``rows``, ``decay`` and
    ``arrivals``. Indices are unsigned, as compiled code would else provide for negative ones.
    """

    table: np.ndarray
    columns: np.ndarray
    rows: np.ndarray
    decay: np.ndarray
    arrivals: np.ndarray


def flow_table(equations: KickEquations) -> FlowTable:
    """The table of a network's equations."""
    columns, rows = equations.pattern.indices.astype(np.uint64), equations.pattern.indptr.astype(np.uint64)
    return FlowTable(equations.table, columns, rows, equations.decay, equations.arrivals)


def flow(
    X: np.ndarray, table: np.ndarray, columns: np.ndarray, rows: np.ndarray, decay: np.ndarray, arrivals: np.ndarray
) -> np.ndarray:
    """(X', f) (D + n,) at X, whose entries after D are not read; the rest as in FlowTable."""
    pairs, n = arrivals.shape
    total = len(rows) - 1
    places = total - n
    values = table[0].copy()
    for pair in range(pairs):
        rate = decay[pair] * X[places + pair]
        for entry in range(len(values)):
            values[entry] += rate * table[1 + pair, entry]
    result = np.empty(total + pairs)
    for row in range(total):
        change = 0.0
        for entry in range(rows[row], rows[row + 1]):
            change += values[entry] * X[columns[entry]]
        result[row if row < places else row + pairs] = change
    for pair in range(pairs):
        gained = -decay[pair] * X[places + pair]
        for source in range(n):
            gained += arrivals[pair, source] * result[places + pairs + source]
        result[places + pair] = gained
    return result


def varied_flow(
    Y: np.ndarray, table: np.ndarray, columns: np.ndarray, rows: np.ndarray, decay: np.ndarray, arrivals: np.ndarray
) -> np.ndarray:
    """(X', V') (2 D,) of the equations and of a change V that they carry on, at Y = (X, V); the rest as in flow."""
    pairs, n = arrivals.shape
    total = len(rows) - 1
    places = total - n
    size = places + pairs
    X, V = Y[:size], Y[size:]
    values, turned = table[0].copy(), np.zeros(table.shape[1])
    for pair in range(pairs):
        rate, change = decay[pair] * X[places + pair], decay[pair] * V[places + pair]
        for entry in range(len(values)):
            values[entry] += rate * table[1 + pair, entry]
            turned[entry] += change * table[1 + pair, entry]
    result, fluxes = np.empty(2 * size), np.empty((2, n))
    for row in range(total):
        change, variation = 0.0, 0.0
        for entry in range(rows[row], rows[row + 1]):
            here = columns[entry]
            change += values[entry] * X[here]
            variation += values[entry] * V[here] + turned[entry] * X[here]
        if row < places:
            result[row], result[size + row] = change, variation
        else:
            fluxes[0, row - places], fluxes[1, row - places] = change, variation
    for part in range(2):
        for pair in range(pairs):
            place = part * size + places + pair
            gained = -decay[pair] * Y[place]
            for source in range(n):
                gained += arrivals[pair, source] * fluxes[part, source]
            result[place] = gained
    return result


@cache
def _compiled(loop: Callable[..., np.ndarray]) -> Callable[..., np.ndarray] | None:
    """The loop compiled, or None where numba is not installed: array calls then do the same."""
    return compiled_last((loop,))


def right_hand_side(equations: KickEquations, compiled: bool = True) -> Derivatives:
    """(t, (X, spikes per neuron)) -> their derivatives (D + n,), by the compiled loop or by array calls."""
    loop = _compiled(flow) if compiled else None
    if loop is None:
        return lambda _, Y: np.concatenate(equations.flow(Y[: equations.size]))
    table = flow_table(equations)
    return lambda _, Y: loop(Y, *table)


def variational_right_hand_side(equations: KickEquations, compiled: bool = True) -> Derivatives:
    """(t, (X, V)) -> their derivatives (2 D,), V a change of X that the equations carry on."""
    D = equations.size
    loop = _compiled(varied_flow) if compiled else None
    if loop is None:
        return lambda _, Y: np.concatenate([equations(Y[:D]), equations.derivative(Y[:D], Y[D:, None])[0][:, 0]])
    table = flow_table(equations)
    return lambda _, Y: loop(Y, *table)
