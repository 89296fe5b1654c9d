"""Which of a user's own records matter for a request: the retrieval phi of both papers.

A retriever ranks documents (a record and the text it is found by) for a query. What the query and the documents
say is decided in ``query.py``.
"""
