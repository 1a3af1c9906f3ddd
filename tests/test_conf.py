"""Settings are checked, never stop the project, and say what to do."""

import ast
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from signalgraph import conf
from signalgraph.redaction import DEFAULT


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in conf.ENVIRONMENT.values():
        monkeypatch.delenv(variable, raising=False)


def test_without_the_setting_there_are_defaults_and_no_problems(settings: Any) -> None:
    """Everything is optional."""
    del settings.SIGNALGRAPH
    assert conf.get_settings() == conf.Settings()
    assert conf.problems() == []


def test_each_key_sets_its_field(settings: Any) -> None:
    """Whole numbers of milliseconds become floats."""
    settings.SIGNALGRAPH = {
        "RECORD": "watched",
        "LOG": "memory://x",
        "SLOW_MS": 20,
        "KEEP": {"age_s": None},
        "TRACES": 10,
        "EDITOR": "vscode://file/{path}:{line}",
        "RING": 5,
        "SAMPLE": 1,
        "IGNORE": ["*.post_init"],
        "CAPTURE": ("amount", "shop.*:instance.status"),
        "REDACT": ["*token*", "/[0-9]{12,19}/"],
        "ACCEPT": {"SG105": "No fixtures here."},
    }
    assert conf.problems() == []
    assert conf.get_settings() == conf.Settings(
        record="watched",
        log="memory://x",
        slow_ms=20.0,
        keep=conf.Keep(None, conf.KEEP.bytes),
        traces=10,
        editor="vscode://file/{path}:{line}",
        ring=5,
        sample=1.0,
        ignore=("*.post_init",),
        capture=("amount", "shop.*:instance.status"),
        redact=("*token*", "/[0-9]{12,19}/"),
        accept={"SG105": "No fixtures here."},
    )


def test_an_unknown_key_is_named_with_the_one_that_was_meant(settings: Any) -> None:
    """It is no reason to stop; the other keys count."""
    settings.SIGNALGRAPH = {"RECRD": "off", "TRACES": 3}
    (problem,) = conf.problems()
    assert problem.id == "signalgraph.E001"
    assert "'RECRD'" in problem.message
    assert problem.hint == "Did you mean RECORD?"
    assert conf.get_settings().traces == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("RECORD", "allways"),
        ("RECORD", False),
        ("LOG", "postgres://x"),
        ("LOG", 3),
        ("ACCESS", 3),
        ("SLOW_MS", -1),
        ("SLOW_MS", True),
        ("KEEP", {"age": 3}),
        ("KEEP", (0, 1)),
        ("TRACES", 0),
        ("TRACES", 2.5),
        ("EDITOR", "vscode://file"),
        ("RING", "many"),
        ("SAMPLE", 0),
        ("SAMPLE", 1.01),
        ("SAMPLE", float("nan")),
        ("SAMPLE", True),
        ("IGNORE", "post_init"),
        ("IGNORE", ["post_init", ""]),
        ("IGNORE", [None]),
        ("CAPTURE", "amount"),
        ("CAPTURE", ["instance.order.status"]),
        ("CAPTURE", ["order_paid()"]),
        ("CAPTURE", ["shop.Order:request.path"]),
        ("REDACT", ["/(/"]),
        ("REDACT", ["/a*/"]),
        ("REDACT", [3]),
        ("ACCEPT", ["SG105"]),
        ("ACCEPT", {"SG105": ""}),
        ("ACCEPT", {"SG105": None}),
        ("ACCEPT", {"105": "No fixtures here."}),
        ("ACCEPT", {"SG105:": "No fixtures here."}),
    ],
)
def test_a_value_that_cannot_be_used_keeps_the_default(settings: Any, key: str, value: object) -> None:
    """The problem says which key and which value."""
    settings.SIGNALGRAPH = {key: value}
    (problem,) = conf.problems()
    assert problem.id == "signalgraph.E002"
    assert f'SIGNALGRAPH["{key}"]' in problem.message
    assert conf.get_settings() == conf.Settings()


