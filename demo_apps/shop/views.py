import time

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import aget_object_or_404, get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from library.models import Book
from telemetry.signals import CHECKOUT, measured

from .forms import OrderForm
from .models import Order, OutOfStock, StockItem
from .services import cancel_order, place_order
from .signals import availability_asked


@login_required
@require_POST
def checkout(request: HttpRequest, slug: str) -> HttpResponseRedirect:
    book = get_object_or_404(Book, slug=slug)
    form = OrderForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say how many copies you want: 1 to 999.")
        return redirect(book)
    started = time.perf_counter()
    copies = form.cleaned_data["copies"]
    try:
        order = place_order(request.user, [(book, copies)])
    except OutOfStock as error:
        messages.error(request, str(error))
        return redirect(book)
    measured.send(sender=CHECKOUT, seconds=time.perf_counter() - started, count=copies)
    messages.success(request, f"Order {order.pk} is placed. The receipt is on its way.")
    return redirect("shop:orders")


@login_required
def orders(request: HttpRequest) -> HttpResponse:
    placed = request.user.orders.prefetch_related("lines__book").order_by("-pk")[:20]
    return render(request, "shop/orders.html", {"orders": placed})


@login_required
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponseRedirect:
    order = get_object_or_404(Order, pk=pk, reader=request.user)
    if cancel_order(order):
        messages.success(request, f"Order {pk} is cancelled.")
    else:
        messages.error(request, f"Order {pk} was cancelled before.")
    return redirect("shop:orders")


def stock(request: HttpRequest) -> HttpResponse:
    items = StockItem.objects.select_related("book").order_by("copies", "book__title")[:40]
    return render(request, "shop/stock.html", {"items": items})


async def availability(request: HttpRequest, slug: str) -> HttpResponse:
    """An asynchronous view that waits for all receivers at once."""
    item = await aget_object_or_404(StockItem.objects.select_related("book"), book__slug=slug)
    responses = await availability_asked.asend(sender=StockItem, item=item)
    days = min(response for _, response in responses if isinstance(response, int))
    return await sync_to_async(render)(request, "shop/availability.html", {"book": item.book, "days": days})
