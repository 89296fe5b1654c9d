"""The limit on what an endpoint sends: a longer answer ends the call before it fills the memory.

The bytes received are counted. They are also the bytes held in memory, since requests ask for answers without
compression, and a compressed answer is refused.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from typing import Any

from unlike.errors import CallFailed, EngineError

NOT_COMPRESSED = {"accept-encoding": "identity"}


def http_library(response: object) -> Any:  # noqa: ANN401 - one of two modules
    """The HTTP library that made a response; OpenAI's client has used two."""
    return sys.modules[type(response).__module__.partition(".")[0]]


def limit_answers(model: str, max_bytes: int) -> Callable[[Any], Awaitable[None]]:
    """A hook of an HTTP client that limits the size of each response.

    Args:
        model: Its name in messages.
        max_bytes: Maximum size of a body.
    """

    async def limit(response: Any) -> None:  # noqa: ANN401
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise EngineError(f"{model} compresses its answers ({encoding}) although it is asked not to; turn that off")
        stream = _stream_class(http_library(response))
        response.stream = stream(response.stream, model, max_bytes)

    return limit


@cache
def _stream_class(library: Any) -> Any:  # noqa: ANN401
    """The class of a response's stream that fails after a number of bytes, derived from the library's own class."""

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
