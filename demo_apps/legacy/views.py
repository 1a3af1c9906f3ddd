from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from .models import Note, Profile


class NoteForm(forms.ModelForm):
    class Meta:
        model = Note
        fields = ("author", "text")


def notes(request: HttpRequest) -> HttpResponse:
    form = NoteForm(request.POST or None)
    if form.is_valid():
        note = form.save()
        Profile.objects.get_or_create(name=note.author)
        return redirect("legacy:notes")
    return render(request, "legacy/notes.html", {"form": form, "notes": Note.objects.order_by("-pk")[:20]})
