"""Checks of output paths before work is spent on what cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

from ssnbrian.circuit.errors import InvalidInputError


def require_writable(path: str | Path) -> None:
    """Raise :class:`InvalidInputError` unless a file can be written at ``path``."""
    path = Path(path)
    parent = path.parent
    if path.is_dir():
        raise InvalidInputError(f"cannot write '{path}': it is a folder; give the name of a file")
    if not parent.is_dir():
        raise InvalidInputError(f"cannot write '{path}': there is no folder '{parent}'")
    if not os.access(path if path.exists() else parent, os.W_OK):
        raise InvalidInputError(f"cannot write '{path}': permission denied")
