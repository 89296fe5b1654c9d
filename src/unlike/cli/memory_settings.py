"""The settings file of a user memory and its service: one TOML for every command, so that all of them agree.

    task = "review"            # or another one; prompts = "FOLDER" puts templates of one's own in front
    redactor = "patterns"      # or "none"
    adapter = "adapters/dep"   # texts are written from a user's vectors, which needs transformers: or vllm: as LLM
    adapters = ["adapters/old"]  # other trained adapters; receipts name those that learned from the user

    [memory]
    fewest_peers = 3
    on_repeat = "mark"
    allowed = ["health"]

    [method]                   # of building profiles
    n_records = 4
    layout = "turns"           # of requests: each past text as a turn of the chat

    [refresh]
    debounce_s = 2.0

    [service]
    requests_per_s = 100.0     # inf for no limit

What is not given stays as ``MemorySettings`` and ``ServiceSettings`` have it.
"""

import math
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from unlike.config import KeyRecords, Layout
from unlike.errors import InputError
from unlike.memory.settings import MemorySettings
from unlike.privacy.sensitive import Sensitive
from unlike.writing.guard import OnRepeat

if TYPE_CHECKING:
    from unlike.serve.service import ServiceSettings


class Section(BaseModel):
    """A table of the file; unknown keys fail."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def given(self) -> dict[str, Any]:
        """What the file names."""
        return self.model_dump(exclude_unset=True)


class MemorySection(Section):
    """What ``MemorySettings`` holds itself."""

    key_records: KeyRecords | None = None
    fewest_records: int | None = Field(default=None, ge=1)
    fewest_peers: int | None = Field(default=None, ge=1)
    shown_records: int | None = Field(default=None, ge=0)
    private: bool | None = None
    on_repeat: OnRepeat | None = None
    repeat_words: int | None = Field(default=None, ge=2)
    allowed: tuple[Sensitive, ...] | None = None
    durable: bool | None = None


class MethodSection(Section):
    """Those of ``MethodSettings`` that count for profiles built ahead of requests, and the layout of requests."""

    n_records: int | None = Field(default=None, ge=1)
    n_peers: int | None = Field(default=None, ge=1)
    dimensions: tuple[str, ...] | None = None
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    layout: Layout | None = None


class RefreshSection(Section):
    """When what is built is built anew."""

    debounce_s: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    new_records: int | None = Field(default=None, ge=1)
    age_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class RetentionSection(Section):
    """After how many days something is deleted."""

    records: float | None = Field(default=None, gt=0)
    profile_versions: float | None = Field(default=None, gt=0)
    calls: float | None = Field(default=None, gt=0)
    audit: float | None = Field(default=None, gt=0)


class ServiceSection(Section):
    """Limits and workers of ``unlike serve``."""

    requests_per_s: float | None = Field(default=None, gt=0)
    tenant_requests_per_s: float | None = Field(default=None, gt=0)
    address_requests_per_s: float | None = Field(default=None, gt=0)
    burst: int | None = Field(default=None, ge=1)
    most_bytes: int | None = Field(default=None, ge=1024)
    most_records: int | None = Field(default=None, ge=1)
    key_cache_s: float | None = Field(default=None, ge=0)
    n_workers: int | None = Field(default=None, ge=0)
    worker_pause_s: float | None = Field(default=None, gt=0)
    housekeeping_s: float | None = Field(default=None, gt=0)


class MemoryFile(Section):
    """A whole file."""

    task: str = "review"
    prompts: Path | None = None
    redactor: Literal["patterns", "none"] = "patterns"
    adapter: Path | None = None
    adapters: tuple[Path, ...] = ()
    memory: MemorySection = MemorySection()
    method: MethodSection = MethodSection()
    refresh: RefreshSection = RefreshSection()
    retention: RetentionSection = RetentionSection()
    service: ServiceSection = ServiceSection()

    def memory_settings(self) -> MemorySettings:
        """Settings of building and answering."""
        base = MemorySettings()
        method = base.method.but(**self.method.given())
        refresh = replace(base.refresh, **self.refresh.given())
        retention = replace(base.retention, **self.retention.given())
        return replace(base, method=method, refresh=refresh, retention=retention, **self.memory.given())

    def service_settings(self, n_workers: int | None = None) -> "ServiceSettings":
        """Limits of the service.

        Args:
            n_workers: In place of the file's.
        """
        from unlike.serve.service import ServiceSettings

        given = self.service.given()
        given |= {name: None for name, value in given.items() if name.endswith("requests_per_s") and math.isinf(value)}
        if n_workers is not None:
            given["n_workers"] = n_workers
        return ServiceSettings(**given)


def read_settings(path: Path | None) -> MemoryFile:
    """Read a settings file; defaults for None. Paths in it are relative to it.

    Raises:
        InputError: It is missing, or holds what cannot be; all that is wrong in one message.
    """
    if path is None:
        return MemoryFile()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"settings file {path} cannot be read: {error}; give a TOML file") from error
    try:
        file = MemoryFile.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(_problem(detail) for detail in error.errors())
        raise InputError(f"settings file {path}: {wrong}") from error
    return _beside(file, path.parent)


def _beside(file: MemoryFile, folder: Path) -> MemoryFile:
    adapter = folder / file.adapter if file.adapter else None
    adapters = tuple(folder / other for other in file.adapters if file.adapter != other)
    adapters = (adapter, *adapters) if adapter else adapters
    if missing := [one for one in adapters if not (one / "adapter.json").is_file()]:
        raise InputError(f"no adapter in {missing[0]}, which the settings file names; mend adapter or adapters")
    prompts = folder / file.prompts if file.prompts else None
    return file.model_copy(update={"adapter": adapter, "adapters": adapters, "prompts": prompts})


def _problem(detail: ErrorDetails) -> str:
    place = detail["loc"]
    if detail["type"] != "extra_forbidden":
        return f"{'.'.join(map(str, place))}: {detail['msg']}"
    section: Section = MemoryFile() if len(place) == 1 else getattr(MemoryFile(), str(place[0]))
    return f"{'.'.join(map(str, place))} is no setting; allowed are {', '.join(type(section).model_fields)}"
