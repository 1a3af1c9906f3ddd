"""ASGI entry point. The last line is optional: with it the dashboard is live by WebSocket, without it by polling."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
application = get_asgi_application()

import signalgraph.asgi  # noqa: E402 - a consumer needs the apps to be loaded

application = signalgraph.asgi.websockets(application)