def test_without_rules_that_can_be_used_nothing_is_captured(settings: Any) -> None:
    """What should have been hidden is not known then."""
    settings.SIGNALGRAPH = {"CAPTURE": ["amount"], "REDACT": ["/(/"]}
    (problem,) = conf.problems()
    assert "no regular expression" in problem.message
    assert "nothing" in problem.hint
    assert conf.get_settings() == conf.Settings()


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+b", r"(\w+\s?)+!", "(a|a)*b", "(?:x*)*y", r"(\w\w|\d\d)+z", r"\w*\w*\w*!", r"(?=(a+)+b)", "(z+z+z+)+"],
)
def test_a_pattern_that_could_search_for_ever_is_refused(settings: Any, pattern: str) -> None:
    """A text made for it would stop the process."""
    settings.SIGNALGRAPH = {"REDACT": [f"/{pattern}/"]}
    (problem,) = conf.problems()
    assert "for ever" in problem.message
    assert pattern in problem.message


@pytest.mark.parametrize(
    "pattern",
    [
        r"[\w.+-]+@[\w-]+\.[\w.]+",
        "[0-9]{12,19}",
        r"\d(?:[ -]?\d){12,15}",
        r"eyJ[\w-]+\.[\w-]+\.[\w-]+",
        "(?i)bearer .+",
        "(?:foo|bar|qux)=[^&]*",
        r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}",
    ],
)
def test_patterns_that_people_write_are_taken(settings: Any, pattern: str) -> None:
    """Mail addresses, cards with and without spaces, tokens, parameters, account numbers."""
    settings.SIGNALGRAPH = {"REDACT": [f"/{pattern}/"]}
    assert conf.problems() == []


def test_every_key_is_documented_with_its_default() -> None:
    """In docs/settings.md and in the README; the example is one that can be used."""
    root = Path(__file__).parent.parent
    text = (root / "docs/settings.md").read_text()
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", text, re.MULTILINE))
    defaults = {field.name.upper(): getattr(conf.Settings(), field.name) for field in fields(conf.Settings)}
    assert documented.keys() == defaults.keys()
    shown = {key: ast.literal_eval(value.strip("`")) for key, value in documented.items() if value.startswith("`")}
    for key, value in shown.items():
        default = defaults[key]._asdict() if key == "KEEP" else defaults[key]
        assert value == (list(default) if isinstance(default, tuple) else default), key
    assert re.findall(r"`([^`]+)`", text[text.index("The default is") : text.index("* a **`/regular")]) == list(DEFAULT)
    assert defaults.keys() <= set(re.findall(r"^\| `([A-Z_]+)` ", (root / "README.md").read_text(), re.MULTILINE))


def test_the_example_of_the_documentation_can_be_used(settings: Any) -> None:
    """It is read as it stands there."""
    text = (Path(__file__).parent.parent / "docs/settings.md").read_text()
    names: dict[str, Any] = {}
    exec(re.search(r"```python\n(.+?)```", text, re.DOTALL)[1], names)  # type: ignore[index]
    settings.SIGNALGRAPH = names["SIGNALGRAPH"]
    assert [problem for problem in conf.problems() if problem.id != "signalgraph.E004"] == []


def test_a_scheme_that_is_no_log_is_answered_with_those_that_are(settings: Any) -> None:
    """What, which value, what to do."""
    settings.SIGNALGRAPH = {"LOG": "x://y"}
    assert conf.problems()[0].message == "SIGNALGRAPH[\"LOG\"] has scheme 'x'; use one of: memory, sqlite."
    with pytest.raises(conf.SettingsError, match="use one of: memory, sqlite"):
        conf.resolve_log_url(conf.Settings(log="x://y"))


def test_a_setting_that_is_no_dict_is_a_problem(settings: Any) -> None:
    """All defaults count."""
    settings.SIGNALGRAPH = ["RECORD"]
    assert [problem.id for problem in conf.problems()] == ["signalgraph.E003"]
    assert conf.get_settings() == conf.Settings()


@pytest.mark.parametrize("path", ["nowhere.access", "signalgraph.conf.nothing", "signalgraph.conf.KEEP"])
def test_an_access_function_that_is_not_there_is_a_problem(settings: Any, path: str) -> None:
    """It is imported by the check, not by reading the settings."""
    settings.SIGNALGRAPH = {"ACCESS": path}
    assert conf.get_settings().access == path
    assert [problem.id for problem in conf.problems()] == ["signalgraph.E004"]


