"""Opens encoders by name; each scheme of a name has its function here."""

import importlib.util
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from unlike.embed.cache import CachedEncoder
from unlike.embed.encoder import ConcatenatedEncoder, Encoder, Vectors
from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError, MissingPart, how_to_install

SHORT_NAMES = ("minilm", "bge-m3", "gte-qwen2-1.5b", "contriever")
"""Models of sentence-transformers that have a short name here."""


class LazyEncoder:
    """An encoder that is opened when it is first used, for work that may need none.

    Args:
        opening: Opens the encoder; called once.
    """

    def __init__(self, opening: Callable[[], Encoder]) -> None:
        self._opened = cache(opening)

    @property
    def name(self) -> str:
        """Identity in caches."""
        return self._opened().name

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), dim) float32."""
        return self._opened().encode(texts)


def open_encoder(
    name: str, cache: Path | str | None = None, on_progress: Callable[[int, int], None] = lambda n_done, n_total: None
) -> Encoder:
    """Open an encoder by name.

    Args:
        name: "minilm" (packaged), "hashing:DIM", "openai:MODEL", a preset (bge-m3, gte-qwen2-1.5b, contriever), any
            model name or folder that sentence-transformers can load, "transformers:LLM#LAYER" for the hidden states of
            an LLM, "ngrams:FILE" (of ``fit_ngrams``), or several of these joined by "+", whose vectors are concatenated.
        cache: SQLite file that keeps vectors; None for no cache.
        on_progress: Called while many texts are encoded, with their number so far and in total; needs a cache.

    Raises:
        InputError: The name is not usable.
        MissingPart: A package or a model that it needs is not installed.
    """
    if len(parts := parts_of(name)) > 1:
        return ConcatenatedEncoder([open_encoder(part, cache, on_progress) for part in parts])
    check_name(name)
    scheme, _, rest = name.partition(":")
    encoder = SCHEMES.get(scheme, lambda _: _sentence_transformer(name))(rest)
    return CachedEncoder(encoder, Path(cache), on_progress) if cache else encoder


def check_name(name: str) -> None:
    """Check that no part of a name looks like a misspelt short name, which would be looked for on the hub.

    Raises:
        InputError: One does.
    """
    for part in parts_of(name):
        scheme, colon, rest = part.partition(":")
        if (
            colon
            and "/" not in part
            and scheme not in SCHEMES
            and (near := get_close_matches(scheme, SCHEMES, 1, 0.75))
        ):
            raise InputError(f"unknown embedder {part!r}: did you mean {near[0]}:{rest}?")
        if colon or "/" in part or _is_path(part) or part in SHORT_NAMES:
            continue
        if near := get_close_matches(part, SHORT_NAMES, 1, 0.75):
            raise InputError(
                f"unknown embedder {part!r}: did you mean {near[0]}? A model of the hub has a / in its name"
            )


def parts_of(name: str) -> list[str]:
    """The names of the encoders that a name joins by "+"; a "+" in the path of a folder joins nothing."""
    left, found = name.split("+"), list[str]()
    while left:
        n = next((n for n in range(len(left), 1, -1) if _is_path("+".join(left[:n]).strip())), 1)
        found.append("+".join(left[:n]).strip())
        left = left[n:]
    return found


def _is_path(name: str) -> bool:
    """Whether a name is a path that exists, with or without a scheme before it."""
    scheme, _, rest = name.partition(":")
    path, _, layer = (rest if rest and scheme in SCHEMES else name).partition("#")
    return "+" not in layer and Path(path).exists()


def _hashing(dim: str) -> Encoder:
    if not dim.isdecimal() or int(dim) < 8:
        raise InputError(f"embedder hashing:{dim} has no usable size: give at least 8, as in hashing:256")
    return HashingEncoder(int(dim))


def _openai(model: str) -> Encoder:
    from unlike.embed.openai_http import OpenAIEncoder

    return OpenAIEncoder(model)


def _sentence_transformer(name: str) -> Encoder:
    from unlike.embed.sentence_transformer import SentenceTransformerEncoder

    return SentenceTransformerEncoder(name)


def _hidden_states(name: str) -> Encoder:
    if any(importlib.util.find_spec(part) is None for part in ("torch", "transformers")):
        raise MissingPart(f"embedder transformers:{name}: transformers is not installed; {how_to_install('latent')}")
    from unlike.embed.hidden_states import HiddenStatesEncoder

    return HiddenStatesEncoder(name)


def _ngrams(file: str) -> Encoder:
    from unlike.embed.ngrams import load_ngrams

    return load_ngrams(Path(file))


SCHEMES: dict[str, Callable[[str], Encoder]] = {
    "hashing": _hashing,
    "ngrams": _ngrams,
    "openai": _openai,
    "transformers": _hidden_states,
}
