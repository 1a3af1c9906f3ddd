from django.contrib import admin

from .models import Author, Book, Category

admin.site.register([Author, Book, Category])
