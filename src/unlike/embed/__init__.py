"""Encoders: texts to unit vectors, and the cache that keeps them.

Here belong adapters to embedding models and the store of their vectors. What is done with vectors (clusters,
differences) belongs to the rooms above.
"""
