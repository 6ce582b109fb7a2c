"""Loops are compiled as copies; the functions themselves stay what they are."""

import sys
from types import FunctionType

import pytest
from ssnbrian.analysis.compilation import compiled_last
from ssnbrian.analysis.mesoscopic.exponential import split_exponent

FACTOR = 3


def scaled(number):
    return FACTOR * number


def total(numbers):
    whole = 0
    for one in range(numbers):
        whole += scaled(one)
    return whole


def test_a_loop_is_compiled_with_what_it_calls():
    compiled = compiled_last((scaled, total))
    assert not isinstance(compiled, FunctionType)
    assert compiled(10) == total(10) == 135
    assert isinstance(scaled, FunctionType) and isinstance(total, FunctionType)


def test_functions_of_other_modules_see_their_own_constants():
    compiled = compiled_last((split_exponent,))
    assert compiled(-2.5) == split_exponent(-2.5)


def test_without_numba_there_is_none_and_the_caller_decides_what_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.warns(UserWarning, match="numba is not installed: counting takes long"):
        assert compiled_last((scaled, total), "counting takes long") is None
    assert compiled_last((scaled, total)) is None
    assert total(3) == 9
