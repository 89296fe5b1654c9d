"""From the reply of an LLM to the words that are kept: the one place where replies are cleaned."""
