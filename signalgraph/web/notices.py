"""What is said instead of a page, in plain words: you may not look, this isn't here."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse

from signalgraph.conf import get_settings

TEMPLATE = "signalgraph/notice.html"


def error_json(what: str, value: object, do: str, *, status: int, position: int | None = None) -> JsonResponse:
    """An error as data: what is wrong, with which value, what to do; `position` points into the value."""
    error: dict[str, object] = {"what": what, "value": value, "do": do}
    if position is not None:
        error["position"] = position
    return JsonResponse({"error": error}, status=status)


def denied(request: HttpRequest, *, signed_in: bool, problem: str | None = None) -> HttpResponse:
    """A 403 that says how to get in. `problem`: why the rule itself failed; shown in DEBUG only."""
    do = problem if problem and settings.DEBUG else how_to_get_in()
    if request.path.endswith(".json"):
        return error_json("You may not see this dashboard.", request.path, do, status=403)
    context: dict[str, object] = {
        "title": "You may not see this dashboard",
        "message": "You are signed in, but not as somebody who may look." if signed_in else "You are not signed in.",
        "do": do,
        "login_url": None if signed_in or problem else login_url(request),
    }
    return _page(context, status=403)


def missing(request: HttpRequest, message: str) -> HttpResponse:
    """A 404 with the words of the view that didn't find it."""
    what = message or "There is nothing at this address."
    do = "Go back, or start again at the overview: what you look for may have been removed from the log since."
    if request.path.endswith(".json"):
        return error_json(what, request.path, do, status=404)
    return _page({"title": "Not found", "message": what, "do": do}, status=404)


def _page(context: dict[str, object], *, status: int) -> HttpResponse:
    """Without the request: no context processor of the project runs for somebody who may not look."""
    return HttpResponse(render_to_string(TEMPLATE, {**context, "styles": _styles()}), status=status)


def _styles() -> list[str]:
    try:
        return [static(f"signalgraph/{name}.css") for name in ("tokens", "app")]
    except ValueError:  # a manifest storage before collectstatic: plain is better than a 500
        return []


def how_to_get_in() -> str:
    """The rule in one sentence: the project's own is theirs to explain."""
    if get_settings().access:
        return 'This project decides itself who may (SIGNALGRAPH["ACCESS"]); ask the people who run it.'
    if settings.DEBUG:
        return (
            "Sign in as an active superuser, or open it on this machine as http://localhost:<port>/ without a proxy "
            'between. To let others in, set SIGNALGRAPH["ACCESS"] to the dotted path of a function '
            "access(request) -> bool."
        )
    return "Sign in as an active superuser."


def login_url(request: HttpRequest) -> str | None:
    """Where to sign in and come back, or None where LOGIN_URL (and the admin's login) lead nowhere."""
    target = _existing(settings.LOGIN_URL) or _admin_login()
    if target is None:
        return None
    return f"{target}{'&' if '?' in target else '?'}{urlencode({'next': request.get_full_path()})}"


def _existing(setting: object) -> str | None:
    try:
        url = resolve_url(setting)  # type: ignore[arg-type]  # LOGIN_URL may be lazy
    except NoReverseMatch:
        return None
    if "//" in url:
        return url
    path = url.partition("?")[0]
    try:
        resolve("/" + path.removeprefix(get_script_prefix()).lstrip("/"))
    except Resolver404:
        return None
    return url


def _admin_login() -> str | None:
    try:
        return reverse("admin:login")
    except NoReverseMatch:
        return None
