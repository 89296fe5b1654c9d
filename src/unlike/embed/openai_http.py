"""Encoders behind an OpenAI-compatible embeddings endpoint."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from unlike.embed.encoder import Vectors
from unlike.errors import CallFailed, EngineError
from unlike.llm.endpoint import Endpoint
from unlike.llm.http_client import HttpClient
from unlike.llm.retry import TryAgain, Waits
from unlike.settings import BATCH_ENDPOINT
from unlike.sync import LoopThread

TEXTS_PER_REQUEST = 128


class OpenAIEncoder:
    """``POST /v1/embeddings`` as an Encoder, at OPENAI_BASE_URL or else OpenAI's own address.

    Args:
        model: The endpoint's name of the model.

    Raises:
        InputError: No key for OpenAI (OPENAI_API_KEY), or an address that is not one.
    """

    def __init__(self, model: str) -> None:
        self._endpoint = Endpoint(
            f"openai:{model}",
            base_url=None,
            api_key=None,
            limits=BATCH_ENDPOINT,
            waits=Waits(),
        )
        self._model = model

    @property
    def name(self) -> str:
        """Identity in caches."""
        return f"openai:{self._model}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), dim) float32.

        Raises:
            EngineError: The endpoint does not answer or refuses.
        """
        rows: list[list[float]] = []
        for start in range(0, len(texts), TEXTS_PER_REQUEST):
            rows += self._embedded(list(texts[start : start + TEXTS_PER_REQUEST]))
        vectors = np.asarray(rows, dtype=np.float32).reshape(len(rows), -1 if rows else 0)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    @cached_property
    def _loop(self) -> LoopThread:
        return LoopThread("embeddings")  # callers may have a loop of their own, which must not wait for itself

    def _embedded(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of one request."""
        body = {"model": self._model, "input": texts, "encoding_format": "float"}

        async def attempt(client: HttpClient) -> list[list[float]]:
            return _vectors_in(await client.post("embeddings", body))

        try:
            rows = self._loop.run(self._endpoint.ask(attempt))
        except CallFailed as error:
            raise EngineError(f"embedding endpoint failed: {error}; check the URL, the key and the model") from error
        if len(rows) != len(texts):
            raise EngineError(f"embedding endpoint answered {len(rows)} vectors for {len(texts)} texts")
        return rows


def _vectors_in(body: str) -> list[list[float]]:
    """The vectors of an answer, in the order of the texts.

    Raises:
        TryAgain: There are none.
    """
    try:
        entries: list[Any] = json.loads(body)["data"]
        return [entry["embedding"] for entry in sorted(entries, key=lambda entry: entry["index"])]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise TryAgain("the answer holds no vectors", raw=body) from error
