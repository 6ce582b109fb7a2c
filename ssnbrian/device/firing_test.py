"""A cheap condition that holds for every neuron that fires.

A threshold such as ``v > theta or rand() < exp(x)`` is expensive where it is false, which is nearly always. The test
made here leaves out what is expensive and keeps what must hold: it is true for all neurons that fire and for few
others, and it has no branches. It needs little of the random numbers:

- ``rand() < exp(x)``: only the least number of all neurons, because ``x > log(least)`` where a neuron fires. The
  others are drawn, on condition that they are larger, for the neurons that are left.
- ``rand() < p``: only the first 16 bits. What the number is rounded down to is below p where the number itself is. The
  other bits are drawn for the neurons that are left. For p a bound from above will do, without an exponential:
  1 - exp(-x) <= x, and a number that is at least exp(x) by at most 6.2 % costs next to nothing.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, TypeGuard

UNIFORM = "_uniform_"
#: Functions that the compiler evaluates for many neurons at once.
VECTORISED = {"exp", "log", "sqrt", "sin", "cos", "abs"}
LOG = "_log"
BOUND = "_at_least_exp"


@dataclass(frozen=True)
class FiringTest:
    """``first`` (None: there is none) and ``exact`` condition; name and kind of the numbers they share.

    The kinds are ``least`` (``first`` knows the logarithm of the least, by the name followed by _log), ``coarse`` and,
    where there is no first condition, ``uniform``.
    """

    first: str | None
    exact: str
    draws: tuple[tuple[str, str], ...]


def _is_call(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _calls(node: ast.AST) -> bool:
    """Whether it calls what cannot be evaluated for many neurons at once."""
    return any(
        isinstance(part, ast.Call) and not (isinstance(part.func, ast.Name) and part.func.id in VECTORISED)
        for part in ast.walk(node)
    )


def _bounded(node: ast.expr) -> ast.expr | None:
    """A product of one exponential and other factors with a bound in place of the exponential, or None.

    Where the other factors are negative so are the product and what stands for it: nothing is lost.
    """
    if _is_call(node, "exp"):
        return None if _calls(node.args[0]) else ast.Call(ast.Name(BOUND, ast.Load()), node.args, [])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _bounded(node.operand)
        return operand and ast.UnaryOp(ast.USub(), operand)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        calls = [any(isinstance(part, ast.Call) for part in ast.walk(side)) for side in (node.left, node.right)]
        if calls == [True, False]:
            left = _bounded(node.left)
            return left and ast.BinOp(left, node.op, node.right)
        if calls == [False, True] and isinstance(node.op, ast.Mult):
            right = _bounded(node.right)
            return right and ast.BinOp(node.left, node.op, right)
    return None


def _probability_bound(node: ast.expr) -> ast.expr:
    """At least ``node`` wherever that is positive, and cheaper."""
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and isinstance(node.left, ast.Constant)
        and node.left.value == 1
        and _is_call(node.right, "exp")
    ):
        node = ast.UnaryOp(ast.USub(), node.right.args[0])
    return _bounded(node) or node


class _Relaxation:
    def __init__(self) -> None:
        self.draws: dict[str, str] = {}
        self.replaced: dict[ast.AST, str] = {}

    def _draw(self, call: ast.AST, kind: str) -> str:
        name = f"{UNIFORM}{len(self.draws)}"
        self.draws[name] = kind
        self.replaced[call] = name
        return name

    def relaxed(self, node: ast.expr) -> ast.expr | None:
        """A cheap condition implied by ``node``, or None for one that always holds."""
        if isinstance(node, ast.BoolOp):
            parts = [self.relaxed(part) for part in node.values]
            if isinstance(node.op, ast.And):
                # A bound on a probability implies what only limits its use.
                parts = [part for part in parts if part is not None and self._is_random(part)] or parts
            if isinstance(node.op, ast.Or) and None in parts:
                return None
            kept = [part for part in parts if part is not None]
            if not kept:
                return None
            return kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)
        if isinstance(node, ast.Name) and node.id == "not_refractory":
            return None
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._compared(node)
        return None if _calls(node) else node

    def _is_random(self, node: ast.AST) -> bool:
        return any(isinstance(part, ast.Name) and part.id.removesuffix(LOG) in self.draws for part in ast.walk(node))

    def _compared(self, node: ast.Compare) -> ast.expr | None:
        left, operator, right = node.left, node.ops[0], node.comparators[0]
        if isinstance(operator, (ast.Gt, ast.GtE)):
            left, right = right, left
        if isinstance(operator, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) and _is_call(left, "rand"):
            if _is_call(right, "exp") and not _calls(right.args[0]):
                log = ast.Name(self._draw(left, "least") + LOG, ast.Load())
                return ast.Compare(right.args[0], [ast.GtE()], [log])
            if not _calls(right):
                return ast.Compare(
                    ast.Name(self._draw(left, "coarse"), ast.Load()), [ast.LtE()], [_probability_bound(right)]
                )
        return None if _calls(node) else node


class _Substitution(ast.NodeTransformer):
    def __init__(self, replaced: dict[ast.AST, str]) -> None:
        self.replaced = replaced

    def visit_Call(self, node: ast.Call) -> Any:
        if node in self.replaced:
            return ast.Name(self.replaced[node], ast.Load())
        return self.generic_visit(node)


class _Everywhere(ast.NodeTransformer):
    """Every rand() by a name, for a condition that is evaluated for all neurons."""

    def __init__(self) -> None:
        self.uniforms: list[str] = []

    def visit_Call(self, node: ast.Call) -> Any:
        if _is_call(node, "rand"):
            self.uniforms.append(f"{UNIFORM}{len(self.uniforms)}")
            return ast.Name(self.uniforms[-1], ast.Load())
        return self.generic_visit(node)


def firing_test(condition: str) -> FiringTest:
    """The test that belongs to a threshold condition in Brian2's syntax."""
    tree = ast.parse(condition.strip(), mode="eval").body
    relaxation = _Relaxation()
    first = relaxation.relaxed(tree)
    if first is None or ast.dump(first) == ast.dump(tree):
        everywhere = _Everywhere()
        exact = ast.unparse(ast.fix_missing_locations(everywhere.visit(tree)))
        return FiringTest(None, exact, tuple((name, "uniform") for name in everywhere.uniforms))
    text = ast.unparse(ast.fix_missing_locations(first))
    exact = ast.unparse(ast.fix_missing_locations(_Substitution(relaxation.replaced).visit(tree)))
    return FiringTest(text, exact, tuple(relaxation.draws.items()))
