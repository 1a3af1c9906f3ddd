from django.urls import path

from . import views

app_name = "library"
urlpatterns = [
    path("", views.home, name="home"),
    path("add/", views.add, name="add"),
    path("books/<slug:slug>/", views.book, name="book"),
    path("books/<slug:slug>/read/", views.read, name="read"),
    path("books/<slug:slug>/cover/", views.upload_cover, name="upload_cover"),
    path("books/<slug:slug>/delete/", views.delete, name="delete"),
]
