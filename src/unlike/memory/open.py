"""From names to user memories: ``unlike.open_memory`` for one tenant, ``MemoryParts`` for a service with many."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from unlike.errors import EngineError
from unlike.settings import as_path
from unlike.store.open import STORE_PARTS, Place, need, open_signer, open_store_at, tenant_of
from unlike.sync import wait_for

if TYPE_CHECKING:
    from unlike.embed.encoder import Encoder
    from unlike.llm.backend import Backend, Messages, Sampling
    from unlike.llm.request_priority import RequestPriority
    from unlike.llm.usage import Meter
    from unlike.memory.cpu_process import CPUProcesses
    from unlike.memory.memory import Memory
    from unlike.memory.settings_file import MemoryFile
    from unlike.methods.kit import Latent
    from unlike.privacy.redact import Redactor
    from unlike.privacy.signing import Signer
    from unlike.prompts.task import Task
    from unlike.store.database import Tenant


@contextmanager
def open_memory(
    store: str | Path,
    llm: str = "",
    embedder: str = "",
    *,
    tenant: str = "default",
    settings: Path | str | None = None,
    master: str = "",
    signing_key: Path | str | None = None,
    new: bool = False,
    notify: Callable[[str], None] = lambda line: None,
) -> "Generator[Memory]":
    """The memory of one tenant of a store, closed with its LLM at the end of the ``with`` block.

    Args:
        store: Folder, or postgresql://USER@HOST/NAME.
        llm: As in ``open_llm``; needed to build profiles and to generate.
        embedder: As in ``open_encoder``; needed to build profiles.
        tenant: Whose data, in a store that serves several.
        settings: Settings file (TOML) of memory and service.
        master: Where the master key is: file:PATH, env:NAME or command:CMD; "" for STORE/master.key.
        signing_key: Ed25519 key (PEM) that signs receipts of erasure; None for a temporary one.
        new: Create the store and the tenant where they do not exist.
        notify: Called with one line when a key or a tenant is created.

    Raises:
        InputError: There is no such store or tenant, or a name or setting is not allowed.
        MissingPart: A package is not installed.
    """
    place = Place(str(store), tenant, master, notify)
    parts = None
    if new:  # no store is created for a name that cannot be opened
        parts = open_memory_parts(as_path(settings), llm, embedder)
    with open_store_at(place, new) as opened:
        named = tenant_of(opened, place, new)
        signer = open_signer(place, Path(signing_key)) if signing_key else None
        parts = parts or open_memory_parts(as_path(settings), llm, embedder)
        memory = (replace(parts, signer=signer) if signer else parts).memory(named)
        try:
            yield memory
        finally:
            memory.close()
            wait_for(parts.backend.aclose())


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """What the memories of all tenants share."""

    backend: "Backend"
    encoder: "Encoder"
    redactor: "Redactor"
    signer: "Signer"
    task: "Task"
    file: "MemoryFile"
    priority: "RequestPriority"
    meter: "Meter | None" = None
    """Counts what all memories ask of the LLM."""
    processes: "CPUProcesses | None" = None
    """For large CPU-bound work of all memories."""

    def memory(self, tenant: "Tenant") -> "Memory":
        """The memory of a tenant."""
        from unlike.memory.memory import Memory

        return Memory(
            tenant,
            self.backend,
            self.encoder,
            self.redactor,
            self.signer,
            self.task,
            self.file.memory_settings(),
            adapters=self.file.adapters,
            latent=self._latent(tenant, self.file.adapter) if self.file.adapter else None,
            meter=self.meter,
            priority=self.priority,
            processes=self.processes,
        )

    def _latent(self, tenant: "Tenant", adapter: Path) -> "Latent":
        """The adapter over a tenant's records; a difference needs as many peers as any comparison here, and never only one."""
        from unlike.latent.open import open_prompter
        from unlike.memory.representatives import MIN_MEASURED
        from unlike.memory.vectors import StoredVectors
        from unlike.peers.selectors import REPRESENTATIVES, open_selector
        from unlike.store.records import StoredRecords

        vectors = StoredVectors(tenant, self.encoder)
        records, floor = StoredRecords(tenant, vectors.seen), self.file.memory_settings().min_peers
        selector = open_selector(REPRESENTATIVES, vectors)
        return open_prompter(
            records,
            self.backend,
            vectors,
            self.task,
            adapter,
            min_peers=max(floor, MIN_MEASURED),
            selector=selector,
        )


def open_memory_parts(
    settings: Path | None = None,
    llm: str = "",
    embedder: str = "",
    *,
    opening: "Callable[..., Backend] | None" = None,
) -> MemoryParts:
    """The parts by name, with a temporary signer; an LLM that is not named raises an error when it is used.

    Args:
        settings: Settings file (TOML).
        llm: As in ``open_llm``.
        embedder: As in ``open_encoder``.
        opening: Opens the LLM; ``open_llm`` by default.

    Raises:
        InputError: A name is unknown, or a setting is not allowed.
        MissingPart: A package that a name needs is not installed.
    """
    need(STORE_PARTS)
    from unlike.embed.open import open_encoder
    from unlike.llm.open import open_llm
    from unlike.llm.request_priority import RequestPriority
    from unlike.llm.scripted import ScriptedBackend
    from unlike.memory.settings_file import read_settings
    from unlike.privacy.redact import open_redactor
    from unlike.privacy.signing import Signer
    from unlike.prompts.task import open_task

    file = read_settings(settings)
    task = open_task(file.task, file.prompts)
    task.standard(file.method.get("dimensions"))
    backend = (opening or open_llm)(llm, **file.llm_options(llm)) if llm else ScriptedBackend(_no_llm, name="none")
    return MemoryParts(
        backend=backend,
        encoder=open_encoder(embedder or "hashing:64"),
        redactor=open_redactor(file.redactor),
        signer=Signer.new(),
        task=task,
        file=file,
        priority=RequestPriority(backend),
    )


def _no_llm(_messages: "Messages", _sampling: "Sampling") -> str:
    raise EngineError("no LLM was named; give --llm")
