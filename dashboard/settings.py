"""Settings of the demo site: a bookshop whose signals are worth watching.

Read from the environment: DJANGO_DEBUG (default 1), DJANGO_SECRET_KEY, DJANGO_ALLOWED_HOSTS (comma separated) and
DEMO_VAR (where the database, the mails and the uploads are kept; default var/).
"""

import os
import sys
from pathlib import Path

import django

from dashboard.secret import load_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("DEMO_VAR") or BASE_DIR / "var")
VAR.mkdir(mode=0o700, parents=True, exist_ok=True)

# The demo apps are ordinary top-level packages of a project, so their signals read `shop.signals.order_placed`.
sys.path.insert(0, str(BASE_DIR / "demo_apps"))

DEBUG = os.environ.get("DJANGO_DEBUG", "1") == "1"
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or load_secret_key(VAR / "secret_key")
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

INSTALLED_APPS = [
    "daphne",  # first: it replaces runserver
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "signalgraph",
    "dashboard",
    "accounts",
    "library",
    "shop",
    "telemetry",
    "legacy",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
WSGI_APPLICATION = "dashboard.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR / "demo.sqlite3",
        # The site and import_stock write at the same time: take the lock at BEGIN and wait for it.
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if DEBUG:  # the demo's visitors register and log in all the time
    PASSWORD_HASHERS = ["dashboard.passwords.QuickPasswordHasher"]
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "library:home"
LOGOUT_REDIRECT_URL = "library:home"

MAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": MAIL_BACKEND, "OPTIONS": {"file_path": VAR / "mail"}}}
else:
    EMAIL_BACKEND = MAIL_BACKEND
    EMAIL_FILE_PATH = VAR / "mail"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = VAR / "media"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": os.environ.get("DJANGO_LOG_LEVEL", "WARNING")},
}

# All defaults: this is what a project gets that only adds the app and one include(). What the shop shows on purpose is
# a finding too, and true; it is accepted here, as a project would that has its reasons. What `legacy` does is not.
SIGNALGRAPH: dict[str, object] = {
    "ACCEPT": {
        "SG203:receiver:shop.*": "Shows slow receivers: publish_stock takes seconds, and nobody waits for an import.",
        "SG204:receiver:shop.receivers.recount_orders": "Shows an N+1; five orders are the most that it counts.",
        "SG205:receiver:shop.receivers.send_receipt": "Shows the slow receiver of an order; it only draws the receipt.",
        "SG206:receiver:shop.receivers.send_receipt": "Draws a receipt too many; the mail itself waits for the commit.",
        "SG206:receiver:shop.receivers.notify_warehouse": "Shows a coroutine; it only waits, no warehouse hears of it.",
        "SG207:receiver:shop.receivers.charge_loyalty": "Shows that send_robust goes on; points can be added later.",
        "SG207:receiver:shop.stock.notify_supplier": "Shows that send_robust goes on; the reorder is in the database.",
        "SG214:sender:shop.StockItem": "Copies that come back make no stock low, so check_stock need not hear of them.",
    },
}
