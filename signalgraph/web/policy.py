"""The headers of our pages: what they may load and who may frame them."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "Content-Security-Policy"


def static_origin(static_url: str | None) -> str | None:
    """The origin of STATIC_URL where that is another host, as a CSP source: `https://cdn.example.com`."""
    parts = urlsplit(static_url or "")
    if not parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme else parts.netloc


def content_security_policy(static_url: str | None = None) -> str:
    """Nothing but our own files: no inline script or style, no eval, nothing from third parties."""
    origin = static_origin(static_url)
    files = f"'self' {origin}" if origin else "'self'"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {files}",
            f"style-src {files}",
            f"img-src {files} data:",
            "connect-src 'self'",
            f"font-src {files}",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )


def picture_policy(style: str) -> str:
    """For a file that is a document of its own: nothing but the style that it carries."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'self'"


def apply_policy(response: HttpResponseBase) -> HttpResponseBase:
    """Set our headers on a response; Django's and django-csp's middleware leave a policy that is there alone."""
    response.headers.setdefault(HEADER, content_security_policy(settings.STATIC_URL))
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def nonce(request: HttpRequest) -> str | None:
    """The nonce that the project's middleware made for this request (Django 6, django-csp), for our tags to carry.

    Our own policy needs none. Something in front of the project may add a second policy that does.
    """
    for name in ("_csp_nonce", "csp_nonce"):
        value = getattr(request, name, None)
        if value is not None:  # a lazy nonce is false until it is used
            return str(value)
    return None
