"""What researchers ask for, each with one call: a run, an experiment from a file with its adapters and report, a forecast.

Here the parts are put together: corpus, LLM and journal, encoder, adapters, and the engine that does the work.
"""
