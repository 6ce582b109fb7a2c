"""What the tests share: one build cache for the whole session, whatever the number of workers."""

import os

import pytest


@pytest.fixture(scope="session")
def build_cache(tmp_path_factory):
    """Folder of the build cache; the workers of xdist use the same one, so every structure is compiled once."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "builds"
    folder.mkdir(exist_ok=True)
    return folder
