"""The limit on what an endpoint sends: a longer answer ends the call before it fills the memory.

Counted is what comes over the wire. So that this is also what is kept, answers are not compressed: a client asks for
none, and one that comes compressed all the same is refused.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from typing import Any

from unlike.errors import CallFailed, EngineError

NOT_COMPRESSED = {"accept-encoding": "identity"}


def http_library(response: object) -> Any:  # noqa: ANN401 - one of two modules
    """The HTTP library that a response is of; OpenAI's client has used two."""
    return sys.modules[type(response).__module__.partition(".")[0]]


def limit_answers(model: str, max_bytes: int) -> Callable[[Any], Awaitable[None]]:
    """A hook of an HTTP client that limits the size of each response.

    Args:
        model: What messages call it.
        max_bytes: Of a body.
    """

    async def limit(response: Any) -> None:  # noqa: ANN401
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise EngineError(f"{model} compresses its answers ({encoding}), which it is not asked to; switch that off")
        stream = _stream_class(http_library(response))
        response.stream = stream(response.stream, model, max_bytes)

    return limit


@cache
def _stream_class(library: Any) -> Any:  # noqa: ANN401
    """A response's stream that fails after so many bytes, as a class of the library."""

    class LimitedStream(library.AsyncByteStream):
        def __init__(self, stream: Any, model: str, max_bytes: int) -> None:  # noqa: ANN401
            self._stream, self._model, self._max_bytes = stream, model, max_bytes

        async def __aiter__(self) -> AsyncIterator[bytes]:
            n_bytes = 0
            async for part in self._stream:
                n_bytes += len(part)
                if n_bytes > self._max_bytes:
                    raise CallFailed(
                        f"{self._model} sent more than the {self._max_bytes:,} bytes allowed; the call is given up"
                    )
                yield part

        async def aclose(self) -> None:
            await self._stream.aclose()

    return LimitedStream
