"""Findings that are accepted on the page: kept in the log, with a reason, until somebody withdraws it."""

from __future__ import annotations

import json
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from signalgraph.findings import AcceptError, Finding, accept, split, withdraw
from signalgraph.findings.accepting import LONGEST, MOST
from signalgraph.log import open_log
from signalgraph.log.base import Control

RECOUNT = Finding("SG204", "receiver:shop.receivers.recount", "It asks again and again.")


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
def test_an_acceptance_is_kept_in_the_log_and_taken_back(scheme: str, tmp_path: Path) -> None:
    """What else viewers ask for stays as it is; the finding moves to the accepted ones and back."""
    url = f"memory://{tmp_path.name}" if scheme == "memory" else f"sqlite://{tmp_path}/log.sqlite3"
    log = open_log(url, writer=True)
    log.set_control(Control(paused=True))
    log.change_control(partial(accept, entry=RECOUNT.key, reason=" at most\nfive orders "))
    other = open_log(url, writer=False)
    left, taken = split([RECOUNT], other.control().accepted)
    assert (left, [each.reason for each in taken], other.control().paused) == ([], ["at most five orders"], True)
    other.change_control(partial(withdraw, entry=RECOUNT.key))
    assert split([RECOUNT], log.control().accepted) == ([RECOUNT], [])
    assert log.control().paused
    other.close()
    log.close()


@pytest.mark.parametrize(
    ("entry", "reason", "says"),
    [
        (RECOUNT.key, " \n", "without a reason"),
        (RECOUNT.key, "x" * (LONGEST + 1), f"say it in {LONGEST}"),
        ("receiver:shop.receivers.recount", "why", "'receiver:shop.receivers.recount' names no finding"),
        ("", "why", "names no finding"),
        ("SG204:", "why", "names no finding"),
        ("SG204:" + "x" * LONGEST, "why", "names no finding"),
    ],
)
def test_what_can_not_be_accepted_is_refused_with_the_way_out(entry: str, reason: str, says: str) -> None:
    """The message names the value."""
    with pytest.raises(AcceptError, match=says):
        accept(Control(), entry, reason)


def test_acceptances_are_bounded_and_a_known_one_can_still_be_changed() -> None:
    """A log doesn't grow by what its viewers type."""
    full = Control(accepted={f"SG204:receiver:shop.r{n}": "why" for n in range(MOST)})
    with pytest.raises(AcceptError, match="withdraw some"):
        accept(full, RECOUNT.key, "why")
    assert accept(full, "SG204:receiver:shop.r7", "better").accepted["SG204:receiver:shop.r7"] == "better"


def test_withdrawing_what_was_never_accepted_changes_nothing() -> None:
    """Two viewers may do it at once."""
    assert withdraw(Control(), RECOUNT.key) == Control()


def test_a_log_from_before_findings_could_be_accepted_is_read(tmp_path: Path) -> None:
    """Its control has no such key."""
    log = open_log(f"sqlite://{tmp_path}/log.sqlite3", writer=True)
    with sqlite3.connect(tmp_path / "log.sqlite3") as connection:
        before = json.dumps({"watched_until_ms": 7, "paused": False, "muted": []})
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('control', ?)", (before,))
    connection.close()
    assert log.control() == Control(7)
    log.close()
