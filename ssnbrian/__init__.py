"""ssnbrian: one circuit, its Brian2 simulation and every theory of it."""

from pathlib import Path

# From a checkout, ``models`` and ``analysis`` stand beside this folder; installed, they stand inside it.
_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "setup.cfg").is_file() and (_checkout / "models").is_dir():
    __path__.append(str(_checkout))
