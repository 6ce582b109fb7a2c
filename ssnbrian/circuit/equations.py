"""Brian2 text read without Brian2: equations and statements, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ssnbrian.circuit.errors import InvalidInputError

Kind = Literal["differential", "subexpression", "parameter"]


@dataclass(frozen=True)
class Equation:
    """One equation: its kind, the variable, the right side (None for a parameter), unit, flags and own text."""

    kind: Kind
    name: str
    expression: str | None
    unit: str
    flags: frozenset[str]
    line: str


@dataclass(frozen=True)
class Statement:
    """One statement of a reset or a pathway: ``target operator expression``, with operator ``=``, ``+=``, …"""

    target: str
    operator: str
    expression: str
    line: str


# A right side goes on over lines until the colon before its unit, as in Brian2.
_EQUATION = re.compile(
    r"""\s*(?:(?P<parameter>[A-Za-z_]\w*)
        |(?P<subexpression>[A-Za-z_]\w*)\s*=(?P<static>[^:]+)
        |d\s*(?P<differential>[A-Za-z_]\w*)\s*/\s*dt\s*=(?P<slope>[^:]+))
    \s*:\s*(?P<unit>[A-Za-z0-9*/.\- ]+)
    (?:\s*\(\s*(?P<flags>[A-Za-z][\w\- ]*(?:\s*,\s*[A-Za-z][\w\- ]*)*)\s*\))?""",
    re.VERBOSE | re.ASCII,
)
_ASSIGNMENT = re.compile(r"(?<![=<>!])=(?!=)")
_STATEMENT = re.compile(r"\s*([A-Za-z_]\w*)\s*([-+*/%]?=)(?!=)\s*([^#]*[^#\s])\s*(?:#.*)?", re.ASCII | re.DOTALL)


def in_one_line(text: str) -> str:
    """Text with its line ends and repeated blanks replaced by single blanks."""
    return " ".join(text.split())


def parse_equations(text: str, where: str) -> tuple[Equation, ...]:
    """Equations in their order.

    Raises :class:`InvalidInputError`, naming ``where`` and the line, for a line that is no equation and for a
    variable that is declared twice.
    """
    plain = re.sub(r"#[^\n]*", "", text)
    found: list[Equation] = []
    position = 0
    while plain[position:].strip():
        match = _EQUATION.match(plain, position)
        if match is None:
            raise _no_equation(plain, position, where)
        equation = _equation(match, where)
        if equation.name in [one.name for one in found]:
            raise InvalidInputError(
                f"{where}, line '{equation.line}': '{equation.name}' is declared a second time; rename one of the two"
            )
        found.append(equation)
        position = match.end()
    return tuple(found)


def with_added_term(text: str, variable: str, term: str) -> tuple[str, int]:
    """Equations with ``term`` added to the derivative of a variable, and how many such equations there were."""
    pattern = re.compile(rf"^(\s*d\s*{re.escape(variable)}\s*/\s*dt\s*=\s*)([^:]*?)(\s*:)", re.MULTILINE)
    return pattern.subn(lambda match: f"{match[1]}{match[2]} + {term}{match[3]}", text)


def _equation(match: re.Match[str], where: str) -> Equation:
    expression = match["slope"] or match["static"]
    if expression is not None and (equals := _ASSIGNMENT.search(expression)):
        # The colon found belongs to a later equation: this one has no unit.
        start = match.start("slope" if match["slope"] else "static")
        before = match.string[match.start() : start + equals.start()].strip()
        raise InvalidInputError(
            f"{where}, line '{in_one_line(before.splitlines()[0])}': there is no unit at its end; "
            f"an equation ends with its unit, such as ': volt' or ': 1'"
        )
    kind: Kind = "differential" if match["slope"] else "subexpression" if match["static"] else "parameter"
    flags = frozenset(flag.strip() for flag in (match["flags"] or "").split(",") if flag.strip())
    right_side = None if expression is None else in_one_line(expression)
    return Equation(kind, match[kind], right_side, match["unit"].strip(), flags, in_one_line(match[0]))


def _no_equation(plain: str, position: int, where: str) -> InvalidInputError:
    rest = plain[position:]
    start = position + len(rest) - len(rest.lstrip())
    line = in_one_line(plain[plain.rfind("\n", 0, start) + 1 :].split("\n", maxsplit=1)[0])
    right = "write 'dx/dt = … : unit', 'x = … : unit' or 'x : unit', with the derivative to dt and a unit such as volt"
    return InvalidInputError(f"{where}, line '{line}': this is no equation; {right}")


def parse_statements(text: str, where: str) -> Iterator[Statement]:
    """Statements in their order, one a line or separated by ``;``; :class:`InvalidInputError` for a line that is none.

    Brian2 takes a comment behind a statement, but no line that is a comment only.
    """
    for line in re.split(r"[;\n]", text):
        if not line.strip():
            continue
        match = _STATEMENT.fullmatch(line)
        if match is None:
            raise InvalidInputError(
                f"{where}, line '{line.strip()}': this is no statement; write 'x = …', 'x += …', 'x -= …', "
                f"'x *= …', 'x /= …' or 'x %= …', and comments only behind one"
            )
        yield Statement(match[1], match[2], match[3], line.strip())
