"""Signals that the library sends."""

from django.dispatch import Signal

# Sent by the class Book each time somebody opens a book. Arguments: book (Book), reader (User or AnonymousUser).
book_read = Signal()
