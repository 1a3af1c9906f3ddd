from __future__ import annotations

import os
import sys

from django.apps import AppConfig


class SignalgraphConfig(AppConfig):
    name = "signalgraph"
    verbose_name = "signalgraph"

    def ready(self) -> None:
        from django.conf import settings

        from signalgraph import checks, conf, recorder  # noqa: F401 - checks register themselves

        options = conf.get_settings()
        if conf.should_record(sys.argv, os.environ, debug=settings.DEBUG):
            mode = "watched" if options.record == "watched" else "always"
            recorder.start(conf.resolve_log_url(options), mode=mode, ring=options.ring)
