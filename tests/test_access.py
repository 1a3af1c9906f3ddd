"""Who may look, and what our pages tell the browser."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.signing import Signer
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import override_settings

from signalgraph.web import access, policy, tickets
from signalgraph.web.notices import login_url

LOCAL = {"HTTP_HOST": "localhost:8000", "REMOTE_ADDR": "127.0.0.1"}


def request_for(user: object = None, path: str = "/signals/", **meta: str) -> HttpRequest:
    request = RequestFactory().get(path, **{"HTTP_HOST": "example.com", "REMOTE_ADDR": "203.0.113.7", **meta})
    if user is not None:
        request.user = user  # type: ignore[assignment]
    return request


def person(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"is_active": True, "is_superuser": True, "is_authenticated": True, **changes})


def let_in(request: HttpRequest) -> bool:
    return True


def fail(request: HttpRequest) -> bool:
    raise RuntimeError("the directory is down")


async def let_in_later(request: HttpRequest) -> bool:
    return True


class LetInLater:
    async def __call__(self, request: HttpRequest) -> bool:
        return True


let_in_by_object = LetInLater()


def use_rule(settings: Any, path: str) -> None:
    settings.SIGNALGRAPH = {"ACCESS": path}


@access.guarded
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secret")


@access.guarded
def absent(request: HttpRequest) -> HttpResponse:
    raise Http404("There is no signal <b>shop.paid</b>.")


class TestDefaultRule:
    def test_an_active_superuser_may_look(self) -> None:
        """Wherever the request comes from, DEBUG or not."""
        assert access.allowed(request_for(person()))

    @pytest.mark.parametrize("user", [None, AnonymousUser(), person(is_active=False), person(is_superuser=False)])
    def test_nobody_else_may(self, user: object) -> None:
        """Also where the project has no auth at all, so that a request has no user."""
        assert not access.allowed(request_for(user))

    def test_a_user_model_without_superusers_lets_nobody_in(self) -> None:
        """A missing attribute is a no, not a crash."""
        assert not access.allowed(request_for(SimpleNamespace(is_active=True)))

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:80", "[::1]:8000"])
    def test_in_debug_the_own_machine_may(self, settings: Any, address: str, host: str) -> None:
        """A developer doesn't have to create a superuser first."""
        settings.DEBUG = True
        assert access.allowed(request_for(HTTP_HOST=host, REMOTE_ADDR=address))

    def test_without_debug_the_own_machine_may_not(self, settings: Any) -> None:
        """In production a local request is most likely the proxy's."""
        settings.DEBUG = False
        assert not access.allowed(request_for(**LOCAL))

    @pytest.mark.parametrize(
        "meta",
        [
            {"HTTP_X_FORWARDED_FOR": "203.0.113.7"},
            {"HTTP_X_FORWARDED_HOST": "example.com"},
            {"HTTP_X_FORWARDED_PROTO": "https"},
            {"HTTP_FORWARDED": "for=203.0.113.7"},
            {"HTTP_X_REAL_IP": "127.0.0.1"},
            {"HTTP_VIA": "1.1 proxy"},
            {"REMOTE_ADDR": "192.168.0.2"},
            {"REMOTE_ADDR": ""},
            {"REMOTE_ADDR": "localhost"},
            {"HTTP_HOST": "example.com"},
            {"HTTP_HOST": "localhost.example.com"},
            {"HTTP_HOST": "localhost:8000@example.com"},
            {"HTTP_HOST": "127.0.0.1.example.com"},
            {"HTTP_HOST": ""},
        ],
    )
    def test_in_debug_a_request_that_may_come_from_elsewhere_may_not(self, settings: Any, meta: dict[str, str]) -> None:
        """Through a proxy, a tunnel, the local network or a name that somebody pointed at 127.0.0.1."""
        settings.DEBUG = True
        assert access.allowed(request_for(**LOCAL))
        assert not access.allowed(request_for(**{**LOCAL, **meta}))


