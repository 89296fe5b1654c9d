"""Readers of what lies on disk: run folders, their corpora and values, one case in full."""
