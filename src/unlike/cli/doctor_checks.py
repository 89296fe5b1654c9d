"""Checks of the installation by ``unlike doctor``: packages, models, endpoints, GPU, disk, and calls on request."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from unlike.errors import UnlikeError, how_to_install, missing_part
from unlike.settings import cache_folder
from unlike.store.open import SERVICE_PARTS

MIN_FREE_BYTES = 2 * 2**30
"""Room for the default model of the demo and what is made of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: whether it works, what was seen, and what to do where it does not.

    Attributes:
        needed_for: What does not work without it.
        fault: Whether the store is inconsistent, or holds data that must not be there.
    """

    part: str
    works: bool
    seen: str
    needed_for: str = ""
    fault: bool = False


def _embedded_llm() -> Finding:
    def check() -> str:
        from unlike.llm.smollm2 import packaged_smollm2

        if importlib.util.find_spec("xllamacpp") is None:
            raise UnlikeError(how_to_install("embedded"))
        packaged_smollm2()
        return f"SmolLM2-135M-Instruct, xllamacpp {metadata.version('xllamacpp')}"

    return attempt("embedded LLM", check, "--llm llama.cpp:smollm2, the demo")


def _packaged_encoder() -> Finding:
    def check() -> str:
        from unlike.embed.sentence_transformer import packaged_minilm

        if not all(map(importlib.util.find_spec, ("sentence_transformers", "torch"))):
            raise UnlikeError(how_to_install("torch"))
        packaged_minilm()
        parts = (f"{name} {metadata.version(name)}" for name in ("sentence-transformers", "torch"))
        return ", ".join(("all-MiniLM-L6-v2", *parts))

    return attempt("packaged encoder", check, "--embedder minilm, the demo")


def _openai() -> Finding:
    key, url = os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")
    seen = f"OPENAI_API_KEY is {'set' if key else 'not set'}, OPENAI_BASE_URL is {url or 'not set'}"
    if not (key or url):
        seen += "; set the key, or name your own endpoint: --llm openai:MODEL@http://127.0.0.1:8000/v1"
    return Finding("OpenAI-compatible endpoint", bool(key or url), seen, "--llm openai:MODEL without an address")


def _meteor() -> Finding:
    def check() -> str:
        from unlike.evaluate.metrics.meteor import find_data

        return find_data()

    return attempt("METEOR's data", check, "METEOR")


def _hub() -> Finding:
    there = importlib.util.find_spec("datasets") is not None
    seen = f"datasets {metadata.version('datasets')}" if there else how_to_install("hub")
    return Finding("Hugging Face datasets", there, seen, "unlike curate dpl-hub")


def _downloaded_models() -> Finding:
    from unlike.llm.model_catalogue import CATALOGUE, is_here

    here = [name for name in CATALOGUE if is_here(name)]
    seen = f"{', '.join(here) or 'none'}; others: unlike models, unlike models get NAME"
    return Finding("downloaded models", bool(here), seen, "--llm llama.cpp:NAME")


def _service() -> Finding:
    return _packages("service", SERVICE_PARTS, "unlike ingest, unlike serve, unlike inspect")


def _latent() -> Finding:
    parts = {name: name for name in ("torch", "transformers", "accelerate", "safetensors")}
    return _packages("latent", parts, "--llm transformers:MODEL, unlike train, methods dep and pplug")


def _packages(extra: str, parts: dict[str, str], needed_for: str) -> Finding:
    """Whether the packages of an extra are installed, by the names that are imported and those that are installed."""
    if missing := [name for module, name in parts.items() if importlib.util.find_spec(module) is None]:
        return Finding(
            f"extra {extra}", False, f"{', '.join(missing)} not installed; {how_to_install(extra)}", needed_for
        )
    return Finding(f"extra {extra}", True, ", ".join(f"{n} {metadata.version(n)}" for n in parts.values()), needed_for)


def _gpu() -> Finding:
    """Checked with nvidia-smi, since loading torch takes seconds; a CPU build of torch uses no GPU."""
    tool, needed_for = shutil.which("nvidia-smi"), "--llm vllm:MODEL, large models"
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False).stdout if tool else ""
    names = [line.partition("(")[0].strip() for line in listed.splitlines() if line.startswith("GPU ")]
    if not names:
        return Finding("GPU", False, "none; models in this process run on the processor", needed_for)
    for_processors = importlib.util.find_spec("torch") is not None and metadata.version("torch").endswith("+cpu")
    note = "; torch is installed without support for it" if for_processors else ""
    return Finding("GPU", not for_processors, f"{', '.join(names)}{note}", needed_for)


def _disk() -> Finding:
    cache = cache_folder()
    there = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    seen = f"{free / 2**30:,.1f} GB free in {cache}; UNLIKE_CACHE names another folder"
    return Finding("disk", free >= MIN_FREE_BYTES, seen, "downloaded models (0.1 to 5 GB each), vectors")


def live_call_missing() -> Finding:
    """The finding that is shown if no LLM was called."""
    advice = "not tried; this asks for one word: unlike doctor --llm llama.cpp:smollm2 (or any other LLM)"
    return Finding("a call to an LLM", False, advice, "everything that generates text")


CHECKS: tuple[Callable[[], Finding], ...] = (
    *(_embedded_llm, _downloaded_models, _packaged_encoder, _openai, _service, _latent, _gpu, _disk, _meteor, _hub),
)


def attempt(part: str, check: Callable[[], str], needed_for: str) -> Finding:
    """Run a check, which returns what was seen or raises an error that says what to do; a missing package is one too."""
    try:
        return Finding(part, True, check(), needed_for)
    except UnlikeError as error:
        return Finding(part, False, str(error), needed_for)
    except ModuleNotFoundError as error:
        missing = missing_part(error)
        if missing is None:
            raise
        return Finding(part, False, str(missing), needed_for)


def ask(uri: str) -> str:
    """Ask an LLM for one word; returns what it answered."""
    from unlike.llm.backend import Completion, Sampling
    from unlike.llm.open import open_llm
    from unlike.sync import wait_for

    async def one_word() -> Completion:
        backend = open_llm(uri)
        try:
            return await backend.complete([{"role": "user", "content": "Say hello."}], Sampling(max_tokens=8))
        finally:
            await backend.aclose()

    answer = wait_for(one_word())
    return f"answered {answer.text.strip()!r} in {answer.wall_s:.1f} s"


def encode(name: str) -> str:
    """Encode a text; returns the size of its vector."""
    from unlike.embed.open import open_encoder

    return f"{open_encoder(name).encode(['hello']).shape[1]} dimensions"
