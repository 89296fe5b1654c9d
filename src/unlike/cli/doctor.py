"""``unlike doctor``: what is installed, which models and endpoints answer, what a store is like; what to do about it."""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from unlike.cli.options import Json, MasterAt
from unlike.cli.output import n_of, print_json, say
from unlike.errors import UnlikeError
from unlike.store.open import MASTER, RECEIPTS, Place, open_store_at

if TYPE_CHECKING:
    from unlike.store.database import Store, Tenant, Tx


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


def doctor(
    llm: list[str] = typer.Option([], help="Also ask this LLM for one word; may be repeated."),
    embedder: list[str] = typer.Option([], help="Also encode one text with this encoder; may be repeated."),
    store: str = typer.Option("", help="Check this store instead: a folder, or postgresql://USER@HOST/NAME."),
    master: MasterAt = "",
    scrub: bool = typer.Option(False, "--scrub", help="With --store: remove deleted data from the database's files."),
    as_json: Json = False,
) -> None:
    """Show what is installed and what answers, or check a store and show what is in it.

    Exit status: 0; 1 if a store has faults; 2 if an LLM or encoder that you named does not answer.
    """
    findings = store_findings(Place(store, master=master, notify=say), scrub) if store else [c() for c in CHECKS]
    asked = [_attempt(f"LLM {uri}", lambda uri=uri: _ask(uri), "--llm") for uri in llm]
    asked += [_attempt(f"encoder {name}", lambda name=name: _encode(name), "--embedder") for name in embedder]
    if as_json:
        print_json([asdict(finding) for finding in findings + asked])
    else:
        _print(findings + asked)
    if any(finding.fault for finding in findings):
        raise typer.Exit(1)
    if not all(finding.works for finding in asked):
        raise typer.Exit(2)


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    needs = any(finding.needed_for for finding in findings)
    table = Table(box=None, pad_edge=False)
    for heading in ("", "part", "found, or what to do", *(("needed for",) if needs else ())):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        mark = "[green]yes[/]" if finding.works else "[red]fault[/]" if finding.fault else "[yellow]no[/]"
        cells = (finding.part, finding.seen, *((finding.needed_for,) if needs else ()))
        table.add_row(mark, *(Text(cell) for cell in cells))
    Console().print(table)


# What is installed ----------------------------------------------------------------------------------------------------


def _embedded_llm() -> Finding:
    def check() -> str:
        from unlike.llm.smollm2 import packaged_smollm2

        if importlib.util.find_spec("xllamacpp") is None:
            raise UnlikeError('run pip install "unlike[embedded]"')
        return f"{packaged_smollm2().name}, xllamacpp {metadata.version('xllamacpp')}"

    return _attempt("embedded LLM", check, "--llm llama.cpp:smollm2, the demo")


def _packaged_encoder() -> Finding:
    def check() -> str:
        from unlike.embed.sentence_transformer import packaged_minilm

        if importlib.util.find_spec("sentence_transformers") is None:
            raise UnlikeError('run pip install "unlike[torch]"')
        packaged_minilm()
        parts = (f"{name} {metadata.version(name)}" for name in ("sentence-transformers", "torch"))
        return ", ".join(("all-MiniLM-L6-v2", *parts))

    return _attempt("packaged encoder", check, "--embedder minilm, the demo")


def _openai() -> Finding:
    key, url = os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")
    seen = f"OPENAI_API_KEY is {'set' if key else 'not set'}, OPENAI_BASE_URL is {url or 'not set'}"
    if not (key or url):
        seen += "; set the key, or name your own endpoint: --llm openai:MODEL@http://127.0.0.1:8000/v1"
    return Finding("OpenAI-compatible endpoint", bool(key or url), seen, "--llm openai:MODEL")


def _meteor() -> Finding:
    def check() -> str:
        from unlike.evaluate.metrics.meteor import find_data

        return find_data()

    return _attempt("METEOR's data", check, "METEOR")


