"""The runner of Django's own tests sees what differs, goes on where it stopped, and can fail."""

import json

import pytest

from benchmarks.django_suite import __main__ as suite
from benchmarks.django_suite import comparison, source
from benchmarks.django_suite.runs import EndedFromOutside, Outcome, Results, Runner, label, read_output

LINE = "=" * 70
REPORT = f"""..F.E
{LINE}
FAIL: test_two (some_tests.tests.SomeTests.test_two) (value=<object at 0x7f00aa>)
A docstring.
----------------------------------------------------------------------
AssertionError
{LINE}
ERROR: setUpClass (some_tests.tests.OtherTests)
----------------------------------------------------------------------
RuntimeError

----------------------------------------------------------------------
Ran 5 tests in 0.1s

FAILED (failures=1, errors=1, skipped=3)
Destroying test database for alias 'default'...
"""
TWO = "FAIL: test_two (some_tests.tests.SomeTests.test_two) (value=<object at 0x>)"
CLASS = "ERROR: setUpClass (some_tests.tests.OtherTests)"

RUNTESTS = """
import sys, unittest
from django.dispatch import Signal

class SomeTests(unittest.TestCase):
    def test_sending(self):
        done = Signal()
        done.connect(lambda **kwargs: None, weak=False)
        done.send(None)

sys.exit(not unittest.main(argv=["runtests.py"], exit=False, verbosity=1).result.wasSuccessful())
"""


def test_a_report_is_read_to_its_failures_and_errors():
    """Failures and errors are named with their subtest, without addresses; what else is counted is kept."""
    assert read_output(REPORT, 1) == Outcome((CLASS, TWO), 5, {"skipped": 3})


@pytest.mark.parametrize(
    ("text", "returncode"),
    [("Segmentation fault", -11), (REPORT, -6), (REPORT, 0), (REPORT.replace("failures=1", "failures=2"), 1), ("", 0)],
)
def test_a_report_that_is_not_there_or_does_not_add_up_is_trouble(text, returncode):
    """A run never passes for one without failures because its report couldn't be read."""
    assert read_output(text, returncode).trouble


def test_a_heading_gives_the_label_that_runs_its_test_alone():
    """A test and a class have a label; a module that can't be imported has none of its own."""
    assert label(TWO) == "some_tests.tests.SomeTests.test_two"
    assert label(CLASS) == "some_tests.tests.OtherTests"
    assert label("ERROR: some_tests (unittest.loader._FailedTest.some_tests)") is None


def test_lists_are_compared_and_not_their_lengths():
    """One failure each way is a difference when it isn't the same one."""
    found = comparison.differences(Outcome((TWO,), 5), Outcome((CLASS,), 5))
    assert found == (f"plain: {TWO}", f"recorded: {CLASS}")
    assert comparison.differences(Outcome((TWO,), 5), Outcome((TWO,), 5, seconds=9.0)) == ()


@pytest.mark.parametrize(
    "recorded",
    [Outcome((), 4), Outcome((), 5, {"skipped": 1}), Outcome(trouble="no report, exit status -11")],
)
def test_a_test_that_did_not_run_is_a_difference(recorded):
    """Tests that are gone or skipped, and a crash, count as much as a failure."""
    assert comparison.differences(Outcome((), 5), recorded)


def look_again(answers):
    """Look again at a failure under recording; `answers` are a run's failures by way and labels."""
    asked = []

    def run(way, labels):
        asked.append((way, *labels))
        return Outcome(answers.get((way, *labels), ()), 5)

    found = comparison.look_again(comparison.Difference("some_tests", (f"recorded: {TWO}",)), run, 3)
    return found.stands, asked


def test_a_difference_that_shows_alone_stands():
    """A test that fails alone under recording, and never without, is not run with its module again."""
    alone = "some_tests.tests.SomeTests.test_two"
    stands, asked = look_again({("recorded", alone): (TWO,)})
    assert stands
    assert asked == [("plain", alone)] * 3 + [("recorded", alone)] * 3


def test_a_difference_that_needs_its_module_stands():
    """A test that only fails after the others of its module did is found with them."""
    assert look_again({("recorded", "some_tests"): (TWO,)})[0]


def test_a_difference_that_never_comes_back_does_not_stand():
    """A test that fails in plain Django as well now and then, or never again, is told and not counted."""
    alone = "some_tests.tests.SomeTests.test_two"
    assert not look_again({})[0]
    assert not look_again({("recorded", alone): (TWO,), ("plain", alone): (TWO,)})[0]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A folder with a small runtests.py in place of Django's."""
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "runtests.py").write_text(RUNTESTS)
    monkeypatch.setattr(source, "tests_folder", lambda cache: tests)
    return tmp_path


