"""What calls of an LLM have used: how many were made, and their tokens."""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from unlike.errors import CallFailed, EngineError


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls and tokens used so far.

    Attributes:
        n_calls: Calls to the engine, failed ones included.
        n_cached: Calls answered without asking the engine.
        n_calls_failed: Calls to the engine that failed.
        prompt_tokens: Of the calls to the engine.
        completion_tokens: Of the calls to the engine.
    """

    n_calls: int = 0
    n_cached: int = 0
    n_calls_failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, other: "Usage") -> "Usage":
        """The sum of both."""
        return Usage(
            self.n_calls + other.n_calls,
            self.n_cached + other.n_cached,
            self.n_calls_failed + other.n_calls_failed,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(slots=True)
class Unanswered:
    """Attempts of one call that were sent and not answered; their engine has probably read the prompt.

    Attributes:
        n: So far.
    """

    n: int = 0

    def usage(self, prompt_tokens: Callable[[], int]) -> Usage:
        """What they used, beside the call itself; ``prompt_tokens`` estimates one of them."""
        return Usage(prompt_tokens=self.n * prompt_tokens()) if self.n else Usage()


_UNANSWERED: ContextVar[Unanswered | None] = ContextVar("unanswered", default=None)


def count_unanswered() -> Unanswered:
    """Begin to count the unanswered attempts of the call that this task makes next."""
    unanswered = Unanswered()
    _UNANSWERED.set(unanswered)
    return unanswered


def note_unanswered() -> None:
    """Note an unanswered attempt of the call under way."""
    if (unanswered := _UNANSWERED.get()) is not None:
        unanswered.n += 1


CACHED = Usage(n_cached=1)


@dataclass(slots=True)
class Meter:
    """What one or several LLMs have used, and what went wrong.

    Attributes:
        usage: So far; replaced, never changed.
        failed: The message of the last call that failed; "" for none.
        unusable: The error after which no call can succeed.
        on_count: Called after each change of the usage.
    """

    usage: Usage = Usage()
    failed: str = ""
    unusable: EngineError | None = None
    on_count: Callable[[], None] = lambda: None


def count(meters: Iterable[Meter], used: Usage) -> None:
    """Add what was used to all meters."""
    for meter in meters:
        meter.usage = meter.usage.plus(used)
        meter.on_count()


def note(meters: Iterable[Meter], error: CallFailed | EngineError) -> None:
    """Note an error in all meters."""
    for meter in meters:
        if isinstance(error, EngineError):
            meter.unusable = error
        else:
            meter.failed = str(error)


def usage_of_failed(failure: CallFailed) -> Usage:
    """The usage of a call that failed."""
    return Usage(1, 0, 1, 0, failure.tokens)
