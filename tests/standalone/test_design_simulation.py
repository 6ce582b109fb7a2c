"""Designed circuits as compiled spiking networks: they show what was asked for, and a wrong one does not pass."""

import dataclasses

import pytest
from ssnbrian.analysis.design import Persistence, Supersaturation

from ssnbrian.workflow.verify_design import Quantity, designed, verify_by_simulation

pytestmark = pytest.mark.xdist_group("heavy-1")


@pytest.fixture(autouse=True)
def session_cache(build_cache, monkeypatch):
    monkeypatch.setenv("SSNBRIAN_CACHE", str(build_cache))


def test_persistent_activity_stays_and_another_rate_is_not_taken_for_it():
    result = designed(Persistence(5.0), count=4)
    shown = verify_by_simulation(result, seed=2)
    assert shown.satisfied, str(shown)
    rate = shown.quantities[0]
    assert rate.name == "persistent_Hz" and 0 < rate.standard_error < 0.1
    assert abs(rate.measured - 5.0) < 0.5
    wrong = verify_by_simulation(dataclasses.replace(result, regime=Persistence(6.5)), seed=2)
    assert not wrong.satisfied and wrong.quantities[0].agrees is False
    assert wrong.quantities[0].measured == rate.measured


def test_the_peak_lies_where_it_was_asked_for():
    result = designed(Supersaturation(2.5, 15.0), count=4)
    shown = verify_by_simulation(result, seed=1, dt=0.2)
    assert shown.satisfied, str(shown)
    height, place, last = shown.quantities
    assert abs(height.measured - 2.5) < 0.3 and abs(place.measured - 15.0) < 2.0
    assert last.measured < height.measured


def test_tolerances_are_apart_and_never_hidden():
    one = Quantity("peak_Hz", 3.2, 0.02, 3.0, 3.0, 3.1)
    assert one.statistical_tolerance == pytest.approx(0.06) and one.theory_error == pytest.approx(0.1)
    assert one.agrees is False
    assert dataclasses.replace(one, measured=3.15).agrees is True
    assert dataclasses.replace(one, self_consistent=None, measured=3.15).agrees is False
    assert dataclasses.replace(one, asked=None).agrees is None
