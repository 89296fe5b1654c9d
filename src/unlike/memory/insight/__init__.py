"""What people look at before they trust a memory: who is unlike whom, maps of items, methods side by side.

Nothing here is part of a request; it reads what the memory keeps, under the same consent, budget and settings.
"""
