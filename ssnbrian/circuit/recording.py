"""A recording: what a run gave, with everything needed to know where it came from."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ssnbrian.circuit.errors import InvalidInputError
from ssnbrian.circuit.units import floats_of

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Recording:
    """The result of one run.

    Attributes
    ----------
    sizes : neurons per population.
    bin_width : width of the count bins, s.
    counts : spikes of each population per bin, int64, shape (bins,).
    neuron_counts : spikes of each neuron over the run, int64, shape (size,).
    spikes : per population the pair (times in s, indices), both shape (spikes,), where they were recorded.
    variables : ``'E.v'`` -> array (samples, neurons) in SI units, where recorded; ``variable_times`` in s and
        ``variable_neurons`` ``'E.v'`` -> indices belong to them.
    drives : per population the knots (times in s, mu_ext in mV/s) that drove it.
    input_rates : per input population the knots (times in s, rates in Hz) of its rate.
    weights : ``'E->E'`` -> knots (times in s, weights of one synapse in mV), of weights that changed during the run.
    metadata : circuit name and hash, seed, dt (ms), duration (s), status, versions and so on.
    """

    sizes: Mapping[str, int]
    bin_width: float
    counts: Mapping[str, np.ndarray]
    neuron_counts: Mapping[str, np.ndarray]
    drives: Mapping[str, tuple[np.ndarray, np.ndarray]]
    metadata: Mapping[str, Any]
    spikes: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    variables: Mapping[str, np.ndarray] = field(default_factory=dict)
    variable_neurons: Mapping[str, np.ndarray] = field(default_factory=dict)
    variable_times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    input_rates: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    weights: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @property
    def duration(self) -> float:
        """Time simulated, s; shorter than asked for when the run was stopped."""
        return float(self.metadata["duration"])

    @property
    def status(self) -> str:
        """'completed', or why and when the run was stopped."""
        return str(self.metadata["status"])

    @property
    def completed(self) -> bool:
        """Whether the run reached its end."""
        return self.status == "completed"

    @property
    def bin_times(self) -> np.ndarray:
        """Centres of the count bins, s."""
        bins = len(next(iter(self.counts.values())))
        return (np.arange(bins) + 0.5) * self.bin_width

    def rates(self, start: Any = 0.0) -> dict[str, float]:
        """Mean rate per neuron from ``start`` (s, rounded to a bin) to the end, Hz.

        Raises :class:`InvalidInputError` when nothing was recorded from ``start`` on.
        """
        first = round(float(floats_of(start, "s", "start of the rates")) / self.bin_width)
        if first < 0:
            raise InvalidInputError(f"start of the rates: must not be negative, got {start}")
        if first == 0 and self.duration > 0:
            return {
                name: float(counts.sum() / (self.sizes[name] * self.duration))
                for name, counts in self.neuron_counts.items()
            }
        bins = min(len(counts) for counts in self.counts.values()) - first
        if bins <= 0:
            raise InvalidInputError(
                f"nothing was recorded from {first * self.bin_width:g} s on: the recording is {self.duration:g} s long"
            )
        return {
            name: float(counts[first:].sum() / (self.sizes[name] * bins * self.bin_width))
            for name, counts in self.counts.items()
        }

    def save(self, path: str | Path) -> None:
        """Write to ``path`` (.npz) so that a killed run leaves the old file or the whole new one, never half."""
        arrays: dict[str, np.ndarray] = {"variable_times": self.variable_times}
        for name in self.sizes:
            arrays[f"counts/{name}"] = self.counts[name]
            arrays[f"neuron_counts/{name}"] = self.neuron_counts[name]
            arrays[f"drive_times/{name}"], arrays[f"drive_values/{name}"] = self.drives[name]
        for what, courses in (("input_rate", self.input_rates), ("weight", self.weights)):
            for name, (times, values) in courses.items():
                arrays[f"{what}_times/{name}"], arrays[f"{what}_values/{name}"] = times, values
        for name, (times, indices) in self.spikes.items():
            arrays[f"spike_times/{name}"], arrays[f"spike_indices/{name}"] = times, indices
        for name, values in self.variables.items():
            arrays[f"variable/{name}"], arrays[f"variable_neurons/{name}"] = (
                values,
                self.variable_neurons[name],
            )
        header = {
            "format": FORMAT,
            "sizes": dict(self.sizes),
            "bin_width": self.bin_width,
            "metadata": dict(self.metadata),
        }
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        path = Path(path)
        temporary = path.parent / f"{path.name}.{secrets.token_hex(6)}.part"
        try:
            try:
                with open(temporary, "xb") as stream:
                    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
                os.replace(temporary, path)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)
        except OSError as error:
            raise InvalidInputError(f"cannot write '{path}': {error.strerror}") from None

    @staticmethod
    def load(path: str | Path) -> Recording:
        """Read a recording; nothing is unpickled. A missing or damaged file is an :class:`InvalidInputError`."""
        try:
            with np.load(path, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
            header = json.loads(bytes(arrays.pop("header")).decode())
            if header["format"] == FORMAT:
                return _from_arrays(header, arrays)
        except FileNotFoundError:
            raise InvalidInputError(f"there is no file '{path}'") from None
        except OSError as error:
            raise InvalidInputError(f"cannot read '{path}': {error.strerror or error}") from None
        except _DAMAGE as error:
            reason = "" if isinstance(error, ValueError) else f" ({type(error).__name__})"
            raise InvalidInputError(f"'{path}' is not a readable recording, or it is damaged{reason}") from None
        raise InvalidInputError(f"'{path}' has format {header['format']}; this version reads format {FORMAT}")


# np.load gives an array without a context manager for .npy files; zlib speaks for itself on flipped bytes.
_DAMAGE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def _from_arrays(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Recording:
    def group(prefix: str) -> dict[str, np.ndarray]:
        return {key.partition("/")[2]: value for key, value in arrays.items() if key.startswith(prefix + "/")}

    sizes, times, indices = header["sizes"], group("spike_times"), group("spike_indices")
    drive_times, drive_values = group("drive_times"), group("drive_values")
    rate_times, rate_values = group("input_rate_times"), group("input_rate_values")
    weight_times, weight_values = group("weight_times"), group("weight_values")
    return Recording(
        sizes=sizes,
        bin_width=header["bin_width"],
        counts=group("counts"),
        neuron_counts=group("neuron_counts"),
        drives={name: (drive_times[name], drive_values[name]) for name in sizes},
        metadata=header["metadata"],
        input_rates={name: (rate_times[name], rate_values[name]) for name in rate_times},
        weights={name: (weight_times[name], weight_values[name]) for name in weight_times},
        spikes={name: (times[name], indices[name]) for name in times},
        variables=group("variable"),
        variable_neurons=group("variable_neurons"),
        variable_times=arrays["variable_times"],
    )
