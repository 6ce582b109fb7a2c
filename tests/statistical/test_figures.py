"""Every published figure, shortened: its script's own checks must hold, with a fixed seed, and its files must be there.

The bounds stand in the scripts: 4 standard errors, and errors of theory and discretisation stated apart.
"""

import csv
from pathlib import Path

import pytest
from children import run_python

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "figures"
CLAIMS = {"fig1": 9, "fig2": 15, "fig3": 10, "fig4": 10, "fig5": 15, "fig6": 9, "s1": 10, "s2": 3}
CLAIMS |= {"stochastic_resonance": 11}
"""Least number of rows with a claim, so that no figure passes by claiming nothing."""


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_the_numbers_of_the_figure_are_where_they_must_be(name, tmp_path, build_cache, monkeypatch):
    monkeypatch.setenv("SSNBRIAN_CACHE", str(build_cache))
    run_python([SCRIPTS / f"{name}.py", "--quick", "--out", tmp_path], tmp_path)
    with open(tmp_path / f"{name}.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert sum(row["agrees"] == "True" for row in rows) >= CLAIMS[name]
    assert not [row["number"] for row in rows if row["agrees"] == "False"]
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
