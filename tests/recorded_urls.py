"""A small site for tests of the recorder: views that dispatch."""

from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import include, path

viewed = Signal()


def item(request: HttpRequest, token: str) -> HttpResponse:
    viewed.send("item", token=token)
    return HttpResponse("item")


async def asynchronous(request: HttpRequest) -> HttpResponse:
    await viewed.asend("asynchronous")
    return HttpResponse("asynchronous")


def nesting(request: HttpRequest) -> HttpResponse:
    viewed.send("before")
    Client().get("/items/inner-secret/")
    viewed.send("after")
    return HttpResponse("nesting")


def streaming(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"a", b"b"]))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse("not found", status=404)


handler404 = not_found
urlpatterns = [
    path("items/<str:token>/", item),
    path("asynchronous/", asynchronous),
    path("nesting/", nesting),
    path("streaming/", streaming),
    path("own/", include(([path("page/<str:token>/", item)], "signalgraph"))),
    path("accounts/", include("django.contrib.auth.urls")),
]
