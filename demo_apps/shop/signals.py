"""Signals that the shop sends."""

from django.dispatch import Signal

# Sent with send_robust by the class Order inside the transaction that saves it. Arguments: order (Order).
order_placed = Signal()

# Sent by the class Order when a reader takes an order back. Arguments: order (Order).
order_cancelled = Signal()

# Sent with send_robust by the class StockItem when few copies are left. Arguments: item (StockItem).
stock_low = Signal()

# Sent with asend by the class StockItem when a reader asks for a date of delivery. Arguments: item (StockItem).
availability_asked = Signal()

# Sent by the command import_stock, in a process of its own. Arguments: reorder (Reorder).
delivery_arrived = Signal()

# Sent by the class StockItem when the command import_stock has booked everything in. Arguments: count (int).
stock_imported = Signal()
