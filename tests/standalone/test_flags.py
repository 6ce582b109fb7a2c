"""Builds for any processor, and what a recording says of how it was made."""

import pytest
from small_circuits import irregular

from ssnbrian.circuit import Constant, InvalidInputError
from ssnbrian.engine.build import structure_key
from ssnbrian.engine.options import BuildOptions
from ssnbrian.engine.simulate import simulate


def test_portable_programs_have_a_cache_key_of_their_own(monkeypatch):
    native = structure_key(irregular(), BuildOptions())
    monkeypatch.setenv("SSNBRIAN_FLAGS", "portable")
    assert structure_key(irregular(), BuildOptions()) != native


def test_an_unknown_flag_set_is_refused(monkeypatch):
    monkeypatch.setenv("SSNBRIAN_FLAGS", "fast")
    with pytest.raises(InvalidInputError, match="SSNBRIAN_FLAGS must be one of native, portable, got 'fast'"):
        simulate(irregular(), Constant(40), duration=0.1, seed=1)


@pytest.mark.xdist_group("heavy-2")
def test_a_portable_program_has_the_rates_of_a_native_one(monkeypatch, build_cache):
    """Same seed and graph, 150 neurons, 10 s: uniforms are the same bits, normals are rounded differently.

    At least 28 000 spikes, more regular than Poisson's: a standard error below 0.6 % each; four of the difference are
    3.4 %.
    """
    rates = {}
    for flags in ("native", "portable"):
        monkeypatch.setenv("SSNBRIAN_FLAGS", flags)
        recording = simulate(irregular(), Constant(60), duration=10, seed=1, cache=build_cache)
        rates[flags] = recording.rates(0.5)["E"]
        paths = recording.metadata["paths"]
        assert "synapses_E_to_E: rows of targets" in paths
        assert any(path.startswith("neurons_E_stateupdater_codeobject: fused") for path in paths)
    assert rates["native"] > 20
    assert abs(rates["portable"] / rates["native"] - 1) < 0.034
