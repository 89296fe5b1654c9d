"""From a URI to an LLM. Adding an engine means one function and one line here."""

import importlib.util
import inspect
import os
import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from unlike.errors import InputError, MissingPart, how_to_install
from unlike.llm.backend import Backend
from unlike.llm.retry import PATIENCE_S

OPENAI = "https://api.openai.com/v1"
PRECISIONS = ("float32", "bfloat16")
"""What may follow the model of an engine in this process: ``transformers:MODEL:bfloat16``."""
_LOOKS_LIKE_ADDRESS = re.compile(r"@|:\d{2,5}(/|$)|/v1/?$")


def _openai(rest: str) -> Callable[..., Backend]:
    from unlike.llm.openai_http import OpenAIBackend

    model, url = served(f"openai:{rest}")
    return partial(OpenAIBackend, model, base_url=url) if url else partial(OpenAIBackend, model)


def _llama_cpp(path: str) -> Callable[..., Backend]:
    from unlike.llm.llama_cpp import LlamaCppBackend

    return partial(LlamaCppBackend, path)


def _openvino(path: str) -> Callable[..., Backend]:
    from unlike.llm.openvino import OpenVinoBackend

    return partial(OpenVinoBackend, path)


def _transformers(rest: str) -> Callable[..., Backend]:
    _need_transformers()
    from unlike.llm.transformers_local import TransformersBackend

    name, chosen = _precision(rest)
    return partial(TransformersBackend.open, name, **chosen)


def _vllm(rest: str) -> Callable[..., Backend]:
    _need_transformers()
    model, url = served(f"vllm:{rest}")
    if url:
        from unlike.llm.vllm_http import VllmHttpBackend

        return partial(VllmHttpBackend, model, base_url=url)
    from unlike.llm.vllm_local import VllmBackend

    name, chosen = _precision(model)
    return partial(VllmBackend, name, **chosen)


def _precision(rest: str) -> tuple[str, dict[str, Any]]:
    """MODEL or MODEL:PRECISION as the model and the engine's option."""
    name, colon, last = rest.rpartition(":")
    return (name, {"dtype": last}) if colon and last in PRECISIONS else (rest, {})


def _need_transformers() -> None:
    if any(importlib.util.find_spec(part) is None for part in ("torch", "transformers")):
        raise MissingPart(f"transformers is not installed; {how_to_install('latent')}")


def _scripted(path: str) -> Callable[..., Backend]:
    from unlike.llm.scripted import ScriptedBackend

    return ScriptedBackend.echo if path == "echo" else partial(ScriptedBackend.from_file, path)


SCHEMES: dict[str, Callable[[str], Callable[..., Backend]]] = {
    "openai": _openai,
    "llama.cpp": _llama_cpp,
    "openvino": _openvino,
    "transformers": _transformers,
    "vllm": _vllm,
    "scripted": _scripted,
}


def served(uri: str) -> tuple[str, str]:
    """The model and the address in SCHEME:MODEL@URL; "" where there is no address.

    Raises:
        InputError: The address cannot be one, or the model looks like an address without http://, which would send texts
            to the default endpoint.
    """
    scheme, _, rest = uri.partition(":")
    model, at, address = rest.partition("@http")
    url = f"http{address}" if at else ""
    if url:
        _check_url(uri, url)
    if not model:
        raise InputError(f"LLM: {uri!r} names no model; write {scheme}:MODEL@http://127.0.0.1:8000/v1")
    if not url and _LOOKS_LIKE_ADDRESS.search(model):
        name, _, place = model.partition("@")
        if not place:
            name, place = "MODEL", model
        raise InputError(f"LLM: {uri!r} has an address without http://; did you mean {scheme}:{name}@http://{place} ?")
    return model, url


def model_of(uri: str) -> str:
    """An LLM without its address: the same model at another endpoint is the same LLM."""
    return uri.partition("@http")[0]


