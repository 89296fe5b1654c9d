"""Any endpoint that speaks the OpenAI chat API: OpenAI, vLLM, llama.cpp's server and many others."""

import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager
from functools import partial
from typing import Any, TypeVar

import openai

from unlike.errors import CallFailed
from unlike.llm.backend import Completion, Messages, Sampling, estimate_tokens
from unlike.llm.endpoint import Endpoint, FieldRefused, library_error
from unlike.llm.openai_chat import chat_fields, read_completion
from unlike.llm.retry import TryAgain, Waits
from unlike.llm.roles import SYSTEM_ROLE, has_system, without_system
from unlike.llm.stream import GrowingAnswer, Pieces

Answer = TypeVar("Answer")


class OpenAIBackend:
    """A chat model behind an OpenAI-compatible endpoint.

    Args:
        model: The endpoint's name of the model.
        base_url: Up to and with "/v1"; else OPENAI_BASE_URL, else OpenAI itself.
        api_key: Else OPENAI_API_KEY; an endpoint of one's own may go without.
        timeout_s: For one attempt, from sending to the last byte; of a stream to the first piece, then between two.
        max_retries: Attempts after the first.
        context_tokens: What the model takes, where the caller knows.
        waits: Lengths of the pauses between attempts.
        patience_s: Seconds that a call may wait in all while the endpoint answers 429, after ``max_retries`` too.
        system_role: False puts the system part into the first user's turn; an endpoint that refuses the role gets it so
            by itself.

    Raises:
        InputError: No key for OpenAI, or an address that is not one.

    Attributes:
        endpoint: How it is asked.
    """

    counts_exactly = False
    offers_schema = True

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 600.0,
        max_retries: int = 6,
        context_tokens: int | None = None,
        waits: Waits | None = None,
        patience_s: float = 0.0,
        system_role: bool = True,
    ) -> None:
        self.context_tokens = context_tokens
        self.endpoint = Endpoint(
            f"openai:{model}",
            base_url=base_url,
            api_key=api_key,
            timeout_s=timeout_s,
            max_retries=max_retries,
            waits=waits or Waits(),
            patience_s=patience_s,
        )
        self._name = model
        self._refused: frozenset[str] = frozenset() if system_role else frozenset({SYSTEM_ROLE})

    @property
    def model(self) -> str:
        """Engine and model."""
        return self.endpoint.model

    async def complete(self, messages: Messages, sampling: Sampling) -> Completion:
        """Answer one call, trying again while that may help; see ``Backend.complete``."""
        return await self._understood(messages, sampling, self._whole)

    async def stream(self, messages: Messages, sampling: Sampling) -> Pieces:
        """Answer one call piece by piece, trying again only before the first; see ``Streams``.

        An endpoint that does not stream gives the whole text as one piece.
        """
        first, rest = await self._understood(messages, sampling, self._begun, stream=True)
        said = str(first)
        async with aclosing(rest):
            yield first
            try:
                async for piece in rest:
                    said += piece if isinstance(piece, str) else ""
                    yield piece
            except (TryAgain, openai.APIConnectionError) as error:
                failure = error if isinstance(error, TryAgain) else self.endpoint.no_answer(error)
                raise CallFailed(f"{failure}; it had begun to answer, so it is not asked again", said) from error

    def count_tokens(self, messages: Messages) -> int:
        """A cautious estimate: the endpoint's tokenizer is not at hand."""
        return estimate_tokens(messages)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.endpoint.aclose()

    async def _understood(
        self,
        messages: Messages,
        sampling: Sampling,
        attempt: Callable[[Messages, dict[str, Any], openai.AsyncOpenAI], Awaitable[Answer]],
        *,
        stream: bool = False,
    ) -> Answer:
        """Ask, and where a field or the system role is refused ask once more without it.

        Only if that is answered was it the field that was wrong; from then on it is not sent.
        """
        refused = self._refused
        while True:
            fields = chat_fields(sampling, refused, stream=stream)
            asked = without_system(messages) if SYSTEM_ROLE in refused else messages
            may_be_refused = fields | ({SYSTEM_ROLE: True} if has_system(asked) else {})
            try:
                answer = await self.endpoint.ask(partial(attempt, asked, fields), may_be_refused)
            except FieldRefused as refusal:
                refused |= {refusal.field}
            else:
                self._refused |= refused
                return answer

    async def _whole(self, messages: Messages, fields: dict[str, Any], client: openai.AsyncOpenAI) -> Completion:
        started = time.monotonic()
        # Posted as it is: the client's typed call walks through every message, half of its processor time.
        asked = {"model": self._name, "messages": _sent(messages), **fields}
        answer = await client.post("/chat/completions", cast_to=str, body=asked)
        return read_completion(answer, time.monotonic() - started)

    async def _begun(
        self, messages: Messages, fields: dict[str, Any], client: openai.AsyncOpenAI
    ) -> tuple[str | Completion, Pieces]:
        pieces = self._pieces(messages, fields, client)
        return await anext(pieces), pieces

    async def _pieces(self, messages: Messages, fields: dict[str, Any], client: openai.AsyncOpenAI) -> Pieces:
        """One attempt at a stream; TryAgain or APIConnectionError wherever it breaks."""
        started = time.monotonic()
        answer = GrowingAnswer(self.model)
        stream = await client.chat.completions.create(
            model=self._name, messages=_sent(messages), stream=True, extra_body=fields
        )
        async with stream:
            with _explain_stream_errors(self.model, stream.response):
                if "event-stream" not in stream.response.headers.get("content-type", ""):
                    body = (await stream.response.aread()).decode("utf-8", "replace")
                    completion = read_completion(body, time.monotonic() - started)
                    yield completion.text
                    yield completion
                    return
                async for chunk in stream:
                    if piece := answer.take(chunk.to_dict(warnings=False)):
                        yield piece
        if not answer.finish_reason:
            raise TryAgain(f"{self.model}: the stream ended before the answer did")
        yield answer.completion(time.monotonic() - started)


@contextmanager
def _explain_stream_errors(model: str, response: Any) -> Generator[None]:  # noqa: ANN401 - of one of two HTTP libraries
    """Turn errors of reading a stream into APIConnectionError or TryAgain."""
    try:
        yield
    except openai.APIConnectionError:
        raise
    except library_error(response) as error:
        raise openai.APIConnectionError(request=response.request) from error
    except (openai.APIError, ValueError, LookupError, TypeError, AttributeError) as error:
        raw = str(getattr(error, "body", None) or getattr(error, "doc", ""))
        raise TryAgain(f"{model}: the stream is broken: {error}", raw=raw) from error


def _sent(messages: Messages) -> Any:  # noqa: ANN401 - the client's types know more roles than we use
    return [dict(message) for message in messages]
