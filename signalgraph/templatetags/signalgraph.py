"""Glyphs, links, numbers and sparklines of the pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from signalgraph import names
from signalgraph.events import ConnectionInfo
from signalgraph.figures import BUCKET_S, WINDOW_S
from signalgraph.graph.figures import Scale
from signalgraph.graph.query import Query
from signalgraph.web import figures
from signalgraph.web.facets import has_value, toggle
from signalgraph.web.scope import Scope
from signalgraph.web.state import State, page_path
from signalgraph.wirings import id_of

register = template.Library()

NAMES = re.compile(  # in backticks, a file, dotted, with an underscore, OfSeveralWords, **kwargs, a call()
    r"`([^`]+)`|[\w/]+\.py(?::\d+)?|[A-Za-z_]\w+(?:\.[\w<>]+)+(?:\(\))?|\b\w*[a-z]_\w+(?:\(\))?"
    r"|\b(?:[A-Z][a-z\d]+){2,}\b|\*\*\w+|\w+\(\)"
)
GLYPH_CLASSES = {"async": "receiver", "orphan": "signal", "mute": "signal", "wait": "skip", "write": "sender"}
GLYPH_CLASSES |= dict.fromkeys(("command", "task", "test", "undo", "code", "stop"), "cause")

register.filter("number", figures.number)
register.filter("rate", figures.rate)
register.filter("ms", figures.milliseconds)
register.filter("ago", figures.duration_words)
register.filter("clock", figures.clock)


@register.filter
def short(name: str) -> str:
    return "any sender" if name == "*" else names.short(name)


@register.filter
def fact(value: object) -> object:
    """A recorded value: the names in a list one after the other."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value


@register.filter
def rest(name: str) -> str:
    """What of a dotted name its short label leaves out."""
    path, label = name.removeprefix("partial(").rstrip(")"), names.short(name).removeprefix("partial(").rstrip(")")
    return path[: -len(label)].rstrip(".") if path.endswith(label) and path != label else ""


@register.filter
def coded(text: str) -> SafeString:
    """A sentence with the names in it set as code: what stands in backticks, dotted names, `on_commit`, `save()`."""
    found, end = [], 0
    for match in NAMES.finditer(text):
        found.append((text[end : match.start()], match[1] or match[0]))
        end = match.end()
    return mark_safe(format_html_join("", "{}<code>{}</code>", found) + escape(text[end:]))


@register.simple_tag
def glyph(kind: str, label: str = "") -> SafeString:
    """One 12 px sign; with a label it is read aloud, without one it only repeats a word beside it."""
    role = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html('<svg class="g g-{}" {}><use href="#k-{}"/></svg>', GLYPH_CLASSES.get(kind, kind), role, kind)


@register.simple_tag(takes_context=True)
def go(context: template.Context, path: str | None = None, **changes: Any) -> str:
    """The address of a page below the base with the shared state; without a path: of this page."""
    state: State = context["state"]
    return state.url(path, **changes)


@register.simple_tag(takes_context=True)
def page_of(context: template.Context, kind: str, name: str) -> str:
    """The address of a signal's, receiver's or sender's own page."""
    state: State = context["state"]
    return state.url(page_path(kind, name), sel=None)


@register.simple_tag(takes_context=True)
def select(context: template.Context, kind: str, name: str) -> str:
    """The address of this page with something selected."""
    state: State = context["state"]
    return state.url(sel=f"{kind}:{name}")


@register.simple_tag(takes_context=True)
def pick(context: template.Context, param: str, one: str) -> str:
    """The address of this page with something picked, by its id and the parameter that says so."""
    state: State = context["state"]
    return state.url(**{param: one})


@register.simple_tag(takes_context=True)
def select_in(context: template.Context, path: str, kind: str, name: str) -> str:
    """The address of another page with something selected."""
    state: State = context["state"]
    return state.url(path, sel=f"{kind}:{name}")


@register.simple_tag(takes_context=True)
def trace_url(context: template.Context, trace_id: str, sel: str = "") -> str:
    state: State = context["state"]
    return state.url(f"traces/{trace_id}/", sel=sel)