def check_llm(uri: str) -> None:
    """Check that a URI names an LLM, without opening it.

    Raises:
        InputError: An unknown scheme, nothing behind it, or an address that cannot be one.
    """
    scheme, _, rest = uri.partition(":")
    if scheme not in SCHEMES or not rest:
        raise InputError(
            f"LLM: {uri!r}; schemes are {', '.join(SCHEMES)}; write SCHEME:MODEL, for example llama.cpp:smollm2"
        )
    if scheme in ("openai", "vllm"):
        served(uri)


def destination(uri: str) -> str:
    """The host that texts are sent to; "" for an LLM in this process."""
    scheme, _, rest = uri.partition(":")
    if scheme not in ("openai", "vllm") or not rest:
        return ""
    _, url = served(uri)
    if not url and scheme == "vllm":
        return ""
    return urlsplit(url or os.environ.get("OPENAI_BASE_URL") or OPENAI).netloc.rpartition("@")[2]


def trained_model(uri: str) -> str:
    """The model of ``transformers:MODEL`` or ``vllm:MODEL``, whose files an adapter can be trained on.

    Raises:
        InputError: The URI names another engine.
    """
    scheme, _, rest = uri.partition(":")
    if scheme not in ("transformers", "vllm") or not rest:
        raise InputError(
            f"llm {uri!r}: adapters are trained on the model itself; give transformers:MODEL or vllm:MODEL, where MODEL "
            "is a folder, a name of the hub or smollm2"
        )
    return _precision(served(uri)[0] if scheme == "vllm" else rest)[0]


def open_counter(uri: str, **options: Any) -> Backend:  # noqa: ANN401
    """Open an LLM only to count tokens: it is never called, so it needs no key, and a model of this process no weights.

    Raises:
        InputError, MissingPart: As ``open_llm``.
    """
    scheme, _, rest = uri.partition(":")
    if rest and (scheme == "transformers" or (scheme == "vllm" and not served(uri)[1])):
        _need_transformers()
        from unlike.llm.token_counter import TokenCounter

        name, chosen = _precision(rest)
        return TokenCounter(name, engine=scheme, **chosen, **options)
    return open_llm(uri, **options, **({"api_key": "not needed"} if uri.startswith("openai:") else {}))


def open_patient(uri: str, **options: Any) -> Backend:  # noqa: ANN401
    """Open an LLM for work in the background: a call waits up to ``retry.PATIENCE_S`` for an endpoint that answers 429.

    Raises:
        InputError, MissingPart: As ``open_llm``.
    """
    return open_llm(uri, **options, **({"patience_s": PATIENCE_S} if uri.startswith("openai:") else {}))


def _check_url(uri: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        wrong = not parts.hostname or (parts.port or 1) < 1 or not url.startswith(("http://", "https://"))
    except ValueError:
        wrong = True
    if wrong or "HOST" in url:
        raise InputError(f"LLM: {uri!r}: {url} is not an address; give that of your endpoint: http://127.0.0.1:8000/v1")


def open_llm(uri: str, **options: Any) -> Backend:  # noqa: ANN401
    """Open the LLM that a URI names.

    Args:
        uri: ``openai:MODEL`` (with ``@http://host:port/v1`` for an endpoint of one's own), ``llama.cpp:FILE`` or
            ``llama.cpp:NAME`` with a name of ``unlike models``, ``openvino:`` likewise,
            ``transformers:FOLDER`` (or such a name, or one of the hub; ``transformers:FOLDER:bfloat16`` computes in
            that precision), ``vllm:FOLDER`` (likewise) or ``vllm:MODEL@http://host:port/v1`` for a server,
            ``scripted:FILE`` or ``scripted:echo``.
        options: Of the engine: ``timeout_s``, ``slots``, ``batch_size`` and so on.

    Returns:
        The backend; the caller closes it with ``aclose``.

    Raises:
        InputError: An unknown scheme, nothing behind it, or a setting the engine cannot use.
        MissingPart: The engine is not installed.
    """
    check_llm(uri)
    scheme, _, rest = uri.partition(":")
    opening = SCHEMES[scheme](rest)
    try:
        inspect.signature(opening).bind(**options)
    except TypeError as error:
        allowed = ", ".join(inspect.signature(opening).parameters) or "none"
        raise InputError(f"LLM options of {scheme}: {error}; allowed are: {allowed}") from error
    return opening(**options)
