"""What every script of a published figure shares: its options, its table of numbers, its files."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ssnbrian.analysis.comparison_report import save_figure

from ssnbrian.cli.progress import TerminalProgress

STANDARD_ERRORS = 4.0
"""Sampling error that a measured number may have."""


@dataclass(frozen=True)
class Row:
    """One number of a figure.

    Attributes
    ----------
    what, unit : what it is.
    here : value found here; ``error`` its standard error, for a simulation.
    paper : value in the paper or its published data, if there is one.
    low, high : where it must lie; infinite where nothing is claimed.
    note : which errors the bounds are made of, or why a value differs from the paper's.
    """

    what: str
    unit: str
    here: float
    paper: float | None = None
    error: float | None = None
    low: float = -np.inf
    high: float = np.inf
    note: str = ""

    @property
    def agrees(self) -> bool | None:
        """Whether the number lies where it must; None where nothing is claimed."""
        if np.isinf(self.low) and np.isinf(self.high):
            return None
        return bool(self.low <= self.here <= self.high)


@dataclass
class Numbers:
    """The table of a figure."""

    rows: list[Row] = field(default_factory=list)

    def shown(self, what: str, unit: str, here: float, paper: float | None = None, **more: Any) -> None:
        """A number without a claim."""
        self.rows.append(Row(what, unit, float(here), paper, **more))

    def computed(self, what: str, unit: str, here: float, paper: float, digits: float, note: str = "") -> None:
        """A number of the theory that must be the paper's to ``digits`` (half a unit of its last place)."""
        self.rows.append(Row(what, unit, float(here), paper, None, paper - digits, paper + digits, note))

    def measured(
        self,
        what: str,
        unit: str,
        here: float,
        error: float,
        expected: float,
        other_errors: float = 0.0,
        paper: float | None = None,
        note: str = "",
    ) -> None:
        """A simulated number: within 4 standard errors, and stated errors that are no sampling, of ``expected``."""
        allowed = STANDARD_ERRORS * float(error) + float(other_errors)
        low, high = float(expected) - allowed, float(expected) + allowed
        self.rows.append(Row(what, unit, float(here), paper, float(error), low, high, note))

    def holds(self, what: str, unit: str, here: float, low: float = -np.inf, high: float = np.inf, **more: Any) -> None:
        """A number that must lie between two bounds."""
        self.rows.append(Row(what, unit, float(here), low=float(low), high=float(high), **more))

    @property
    def wrong(self) -> list[Row]:
        """The rows that are not where they must be."""
        return [row for row in self.rows if row.agrees is False]

    def __str__(self) -> str:
        def text(value: float | None) -> str:
            return "" if value is None or np.isinf(value) else f"{value:.5g}"

        lines = [("number", "unit", "paper", "here", "s.e.", "at least", "at most", "", "note")]
        for row in self.rows:
            verdict = {True: "ok", False: "DIFFERS", None: ""}[row.agrees]
            values = (row.paper, row.here, row.error, row.low, row.high)
            lines.append((row.what, row.unit, *map(text, values), verdict, row.note))
        widths = [max(len(line[k]) for line in lines) for k in range(8)]
        table = []
        for line in lines:
            cells = [line[k].ljust(widths[k]) if k in (0, 1, 7) else line[k].rjust(widths[k]) for k in range(8)]
            table.append("  ".join([*cells, line[8]]).rstrip())
        return "\n".join(table)

    def save(self, path: Path) -> None:
        """The table as CSV."""
        with open(path, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(
                ["number", "unit", "paper", "here", "standard error", "at least", "at most", "agrees", "note"]
            )
            for row in self.rows:
                numbers = (row.paper, row.here, row.error, row.low, row.high)
                writer.writerow([row.what, row.unit, *numbers, row.agrees, row.note])


@dataclass(frozen=True)
class Settings:
    """How a figure is to be made: ``quick`` shortens the runs; ``progress`` is handed to the library."""

    quick: bool
    seed: int
    folder: Path
    progress: Any


def run_figure(name: str, title: str, draw: Callable[[Settings], tuple[Any, Numbers]]) -> int:
    """Parse the options, make the figure, save it with its table, say what differs; the exit code."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="shorter runs of the same kind, below a minute")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the files (default: figures)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    progress = TerminalProgress()
    figure, numbers = draw(Settings(arguments.quick, arguments.seed, arguments.out, progress))
    progress.finish()
    save_figure(figure, arguments.out / f"{name}.png")
    numbers.save(arguments.out / f"{name}.csv")
    print(f"{title}\n{numbers}\nfigure: {arguments.out / f'{name}.png'}")
    for row in numbers.wrong:
        print(
            f"differs: {row.what} is {row.here:.5g} {row.unit}, not within {row.low:.5g} to {row.high:.5g}",
            file=sys.stderr,
        )
    return 1 if numbers.wrong else 0


def rates_panel(axis: Any, comparison: Any, population: str, color: str, label: str) -> None:
    """Simulation (dots with standard errors) and theories (lines) of one population over mu_ext."""
    mu = [row.mu_ext for row in comparison.rows]
    rates = [row.simulated[population] for row in comparison.rows]
    errors = [row.standard_errors[population] for row in comparison.rows]
    axis.errorbar(mu, rates, errors, fmt=".", ms=4, color=color, alpha=0.6, label=f"{label}, simulation")
    for theory, style in zip(comparison.rmse, ("--", "-"), strict=False):
        states = [row.states[theory] for row in comparison.rows]
        values = [np.nan if state is None else state.rates[population] for state in states]
        axis.plot(mu, values, ls=style, lw=1.2, color=color, label=f"{label}, {theory.replace('_', '-')}")
    axis.set(xlabel="external input μ_ext (mV/s)", ylabel="firing rate (Hz)")
    axis.legend(frameon=False, fontsize=7)
