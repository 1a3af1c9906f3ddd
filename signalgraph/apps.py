from __future__ import annotations

import os
import sys

from django.apps import AppConfig


class SignalgraphConfig(AppConfig):
    name = "signalgraph"
    verbose_name = "signalgraph"

    def ready(self) -> None:
        from django.conf import settings

        from signalgraph import checks, conf, recorder, redaction  # noqa: F401 - checks register themselves

        options = conf.get_settings()
        redaction.use(options.redact)  # also where nothing is recorded: names read the same in every process
        if recorder.state().mode != "off":  # ready() runs again when a test changes INSTALLED_APPS
            return
        if not conf.should_record(sys.argv, os.environ, debug=settings.DEBUG):
            return
        try:
            log = conf.resolve_log_url(options)
        except conf.SettingsError:  # told by the checks and on the setup page; the project goes on
            log = "memory://"
        recorder.start(
            log,
            mode="watched" if options.record == "watched" else "always",
            ring=options.ring,
            keep_age_s=options.keep.age_s,
            keep_bytes=options.keep.bytes,
            capture=options.capture,
            share=options.sample,
            slow_ms=options.slow_ms,
            ignore=options.ignore,
        )
