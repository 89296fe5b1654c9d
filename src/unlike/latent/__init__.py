"""Personalisation in embedding space: what a user's texts and differences become in front of a frozen LLM.

Here are the vectors of records and differences (DEP, equations 2 to 4), the modules that turn them into soft prompts
(5 to 7), the loss (8 to 11), training, and the adapter that comes of it. How an LLM takes soft prompts is in ``llm``;
what a method does with them is in ``methods``.
"""
