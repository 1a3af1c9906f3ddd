"""A browser's manners in a few lines: cookies, CSRF token, redirects, forms and files, to this machine only."""

import ipaddress
import secrets
from http.client import HTTPMessage, HTTPResponse
from http.cookiejar import CookieJar
from typing import IO, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, ProxyHandler, Request, build_opener


class ForeignHostError(ValueError):
    """The address is not of this machine."""


class Page(NamedTuple):
    status: int
    path: str
    text: str


def check_loopback(url: str) -> None:
    """Raise ForeignHostError where the host of `url` is not this machine, or where it is no http address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or not _is_loopback(host):
        raise ForeignHostError(f"{url!r} is not on this machine; use an address like http://127.0.0.1:8000.")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _LocalRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        check_loopback(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class WebClient:
    """Asks for pages of one site and keeps its cookies.

    Parameters
    ----------
    base_url
        Address of the site, on this machine.
    timeout_s
        How long to wait for an answer.
    """

    def __init__(self, base_url: str, timeout_s: float = 20.0) -> None:
        check_loopback(base_url)
        self.base_url = base_url.rstrip("/")
        self.timeout_s = timeout_s
        self.cookies = CookieJar()
        self._opener = build_opener(ProxyHandler({}), _LocalRedirects, HTTPCookieProcessor(self.cookies))

    def get(self, path: str, **query: str) -> Page:
        """Return the page, whatever its status. OSError where nobody answers."""
        return self._open(Request(self.base_url + path + ("?" + urlencode(query) if query else "")))

    def post(self, path: str, **fields: str) -> Page:
        """Send a form, with the CSRF token, and return the page that the answer leads to."""
        data = urlencode({"csrfmiddlewaretoken": self._token(), **fields}).encode()
        return self._open(Request(self.base_url + path, data))

    def upload(self, path: str, field: str, file_name: str, content: bytes) -> Page:
        """Send one file in a form, with the CSRF token."""
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{self._token()}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{file_name}"\r\n\r\n'
        )
        data = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return self._open(Request(self.base_url + path, data, {"Content-Type": kind}))

    def _token(self) -> str:
        token = next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), None)
        if token is None:
            self.get("/accounts/login/")
            token = next((cookie.value for cookie in self.cookies if cookie.name == "csrftoken"), None)
        return token or ""

    def _open(self, request: Request) -> Page:
        response: HTTPResponse | HTTPError
        try:
            response = self._opener.open(request, timeout=self.timeout_s)
        except HTTPError as error:  # an answer all the same
            response = error
        with response:
            return Page(response.status or 0, urlsplit(response.url).path, response.read().decode(errors="replace"))
