from django.urls import path

from . import views

app_name = "legacy"
urlpatterns = [path("", views.notes, name="notes")]
