"""What viewers ask for: mute a signal, pause recording, accept a finding, and take each back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from signalgraph import findings, names
from signalgraph.conf import SettingsError
from signalgraph.findings import AcceptError
from signalgraph.index import Index
from signalgraph.log.base import Control, LogError
from signalgraph.web.access import guarded
from signalgraph.web.feed import current_index
from signalgraph.web.state import State, read_state
from signalgraph.web.views import Missing, explain, message_page

MOST_MUTED = 500
PANEL, MAIN = "sg-panel", "main"
# The tables, the strip and the overview look again, wherever the click was.
NEWS = "sg:refresh, sg:refresh-slow"

Change = Callable[[Control], Control]


@guarded
def mute(request: HttpRequest) -> HttpResponse:
    """POST `signal=<name>` (or `signal:<name>`) and `muted=1` or `0`."""
    return _answer(request, "mute/", _mute)


@guarded
def recording(request: HttpRequest) -> HttpResponse:
    """POST `paused=1` or `0`: no process records, or all that are set to."""
    return _answer(request, "recording/", _pause)


@guarded
def accept(request: HttpRequest) -> HttpResponse:
    """POST `key=<rule>:<subject>` and `reason`, or `key` and `withdraw=1`."""
    return _answer(request, "accept/", _accept)


def _answer(request: HttpRequest, route: str, read: Callable[[HttpRequest, Index], Change]) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    state = read_state(request, route, {})
    try:
        index = current_index()
        index.change_control(read(request, index))
    except LogError as error:
        text = f"{error} What viewers ask for stands in the log: let this process write there."
        return _refuse(request, state, Missing("This can't be changed", text, 503))
    except (Missing, SettingsError) as error:
        return _refuse(request, state, error)
    except AcceptError as error:
        return _refuse(request, state, Missing("This can't be accepted", str(error), 400))
    return _go_back(request, state)


def _mute(request: HttpRequest, index: Index) -> Change:
    name = request.POST.get("signal", "").removeprefix("signal:")
    wanted = request.POST.get("muted", "1") != "0"
    if not wanted:
        return lambda control: replace(control, muted=control.muted - {name})
    if name not in known_signals(index):
        raise Missing("No such signal", f"No process that is recorded here knows the signal {name!r}.", 400)
    if len(index.control().muted) >= MOST_MUTED:
        raise Missing("Too many are muted", f"{MOST_MUTED} signals are muted already; put them into IGNORE.", 400)
    return lambda control: replace(control, muted=control.muted | {name})


def _pause(request: HttpRequest, index: Index) -> Change:
    paused = request.POST.get("paused", "1") != "0"
    return lambda control: replace(control, paused=paused)


def _accept(request: HttpRequest, index: Index) -> Change:
    entry = request.POST.get("key", "")
    if request.POST.get("withdraw"):
        return lambda control: findings.withdraw(control, entry)
    reason = request.POST.get("reason", "")
    return lambda control: findings.accept(control, entry, reason)


def known_signals(index: Index) -> set[str]:
    """The names of signals that are connected, or were dispatched."""
    called = {names.parse_connection_id(each)[1] for each in index.totals}
    return {info.name for info in index.wiring().signals} | called | set(index.unheard) | set(index.ignored)


def _go_back(request: HttpRequest, state: State) -> HttpResponse:
    """Show again what was shown: the page, or for htmx the part of it in which the button stood."""
    back = request.POST.get("back", "")
    if not back.startswith(state.base) or not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = f"{state.base}signals/"
    if not HtmxDetails(request):
        return HttpResponseRedirect(back, status=303)
    in_panel = request.POST.get("part") == PANEL
    where = {"target": f"#{PANEL}", "swap": "outerHTML"} if in_panel else {"target": f"#{MAIN}"}
    return HttpResponse(headers={"HX-Location": json.dumps({"path": back, **where}), "HX-Trigger": NEWS})


def _refuse(request: HttpRequest, state: State, error: Exception) -> HttpResponse:
    title, message, status = explain(error)
    if HtmxDetails(request):  # an error's body isn't swapped in, so this one is no error to htmx
        response = render(request, "signalgraph/_notice.html", {"notice": f"{title}: {message}", "is_oob": True})
        response["HX-Reswap"] = "none"
        return response
    return message_page(request, state, title, message, status)