class TestProjectRule:
    def test_it_replaces_the_default(self, settings: Any) -> None:
        """Who may look is the project's decision alone."""
        use_rule(settings, f"{__name__}.let_in")
        assert access.allowed(request_for())

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("nowhere.rules.access", "can't be imported"),
            (f"{__name__}.missing", "can't be imported"),
            (f"{__name__}.LOCAL", "is a dict"),
            (f"{__name__}.let_in_later", "plain function"),
            (f"{__name__}.let_in_by_object", "plain function"),
            (f"{__name__}.fail", "RuntimeError: the directory is down"),
        ],
    )
    def test_a_broken_one_lets_nobody_in(
        self, settings: Any, caplog: pytest.LogCaptureFixture, path: str, reason: str
    ) -> None:
        """Not even a superuser; the log says why, and in DEBUG the page too."""
        use_rule(settings, path)
        with caplog.at_level(logging.ERROR, "signalgraph.access"):
            assert not access.allowed(request_for(person()))
        assert len(caplog.records) == 1
        settings.DEBUG = False
        assert reason not in page(request_for(person())).content.decode()
        settings.DEBUG = True
        answer = page(request_for(person())).content.decode().replace("&#x27;", "'")
        assert reason in answer

    def test_a_rule_that_cannot_be_used_is_an_error_for_the_system_check(self, settings: Any) -> None:
        """`load_rule` says what is wrong, which value, and what to do."""
        use_rule(settings, "nowhere.rules.access")
        with pytest.raises(access.AccessError, match=r"'nowhere\.rules\.access'.*give the dotted path"):
            access.load_rule()


class TestGuarded:
    def test_who_may_look_gets_the_view(self) -> None:
        """And nothing of it is kept by caches."""
        answer = page(request_for(person()))
        assert answer.content == b"secret"
        assert "no-store" in answer["Cache-Control"]

    def test_who_may_not_gets_a_plain_403(self) -> None:
        """It says what to do and never shows what the view would have."""
        answer = page(request_for())
        assert answer.status_code == 403
        assert b"secret" not in answer.content
        assert b"not signed in" in answer.content
        assert b"superuser" in answer.content

    def test_somebody_signed_in_is_not_sent_to_sign_in(self) -> None:
        """That would lead in a circle."""
        answer = page(request_for(person(is_superuser=False)))
        assert b"You are signed in" in answer.content
        assert b"<a " not in answer.content

    def test_static_files_that_were_not_collected_do_not_matter(self, settings: Any, tmp_path: Any) -> None:
        """A 403 without style is better than a 500."""
        settings.STATIC_ROOT = tmp_path
        settings.STORAGES = {
            **settings.STORAGES,
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
        }
        answer = page(request_for())
        assert answer.status_code == 403
        assert b"stylesheet" not in answer.content

    def test_a_json_address_answers_in_json(self) -> None:
        """A script that polls reads why."""
        answer = page(request_for(path="/signals/events.json"))
        assert answer.status_code == 403
        assert answer["Content-Type"] == "application/json"
        assert b'"error"' in answer.content

    def test_what_is_absent_is_said_in_the_words_of_the_view(self) -> None:
        """Escaped, also in DEBUG, where Django would list the project's URLs."""
        answer = absent(request_for(person()))
        assert answer.status_code == 404
        assert b"There is no signal &lt;b&gt;shop.paid" in answer.content
        assert policy.HEADER in answer.headers

    def test_a_post_needs_the_csrf_token(self) -> None:
        """Even where the project has no CSRF middleware."""
        request = RequestFactory(enforce_csrf_checks=True).post("/signals/", **LOCAL)
        request.user = person()  # type: ignore[assignment]
        answer = page(request)
        assert answer.status_code == 403
        assert answer.content != b"secret"

    def test_login_required_middleware_leaves_the_views_alone(self) -> None:
        """The access rule is the only door."""
        assert page.login_required is False  # type: ignore[attr-defined]

    def test_an_async_view_is_refused(self) -> None:
        """Nobody would await it behind a plain rule."""

        async def view(request: HttpRequest) -> HttpResponse:
            return HttpResponse()

        with pytest.raises(TypeError, match="async"):
            access.guarded(view)  # type: ignore[arg-type]


