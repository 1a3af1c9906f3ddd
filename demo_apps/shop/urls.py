from django.urls import path

from . import views

app_name = "shop"
urlpatterns = [
    path("orders/", views.orders, name="orders"),
    path("orders/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("books/<slug:slug>/order/", views.checkout, name="checkout"),
    path("stock/", views.stock, name="stock"),
    path("stock/<slug:slug>/", views.availability, name="availability"),
]
