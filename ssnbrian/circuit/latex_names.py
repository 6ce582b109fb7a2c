"""LaTeX of names: Greek letters, subscripts, the symbols of textbooks, and units."""

from __future__ import annotations

import re
from functools import cache

from ssnbrian.circuit.brian_units import brian_units

_GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
        *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
        *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
    )
)
# Names of parameters for which textbooks have a symbol; a potential is v with its name below.
_TEXTBOOK = {
    "threshold": ("v", "threshold"),
    "reset": ("v", "reset"),
    "rest": ("v", "rest"),
    "peak": ("v", "peak"),
    "rheobase_threshold": ("v", "T"),
    "critical": ("v", "critical"),
    "reversal": ("v", "reversal"),
    "reference": ("v", "reference"),
    "capacitance": ("C",),
    "conductance": ("g",),
    "slope_factor": ("Delta", "T"),
    "refractory_period": ("tau", "refractory"),
    "weight": ("j",),
    "relative_weight": ("w",),
}
_SIGNS = {"plus": "+", "minus": "-"}
_LONG_UNITS = {
    "volt": "V",
    "second": "s",
    "hertz": "Hz",
    "amp": "A",
    "ampere": "A",
    "siemens": "S",
    "farad": "F",
    "ohm": r"\Omega",
    "metre": "m",
    "meter": "m",
    "gram": "g",
    "gramme": "g",
    "kelvin": "K",
    "mole": "mol",
    "mol": "mol",
    "molar": "M",
    "newton": "N",
    "pascal": "Pa",
    "joule": "J",
    "watt": "W",
    "coulomb": "C",
}


def _piece(word: str, head: bool) -> str:
    """One word of a name: a Greek letter, a letter with digits, capitals, or upright letters."""
    if word in _GREEK:
        return rf"\{word}"
    if word in _SIGNS and not head:
        return _SIGNS[word]
    if word.isdigit() or (len(word) == 1) or (not head and len(word) == 2 and word.isupper()):
        return word
    return rf"\mathrm{{{word}}}"


def symbol_of(name: str, textbook: bool = True) -> str:
    """The symbol of a name: ``mu_ext`` is a mu with 'ext' below; a textbook's symbol where there is one."""
    ending = next((one for one in ("_pre", "_post") if name.endswith(one)), "")
    stem = name.removesuffix(ending)
    words = list(_TEXTBOOK[stem]) if textbook and stem in _TEXTBOOK else [one for one in stem.split("_") if one]
    words += [ending[1:]] if ending else []
    numbered = re.fullmatch(r"([A-Za-z]+?)(\d+)", words[0])
    if numbered and (len(numbered[1]) == 1 or numbered[1] in _GREEK):
        words[:1] = numbered.groups()
    head, *below = words
    subscript = ",".join(_piece(word, head=False) for word in below)
    return _piece(head, head=True) + (f"_{{{subscript}}}" if below else "")


@cache
def unit_symbol(name: str) -> str:
    """The symbol of a unit of Brian2: ``mvolt`` and ``mV`` are mV, upright; ``metre2`` is a square."""
    stem, power = (name[:-1], name[-1]) if name[-1] in "23" else (name, "")
    for long, short in sorted(_LONG_UNITS.items(), key=lambda pair: -len(pair[0])):
        prefix = stem.removesuffix(long)
        if prefix != stem and len(prefix) <= 2 and stem in brian_units():
            stem = prefix.replace("u", r"\mu ") + short
            break
    else:
        stem = re.sub(r"^u(?=[A-Zsm])", r"\\mu ", stem)
    return rf"\mathrm{{{stem}}}" + (f"^{{{power}}}" if power else "")
