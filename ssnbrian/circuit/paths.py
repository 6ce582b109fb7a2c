"""Output paths: checked before work is spent on what cannot be written, and written whole."""

from __future__ import annotations

import os
import secrets
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


def write_text(path: Path, text: str) -> None:
    """Write a file so that a killed process or a power failure leaves the old one or the whole new one."""
    part = path.parent / f"{path.name}.{secrets.token_hex(6)}.part"
    try:
        try:
            with open(part, "x", encoding="utf-8", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInputError(f"cannot write '{path}': {error.strerror}") from None
