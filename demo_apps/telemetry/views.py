from django.apps import apps
from django.contrib.auth.decorators import user_passes_test
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from .counts import COUNTS


class OnPurposeError(Exception):
    """Raised by the page that shows what an unhandled exception looks like."""


def counts(request: HttpRequest) -> HttpResponse:
    switch = apps.get_app_config("telemetry").construction
    return render(request, "telemetry/counts.html", {"rows": COUNTS.rows(), "construction_is_on": switch.is_on})


@require_POST
@user_passes_test(lambda user: user.is_staff)
def switch_construction(request: HttpRequest) -> HttpResponseRedirect:
    """Connect or disconnect the audit of construction in this process: watch it come and go in the graph."""
    switch = apps.get_app_config("telemetry").construction
    if switch.is_on:
        switch.turn_off()
    else:
        switch.turn_on()
    return redirect("telemetry:counts")


def fail(request: HttpRequest) -> HttpResponse:
    raise OnPurposeError("This page always fails, so that got_request_exception has something to tell.")
