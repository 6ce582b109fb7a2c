"""Two translation units instead of one per code object: headers, half of the compiler's work, are read once each.

One holds what runs in every step, the other what runs once; the second is compiled with little optimisation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

SEPARATE = "SEPARATE_UNIT"


def write_units(writer: Any, folder: Path, replaced: set[str], looped: set[str]) -> dict[str, str]:
    """Write the units, which include the generated sources.

    ``replaced`` are files that another one includes, ``looped`` the names of functions that run in every step. Returns
    the sources to compile for each layout: ``joint`` and, where that fails, ``separate``.
    """
    writer.source_files -= replaced
    separate = sorted(writer.source_files)
    units: dict[str, list[str]] = {"unit_loop.cpp": [], "unit_setup.cpp": []}
    others = []
    for name in separate:
        path = folder / name
        generated = Path(name).parent.name in ("", "code_objects") and path.suffix == ".cpp" and path.is_file()
        if not generated or SEPARATE in path.read_text(errors="replace"):
            others.append(name)
        elif path.stem in looped or name == "network.cpp":
            units["unit_loop.cpp"].append(name)
        else:
            units["unit_setup.cpp"].append(name)
    # The loop comes first: of an inline function that stands in both units the linker keeps the first one's.
    for unit, names in units.items():
        writer.write(unit, "".join(f'#include "{name}"\n' for name in names))
    return {"joint": " ".join([*units, *others]), "separate": " ".join(separate)}
