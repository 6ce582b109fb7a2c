"""The built wheel, used from outside the tree."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of a copy of the tree, so that building leaves nothing in it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(source)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(source)], check=True)
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"ssnbrian", "ssnbrian-0.1.0.dist-info"}
    for needed in (
        "ssnbrian/py.typed",
        "ssnbrian/engine/ssnbrian_runtime.h",
        "ssnbrian/device/random_numbers.h",
        "ssnbrian/models/papers/ekelmans2023.py",
        "ssnbrian/analysis/ssn.py",
    ):
        assert needed in names
    packaged = {name for name in names if name.endswith(".py")}
    for folder, prefix in (("ssnbrian", ""), ("models", "ssnbrian/"), ("analysis", "ssnbrian/")):
        for path in (CHECKOUT / folder).rglob("*.py"):
            assert f"{prefix}{path.relative_to(CHECKOUT)}" in packaged


def test_wheel_works_outside_the_tree(wheel, tmp_path):
    target = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(command, check=True)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import ssnbrian, ssnbrian.models, ssnbrian.analysis; "
        "modules = (ssnbrian, ssnbrian.models, ssnbrian.analysis); "
        "assert all(path.startswith(sys.argv[1]) for module in modules for path in module.__path__); "
        "from ssnbrian.cli.main import main; sys.exit(main(['predict', 'supersaturating', '--mu', '20', '--json']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(target)], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"circuit": "supersaturating"' in done.stdout
