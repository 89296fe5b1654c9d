"""The user memory: what is known of users, built ahead of requests and kept right when records come and people go.

What belongs here: taking records in, the jobs that cluster, compare and summarise, the cold-start ladder, a request
that costs one LLM call, consent, erasure and export. ``Memory`` is the one door; HTTP and the command call nothing else.
"""
