"""A password hash that takes a few milliseconds, for visitors who don't exist."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickPasswordHasher(PBKDF2PasswordHasher):
    """PBKDF2 with so few rounds that it protects nothing; the settings use it in DEBUG only."""

    algorithm = "demo_pbkdf2"
    iterations = 5_000
