"""The bookshop at /, the dashboard at /signals/."""

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

urlpatterns = [
    path("signals/", include("signalgraph.urls")),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("telemetry/", include("telemetry.urls")),
    path("notes/", include("legacy.urls")),
    path("", include("library.urls")),
    path("", include("shop.urls")),
    # Both answer in DEBUG only.
    *staticfiles_urlpatterns(),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