class TestSignIn:
    @override_settings(ROOT_URLCONF="tests.feed_urls", LOGIN_URL="/accounts/login/")
    def test_a_login_page_that_does_not_exist_is_not_linked(self) -> None:
        """LOGIN_URL has a default that most projects never serve."""
        assert login_url(request_for()) is None
        assert b"<a " not in page(request_for()).content

    @override_settings(ROOT_URLCONF="tests.feed_urls", LOGIN_URL="sign-in")
    def test_one_that_does_is_linked_with_the_way_back(self) -> None:
        """So is one given by name."""
        assert login_url(request_for(path="/signals/graph/?q=a&b=1")) == (
            "/sign-in/?next=%2Fsignals%2Fgraph%2F%3Fq%3Da%26b%3D1"
        )

    @override_settings(ROOT_URLCONF="tests.feed_urls", LOGIN_URL="https://id.example.com/?app=1")
    def test_one_of_another_host_is_taken_as_it_is(self) -> None:
        """Single sign-on lives elsewhere."""
        assert str(login_url(request_for())).startswith("https://id.example.com/?app=1&next=")


class TestPolicy:
    def test_pages_load_nothing_but_our_own_files(self) -> None:
        """No inline script, no eval, no third party."""
        answer = page(request_for(person()))
        assert answer[policy.HEADER] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
        )
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["X-Content-Type-Options"] == "nosniff"

    def test_static_files_of_another_host_may_be_loaded(self, settings: Any) -> None:
        """Where STATIC_URL is a CDN; connections still go to the own host only."""
        settings.STATIC_URL = "https://cdn.example.com:8443/static/"
        header = page(request_for(person()))[policy.HEADER]
        assert (
            "script-src 'self' https://cdn.example.com:8443; style-src 'self' https://cdn.example.com:8443;" in header
        )
        assert "connect-src 'self';" in header

    @pytest.mark.parametrize("url", [None, "", "/static/", "static/"])
    def test_own_static_files_need_no_origin(self, url: str | None) -> None:
        """Also where the project has none."""
        assert policy.static_origin(url) is None

    def test_django_s_middleware_does_not_replace_it(self, settings: Any) -> None:
        """The project's policy is for the project's pages."""
        csp = pytest.importorskip("django.middleware.csp", reason="since Django 6")
        settings.SECURE_CSP = {"default-src": ["https:"]}
        answer = csp.ContentSecurityPolicyMiddleware(page)(request_for(person()))
        assert answer[policy.HEADER].startswith("default-src 'none'")

    def test_the_nonce_of_the_project_is_found(self) -> None:
        """Django 6 and django-csp keep it in different places, and it is false until somebody reads it."""
        csp = pytest.importorskip("django.utils.csp", reason="since Django 6")
        request = request_for()
        request._csp_nonce = csp.LazyNonce()  # type: ignore[attr-defined]
        assert access.nonce(request) == str(request._csp_nonce)  # type: ignore[attr-defined]
        assert access.nonce(request)

    def test_the_nonce_of_django_csp_is_found(self) -> None:
        """`request.csp_nonce`; None where the project makes none."""
        request = request_for()
        assert access.nonce(request) is None
        request.csp_nonce = "abc"  # type: ignore[attr-defined]
        assert access.nonce(request) == "abc"


class TestTickets:
    def test_a_fresh_one_is_good(self) -> None:
        """For the next 60 seconds."""
        text = access.make_ticket(request_for())
        assert access.check_ticket(text)
        assert 59 < tickets.seconds_left(text) <= 60

    def test_it_ends_after_60_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever may still look gets a new one over HTTP."""
        monkeypatch.setattr(tickets.time, "time", lambda: 1000.0)
        text = access.make_ticket(request_for())
        assert access.check_ticket(text, now=1059.9)
        assert not access.check_ticket(text, now=1060.0)
        assert tickets.seconds_left(text, now=1050.0) == pytest.approx(10)

    def test_one_from_the_far_future_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A clock that was wrong for a moment must not make a ticket that never ends."""
        monkeypatch.setattr(tickets.time, "time", lambda: 10_000.0)
        text = access.make_ticket(request_for())
        assert not access.check_ticket(text, now=1000.0)
        assert tickets.seconds_left(text, now=9990.0) == 60

    @pytest.mark.parametrize("text", ["", "x", ":", "1763700000.000:forged", None, 7, "9" * 10_000])
    def test_anything_else_is_not(self, text: object) -> None:
        """Without an error."""
        assert not access.check_ticket(text)  # type: ignore[arg-type]

    def test_one_signed_for_another_purpose_is_not(self) -> None:
        """The salt is ours alone."""
        assert not access.check_ticket(Signer(salt="other").sign("1763700000.000"))
        assert not access.check_ticket(Signer(salt=tickets.SALT).sign("soon"))
