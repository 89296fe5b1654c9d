"""What is said to an LLM: tasks, one template file a step, and how a prompt is made to fit.

A folder here is a task (``review/``): a ``task.toml`` with its words and dimensions, and a Jinja template for each
step. A user's own folder replaces any of these files, one by one.
"""
