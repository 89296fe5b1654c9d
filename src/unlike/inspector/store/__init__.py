"""Readers of a store: maps of items, differences found there, and the playground."""
