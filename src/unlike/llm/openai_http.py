"""Any endpoint that speaks the OpenAI chat API: OpenAI, vLLM, llama.cpp's server and many others."""

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Set
from contextlib import aclosing, contextmanager
from functools import cached_property, partial
from typing import Any, TypeVar

from unlike.llm.backend import Completion, Messages, Sampling, estimate_tokens
from unlike.llm.chat_passthrough import Answer, Chunks, PassedChat
from unlike.llm.endpoint import Endpoint, FieldRefused, final
from unlike.llm.http_client import ConnectionFailed, HttpClient
from unlike.llm.openai_chat import as_chunk, chat_fields, ends_answer, passed_fields, read_answer, read_completion
from unlike.llm.retry import TryAgain, Waits
from unlike.llm.soft_prompt import ChatTokens
from unlike.llm.stream import GrowingAnswer, Pieces
from unlike.llm.system_role import SYSTEM_ROLE, has_system, without_system
from unlike.settings import BATCH_ENDPOINT, EndpointSettings

PATH = "chat/completions"
T = TypeVar("T")
Fields = dict[str, Any]


class OpenAIBackend:
    """A chat model behind an OpenAI-compatible endpoint.

    Args:
        model: The endpoint's name of the model.
        base_url: Up to and with "/v1"; else OPENAI_BASE_URL, else OpenAI itself.
        api_key: Else OPENAI_API_KEY; an endpoint of one's own may go without.
        timeout_s: For one attempt, from sending to the last byte; of a stream to the first piece, then between two.
        total_s: For a call with all its attempts and pauses.
        max_retries: Attempts after the first.
        max_answer_bytes: Maximum size of an answer.
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
    _ENGINE = "openai"

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout_s: float = BATCH_ENDPOINT.timeout_s,
        total_s: float = BATCH_ENDPOINT.total_s,
        max_retries: int = BATCH_ENDPOINT.max_retries,
        max_answer_bytes: int = BATCH_ENDPOINT.max_answer_bytes,
        context_tokens: int | None = None,
        waits: Waits | None = None,
        patience_s: float = 0.0,
        system_role: bool = True,
    ) -> None:
        self.context_tokens = context_tokens
        self.endpoint = Endpoint(
            f"{self._ENGINE}:{model}",
            base_url=base_url,
            api_key=api_key,
            limits=EndpointSettings(timeout_s, total_s, max_retries, max_answer_bytes),
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
        return await self._understood(messages, partial(_fields_of, sampling), self._whole)

    def stream(self, messages: Messages, sampling: Sampling) -> Pieces:
        """Answer one call piece by piece, trying again only before the first; see ``Streams``.

        An endpoint that does not stream gives the whole text as one piece.
        """
        return self._begun(messages, partial(_fields_of, sampling, stream=True), self._pieces)

    async def chat(self, chat: PassedChat) -> Answer:
        """Pass a chat on; see ``ChatBackend.chat``."""
        return await self._understood(chat.messages, partial(passed_fields, chat), self._whole_answer)

    def chat_stream(self, chat: PassedChat) -> Chunks:
        """Pass a chat on, answered in chunks; see ``ChatBackend.chat_stream``."""
        return self._begun(chat.messages, partial(passed_fields, chat, stream=True), self._chunks)

    def token_ids(self, text: str) -> list[int]:
        """Token ids of a text, if the tokenizer of the model's name can be had; see ``token_ids_of``.

        Raises:
            InputError: There is no such tokenizer in a folder or on the hub.
        """
        return self._tokens.encode(text)

    def count_tokens(self, messages: Messages) -> int:
        """A cautious estimate: the endpoint's tokenizer is not at hand."""
        return estimate_tokens(messages)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.endpoint.aclose()

    @cached_property
    def _tokens(self) -> ChatTokens:
        from unlike.llm.local_model import open_model_files

        return open_model_files(self._name, "its tokenizer cannot be read, which a logit bias needs").tokens

    async def _understood(
        self,
        messages: Messages,
        fields_of: Callable[[Set[str]], tuple[Fields, Fields]],
        attempt: Callable[[Messages, Fields, HttpClient], Awaitable[T]],
    ) -> T:
        """Ask, and where a field or the system role is refused ask once more without it.

        Only if that is answered was it the field that was wrong; from then on it is not sent.

        Args:
            messages: The prompt.
            fields_of: From refused fields to the fields to send, and those among them that can be left out.
            attempt: Asks once.
        """
        refused = self._refused
        while True:
            fields, may_be_refused = fields_of(refused)
            asked = without_system(messages) if SYSTEM_ROLE in refused else messages
            may_be_refused = may_be_refused | ({SYSTEM_ROLE: True} if has_system(asked) else {})
            try:
                answer = await self.endpoint.ask(partial(attempt, asked, fields), may_be_refused)
            except FieldRefused as refusal:
                refused |= {refusal.field}
            else:
                self._refused |= refused
                return answer

    async def _begun(
        self,
        messages: Messages,
        fields_of: Callable[[Set[str]], tuple[Fields, Fields]],
        parts_of: Callable[[Messages, Fields, HttpClient], AsyncGenerator[T, None]],
    ) -> AsyncGenerator[T, None]:
        """A stream that is tried again until its first part has come.

        Raises:
            CallFailed: It broke later, with the text that had come.
        """

        async def attempt(messages: Messages, fields: Fields, client: HttpClient) -> T:
            parts.append(parts_of(messages, fields, client))
            return await anext(parts[-1])

        parts, deadline = list[AsyncGenerator[T, None]](), self.endpoint.deadline()
        first = await self._understood(messages, fields_of, attempt)
        text = first if isinstance(first, str) else ""
        async with aclosing(parts[-1]) as rest:
            yield first
            try:
                async for part in rest:
                    self.endpoint.check_deadline(deadline)
                    text += part if isinstance(part, str) else ""
                    yield part
            except (TryAgain, ConnectionFailed) as error:
                failure = error if isinstance(error, TryAgain) else self.endpoint.no_answer(error)
                raise final(failure, "it had begun to answer, so it is not asked again", text) from error

    async def _whole(self, messages: Messages, fields: Fields, client: HttpClient) -> Completion:
        started = time.monotonic()
        return read_completion(await self._posted(messages, fields, client), time.monotonic() - started)

    async def _whole_answer(self, messages: Messages, fields: Fields, client: HttpClient) -> Answer:
        return read_answer(await self._posted(messages, fields, client))

    async def _posted(self, messages: Messages, fields: Fields, client: HttpClient) -> str:
        return await client.post(PATH, self._body(messages, fields))

    def _body(self, messages: Messages, fields: Fields) -> Fields:
        return {"model": self._name, "messages": [dict(message) for message in messages], **fields}

    async def _pieces(self, messages: Messages, fields: Fields, client: HttpClient) -> Pieces:
        """One attempt at a stream; TryAgain or ConnectionFailed wherever it breaks."""
        started = time.monotonic()
        answer = GrowingAnswer(self.model)
        async with aclosing(self._events(messages, fields, client)) as events:
            async for event in events:
                if isinstance(event, str):
                    completion = read_completion(event, time.monotonic() - started)
                    yield completion.text
                    yield completion
                    return
                with _explain_bad_events(self.model):
                    piece = answer.take(event)
                if piece:
                    yield piece
        if not answer.finish_reason:
            raise TryAgain(f"{self.model}: the stream ended before the answer did")
        yield answer.completion(time.monotonic() - started)

    async def _chunks(self, messages: Messages, fields: Fields, client: HttpClient) -> Chunks:
        """One attempt at the chunks of a chat; TryAgain or ConnectionFailed wherever it breaks."""
        is_ended = False
        async with aclosing(self._events(messages, fields, client)) as events:
            async for event in events:
                chunk = as_chunk(read_answer(event)) if isinstance(event, str) else event
                with _explain_bad_events(self.model):
                    is_ended |= ends_answer(chunk)
                yield chunk
        if not is_ended:
            raise TryAgain(f"{self.model}: the stream ended before the answer did")

    async def _events(
        self, messages: Messages, fields: Fields, client: HttpClient
    ) -> AsyncGenerator[Answer | str, None]:
        """The data of a stream's events, parsed; or one text, the body of an answer that came whole."""
        body = self._body(messages, fields) | {"stream": True}
        async with client.posted(PATH, body) as response:
            if not response.is_stream:
                yield await response.text()
                return
            async with aclosing(response.events()) as events:
                async for event in events:
                    with _explain_bad_events(self.model, event):
                        yield _checked(json.loads(event))


def _fields_of(sampling: Sampling, refused: Set[str], *, stream: bool = False) -> tuple[Fields, Fields]:
    fields = chat_fields(sampling, refused, stream=stream)
    return fields, fields


def _checked(event: Any) -> Any:  # noqa: ANN401 - parsed JSON
    """An event of a stream; ValueError if it reports an error of the endpoint."""
    if isinstance(event, dict) and event.get("error"):
        error = event["error"]
        raise ValueError(error.get("message") or "an error" if isinstance(error, dict) else error)
    return event


@contextmanager
def _explain_bad_events(model: str, raw: str = "") -> Generator[None]:
    """Turn errors in what a stream holds into TryAgain."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TryAgain(f"{model}: the stream is broken: {error}", raw=raw) from error
