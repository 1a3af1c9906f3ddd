from django.http import HttpRequest, HttpResponse
from django.urls import path


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


async def asynchronous(request: HttpRequest) -> HttpResponse:
    return HttpResponse("asynchronous")


urlpatterns = [path("", plain), path("asynchronous/", asynchronous)]
