"""Readers of folders: runs, their corpora and metric values, one case in full."""
