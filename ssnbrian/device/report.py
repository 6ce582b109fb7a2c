"""What a network was made into: which path each of its objects takes, and why no faster one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssnbrian.device.fusion import Fusion

#: Written by every run: what its pathways chose.
PATHS_FILE = "ssnbrian_paths.txt"
_OWN_TEMPLATES = {
    "stateupdate": "own template, numbers in blocks",
    "threshold": "own template, candidates first",
    "synapses": "own template",
    "synapses_push_spikes": "own template",
    "synapses_create_generator": "own template",
}


@dataclass(frozen=True)
class Choice:
    """One object of the network: its path and why no faster one."""

    name: str
    path: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.path}" + (f" ({self.reason})" if self.reason else "")


def synapse_choices(not_compact: Mapping[str, str | None], not_additive: Mapping[str, str | None]) -> list[Choice]:
    """How synapses are stored and their effects delivered."""
    stored = [
        Choice(name, "rows of targets" if why is None else "synapse arrays", why or "")
        for name, why in sorted(not_compact.items())
    ]
    delivered = [
        Choice(name, "additive" if why is None else "synapse by synapse", why or "")
        for name, why in sorted(not_additive.items())
    ]
    return stored + delivered


def code_object_choices(code_objects: Mapping[str, Any], fusions: Iterable[Fusion], fast: type) -> list[Choice]:
    """Which template each code object was made from."""
    fused = {name: fusion.members[-1] for fusion in fusions for name in fusion.members}
    choices = []
    for name, code_object in code_objects.items():
        template = code_object.template_name
        if name in fused:
            choices.append(Choice(name, "fused", f"one pass with {fused[name]}"))
        elif template not in _OWN_TEMPLATES or not isinstance(code_object, fast):
            choices.append(Choice(name, "Brian2's template", f"there is no faster '{template}'"))
        else:
            choices.append(Choice(name, _OWN_TEMPLATES[template]))
    return choices


def chosen_in_run(results: Path) -> list[Choice]:
    """What the pathways of a run chose, from the file it wrote."""
    try:
        lines = (results / PATHS_FILE).read_text().splitlines()
    except OSError:
        return []
    return [Choice(*line.split(": ", 1)) for line in lines]
