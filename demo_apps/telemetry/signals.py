"""Signals that telemetry sends, or that others send to it."""

from django.dispatch import Signal

# Sent by a piece of work named by one of the strings below. Arguments: seconds (float), count (int).
measured = Signal()

# A string as a sender is compared by identity: everybody uses these, nobody writes the text again.
CHECKOUT = "checkout"
IMPORT_STOCK = "import_stock"

# Sent by the class of a model whose instance looks odd. Arguments: order (the instance), reason (str).
order_flagged = Signal()
