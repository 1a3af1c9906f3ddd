"""Who may look: the access rule, and the decorator that every view carries."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutine, iscoroutinefunction
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from signalgraph.conf import get_settings
from signalgraph.web import notices
from signalgraph.web.policy import apply_policy
from signalgraph.web.policy import nonce as nonce
from signalgraph.web.tickets import check_ticket as check_ticket
from signalgraph.web.tickets import make_ticket as make_ticket

View = Callable[..., HttpResponseBase]
Rule = Callable[[HttpRequest], object]

LOCAL_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?", re.IGNORECASE)
FORWARDING = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")

logger = logging.getLogger("signalgraph.access")


class AccessError(Exception):
    """`SIGNALGRAPH["ACCESS"]` can't be used; the message says what it is and what it should be."""


def allowed(request: HttpRequest) -> bool:
    """Whether the project's rule (`SIGNALGRAPH["ACCESS"]`, or the default) lets this request see the dashboard.

    A rule that can't be imported or that raises lets nobody in; the log of the project says why.
    """
    return _verdict(request)[0]


def load_rule() -> Rule:
    """The function that decides; raises `AccessError`, which the system check also reports."""
    path = get_settings().access
    if not path:
        return default_rule
    wanted = "give the dotted path of a plain function access(request) -> bool."
    try:
        rule = import_string(path)
    except Exception as error:
        raise AccessError(
            f'SIGNALGRAPH["ACCESS"] is {path!r}, which can\'t be imported ({type(error).__name__}: {error}); {wanted}'
        ) from error
    if not callable(rule) or iscoroutinefunction(rule):
        raise AccessError(f'SIGNALGRAPH["ACCESS"] is {path!r}, which is a {type(rule).__name__}; {wanted}')
    return rule  # type: ignore[no-any-return]


def default_rule(request: HttpRequest) -> bool:
    """An active superuser; or, in DEBUG, the developer's own browser on the developer's own machine."""
    return (settings.DEBUG and is_local(request)) or is_active_superuser(request)


def is_local(request: HttpRequest) -> bool:
    """Whether a request comes from this machine and no proxy or tunnel can have carried it here.

    The Host has to be a local name as well: a page of somebody else can point its own name at 127.0.0.1.
    """
    meta = request.META
    if any(key.startswith(FORWARDING) for key in meta):
        return False
    return _is_loopback(meta.get("REMOTE_ADDR", "")) and bool(LOCAL_HOST.fullmatch(meta.get("HTTP_HOST", "")))


def is_active_superuser(request: HttpRequest) -> bool:
    """Also False where the project has no `django.contrib.auth`, or a user model without superusers."""
    user = getattr(request, "user", None)
    return bool(getattr(user, "is_active", False) and getattr(user, "is_superuser", False))


def guarded(view: View) -> View:
    """Put the access rule, CSRF protection, our headers, plain 403 and 404 pages and no caching around a sync view.

    The rule is the only door: `LoginRequiredMiddleware` is told to leave these views alone.
    """
    if iscoroutinefunction(view):
        raise TypeError(f"{view.__name__} is async; access rules are plain functions, so write the view as one too.")
    protected = csrf_protect(view)

    @wraps(view)
    def guard(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_allowed, problem = _verdict(request)
        if not is_allowed:
            signed_in = problem is None and _is_signed_in(request)
            return apply_policy(notices.denied(request, signed_in=signed_in, problem=problem))
        try:
            return apply_policy(protected(request, *args, **kwargs))
        except Http404 as absent:
            return apply_policy(notices.missing(request, str(absent)))

    guard.login_required = False  # type: ignore[attr-defined]
    return never_cache(guard)


def _verdict(request: HttpRequest) -> tuple[bool, str | None]:
    try:
        answer = load_rule()(request)
        if iscoroutine(answer):
            answer.close()
            raise AccessError(
                'SIGNALGRAPH["ACCESS"] gives a coroutine; write a plain function access(request) -> bool.'
            )
        return bool(answer), None
    except AccessError as error:
        logger.exception("Nobody may see the dashboard.")
        return False, str(error)
    except Exception as error:
        logger.exception("The access rule failed, so nobody may see the dashboard.")
        return False, f"The access rule raised {type(error).__name__}: {error}"


def _is_signed_in(request: HttpRequest) -> bool:
    return bool(getattr(getattr(request, "user", None), "is_authenticated", False))


def _is_loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
