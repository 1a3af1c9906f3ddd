from django.contrib import admin

from .models import Note, NoteCopy, Profile

admin.site.register([Note, NoteCopy, Profile])
