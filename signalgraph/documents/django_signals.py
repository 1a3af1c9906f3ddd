"""What Django's own signals say, for those who meet them for the first time; one line each."""

from __future__ import annotations

from collections.abc import Mapping

MODELS, AUTH = "django.db.models.signals", "django.contrib.auth.signals"

SAID: Mapping[str, str] = {
    f"{MODELS}.class_prepared": "A model class is complete; sent once for each, while the project starts.",
    f"{MODELS}.pre_init": "An instance of a model is about to be made.",
    f"{MODELS}.post_init": "An instance of a model was made, in code or from the database.",
    f"{MODELS}.pre_save": "`save()` is about to write an instance.",
    f"{MODELS}.post_save": "`save()` has written an instance; the transaction may still be open.",
    f"{MODELS}.pre_delete": "An instance is about to be deleted.",
    f"{MODELS}.post_delete": "An instance was deleted; the transaction may still be open.",
    f"{MODELS}.m2m_changed": "A many-to-many relation changes; sent before and after.",
    f"{MODELS}.pre_migrate": "`migrate` begins; sent once for each app.",
    f"{MODELS}.post_migrate": "`migrate` has ended; sent once for each app.",
    "django.db.backends.signals.connection_created": "A connection to a database was opened.",
    "django.core.signals.request_started": "A request begins.",
    "django.core.signals.request_finished": "A response was delivered and closed.",
    "django.core.signals.got_request_exception": "A view has raised an exception.",
    "django.core.signals.setting_changed": "A test overrides a setting, or takes that back.",
    "django.test.signals.template_rendered": "A template was rendered in a test.",
    f"{AUTH}.user_logged_in": "A user has logged in.",
    f"{AUTH}.user_logged_out": "A user has logged out.",
    f"{AUTH}.user_login_failed": "Somebody has failed to log in.",
}
