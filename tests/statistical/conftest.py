"""Statistical tests compile into the session's build cache, never into the user's."""

import pytest


@pytest.fixture(autouse=True)
def session_cache(build_cache, monkeypatch):
    monkeypatch.setenv("SSNBRIAN_CACHE", str(build_cache))
