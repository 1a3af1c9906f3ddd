"""Where a focus or a path can begin, and what to do where one can't be drawn."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from signalgraph import names
from signalgraph.events import ANY_SENDER
from signalgraph.exports.titles import label_of
from signalgraph.graph.material import Ask, TooManyBoxes, ViewError
from signalgraph.graph.naming import find_id
from signalgraph.web.scope import Scope, connection_id
from signalgraph.web.subjects import KINDS, find_subject, split_id
from signalgraph.web.toolbar import Choice

MAX_IDS = 1000
STARTS = 4  # of each kind


@dataclass(frozen=True)
class Start:
    """Something busy to begin with; `url` draws its focus."""

    kind: str
    name: str
    rate_per_s: float
    url: str


@dataclass(frozen=True)
class Problem:
    """Why a view can't be drawn, and what to do instead."""

    title: str
    message: str
    starts: list[Start] = field(default_factory=list)
    ways: list[Choice] = field(default_factory=list)
    status: int = HTTPStatus.OK


def known_ids(scope: Scope) -> list[str]:
    """The ids of what the filter leaves, to choose from: senders, signals, receivers; at most `MAX_IDS`."""
    found = {f"{kind}:{getattr(row, kind)}" for row in scope.connections for kind in KINDS}
    return sorted(found - {names.sender_id(ANY_SENDER)})[:MAX_IDS]


def named(scope: Scope, ask: Ask) -> Ask:
    """The same, where somebody typed names in place of ids. Raises `ViewError` where one means no single thing."""
    if ask.view not in ("focus", "path"):
        return ask
    start, end = (find_id(one, scope.wiring.connections) if one else "" for one in (ask.selection, ask.target))
    return replace(ask, selection=start, target=end)


def hot_starts(scope: Scope) -> list[Start]:
    """The busiest senders, signals and receivers of the window."""
    rates: dict[tuple[str, str], float] = defaultdict(float)
    for row in scope.connections:
        rate = scope.stats([connection_id(row)]).rate_per_s
        for kind in KINDS:
            key = kind, getattr(row, kind)
            rates[key] = max(rates[key], rate)
    rates.pop(("sender", ANY_SENDER), None)
    found: list[Start] = []
    for kind in ("sender", "signal", "receiver"):
        own = sorted((each for each in rates if each[0] == kind), key=lambda each: (-rates[each], each))
        found.extend(Start(*each, rates[each], focus_url(scope, ":".join(each))) for each in own[:STARTS])
    return found


def focus_url(scope: Scope, one: str) -> str:
    return scope.state.url(view="focus", of=None, sel=one, to=None, at=None)


def no_focus(scope: Scope) -> Problem:
    text = "Choose a sender, a signal or a receiver: one of these, or any in the drawing of the wiring."
    return Problem("What should the focus be on?", text, hot_starts(scope))


def explain_problem(scope: Scope, ask: Ask, error: ViewError) -> Problem:
    """What a `ViewError` means on this page. Raised for what is not there, not drawn, or leads nowhere."""
    message = str(error)
    asked = [one for one in (ask.selection, ask.target if ask.view == "path" else "") if one]
    if not all(_is_known(scope, one) for one in asked):
        return Problem("There is nothing of that name", message, hot_starts(scope), status=HTTPStatus.NOT_FOUND)
    if isinstance(error, TooManyBoxes):
        return Problem("This is too much for a picture", message, [], _smaller(scope, ask, error.depth))
    ways = []
    if scope.state.q:
        ways.append(Choice("q", "Without the filter", scope.state.url(q=None)))
    if scope.hidden:
        ways.append(Choice("all", f"With {scope.hidden} connections of Django's own", scope.state.url(all="1")))
    if ask.view == "path":
        back = scope.state.url(sel=ask.target, to=ask.selection, at=None)
        ways.append(Choice("back", f"The way back, from {label_of(ask.target)} to {label_of(ask.selection)}", back))
        ways.append(
            Choice("focus", f"All that follows from {label_of(ask.selection)}", focus_url(scope, ask.selection))
        )
    title = "No way was seen" if ask.view == "path" else "This can't be drawn"
    return Problem(title, message, [] if ask.view == "path" else hot_starts(scope), ways)


def _smaller(scope: Scope, ask: Ask, depth: int | None) -> list[Choice]:
    of = None if ask.view == "wiring" else ask.view
    ways = [Choice("list", "The same as a list", scope.state.url(view="list", of=of))]
    if depth is not None:
        ways.insert(0, Choice("depth", f"The same at depth {depth}", scope.state.url(depth=str(depth))))
    if ask.view == "wiring":
        ways.insert(0, Choice("apps", "From app to app", scope.state.url(view="apps")))
    return ways


def _is_known(scope: Scope, one: str) -> bool:
    found = split_id(one)
    return found is not None and find_subject(scope, *found) is not None
