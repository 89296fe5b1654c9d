"""LLM engines behind one protocol, and the journal that remembers what they answered.

Here belongs what turns chat messages into text (OpenAI-compatible HTTP, llama.cpp in process, scripts for tests and
demos), what keeps every answer so that running again is resuming, and the forecast of what a run will spend. An
engine never knows what its text is for.
"""
