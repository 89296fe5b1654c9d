"""What is said to an LLM: tasks, one template file a step, and how a prompt is made to fit.

``steps/`` holds a Jinja template for each step. A task is a folder (``review/``, ``mail/``, ``meeting/``): a
``task.toml`` with its words and dimensions, and any template that it must say otherwise. A user's own folder replaces any of
these files.
"""
