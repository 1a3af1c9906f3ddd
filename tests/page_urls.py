"""URLs for tests of the pages: the dashboard at a plain prefix, below a parameter, and at the root."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import include, path


def everybody(request: HttpRequest) -> bool:
    return True


urlpatterns = [
    path("signals/", include("signalgraph.urls")),
    path("<slug:tenant>/ops/", include(("signalgraph.urls", "signalgraph"), namespace="tenant")),
]
