"""For a project with its own Channels router: `URLRouter([*websocket_urlpatterns, ...])`."""

from __future__ import annotations

import re

from django.urls import re_path

from signalgraph.web.consumers import FeedConsumer
from signalgraph.web.feed import SOCKET_NAME

# At any depth: the prefix of the pages isn't known here.
websocket_urlpatterns = [re_path(rf"^(?:.*/)?{re.escape(SOCKET_NAME)}$", FeedConsumer.as_asgi())]
