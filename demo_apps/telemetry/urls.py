from django.urls import path

from . import views

app_name = "telemetry"
urlpatterns = [
    path("", views.counts, name="counts"),
    path("construction/", views.switch_construction, name="construction"),
    path("fail/", views.fail, name="fail"),
]
