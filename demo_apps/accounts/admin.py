from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from .models import AuditEntry, Profile, User

admin.site.register(User, UserAdmin)
admin.site.register([AuditEntry, Profile])
