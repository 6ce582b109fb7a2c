"""A picture of a design: the steady states over the input, and what was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..characteristic import eigenvalues
from ..steady_state_search import steady_states_of_many
from .request import POPULATIONS, Candidate
from .search import DesignResult

INPUTS = 801
_COLOURS = {"E": "tab:red", "I": "tab:blue"}


def _range(result: DesignResult) -> tuple[float, float]:
    drive = result.regime.drive(Candidate(result.weights, result.ratio), result.setting)
    folds = result.verification.found.get("folds_mV_per_s", [])
    values = [0.0, *(drive.values if drive is not None else ()), *folds]
    low, high = min(values), max(values)
    pad = 0.05 * (high - low)
    return low - pad if low < 0 else 0.0, high + pad


def _marks(asked: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """Lines for what was asked for: label and where."""
    marks = []
    for name, value in asked.items():
        numbers = value if isinstance(value, (list, tuple)) else [value]
        for number in numbers:
            if name.endswith("_Hz"):
                label = f"asked: {name.removesuffix('_Hz').replace('_', ' ')} {number:.4g} Hz"
                marks.append((label, {"y": float(number)}))
            elif name.endswith("mV_per_s"):
                label = f"asked: {name.removesuffix('_mV_per_s').replace('_', ' ')} {number:.4g} mV/s"
                marks.append((label, {"x": float(number)}))
    return marks


def plot_design(result: DesignResult, path: str | Path) -> None:
    """Draw the SSN's steady rates over mu_ext at the ratio of the design, stable ones filled, and save to ``path``."""
    from matplotlib.figure import Figure

    low, high = _range(result)
    mu = np.linspace(low, high, INPUTS)
    network = result.setting.network(result.weights)
    found = steady_states_of_many(network, mu, result.ratio * mu)
    stable = eigenvalues(network, found.rates, *result.setting.tau_population).real.max(axis=-1) < 0
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for k, name in enumerate(POPULATIONS):
        for chosen, style in ((stable, {"s": 5}), (~stable, {"s": 5, "alpha": 0.25})):
            label = f"{name}, {'stable' if chosen is stable else 'unstable'}"
            if chosen.any():
                x, y = mu[found.problem[chosen]], found.rates[chosen, k]
                axes.scatter(x, y, color=_COLOURS[name], label=label, linewidths=0, **style)
    for label, where in _marks(dict(result.verification.asked)):
        line = axes.axhline if "y" in where else axes.axvline
        line(*where.values(), color="0.4", linewidth=0.8, linestyle="--" if "y" in where else ":", label=label)
    axes.set_xlabel(f"mu_ext of E (mV/s); I receives {result.ratio:.3g} times as much")
    axes.set_ylabel("steady rate (Hz)")
    axes.set_xlim(low, high)
    top = _highest_shown(found.rates[stable], result.verification.asked)
    axes.set_ylim(0, top)
    axes.set_title(str(result.regime), fontsize=10)
    axes.legend(fontsize=8, markerscale=3)
    figure.savefig(path, dpi=150)


def _highest_shown(stable: np.ndarray, asked: Any) -> float:
    """The stable states and what was asked for fit in; saddles far above do not shrink them."""
    rates = [value for name, value in asked.items() if name.endswith("_Hz") and isinstance(value, float)]
    return 1.1 * max([float(stable.max(initial=0.0)), *rates, 0.1])