def test_the_environment_overrides_the_setting(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one command or a test run; a wrong value is named by its variable."""
    settings.SIGNALGRAPH = {"RECORD": "off"}
    monkeypatch.setenv("SIGNALGRAPH_RECORD", "always")
    monkeypatch.setenv("SIGNALGRAPH_LOG", "memory://run")
    assert (conf.get_settings().record, conf.get_settings().log) == ("always", "memory://run")
    monkeypatch.setenv("SIGNALGRAPH_RECORD", "yes")
    assert conf.get_settings().record == "off"
    assert "SIGNALGRAPH_RECORD" in conf.problems()[0].message


def test_the_default_log_is_in_the_project(settings: Any, tmp_path: Path) -> None:
    """Below `BASE_DIR`, text or path."""
    settings.BASE_DIR = tmp_path
    assert conf.resolve_log_url(conf.Settings()) == f"sqlite://{tmp_path}/.signalgraph/log.sqlite3"
    settings.BASE_DIR = str(tmp_path)
    assert conf.resolve_log_url(conf.Settings(log="sqlite:x.db")) == f"sqlite://{tmp_path}/x.db"
    assert conf.resolve_log_url(conf.Settings(log="sqlite:///a/b c#1.db")) == "sqlite:///a/b c#1.db"


def test_without_base_dir_the_log_is_beside_the_settings_package_and_never_in_the_working_directory(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes started in two folders use one log."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    root = Path(__file__).parent.parent
    for base in (None, ".", "relative/path"):
        settings.BASE_DIR = base
        assert conf.resolve_log_url(conf.Settings()) == f"sqlite://{root}/.signalgraph/log.sqlite3"


def test_a_project_that_is_nowhere_is_told_to_set_the_log(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`settings.configure()` without `BASE_DIR`."""
    settings.BASE_DIR = None
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    with pytest.raises(conf.SettingsError, match=r"SIGNALGRAPH\[\"LOG\"\] is not set"):
        conf.resolve_log_url(conf.Settings())


RUNSERVER = ["manage.py", "runserver"]


@pytest.mark.parametrize(
    ("argv", "environ", "debug", "records"),
    [
        (["/v/bin/daphne", "site.asgi:application"], {}, True, True),
        (["/v/bin/daphne", "site.asgi:application"], {}, False, False),
        (RUNSERVER, {}, True, False),
        (RUNSERVER, {"RUN_MAIN": "true"}, True, True),
        ([*RUNSERVER, "--noreload"], {}, True, True),
        (["manage.py", "runserver_plus"], {"WERKZEUG_RUN_MAIN": "true"}, True, True),
        (["manage.py", "runserver_plus"], {}, True, False),
        (["manage.py", "import_stock", "--every", "20"], {}, True, True),
        (["manage.py", "migrate"], {}, True, True),
        (["manage.py", "shell"], {}, True, True),
        (["manage.py", "test"], {}, True, False),
        (["manage.py", "makemigrations"], {}, True, False),
        (["manage.py", "check"], {}, True, False),
        (["manage.py", "signalgraph", "list"], {}, True, False),
        (["manage.py", "--help"], {}, True, False),
        (["/v/bin/pytest"], {}, True, False),
        (["/v/bin/mypy"], {}, True, False),
        (["/v/lib/mypy/__main__.py"], {}, True, False),
        (["/v/lib/pytest/__main__.py"], {}, True, False),
        (["anything"], {"PYTEST_VERSION": "9"}, True, False),
        ([], {}, True, True),
    ],
)
def test_auto_records_where_a_developer_looks(
    settings: Any, argv: list[str], environ: Mapping[str, str], debug: bool, records: bool
) -> None:
    """In DEBUG, not in tests, not in the reloader's parent, not in commands that touch no data."""
    settings.SIGNALGRAPH = {}
    assert conf.should_record(argv, environ, debug) is records


@pytest.mark.parametrize(("mode", "records"), [("always", True), ("watched", True), ("off", False)])
def test_a_chosen_mode_is_followed_everywhere(settings: Any, mode: str, records: bool) -> None:
    """Also under pytest and without DEBUG."""
    settings.SIGNALGRAPH = {"RECORD": mode}
    assert conf.should_record(["/v/bin/pytest"], {}, debug=False) is records
