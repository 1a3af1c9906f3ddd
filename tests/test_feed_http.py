"""How `events.json` answers over HTTP. Every frame here is held to the public schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from log_entries import batch, now_ms

import signalgraph.web
from signalgraph.index import close_shared_indexes
from signalgraph.log import Log, LogError, open_log
from signalgraph.log.base import Control
from signalgraph.web import feed, tickets
from signalgraph.web.frames import says_something

SCHEMA = json.loads((Path(signalgraph.web.__file__).parent / "feed.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(SCHEMA)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ERRORS = jsonschema.Draft202012Validator({"$ref": "#/$defs/error", "$defs": SCHEMA["$defs"]})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = open_log(f"sqlite://{tmp_path}/log.sqlite3", writer=True)
    yield log
    log.close()


def request(question: str, *, is_let_in: bool = True) -> HttpRequest:
    request = RequestFactory().get(f"/signals/events.json{question}")
    if is_let_in:
        request.user = SimpleNamespace(is_active=True, is_superuser=True)  # type: ignore[assignment]
    return request


def get(question: str) -> HttpResponse:
    return feed.events_json(request(question))


class TestEventsJson:
    @pytest.fixture(autouse=True)
    def shared(self, log: Log, settings: Any) -> Iterator[None]:
        settings.SIGNALGRAPH = {"LOG": log.url}
        yield
        close_shared_indexes()

    def test_answers_at_once_with_a_frame(self, log: Log) -> None:
        """Also when nothing is new."""
        log.append(batch())
        first = get("")
        assert first.status_code == 200
        assert first["Content-Type"] == "application/json"
        assert "no-store" in first["Cache-Control"]
        frame = json.loads(first.content)
        VALIDATOR.validate(frame)
        again = json.loads(get(f"?after={frame['cursor']}").content)
        assert not says_something(again)

    @pytest.mark.parametrize(
        ("question", "value"),
        [
            ("?after=yesterday", "yesterday"),
            ("?limit=0", "0"),
            ("?limit=2001", "2001"),
            ("?limit=-1", "-1"),
            ("?limit=1e3", "1e3"),
            ("?limit=٣", "٣"),
            ("?limit=" + "9" * 5000, "9" * 5000),
            ("?q=nothing:x", "nothing:x"),
        ],
    )
    def test_a_question_that_cannot_be_answered_is_a_400(self, question: str, value: str) -> None:
        """It says what is wrong, which value, and what to do."""
        answer = get(question)
        assert answer.status_code == 400
        error = json.loads(answer.content)
        ERRORS.validate(error)
        assert error["error"]["value"] == value

    def test_a_log_that_cannot_be_read_is_a_503(self, settings: Any, tmp_path: Path) -> None:
        """With the words of the log."""
        (tmp_path / "notes.sqlite3").write_text("Not a database, but long enough to be taken for one." * 100)
        settings.SIGNALGRAPH = {"LOG": f"sqlite://{tmp_path}/notes.sqlite3"}
        answer = get("")
        assert answer.status_code == 503
        ERRORS.validate(json.loads(answer.content))
        assert "notes.sqlite3" in answer.content.decode()

    def test_recorders_learn_that_somebody_looks(self, log: Log) -> None:
        """For 20 s more than now; what else was asked of them stays."""
        log.set_control(Control(paused=True, muted=frozenset({"shop.signals.stock_low"})))
        get("")
        control = log.control()
        assert control.watched_until_ms == pytest.approx(now_ms() + 20_000, abs=5000)
        assert (control.paused, control.muted) == (True, {"shop.signals.stock_low"})

    def test_a_log_that_cannot_be_written_can_be_looked_at(self, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        """Recorders are not told then."""

        def refuse(self: Log, control: Control) -> None:
            raise LogError("The log can't be written.")

        monkeypatch.setattr(type(log), "change_control", refuse)
        assert get("").status_code == 200

    def test_the_log_is_not_written_for_every_question(self, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        """A hundred viewers write as little as one."""
        get("")
        log.set_control(Control())
        get("")
        assert log.control().watched_until_ms == 0

    def test_who_may_not_look_gets_none(self) -> None:
        """Neither a frame nor a ticket."""
        for view in (feed.events_json, feed.ticket):
            answer = view(request("", is_let_in=False))
            assert answer.status_code == 403
            ERRORS.validate(json.loads(answer.content))

    def test_who_may_look_gets_a_ticket(self) -> None:
        """For 60 seconds, kept by no cache."""
        answer = feed.ticket(request(""))
        body = json.loads(answer.content)
        assert tickets.check_ticket(body["ticket"])
        assert body["seconds"] == 60
        assert "no-store" in answer["Cache-Control"]