def run_suite(cache, capsys, *options):
    status = suite.main(["some_tests", "--no-extras", *options], cache)
    return status, capsys.readouterr().out


def test_recording_takes_place_and_is_counted(cache, capsys):
    """Both ways run; the dispatches that were recorded are in the table."""
    status, out = run_suite(cache, capsys)
    assert status == 0, out
    assert "plain    some_tests: 1 tests, 0 fail" in out
    assert "0 modules differ from plain Django; 1 dispatches recorded, 0 dropped, 0 faults" in out


def test_a_run_without_a_dispatch_is_an_error(cache, capsys):
    """A suite under a recorder that recorded nothing proves nothing."""
    runtests = cache / "tests" / "runtests.py"
    runtests.write_text(RUNTESTS.replace("done.send(None)", "pass"))
    status, out = run_suite(cache, capsys)
    assert status == 2
    assert "Nothing was recorded" in out


def test_a_test_that_fails_under_recording_fails_the_run(cache, capsys):
    """The real child process: a test that fails because `send` is another function than Django's."""
    runtests = cache / "tests" / "runtests.py"
    check = 'self.assertFalse(hasattr(Signal.send, "__wrapped__"))'
    runtests.write_text(RUNTESTS.replace("done.send(None)", f"done.send(None); {check}"))
    status, out = run_suite(cache, capsys)
    assert status == 1, out
    assert "recorded: FAIL: test_sending" in out
    assert "some_tests DIFFERS" in out


def test_a_recorder_that_was_off_at_the_end_is_trouble(cache, capsys):
    """A module that switches recording off has not been run under it."""
    runtests = cache / "tests" / "runtests.py"
    stop = "from signalgraph import recorder; recorder.stop()"
    runtests.write_text(RUNTESTS.replace("done.send(None)", f"done.send(None); {stop}"))
    status, out = run_suite(cache, capsys)
    assert status != 0
    assert "the recorder was off at the end" in out


def test_results_are_kept_and_a_rerun_fills_what_is_missing(cache, capsys):
    """What has a result is not run again until `--again`; the other way is."""
    status, _ = run_suite(cache, capsys, "--recorded-only")
    assert status == 2, "nothing to compare with"
    results = Results(next(cache.glob("results-*")))
    results.path("recorded", "some_tests", ".json").unlink()
    run_suite(cache, capsys, "--plain-only")
    _, out = run_suite(cache, capsys)
    assert "plain    some_tests" not in out
    assert "recorded some_tests" in out
    _, out = run_suite(cache, capsys, "--again")
    assert "plain    some_tests" in out


def test_a_run_past_its_limit_is_told_and_ended(cache, capsys):
    """A module that hangs is killed with its children."""
    (cache / "tests" / "runtests.py").write_text("import time; time.sleep(600)")
    _, out = run_suite(cache, capsys, "--plain-only", "--limit", "0.2")
    assert "plain    some_tests: not ended after 0 s" in out


def test_a_run_that_was_ended_from_outside_leaves_no_result(tmp_path):
    """Who stops the suite doesn't leave a failure for the next run to compare with."""
    (tmp_path / "runtests.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")
    with pytest.raises(EndedFromOutside, match="signal 15"):
        Runner(tmp_path, None, 60).run("plain", ["some_tests"], tmp_path / "output.txt")


def test_results_survive_being_written_to_a_file(tmp_path):
    """What is loaded equals what was saved; half a file counts as none."""
    results = Results(tmp_path)
    outcome = Outcome((TWO,), 5, {"skipped": 1}, facts={"dispatches": 7}, code="abc")
    results.save("recorded", "some_tests", outcome)
    assert results.load("recorded", "some_tests") == outcome
    path = results.path("recorded", "some_tests", ".json")
    path.write_text(json.dumps({"ran": 1})[:-3])
    assert results.load("recorded", "some_tests") is None


def test_modules_are_the_folders_with_tests_that_sqlite_runs(tmp_path):
    """The modules of CI first, then the others; not GeoDjango's and no fixtures of the runner's own tests."""
    for name in ("zoo", "dispatch", "gis_tests", "import_error_package"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "data").mkdir()
    assert source.modules(tmp_path) == [*source.QUICK, "zoo"]
