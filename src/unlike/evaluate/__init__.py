"""Runs and what they are worth: run a method over cases, score the texts, compare methods.

Here belong everything that needs many cases at once, and all metrics.
"""
