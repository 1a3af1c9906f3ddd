"""Oscar's sandbox in one file: everything switched on, SQLite beside it."""

from pathlib import Path

import oscar
from oscar.defaults import *  # noqa: F403

BASE_DIR = Path.cwd()
SECRET_KEY = "for tests"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "oscar_urls"
SITE_ID = 1
USE_TZ = True
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3", "ATOMIC_REQUESTS": True}
}
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
OSCAR_ALLOW_ANON_CHECKOUT = True
STATIC_URL, MEDIA_URL, MEDIA_ROOT = "/static/", "/media/", BASE_DIR / "media"
OSCAR_MISSING_IMAGE_URL = "image_not_found.jpg"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PARTS = ["analytics", "checkout", "address", "shipping", "catalogue", "communication", "partner", "basket", "payment"]
PARTS += ["offer", "order", "customer", "search", "voucher", "wishlists", "dashboard"]
BOARDS = ["reports", "users", "orders", "catalogue", "offers", "partners", "pages", "ranges", "reviews", "vouchers"]
BOARDS += ["communications", "shipping"]


def config(package: str, name: str) -> str:
    return f"oscar.apps.{package}.apps.{name}"


INSTALLED_APPS = [
    *("django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"),
    *("django.contrib.messages", "django.contrib.staticfiles", "django.contrib.sites", "django.contrib.flatpages"),
    "oscar.config.Shop",
    *(config(part, f"{part.capitalize()}Config") for part in PARTS),
    config("catalogue.reviews", "CatalogueReviewsConfig"),
    *(config(f"dashboard.{board}", f"{board.capitalize()}DashboardConfig") for board in BOARDS),
    *("widget_tweaks", "haystack", "treebeard", "django_tables2", "signalgraph", "django_htmx"),
]
try:
    import sorl.thumbnail  # noqa: F401

    INSTALLED_APPS.append("sorl.thumbnail")
except ImportError:
    INSTALLED_APPS.append("easy_thumbnails")
    OSCAR_THUMBNAILER = "oscar.core.thumbnails.EasyThumbnails"
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(oscar.__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "oscar.apps.search.context_processors.search_form",
                "oscar.apps.checkout.context_processors.checkout",
                "oscar.apps.communication.notifications.context_processors.notifications",
                "oscar.core.context_processors.metadata",
            ]
        },
    }
]
SIGNALGRAPH = {"RECORD": "always"}
