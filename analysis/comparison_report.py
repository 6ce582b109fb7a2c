"""A comparison as text and as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssnbrian.circuit import InvalidInputError

from .comparison import Comparison

if TYPE_CHECKING:
    from .mesoscopic.finite_size import FiniteSizeComparison

TITLES = {"ssn": "SSN", "self_consistent": "self-consistent", "balanced": "balanced", "mesoscopic": "mesoscopic"}
_MOST_ROWS = 14
_CONDITIONS = {"isn": "inhibition stabilization (Eq 7)", "supersaturation": "supersaturation (S6)"}


def _title(theory: str) -> str:
    return TITLES.get(theory, theory)


def _number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _table(comparison: Comparison) -> list[str]:
    theories = list(comparison.rmse)
    header = ["mu_ext"]
    for name in comparison.populations:
        header += [f"{name} sim", "+- se", *(f"{name} {_title(theory)}" for theory in theories)]
    body = []
    every = max(1, -(-len(comparison.rows) // _MOST_ROWS))
    for row in comparison.rows[::every]:
        cells = [f"{row.mu_ext:.2f}"]
        for name in comparison.populations:
            cells += [_number(row.simulated[name]), _number(row.standard_errors[name])]
            for theory in theories:
                state = row.states[theory]
                cells.append(_number(None if state is None else state.rates[name]))
        body.append(cells)
    widths = [max(len(line[k]) for line in [header, *body]) for k in range(len(header))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in [header, *body]]
    if comparison.rows and comparison.rows[0].time < 1:
        lines.append("(the first bin holds the start from random membrane potentials)")
    if every > 1:
        lines.append(f"({len(body)} of {len(comparison.rows)} bins; --json gives all)")
    return lines


def _condition_lines(comparison: Comparison) -> list[str]:
    lines = []
    conditions = comparison.conditions
    if "supersaturation" in conditions:
        entry = conditions["supersaturation"]
        word = "possible (Eq 4)" if entry["possible"] else "impossible (Eq 4)"
        if entry["possible"]:
            word += f", holds above an inhibitory rate of {entry['threshold_rate_I']:.4g} Hz (S6)"
        lines.append(f"  supersaturation {word}")
    if "isn" in conditions:
        threshold = conditions["isn"]["threshold_rate_E"]
        text = "never" if threshold is None else f"above an excitatory rate of {threshold:.4g} Hz"
        lines.append(f"  inhibition stabilization {text} (Eq 7)")
    if "balanced" in conditions:
        entry = conditions["balanced"]
        text = "does not exist" if not entry["exists"] else "is stable" if entry["stable"] else "is unstable"
        lines.append(f"  the balanced limit {text} (S2, S4)")
    for onset in comparison.onsets:
        verb = "starts" if onset.starts else "ends"
        rates = ", ".join(f"{name} {rate:.4g} Hz" for name, rate in onset.rates.items())
        lines.append(
            f"  {_title(onset.theory)}: {_CONDITIONS[onset.condition]} {verb} at mu_ext = {onset.mu_ext:.4g} mV/s "
            f"({rates})"
        )
    return lines


def _per_population(values: Any, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {_number(values[name])}" for name in names)


def comparison_text(comparison: Comparison) -> str:
    """Table, conditions and error budget."""
    data, names = comparison.metadata, comparison.populations
    conditions = _condition_lines(comparison)
    conditions = ["conditions", *conditions] if conditions else []
    lines = [
        f"{comparison.circuit}: simulated {data['duration']:g} s, dt {data['dt']:g} ms, seed {data['seed']}, "
        f"{data['status']}; rates in Hz, mu_ext in mV/s",
        *_table(comparison),
        *conditions,
        "root-mean-square difference from the simulation (Hz)",
    ]
    for theory, values in comparison.rmse.items():
        lines.append(f"  {_title(theory):<16} {_per_population(values, names)}")
        if not comparison.complete[theory]:
            lines.append("                   (not proven in every bin that all its steady states were found)")
    budget = comparison.error_budget
    if budget is not None:
        lines.append("error budget (Hz, root mean square over the bins)")
        lines.append(f"  sampling error   {_per_population(budget.sampling, names)}")
        if budget.dt_bias is not None:
            lines.append(f"  dt bias          {_per_population(budget.dt_bias, names)} (predicted)")
        for theory, values in budget.theory.items():
            lines.append(f"  theory error     {_per_population(values, names)} ({_title(theory)}: what remains)")
    if comparison.finite_size is not None:
        lines.append(str(comparison.finite_size))
    return "\n".join(lines)


def comparison_figure(comparison: Comparison, path: str | Path) -> None:
    """Rates of each population over mu_ext (over time where mu_ext is not monotone), simulation and theories."""
    from matplotlib.figure import Figure

    mu = np.array([row.mu_ext for row in comparison.rows])
    times = np.array([row.time for row in comparison.rows])
    monotone = len(mu) > 1 and bool(np.all(np.diff(mu) > 0) or np.all(np.diff(mu) < 0))
    x = mu if monotone else times
    names = comparison.populations
    rows = 1 if comparison.finite_size is None else 2
    figure = Figure(figsize=(5.2 * len(names), 4.0 * rows), layout="constrained")
    grid = figure.subplots(rows, len(names), squeeze=False)
    axes = grid[0]
    for axis, name in zip(axes, names, strict=True):
        rates = [row.simulated[name] for row in comparison.rows]
        errors = [row.standard_errors[name] for row in comparison.rows]
        axis.errorbar(x, rates, errors, fmt="o", ms=3, color="0.35", ecolor="0.6", lw=0.8, label="simulation ± s.e.")
        for number, theory in enumerate(comparison.rmse):
            states = [row.states[theory] for row in comparison.rows]
            values = [np.nan if state is None else state.rates[name] for state in states]
            label = _title(theory) + (" (no stable state)" if not any(states) else "")
            axis.plot(x, values, color=f"C{number}", ls=["-", "--", ":", "-."][number % 4], label=label)
        for onset in comparison.onsets if monotone else ():
            number = list(comparison.rmse).index(onset.theory)
            axis.axvline(onset.mu_ext, color=f"C{number}", lw=0.8, alpha=0.6)
            words = f"{_CONDITIONS[onset.condition].split(' (')[0]} {'starts' if onset.starts else 'ends'}"
            left, right = axis.get_xlim()
            at_right = onset.mu_ext > 0.4 * left + 0.6 * right  # where words to the right would leave the axes
            axis.annotate(
                words, (onset.mu_ext, 0.02 + 0.08 * number), xycoords=("data", "axes fraction"), fontsize=7,
                color=f"C{number}", rotation=0, xytext=(-3 if at_right else 3, 0), textcoords="offset points",
                ha="right" if at_right else "left",
            )  # fmt: skip
        axis.set_xlabel("external input μ_ext (mV/s)" if monotone else "time (s)")
        axis.set_ylabel(f"firing rate of {name} (Hz)")
        axis.set_ylim(0, 1.06 * max(axis.get_ylim()[1], 1e-12))
        axis.legend(frameon=False, fontsize=8)
    if comparison.finite_size is not None:
        for axis, name in zip(grid[1], names, strict=True):
            _draw_spectra(axis, comparison.finite_size, name)
    data = comparison.metadata
    figure.suptitle(
        f"{comparison.circuit}: {data['duration']:g} s, dt {data['dt']:g} ms, seed {data['seed']}", fontsize=10
    )
    save_figure(figure, path)


def _draw_spectra(axis: Any, found: FiniteSizeComparison, name: str) -> None:
    """Spectra of network and population model with what linear theory expects of each."""
    drawn = (
        (found.network, found.network_theory, "network of neurons", "0.35"),
        (found.population_model, found.population_theory, "population model", "C3"),
    )
    for measured, theory, label, color in drawn:
        one = measured[name]
        low, high = one.spectrum - one.spectrum_errors, one.spectrum + one.spectrum_errors
        axis.fill_between(found.frequencies, low, high, color=color, alpha=0.4, lw=0, label=f"{label} ± s.e.")
        if theory is not None:
            axis.plot(found.frequencies, theory[name], color=color, lw=1, ls="--", label=f"{label}, linear theory")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("frequency (Hz)")
    axis.set_ylabel(f"spectrum of the activity of {name} (Hz)")
    axis.legend(frameon=False, fontsize=8)


def save_figure(figure: Any, path: str | Path) -> None:
    """Save a figure; an unwritable path or unknown format is an :class:`InvalidInputError`."""
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"cannot write the figure '{path}': {getattr(error, 'strerror', None) or error}"
        ) from None
