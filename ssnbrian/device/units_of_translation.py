"""Few translation units instead of one per code object: the headers, half of the compiler's work, are read once each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SEPARATE = "SEPARATE_UNIT"
UNITS = 2


def write_units(writer: Any, folder: Path, replaced: set[str]) -> dict[str, str]:
    """Write units of about equal length that include the generated sources.

    ``replaced`` are files that another one includes. Returns the sources to compile for each layout: ``joint`` and, where that fails, ``separate``.
    """
    generated, others = [], set()
    writer.source_files -= replaced
    for name in sorted(writer.source_files):
        path = folder / name
        if not path.is_file() or path.suffix != ".cpp" or SEPARATE in path.read_text(errors="replace"):
            others.add(name)
        elif Path(name).parent.name in ("", "code_objects"):
            generated.append(name)
        else:
            others.add(name)
    units: list[list[str]] = [[] for _ in range(UNITS)]
    loads = [0] * UNITS
    for name in sorted(generated, key=lambda one: -(folder / one).stat().st_size):
        lightest = loads.index(min(loads))
        units[lightest].append(name)
        loads[lightest] += (folder / name).stat().st_size
    separate = " ".join(sorted(writer.source_files))
    files = [f"unit_{number}.cpp" for number in range(UNITS)]
    for name, names in zip(files, units, strict=True):
        writer.write(name, "".join(f'#include "{one}"\n' for one in sorted(names)))
    return {"joint": " ".join([*files, *sorted(others)]), "separate": separate}
