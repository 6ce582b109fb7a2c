"""Files of figures: checked before work is spent on what cannot be written, and written whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from ssnbrian.analysis.comparison_report import save_figure
from ssnbrian.circuit import InvalidInputError
from ssnbrian.circuit.paths import require_writable


def require_figure(path: str | Path) -> None:
    """Raise :class:`InvalidInputError` unless a figure can be written at ``path``, whose ending is its format."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.removeprefix(".").lower() not in known:
        raise InvalidInputError(f"cannot write the figure '{path}': its name must end in one of .{', .'.join(known)}")
    require_writable(path)


def save_whole(figure: Any, path: str | Path) -> None:
    """Save a figure so that a killed process leaves the old file or the whole new one.

    Raises :class:`InvalidInputError` where it cannot be written.
    """
    require_figure(path)
    path = Path(path)
    part = path.with_name(f"{path.stem}.{secrets.token_hex(6)}.part{path.suffix}")
    try:
        save_figure(figure, part)
        os.replace(part, path)
    except OSError as error:
        raise InvalidInputError(f"cannot write '{path}': {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
