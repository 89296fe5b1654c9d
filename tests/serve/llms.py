"""LLMs with a mind of their own."""

import asyncio
import threading

from unlike.errors import CallFailed, EngineError, NoAnswer
from unlike.llm.backend import Completion, estimate_tokens

SECRET = "sk-secret at http://10.0.0.1: the prompt was: ada's diary"


class Endless:
    """Writes words until it is stopped, and tells when it is.

    Args:
        n_words: After which it says nothing more and never ends.
    """

    model = "scripted:endless"
    context_tokens = None
    counts_exactly = False
    offers_schema = False

    def __init__(self, n_words):
        self.n_words = n_words
        self.begun = threading.Event()
        self.stopped = threading.Event()

    async def stream(self, messages, sampling):
        try:
            for number in range(self.n_words):
                yield f"word{number} "
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self.stopped.set()

    async def complete(self, messages, sampling):
        raise AssertionError("a stream was asked for")

    def count_tokens(self, messages):
        return estimate_tokens(messages)

    async def aclose(self):
        pass


class Failing(Endless):
    """Fails, after some words where they are streamed."""

    def __init__(self, error, n_words=0):
        super().__init__(n_words)
        self.error = error

    async def stream(self, messages, sampling):
        for number in range(self.n_words):
            yield f"word{number} "
        raise self.error

    async def complete(self, messages, sampling):
        raise self.error


class Schooled:
    """Knows schemas, and answers only whole."""

    model = "scripted:schooled"
    context_tokens = None
    counts_exactly = False
    offers_schema = True

    def __init__(self):
        self.asked = []

    async def complete(self, messages, sampling):
        self.asked.append((messages, sampling))
        return Completion("An answer.", 7, 3)

    def count_tokens(self, messages):
        return estimate_tokens(messages)


def down():
    return Failing(EngineError(f"unreachable {SECRET}"))


def failed(n_words=0):
    return Failing(CallFailed(f"no answer {SECRET}", SECRET), n_words)


def silent(n_words=0):
    return Failing(NoAnswer(f"no answer within 60 s {SECRET}", SECRET), n_words)
