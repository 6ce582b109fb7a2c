"""Write a smaller copy of the supersaturating circuit with the same J, for a run without a compiler.

Usage: python small_circuit.py N_E N_I FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

from ssnbrian.models.papers import ekelmans2023

from ssnbrian.circuit import circuit_to_toml
from ssnbrian.circuit.transforms import resized

if __name__ == "__main__":
    sizes = {"E": int(sys.argv[1]), "I": int(sys.argv[2])}
    Path(sys.argv[3]).write_text(circuit_to_toml(resized(ekelmans2023.supersaturating(), sizes)), encoding="utf-8")