@register.simple_tag(takes_context=True)
def filtered(context: template.Context, path: str, field: str, value: str) -> str:
    """The address of a page with one more term in the filter; the same where it is there already."""
    state: State = context["state"]
    query: Query = context["scope"].query
    return state.url(path) if has_value(query, field, value) else state.url(path, q=toggle(query, field, value))


@register.simple_tag(takes_context=True)
def unfold(context: template.Context, key: str, opened: str) -> str:
    """The address of this waterfall with one more run of repeated dispatches shown in full."""
    state: State = context["state"]
    return state.url(open=",".join(filter(None, (opened, key))))


@register.simple_tag(takes_context=True)
def heat_step(context: template.Context, calls_per_s: float | None) -> int:
    """The step of heat, 1 to 5, on the scale that all tables of a page share."""
    scope: Scope = context["scope"]
    return scope.scale.step(calls_per_s or 0.0)


@register.simple_tag(takes_context=True)
def silence(context: template.Context, signal: str) -> str:
    """Why a signal is only counted: "muted", "IGNORE", or "" where it is recorded."""
    scope: Scope = context["scope"]
    return scope.silence_of(signal)


@register.simple_tag(takes_context=True)
def times(context: template.Context, row: ConnectionInfo) -> SafeString:
    """A badge where several connections read the same and stand in one line; their figures are added up."""
    scope: Scope = context["scope"]
    count = scope.wiring.times.get(id_of(row), 1)
    if count < 2:
        return SafeString("")
    title = f"{count} connections that read the same; the figures are of all of them"
    return format_html('<span class="tag" title="{}">\N{MULTIPLICATION SIGN}{}</span>', title, count)


@register.simple_tag
def ramp(scale: Scale) -> SafeString:
    """The five steps of heat with where each begins."""
    cells = []
    for i, begin in enumerate((0.0, *scale.steps) if scale.steps else (0.0,)):
        text = (f"{begin:.1g}" if 0 < begin < 0.095 else figures.rate(begin)) + ("+" if i == 4 else "")
        cells.append((i + 1, i * 32 + 0.5, i + 1, i * 32 + 16, text))
    marks = format_html_join(
        "", '<rect class="c{}" x="{}" y=".5" width="31" height="15"/><text class="k{}" x="{}" y="11.5">{}</text>', cells
    )
    return format_html('<svg class="ramp" aria-hidden="true">{}</svg>', marks)


@register.simple_tag
def indent(level: int) -> SafeString:
    return mark_safe('<i class="ind"></i>' * (level - 1))


@register.simple_tag
def lookup(mapping: Mapping[str, Any], key: str) -> Any:
    return mapping[key]


@register.filter
def percent_of(part: float, whole: float) -> float:
    return round(part / whole * 100, 2)


@register.simple_tag(takes_context=True)
def spark(context: template.Context, values: Sequence[float], height: int = 20, classes: str = "") -> SafeString:
    """A sparkline over 100 units of width; a dashed line where there is nothing.

    The values span the window of the page; those finer than the index's buckets are taken together.
    """
    values = figures.no_finer_than(values, (context.get("window_s") or WINDOW_S) // BUCKET_S)
    start = '<svg class="spark {}" viewBox="0 0 100 {}" preserveAspectRatio="none" aria-hidden="true">'
    box = format_html(start, classes, height)
    line = figures.polyline(values, height)
    if not line:
        flat = format_html('<line class="flat" x1="0" x2="100" y1="{0}" y2="{0}"/></svg>', height - 2)
        return mark_safe(box + flat)
    paths = format_html('<path class="area" d="M{0}V{1}H0z"/><path class="line" d="M{0}"/></svg>', line, height)
    return mark_safe(box + paths)


@register.simple_tag
def htmx(nonce: str | None = None) -> SafeString:
    """htmx as django-htmx ships it, without the helper that it adds in DEBUG: that one evaluates scripts."""
    from django_htmx.jinja import htmx_script

    first, end, _ = htmx_script(nonce=nonce).partition("</script>")
    return mark_safe(first + end)
