"""Personalisation in embedding space: soft prompts of a user's texts and differences for a frozen LLM (DEP).

A training step is in two files: ``loss`` has equations 7 to 11 and ``train`` the optimiser and the loop. What they use is
in ``difference`` (equations 2 to 4), ``autoencoder`` and ``modules`` (5 and 6), ``examples`` and ``batch``. How an LLM
takes soft prompts is in ``llm``, what a method does with them in ``methods``.
"""
