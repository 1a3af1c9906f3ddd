"""What every page shows around its own content: the navigation, the state, the strip, the facets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static

from signalgraph.web import access, feed
from signalgraph.web.facets import FacetGroup
from signalgraph.web.found import findings_of
from signalgraph.web.scope import STALE_S, Scope
from signalgraph.web.state import WINDOWS_S, State
from signalgraph.web.strip import Strip, read_strip

SCRIPTS = (
    "feed",
    "live",
    "counters",
    "url",
    "share",
    "keys",
    "theme",
    "reach",
    "notice",
    "graph",
    "numbers",
    "lanes",
    "tree",
)
THEMES = ("light", "dark")
THEME_COOKIE = "sg-theme"
PAGES = (
    ("", "Overview", "v"),
    ("graph/", "Graph", "g"),
    ("timeline/", "Timeline", "t"),
    ("signals/", "Signals", "s"),
    ("receivers/", "Receivers", "r"),
    ("senders/", "Senders", "o"),
    ("findings/", "Findings", "f"),
    ("setup/", "Setup", "u"),
)


@dataclass(frozen=True)
class NavLink:
    label: str
    url: str
    key: str
    is_current: bool


@dataclass(frozen=True)
class Window:
    label: str
    seconds: int
    is_current: bool


@dataclass(frozen=True)
class Live:
    """The state control: "live", "stale" or "off", in words. The browser takes it over from here."""

    name: str
    word: str
    rate: float
    newest_age_s: float | None


def read_live(scope: Scope, strip: Strip) -> Live:
    age_s = scope.newest_age_s
    if any(beat.recording for beat in scope.living):
        return Live("live", "Live", strip.rate, age_s)
    if any(beat.recording and not beat.ended for beat in scope.heartbeats):
        return Live("stale", "Stale", 0.0, age_s)
    return Live("off", "Recording off", 0.0, age_s)


def nav_links(state: State) -> list[NavLink]:
    section = state.path.split("/")[0].replace("traces", "timeline")
    return [NavLink(label, state.url(path), key, path.rstrip("/") == section) for path, label, key in PAGES]


def windows(state: State) -> list[Window]:
    labels = {60: "Last 60 s", 300: "Last 5 min", 900: "Last 15 min"}
    return [Window(labels[seconds], seconds, seconds == state.window_s) for seconds in WINDOWS_S]


def project_name() -> str:
    return str(getattr(settings, "ROOT_URLCONF", "")).partition(".")[0]


def app_context(request: HttpRequest, state: State) -> dict[str, Any]:
    """What the frame needs even where no log can be read."""
    theme = request.COOKIES.get(THEME_COOKIE)
    return {
        "state": state,
        "nav": nav_links(state),
        "windows": windows(state),
        "theme": theme if theme in THEMES else "",
        "nonce": access.nonce(request),
        "project": project_name(),
        "is_debug": settings.DEBUG,
        "scripts": [static(f"signalgraph/{name}.js") for name in SCRIPTS],
        "ticket": access.make_ticket(request),
        "socket": f"{state.base}signalgraph.ws" if feed.has_socket(request) else "",
        "stale_s": STALE_S,
    }


def scope_context(scope: Scope, groups: Sequence[FacetGroup], hits: str) -> dict[str, Any]:
    """What the frame shows of a scope."""
    strip = read_strip(scope)
    return {
        "scope": scope,
        "cursor": scope.index.cursor,
        "strip": strip,
        "live": read_live(scope, strip),
        "facets": groups,
        "finding_count": len(findings_of(scope).open),
        "hits": hits,
        "window_s": scope.state.window_s,
        "window": scope.window_words,
        "axis": next(each.label.removeprefix("Last ") for each in windows(scope.state) if each.is_current),
    }
