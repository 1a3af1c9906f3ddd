"""Django's own test suite, plain and recorded, and whether the lists of failures agree: `make django-suite`."""
