"""One database of users' records and all that was made of them: SQLite or PostgreSQL, one module a noun.

What belongs here: tables, their migrations, and plain functions that read and write them inside an open transaction
(``Tx``). Every row carries its tenant; every text is sealed under the keys of all whose words are in it. What to build
and when is the business of ``memory``.
"""
