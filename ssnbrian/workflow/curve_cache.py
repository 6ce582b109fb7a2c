"""Measured F–I curves kept beside the build cache, so that no command measures twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssnbrian.circuit import Population, circuit_to_toml
from ssnbrian.engine.build import structure_key
from ssnbrian.engine.cache import BuildCache
from ssnbrian.engine.options import BuildOptions
from ssnbrian.engine.progress import Progress
from ssnbrian.workflow.transfer_curve import TransferCurve, uncoupled

_FILE = "curve.json"


def kept_curve(
    population: Population, settings: Mapping[str, Any], measure: Callable[[], TransferCurve], progress: Progress
) -> TransferCurve:
    """The curve of a population's neurons at ``settings`` (plain values), measured unless it was before.

    The key holds the neuron, its parameters, the settings and everything that shapes the program. Entries appear
    whole, survive concurrent use, and a damaged one is measured anew, as in :class:`~ssnbrian.engine.cache.BuildCache`.
    """
    circuit = uncoupled([population.parameters], 1, population.neuron)
    parts = [structure_key(circuit, BuildOptions()), circuit_to_toml(circuit), dict(settings)]
    text = json.dumps(parts, sort_keys=True)
    key = f"curve-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    measured: list[TransferCurve] = []

    def make(folder: Path) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
        measured.append(measure())
        curve = measured[0]
        rows = {name: getattr(curve, name).tolist() for name in ("mu", "rates", "standard_errors")}
        (folder / _FILE).write_text(json.dumps(rows))
        return [_FILE], {}, {}

    entry = BuildCache().get(key, make, lambda _: True)
    if measured:
        return measured[0]
    progress("the F–I curve was measured before", 1.0)
    rows = {name: np.array(values) for name, values in json.loads((entry.folder / _FILE).read_text()).items()}
    build = {"cached": True, "seconds": 0.0}
    return TransferCurve(population.parameters, **rows, dt=settings["dt"], seed=settings["seed"], build=build)
