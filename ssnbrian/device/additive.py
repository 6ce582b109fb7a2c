"""Synaptic effects that only add: delivered by counting the spikes that reach each target.

``v_post += w`` with a shared ``w`` has the same effect whatever the synapse, so of the spikes that reach a target in a
step only the number matters. The statement is then applied once per target, multiplied by that number.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
from brian2 import Function
from brian2.codegen.translation import get_identifiers_recursively
from brian2.core.variables import ArrayVariable, AuxiliaryVariable, Subexpression

#: The number of spikes that reach a target in a step, as generated code calls it.
EVENTS = "_events"


class NotAdditiveError(ValueError):
    """Why a synaptic effect cannot be delivered by counting."""


def _shared(names: set[str], variables: Any, variable_indices: Any) -> None:
    for name in sorted(names):
        variable = variables.get(name)
        if isinstance(variable, Function):
            if not variable.stateless:
                raise NotAdditiveError(f"{name}() gives another value at every call")
        elif isinstance(variable, (ArrayVariable, Subexpression, AuxiliaryVariable)):
            scalar = getattr(variable, "scalar", False) or variable_indices[name] == "0"
            if not scalar:
                raise NotAdditiveError(f"'{name}' differs between synapses or neurons")


def additive_code(code: str, prepost: str, variables: Any, variable_indices: Any) -> str:
    """The statements multiplied by the number of spikes.

    Raises
    ------
    NotAdditiveError
        When a statement does more than to add a shared amount to a variable of the target.
    """
    if prepost != "pre":
        raise NotAdditiveError("its events come from the target")
    try:
        statements = ast.parse("\n".join(line.strip() for line in code.splitlines())).body
    except SyntaxError:
        raise NotAdditiveError("its statements span several lines") from None
    if not statements:
        raise NotAdditiveError("it has no effect")
    lines, written, read = [], set(), set()
    for statement in statements:
        if not isinstance(statement, ast.AugAssign) or not isinstance(statement.op, (ast.Add, ast.Sub)):
            raise NotAdditiveError(f"'{ast.unparse(statement)}' does not add")
        name = ast.unparse(statement.target)
        variable = variables.get(name)
        if not isinstance(variable, ArrayVariable) or variable_indices[name] != "_postsynaptic_idx":
            raise NotAdditiveError(f"'{name}' is not a variable of the target")
        if np.dtype(variable.dtype).kind != "f":
            raise NotAdditiveError(f"'{name}' is not a real number")
        if name in written:
            raise NotAdditiveError(f"'{name}' is changed twice")
        written.add(name)
        amount = ast.unparse(statement.value)
        names = get_identifiers_recursively([amount], variables)
        _shared(names & set(variables), variables, variable_indices)
        read |= names
        lines.append(f"{name} {'+' if isinstance(statement.op, ast.Add) else '-'}= ({amount})*{EVENTS}")
    if overlap := written & read:
        raise NotAdditiveError(f"'{sorted(overlap)[0]}' is both read and changed")
    return "\n".join(lines)
