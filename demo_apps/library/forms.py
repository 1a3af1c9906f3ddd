from django import forms

from .models import Author, Book, Category

MAX_COVER_BYTES = 2_000_000
COVER_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


class CoverForm(forms.Form):
    cover = forms.FileField(widget=forms.ClearableFileInput(attrs={"accept": "image/*"}))

    def clean_cover(self) -> object:
        cover = self.cleaned_data["cover"]
        if cover.size > MAX_COVER_BYTES:
            raise forms.ValidationError(f"The file has {cover.size} bytes; at most {MAX_COVER_BYTES} are taken.")
        if not cover.name.lower().endswith(COVER_SUFFIXES):
            raise forms.ValidationError(f"{cover.name} is no picture; use one of: {', '.join(COVER_SUFFIXES)}.")
        return cover


class BookForm(forms.ModelForm):
    author_name = forms.CharField(max_length=100, label="Author")
    categories = forms.ModelMultipleChoiceField(Category.objects.order_by("name"), required=False)

    class Meta:
        model = Book
        fields = ("title", "summary", "categories")

    def save(self, commit: bool = True) -> Book:
        name = self.cleaned_data["author_name"]
        self.instance.author = Author.objects.filter(name=name).first() or Author.objects.create(name=name)
        return super().save(commit)
