"""Theories of a circuit beside its simulation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssnbrian.circuit import Circuit, Drive, InvalidInputError, Recording

from .error_budget import ErrorBudget, error_budget
from .reduction import Reduction
from .states import SteadyState
from .statistics import BinnedRates, binned_rates

if TYPE_CHECKING:
    from .mesoscopic.finite_size import FiniteSizeComparison

_BISECTIONS = 30


@dataclass(frozen=True)
class Onset:
    """Where a condition starts or stops to hold along the drive, according to one theory."""

    theory: str
    condition: str
    starts: bool
    mu_ext: float
    rates: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One bin: drive at its centre (mV/s), simulated rates with standard errors (Hz), and the theories' states."""

    time: float
    mu_ext: float
    simulated: Mapping[str, float]
    standard_errors: Mapping[str, float]
    states: Mapping[str, SteadyState | None]


@dataclass(frozen=True)
class Comparison:
    """Simulation and theories side by side.

    Attributes
    ----------
    rows : one per bin.
    rmse : theory -> population -> root-mean-square difference from the simulation, Hz (None without a state).
    onsets : where conditions start or stop to hold along the drive.
    conditions : per theory that states conditions, what is possible at the circuit's ratio.
    error_budget : dt bias, sampling error and theory error, as far as they can be told apart.
    complete : per theory, whether the search for steady states was proven complete in every bin.
    metadata : of the recording.
    finite_size : fluctuations and spectra beside those of the population model, where the mesoscopic theory is among
        those compared, the drive is constant and the recording long enough.
    """

    circuit: str
    populations: tuple[str, ...]
    rows: tuple[Row, ...]
    rmse: Mapping[str, Mapping[str, float | None]]
    onsets: tuple[Onset, ...]
    conditions: Mapping[str, Any]
    error_budget: ErrorBudget | None
    complete: Mapping[str, bool]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    finite_size: FiniteSizeComparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a machine."""
        rows = [
            {
                "time": row.time,
                "mu_ext": row.mu_ext,
                "simulated": dict(row.simulated),
                "standard_errors": dict(row.standard_errors),
                "theories": {name: None if state is None else dict(state.rates) for name, state in row.states.items()},
            }
            for row in self.rows
        ]
        return {
            "circuit": self.circuit,
            "rows": rows,
            "rmse": {name: dict(values) for name, values in self.rmse.items()},
            "conditions": dict(self.conditions),
            "onsets": [
                {
                    "theory": o.theory,
                    "condition": o.condition,
                    "starts": o.starts,
                    "mu_ext": o.mu_ext,
                    "rates": dict(o.rates),
                }
                for o in self.onsets
            ],
            "error_budget": None if self.error_budget is None else self.error_budget.to_json(),
            "complete": dict(self.complete),
            "recording": dict(self.metadata),
            "finite_size": None if self.finite_size is None else self.finite_size.to_json(),
        }

    def __str__(self) -> str:
        from .comparison_report import comparison_text

        return comparison_text(self)

    def plot(self, path: str | Path) -> None:
        """Draw simulation and theories into a file."""
        from .comparison_report import comparison_figure

        comparison_figure(self, path)


def _choose(states: Sequence[SteadyState], previous: SteadyState | None) -> SteadyState | None:
    """The stable state nearest to the one followed so far; the lowest where there is none yet."""
    stable = [state for state in states if state.stable]
    if not stable:
        return None
    if previous is None:
        return stable[0]
    return min(stable, key=lambda state: sum((state.rates[name] - previous.rates[name]) ** 2 for name in state.rates))


def _along(
    theory: Reduction, drives: Mapping[str, Drive], times: np.ndarray, progress: Callable[[str, float], None]
) -> tuple[list[SteadyState | None], bool]:
    """The state that a slowly driven network would follow, at every time, and whether all searches were complete."""
    chosen: list[SteadyState | None] = []
    previous, complete = None, True
    for index, time in enumerate(times):
        states = theory.steady_states({name: drive(time) for name, drive in drives.items()})
        complete = complete and states.complete
        chosen.append(_choose(states, previous))
        previous = chosen[-1] or previous
        progress(f"theory {theory.name}", (index + 1) / len(times))
    return chosen, complete


def _onsets(
    theory: Reduction, drives: Mapping[str, Drive], times: np.ndarray, states: Sequence[SteadyState | None], first: str
) -> list[Onset]:
    found = []
    for flag, words in (("inhibition_stabilized", "isn"), ("supersaturating", "supersaturation")):
        for index in range(len(times) - 1):
            left, right = states[index], states[index + 1]
            if left is None or right is None or getattr(left, flag) == getattr(right, flag):
                continue
            low, high, state = times[index], times[index + 1], right
            for _ in range(_BISECTIONS):
                middle = (low + high) / 2
                between = _choose(theory.steady_states({n: d(middle) for n, d in drives.items()}), left)
                if between is None:
                    break
                if getattr(between, flag) == getattr(left, flag):
                    low = middle
                else:
                    high, state = middle, between
            onset = Onset(theory.name, words, bool(getattr(right, flag)), float(drives[first](high)), dict(state.rates))
            found.append(onset)
    return found


def _rmse(rows: Sequence[Row], theory: str, population: str) -> float | None:
    differences = [
        row.states[theory].rates[population] - row.simulated[population]  # type: ignore[union-attr]
        for row in rows
        if row.states[theory] is not None
    ]
    return math.sqrt(sum(d * d for d in differences) / len(differences)) if differences else None


def _rows(
    times: np.ndarray, drive: Drive, binned: Mapping[str, BinnedRates], states: Mapping[str, list[SteadyState | None]]
) -> tuple[Row, ...]:
    return tuple(
        Row(
            time=float(time),
            mu_ext=float(drive(time)),
            simulated={name: float(one.rates[k]) for name, one in binned.items()},
            standard_errors={name: float(one.standard_errors[k]) for name, one in binned.items()},
            states={name: chosen[k] for name, chosen in states.items()},
        )
        for k, time in enumerate(times)
    )


def compare(
    circuit: Circuit,
    recording: Recording,
    theories: Sequence[Reduction] | Reduction,
    width: float = 1.0,
    progress: Callable[[str, float], None] = lambda stage, fraction: None,
) -> Comparison:
    """Set theories beside a recording of the circuit.

    Rates are taken in bins of ``width`` seconds and compared with each theory's stable steady state at the drive of
    the bin's centre; where several are stable, with the one that a slow drive would have led to from the lowest.

    Raises :class:`~ssnbrian.circuit.InvalidInputError` when the recording is too short or not of this circuit.
    """
    theories = [theories] if isinstance(theories, Reduction) else list(theories)
    _check(circuit, recording, theories)
    names = tuple(population.name for population in circuit.populations)
    first = next((one.name for one in circuit.populations if one.kind == "excitatory"), names[0])
    courses = {**recording.drives, **recording.input_rates}
    drives = {name: Drive("recorded", tuple(times), tuple(values), None) for name, (times, values) in courses.items()}
    binned = binned_rates(recording, width)
    times = binned[names[0]].times
    states, complete, onsets = {}, {}, []
    for theory in theories:
        states[theory.name], complete[theory.name] = _along(theory, drives, times, progress)
        onsets += _onsets(theory, drives, times, states[theory.name], first)
    rows = _rows(times, drives[first], binned, states)
    conditions: dict[str, Any] = {}
    for theory in theories:
        if hasattr(theory, "conditions"):
            conditions |= theory.conditions(recording.metadata.get("ratio", circuit.ratio))
    rmse = {theory.name: {name: _rmse(rows, theory.name, name) for name in names} for theory in theories}
    return Comparison(
        circuit=circuit.name,
        populations=names,
        rows=rows,
        rmse=rmse,
        onsets=tuple(onsets),
        conditions=conditions,
        error_budget=error_budget(recording, theories, rows, drives),
        complete=complete,
        metadata=dict(recording.metadata),
        finite_size=_finite_size(circuit, recording, theories, progress),
    )


def _check(circuit: Circuit, recording: Recording, theories: Sequence[Reduction]) -> None:
    if not isinstance(circuit, Circuit) or not isinstance(recording, Recording):
        raise InvalidInputError("compare expects a circuit, its recording and one or more theories, in this order")
    for theory in theories:
        if set(theory.populations) != {population.name for population in circuit.populations}:
            raise InvalidInputError(f"the theory '{theory.name}' is of another circuit than '{circuit.name}'")
    if recording.metadata.get("content_hash") not in (None, circuit.content_hash):
        raise InvalidInputError(
            f"the recording is of another circuit than '{circuit.name}' as it is now: its content hash is "
            f"{recording.metadata['content_hash']}, the circuit's {circuit.content_hash}"
        )
    if recording.weights:
        raise InvalidInputError(
            f"the weights of {', '.join(recording.weights)} changed during the recording; a theory has one set of them"
        )


def _finite_size(
    circuit: Circuit, recording: Recording, theories: Sequence[Reduction], progress: Callable[[str, float], None]
) -> FiniteSizeComparison | None:
    if not any(theory.name == "mesoscopic" for theory in theories):
        return None
    from .mesoscopic.finite_size import compare_finite_size, finite_size_refusal

    if finite_size_refusal(circuit, recording) is not None:
        return None
    progress("fluctuations", 0.0)
    found = compare_finite_size(circuit, recording)
    progress("fluctuations", 1.0)
    return found
