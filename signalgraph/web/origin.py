"""Whether a WebSocket was opened by one of our own pages: browsers let a page of anybody open one to any host."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def is_same_origin(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the one Origin header names the host (and port) of the one Host header; the scheme may be a proxy's."""
    headers = [(name.lower(), value) for name, value in headers]
    origins = [value for name, value in headers if name == b"origin"]
    hosts = [value for name, value in headers if name == b"host"]
    if len(origins) != 1 or len(hosts) != 1:
        return False
    try:
        origin = urlsplit(origins[0].decode("ascii"))
        host = hosts[0].decode("ascii")
    except ValueError:
        return False
    if origin.scheme not in DEFAULT_PORTS or not origin.netloc:
        return False
    return _authority(origin.netloc, origin.scheme) == _authority(host, origin.scheme)


def _authority(netloc: str, scheme: str) -> str:
    return netloc.lower().removesuffix(DEFAULT_PORTS[scheme])