def _hub() -> Finding:
    there = importlib.util.find_spec("datasets") is not None
    seen = f"datasets {metadata.version('datasets')}" if there else 'run pip install "unlike[hub]"'
    return Finding("Hugging Face datasets", there, seen, "unlike curate dpl-hub")


def _shelf() -> Finding:
    from unlike.llm.shelf import SHELF, is_here

    here = [name for name in SHELF if is_here(name)]
    seen = f"{', '.join(here) or 'none'}; others: unlike models, unlike models get NAME"
    return Finding("downloaded models", bool(here), seen, "--llm llama.cpp:NAME")


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


# What a store is like -------------------------------------------------------------------------------------------------


def store_findings(place: Place, scrub: bool) -> list[Finding]:
    """Check a store, all its tenants included; its tables are migrated first.

    Args:
        place: The store.
        scrub: Rewrite the database's files, so that they no longer hold deleted data.

    Raises:
        InputError: There is no such store, or it cannot be opened.
    """
    with open_store_at(place, migrate=True) as store:
        from unlike.store import scrubs

        if scrub:
            scrubs.scrub(store, rewrite=True)
        findings = [_tables(store)]
        if place.in_folder:
            folder = Path(place.store)
            findings += [_master(folder, place.master), _receipts(folder), _log(folder)]
        return [*findings, *(finding for tenant in store.tenants() for finding in _of_tenant(tenant))]


def _tables(store: "Store") -> Finding:
    from unlike.store.migrate import version_of

    with store.connection(writes=False) as conn:
        return Finding("tables", True, f"version {version_of(conn)}, {store.engine.dialect.name}")


def _master(folder: Path, given: str) -> Finding:
    file = folder / MASTER
    if not file.exists():
        return Finding("master key", True, "not stored beside the data")
    if given and given != f"file:{file}":
        return Finding("master key", True, f"{given}; {file} is not used: if the key was rotated, it is the old one")
    advice = f"{file} is beside the data, so a copy of the folder has both; move it and give --master file:PATH"
    return Finding("master key", False, advice)


def _receipts(folder: Path) -> Finding:
    from unlike.privacy.receipt import Signer

    file = folder / RECEIPTS
    if not file.exists():
        return Finding("signing key", True, f"none in {folder}; one is created for the first receipt")
    return Finding("signing key", True, f"{file}; its public key is {Signer.from_file(file).public_key}")


def _log(folder: Path) -> Finding:
    """The size of SQLite's log; every erasure empties it."""
    from unlike.store.database import FILE

    log = folder / f"{FILE}-wal"
    size = log.stat().st_size if log.exists() else 0
    return Finding("write-ahead log", True, f"{size / 2**20:,.1f} MB; --scrub empties it and rewrites the file")


def _of_tenant(tenant: "Tenant") -> list[Finding]:
    with tenant.read() as tx:
        return [_counts(tx, tenant.name), _jobs(tx, tenant.name), *_faults(tx, tenant.name)]


def _counts(tx: "Tx", name: str) -> Finding:
    from unlike.store.facts import facts_of

    facts = facts_of(tx)
    seen = (
        f"{n_of(facts.n_users, 'user')}, {facts.n_compared:,} of them can be compared; "
        f"{n_of(facts.n_records, 'record')} on {n_of(facts.n_items, 'item')}; "
        f"{n_of(facts.n_profiles, 'profile')}, {facts.n_stale:,} of them outdated"
    )
    return Finding(f"tenant {name}", True, seen)


def _jobs(tx: "Tx", name: str) -> Finding:
    from unlike.store import jobs

    seen = ", ".join(f"{n:,} {state}" for state, n in sorted(jobs.counts(tx).items())) or "none"
    failed = jobs.listed(tx, "failed", limit=1)
    if failed:
        seen += f"; first failure: {failed[0].kind}: {failed[0].error}"
    return Finding(f"jobs of {name}", not failed, seen)


def _faults(tx: "Tx", name: str) -> list[Finding]:
    from unlike.store import check

    found = [Finding(f"faults of {name}", False, f"{fault.n:,} {fault.what}", fault=True) for fault in check.faults(tx)]
    return found or [Finding(f"faults of {name}", True, "none")]
