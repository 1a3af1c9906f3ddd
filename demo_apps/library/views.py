from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from .forms import BookForm, CoverForm
from .models import Book, Category, FeaturedBookError
from .signals import book_read

BOOKS_A_PAGE = 12


def home(request: HttpRequest) -> HttpResponse:
    """All books, or those of a category, or those that a search finds."""
    books = Book.objects.select_related("author").order_by("-featured", "title")
    category, words = request.GET.get("category", ""), request.GET.get("q", "").lower()
    if category:
        books = books.filter(categories__name=category)
    if words:
        books = books.filter(search_entry__words__contains=words)
    page = Paginator(books, BOOKS_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "category": category, "q": words, "categories": Category.objects.order_by("name")}
    return render(request, "library/home.html", context)


def book(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Book.objects.select_related("author", "stock"), slug=slug)
    return render(request, "library/book.html", {"book": found, "cover_form": CoverForm()})


def read(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Book.objects.select_related("author"), slug=slug)
    book_read.send(sender=Book, book=found, reader=request.user)
    return render(request, "library/read.html", {"book": found})


@login_required
def add(request: HttpRequest) -> HttpResponse:
    form = BookForm(request.POST or None, instance=Book(owner=request.user))
    if form.is_valid():
        return redirect(form.save())
    return render(request, "library/add.html", {"form": form})


@login_required
@require_POST
def upload_cover(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Book.objects.select_related("author"), slug=slug)
    form = CoverForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "library/book.html", {"book": found, "cover_form": form}, status=400)
    found.cover.delete(save=False)
    found.cover = form.cleaned_data["cover"]
    found.save()
    messages.success(request, "The cover is new.")
    return redirect(found)


@login_required
@require_POST
def delete(request: HttpRequest, slug: str) -> HttpResponseRedirect:
    """Delete one's own book. A receiver refuses featured ones, whoever asks."""
    found = get_object_or_404(Book, slug=slug)
    if not found.featured and found.owner_id != request.user.pk:
        messages.error(request, "Only the reader who added a book can delete it.")
        return redirect(found)
    try:
        found.delete()
    except FeaturedBookError as error:
        messages.error(request, str(error))
        return redirect(found)
    messages.success(request, f"{found.title} is deleted.")
    return redirect("library:home")
