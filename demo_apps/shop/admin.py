from django.contrib import admin

from .models import Order, OrderLine, Reorder, StockEvent, StockItem

admin.site.register([Order, OrderLine, Reorder, StockEvent, StockItem])
