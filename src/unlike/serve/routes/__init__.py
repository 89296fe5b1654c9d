"""The routes, one file per noun. What belongs here: reading a request, one call of the memory, sending its result."""
