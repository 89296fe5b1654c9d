"""From options to memories: where the commands of the service pick LLM, encoder, redactor and task."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unlike.cli.open_store import PARTS, need
from unlike.errors import EngineError

if TYPE_CHECKING:
    from unlike.cli.memory_settings import MemoryFile
    from unlike.embed.encoder import Encoder
    from unlike.llm.backend import Backend, Messages, Sampling
    from unlike.llm.recorded import Meter
    from unlike.memory.memory import Memory
    from unlike.methods.kit import Latent
    from unlike.privacy.receipt import Signer
    from unlike.privacy.redact import Redactor
    from unlike.prompts.task import Task
    from unlike.store.database import Tenant

SettingsAt = Annotated[
    Path | None, typer.Option("--settings", envvar="UNLIKE_SETTINGS", help="Settings of memory and service (TOML).")
]
LLMUri = Annotated[str, typer.Option("--llm", help="LLM, e.g. openai:MODEL@http://HOST:PORT/v1 or llama.cpp:smollm2.")]
EmbedderName = Annotated[str, typer.Option("--embedder", help="Encoder of texts, e.g. minilm or hashing:256.")]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the memories of all tenants are made of."""

    backend: "Backend"
    encoder: "Encoder"
    redactor: "Redactor"
    signer: "Signer"
    task: "Task"
    file: "MemoryFile"
    meter: "Meter | None" = None
    """Counts what all memories ask of the LLM."""

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
        )

    def _latent(self, tenant: "Tenant", adapter: Path) -> "Latent":
        """The adapter at work on a tenant's records; a difference has as many peers as any comparison here, and never one."""
        from unlike.api import open_prompter
        from unlike.memory.representatives import FEWEST_MEASURED
        from unlike.memory.vectors import StoredVectors
        from unlike.store.records import StoredRecords

        vectors = StoredVectors(tenant, self.encoder)
        records, floor = StoredRecords(tenant, vectors.seen), self.file.memory_settings().fewest_peers
        return open_prompter(records, self.backend, vectors, self.task, adapter, min_peers=max(floor, FEWEST_MEASURED))


def open_parts(
    settings: Path | None = None, llm: str = "", embedder: str = "", signer: "Signer | None" = None
) -> Parts:
    """The parts by their names; what a command does not name it does not need.

    Raises:
        InputError: A name is unknown, or the settings hold what cannot be.
        MissingPart: Something that a name needs is not installed.
    """
    need(PARTS)
    from unlike.cli.memory_settings import read_settings
    from unlike.embed.open import open_encoder
    from unlike.llm.open import open_llm
    from unlike.llm.scripted import ScriptedBackend
    from unlike.privacy.receipt import Signer
    from unlike.privacy.redact import open_redactor
    from unlike.prompts.task import open_task

    file = read_settings(settings)
    task = open_task(file.task, file.prompts)
    task.standard(file.method.dimensions)
    return Parts(
        backend=open_llm(llm) if llm else ScriptedBackend(_no_llm, name="none"),
        encoder=open_encoder(embedder or "hashing:64"),
        redactor=open_redactor(file.redactor),
        signer=signer or Signer.new(),
        task=task,
        file=file,
    )


def _no_llm(_messages: "Messages", _sampling: "Sampling") -> str:
    raise EngineError("no LLM was named; give --llm")
