"""The fast device in a user's script."""

from pathlib import Path

import numpy as np
import pytest
from children import arrays_of, run_python

SCRIPT = Path(__file__).with_name("device_script.py")


def run_script(folder, *options):
    """What device_script.py saves."""
    result = folder / "result.npz"
    return arrays_of(SCRIPT, folder / "build", result, *options, result=result)


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    return run_script(tmp_path_factory.mktemp("script"))


@pytest.mark.xdist_group("heavy-1")
class TestScript:
    def test_the_same_seed_gives_the_same_spikes(self, script, tmp_path):
        """In another run of the program and in another build."""
        assert len(script["times"]) > 100
        np.testing.assert_array_equal(script["times"], script["again"])
        np.testing.assert_array_equal(script["times"], run_script(tmp_path)["times"])

    def test_definitions_of_one_code_object_do_not_reach_another(self, script):
        np.testing.assert_array_equal(script["halves"], np.arange(300) / 2)
        np.testing.assert_array_equal(script["doubles"], np.arange(300))
        np.testing.assert_array_equal(script["triples"], np.arange(100) * 1.5)

    def test_the_report_says_what_runs_how_and_why(self, script):
        report = dict(line.split(": ", 1) for line in script["report"])
        assert report["synapses"] == "rows of targets"
        assert report["first_stateupdater_codeobject"].startswith("fused")

    def test_synapses_that_were_not_written_are_refused(self, script):
        assert 5000 < int(script["number"]) < 7000
        assert "synapses_in_results = True" in str(script["refusal"])

    def test_code_that_cannot_share_a_unit_is_compiled_apart(self, tmp_path):
        """The joint layout fails to compile; the result is the one of code that does not."""
        unguarded = run_script(tmp_path, "unguarded")
        np.testing.assert_array_equal(unguarded["halves"], np.arange(300) / 2)
        assert (tmp_path / "build" / "code_objects" / "first_stateupdater_codeobject.cpp").is_file()
        assert list((tmp_path / "build" / "code_objects").glob("*.o"))


def test_the_device_is_known_whichever_import_comes_first(tmp_path):
    for order in ("import ssnbrian, brian2", "import brian2, ssnbrian"):
        code = f"{order}\nbrian2.set_device('ssnbrian_standalone')\nprint(type(brian2.get_device()).__name__)"
        done = run_python(["-c", code], tmp_path)
        assert done.stdout.strip() == "SsnbrianStandaloneDevice"


def test_a_brian2_that_the_device_does_not_fit_works_without_it(tmp_path):
    for order in ("import ssnbrian, brian2", "import brian2, ssnbrian"):
        code = f"import sys\nsys.modules['ssnbrian.device.fusion'] = None\n{order}\nprint(brian2.second)"
        done = run_python(["-c", code], tmp_path)
        assert done.stdout.strip() == "s"
        assert "ssnbrian_standalone cannot be used with this version of Brian2" in done.stderr


def test_importing_the_package_does_not_import_brian2(tmp_path):
    code = "import sys, ssnbrian\nprint('brian2' in sys.modules)"
    done = run_python(["-c", code], tmp_path)
    assert done.stdout.strip() == "False"
