"""The routes, one file a noun. What belongs here: reading a request, one call of the memory, sending what it gave."""
