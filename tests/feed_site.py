"""A small project for a real server: the feed below a prefix, its log from FEED_LOG. Settings and asgi.py in one."""

from __future__ import annotations

import os

SECRET_KEY = "a project of one file"
DEBUG = True
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["signalgraph"]
ROOT_URLCONF = "tests.feed_urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True
SIGNALGRAPH = {"LOG": os.environ.get("FEED_LOG"), "RECORD": "off"}


def __getattr__(name: str) -> object:
    """`application`, made when a server asks for it: by then the settings above are complete."""
    if name != "application":
        raise AttributeError(name)
    os.environ["DJANGO_SETTINGS_MODULE"] = __name__
    from django.core.asgi import get_asgi_application

    from signalgraph.asgi import websockets

    return websockets(get_asgi_application())
