"""Encoders behind an OpenAI-compatible embeddings endpoint."""

import os
from collections.abc import Sequence

import numpy as np

from unlike.embed.encoder import Vectors
from unlike.errors import EngineError, InputError


class OpenAIEncoder:
    """``POST /v1/embeddings`` as an Encoder.

    Args:
        model: The endpoint's name of the model.
        base_url: None for OPENAI_BASE_URL, or OpenAI's own where that is not set.
        batch_size: Texts per request.

    Raises:
        InputError: Neither a key (OPENAI_API_KEY) nor a base URL is given.
    """

    def __init__(self, model: str, base_url: str | None = None, batch_size: int = 128) -> None:
        from openai import DefaultHttpxClient, OpenAI

        base_url = base_url or os.environ.get("OPENAI_BASE_URL")
        key = os.environ.get("OPENAI_API_KEY") or ("none" if base_url else None)
        if key is None:
            raise InputError(
                f"embedder openai:{model} has no key: set OPENAI_API_KEY, or OPENAI_BASE_URL for an endpoint of your own"
            )
        # Redirects are not followed, so that texts are sent only to the given address.
        http = DefaultHttpxClient(follow_redirects=False)
        self._client = OpenAI(base_url=base_url, api_key=key, max_retries=5, http_client=http)
        self._model = model
        self._batch_size = batch_size

    @property
    def name(self) -> str:
        """Identity in caches."""
        return f"openai:{self._model}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), dim) float32.

        Raises:
            EngineError: The endpoint does not answer or refuses.
        """
        from openai import OpenAIError

        rows: list[list[float]] = []
        try:
            for start in range(0, len(texts), self._batch_size):
                batch = list(texts[start : start + self._batch_size])
                answer = self._client.embeddings.create(model=self._model, input=batch, encoding_format="float")
                rows += [entry.embedding for entry in sorted(answer.data, key=lambda entry: entry.index)]
        except OpenAIError as error:
            raise EngineError(f"embedding endpoint failed: {error}; check the URL, the key and the model") from error
        if len(rows) != len(texts):
            raise EngineError(f"embedding endpoint answered {len(rows)} vectors for {len(texts)} texts")
        vectors = np.asarray(rows, dtype=np.float32).reshape(len(rows), -1 if rows else 0)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
