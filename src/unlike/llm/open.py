"""From a URI to an LLM. Adding an engine means one function and one line here."""

import importlib.util
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from unlike.errors import InputError, MissingPart
from unlike.llm.backend import Backend


def _openai(model: str) -> Callable[..., Backend]:
    from unlike.llm.openai_http import OpenAIBackend

    name, at, address = model.partition("@http")
    return partial(OpenAIBackend, name, base_url=f"http{address}") if at else partial(OpenAIBackend, name)


def _llama_cpp(path: str) -> Callable[..., Backend]:
    from unlike.llm.llama_cpp import LlamaCppBackend

    return partial(LlamaCppBackend, path)


def _openvino(path: str) -> Callable[..., Backend]:
    from unlike.llm.openvino import OpenVinoBackend

    return partial(OpenVinoBackend, path)


def _transformers(name: str) -> Callable[..., Backend]:
    _need_transformers()
    from unlike.llm.transformers_local import TransformersBackend

    return partial(TransformersBackend.open, name)


def _vllm(model: str) -> Callable[..., Backend]:
    _need_transformers()
    name, at, address = model.partition("@http")
    if at:
        from unlike.llm.vllm_http import VllmHttpBackend

        return partial(VllmHttpBackend, name, base_url=f"http{address}")
    from unlike.llm.vllm_local import VllmBackend

    return partial(VllmBackend, name)


def _need_transformers() -> None:
    if any(importlib.util.find_spec(part) is None for part in ("torch", "transformers")):
        raise MissingPart('transformers is not installed; run: pip install "unlike[torch]"')


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


def open_llm(uri: str, **options: Any) -> Backend:  # noqa: ANN401
    """Open the LLM that a URI names.

    Args:
        uri: ``openai:MODEL`` (with ``@http://host:port/v1`` for an endpoint of one's own), ``llama.cpp:FILE`` or
            ``llama.cpp:NAME`` with a name of ``unlike models``, ``openvino:`` likewise,
            ``transformers:FOLDER`` (or such a name, or one of the hub),
            ``vllm:FOLDER`` (likewise) or ``vllm:MODEL@http://host:port/v1`` for a server,
            ``scripted:FILE`` or ``scripted:echo``.
        options: Of the engine: ``timeout_s``, ``slots``, ``batch_size`` and so on.

    Returns:
        The backend; the caller closes it with ``aclose``.

    Raises:
        InputError: An unknown scheme, nothing behind it, or a setting the engine cannot use.
        MissingPart: The engine is not installed.
    """
    scheme, _, rest = uri.partition(":")
    if scheme not in SCHEMES or not rest:
        raise InputError(
            f"LLM: {uri!r}; schemes are {', '.join(SCHEMES)}; write SCHEME:MODEL, for example llama.cpp:smollm2"
        )
    opening = SCHEMES[scheme](rest)
    try:
        inspect.signature(opening).bind(**options)
    except TypeError as error:
        allowed = ", ".join(inspect.signature(opening).parameters) or "none"
        raise InputError(f"LLM options of {scheme}: {error}; allowed are: {allowed}") from error
    return opening(**options)
