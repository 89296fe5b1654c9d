"""``unlike doctor``: what is installed, which models and endpoints answer, what a store is like; what to do about it."""

import importlib.util
import json
import os
from collections.abc import Callable
from dataclasses import asdict

import typer

from unlike.cli.finding import Finding, print_findings
from unlike.cli.open_store import PARTS, MasterAt, Place, need
from unlike.errors import UnlikeError


def doctor(
    llm: list[str] = typer.Option([], help="Also ask this LLM for one word; may be given several times."),
    embedder: list[str] = typer.Option([], help="Also encode one text with this."),
    store: str = typer.Option("", help="Look at this store instead: a folder, or postgresql://USER@HOST/NAME."),
    master: MasterAt = "",
    scrub: bool = typer.Option(False, "--scrub", help="With --store: leave nothing deleted in the database's files."),
    as_json: bool = typer.Option(False, "--json", help="Print the findings as JSON."),
) -> None:
    """Say what is installed and what answers; or whether a store is what it should be, and what is in it.

    Exit status: 0; 1 where a store has faults; 2 where an LLM or encoder that was asked for does not answer.
    """
    findings = _of_store(store, master, scrub) if store else [check() for check in CHECKS]
    asked = [_attempt(f"LLM {uri}", lambda uri=uri: _ask(uri), "--llm") for uri in llm]
    asked += [_attempt(f"encoder {name}", lambda name=name: _encode(name), "--embedder") for name in embedder]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings + asked], indent=2))
    else:
        print_findings(findings + asked)
    if any(finding.fault for finding in findings):
        raise typer.Exit(1)
    if not all(finding.works for finding in asked):
        raise typer.Exit(2)


def _of_store(store: str, master: str, scrub: bool) -> list[Finding]:
    need(PARTS)
    from unlike.cli.doctor_store import store_findings

    return store_findings(Place(store, master=master), scrub)


def _embedded_llm() -> Finding:
    def check() -> str:
        from unlike.llm.smollm2 import packaged_smollm2

        if importlib.util.find_spec("xllamacpp") is None:
            raise UnlikeError('run pip install "unlike[embedded]"')
        return f"{packaged_smollm2().name}, xllamacpp {_version('xllamacpp')}"

    return _attempt("embedded LLM", check, "--llm llama.cpp:smollm2, the demo")


def _packaged_encoder() -> Finding:
    def check() -> str:
        from unlike.embed.sentence_transformer import packaged_minilm

        if importlib.util.find_spec("sentence_transformers") is None:
            raise UnlikeError('run pip install "unlike[torch]"')
        packaged_minilm()
        return f"all-MiniLM-L6-v2, sentence-transformers {_version('sentence-transformers')}, torch {_version('torch')}"

    return _attempt("packaged encoder", check, "--embedder minilm, the demo")


def _openai() -> Finding:
    key, url = os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")
    seen = f"OPENAI_API_KEY is {'set' if key else 'not set'}, OPENAI_BASE_URL is {url or 'not set'}"
    if not (key or url):
        seen += "; set the key, or name an endpoint of your own: --llm openai:MODEL@http://HOST:PORT/v1"
    return Finding("OpenAI-compatible endpoint", bool(key or url), seen, "--llm openai:MODEL")


def _meteor() -> Finding:
    def check() -> str:
        from unlike.evaluate.metrics.meteor import find_data

        return find_data()

    return _attempt("METEOR's data", check, "METEOR")


def _hub() -> Finding:
    there = importlib.util.find_spec("datasets") is not None
    seen = f"datasets {_version('datasets')}" if there else 'run pip install "unlike[hub]"'
    return Finding("Hugging Face datasets", there, seen, "unlike curate dpl-hub")


def _shelf() -> Finding:
    from unlike.llm.shelf import SHELF, is_here

    here = [name for name in SHELF if is_here(name)]
    seen = f"{', '.join(here) or 'none'}; others: unlike models, unlike models get NAME"
    return Finding("models that are here", bool(here), seen, "--llm llama.cpp:NAME")


CHECKS: tuple[Callable[[], Finding], ...] = (_embedded_llm, _shelf, _packaged_encoder, _openai, _meteor, _hub)


def _attempt(part: str, check: Callable[[], str], needed_for: str) -> Finding:
    try:
        return Finding(part, True, check(), needed_for)
    except UnlikeError as error:
        return Finding(part, False, str(error), needed_for)


def _ask(uri: str) -> str:
    from unlike.door import wait_for
    from unlike.llm.backend import Completion, Sampling
    from unlike.llm.open import open_llm

    async def one_word() -> Completion:
        backend = open_llm(uri)
        try:
            return await backend.complete([{"role": "user", "content": "Say hello."}], Sampling(max_tokens=8))
        finally:
            await backend.aclose()

    answer = wait_for(one_word())
    return f"answered {answer.text.strip()!r} in {answer.wall_s:.1f} s"


def _encode(name: str) -> str:
    from unlike.embed.open import open_encoder

    return f"{open_encoder(name).encode(['hello']).shape[1]} dimensions"


def _version(package: str) -> str:
    """Of an installed package."""
    from importlib import metadata

    return metadata.version(package)
