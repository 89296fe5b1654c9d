"""The settings file of a user memory and its service: one TOML for all commands, so that all of them agree.

    task = "review"              # or another task; prompts = "FOLDER" overrides its templates
    redactor = "patterns"        # or "none"
    adapter = "adapters/dep"     # write texts from a user's vectors; needs transformers: or vllm: as the LLM
    adapters = ["adapters/old"]  # other trained adapters; receipts name those that were trained on the user

    [memory]
    min_peers = 3
    on_repeat = "mark"
    allowed = ["health"]

    [method]                     # for building profiles
    n_records = 4
    layout = "single"            # of requests: past texts in one prompt, not as turns of a chat
    rewrites = 2                 # ask up to twice more for a text of another length than the user's, cut off, ...

    [refresh]
    debounce_s = 2.0

    [service]
    requests_per_s = 100.0       # inf for no limit

    [llm]                        # limits of an endpoint
    timeout_s = 60.0

Defaults are those of ``MemorySettings``, ``ServiceSettings`` and ``EndpointSettings``.
"""

import math
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from unlike.errors import InputError
from unlike.llm.open import destination
from unlike.memory.settings import MemorySettings, Refresh, Retention
from unlike.settings import EndpointSettings, MethodSettings, ServiceSettings, changes_of, checked, read_toml

NOT_FOR_A_MEMORY = (
    *("retriever", "selector", "time_rule", "adapter"),
    *("lexical", "lexical_of"),
    *("key_records", "min_records", "min_peers", "shown_records"),
)
"""Method settings that the texts of a stored profile cannot follow, or that [memory] has."""

if TYPE_CHECKING:
    MemoryTable = dict[str, Any]
    MethodTable = dict[str, Any]
    RefreshTable = dict[str, Any]
    RetentionTable = dict[str, Any]
    ServiceTable = dict[str, Any]
    LLMTable = dict[str, Any]
else:
    MemoryTable = changes_of(MemorySettings, without=("method", "refresh", "retention"))
    MethodTable = changes_of(MethodSettings, without=NOT_FOR_A_MEMORY)
    RefreshTable = changes_of(Refresh)
    RetentionTable = changes_of(Retention)
    ServiceTable = changes_of(ServiceSettings)
    LLMTable = changes_of(EndpointSettings)


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class MemoryFile:
    """A whole file."""

    task: str = "review"
    prompts: Path | None = None
    redactor: Literal["patterns", "none"] = "patterns"
    adapter: Path | None = None
    adapters: tuple[Path, ...] = ()
    memory: MemoryTable = field(default_factory=dict[str, Any])
    method: MethodTable = field(default_factory=dict[str, Any])
    refresh: RefreshTable = field(default_factory=dict[str, Any])
    retention: RetentionTable = field(default_factory=dict[str, Any])
    service: ServiceTable = field(default_factory=dict[str, Any])
    llm: LLMTable = field(default_factory=dict[str, Any])

    def memory_settings(self) -> MemorySettings:
        """Settings for building profiles and answering requests."""
        base = MemorySettings()
        method, refresh = base.method.but(**self.method), replace(base.refresh, **self.refresh)
        retention = replace(base.retention, **self.retention)
        return replace(base, method=method, refresh=refresh, retention=retention, **self.memory)

    def llm_options(self, uri: str) -> dict[str, Any]:
        """Options for opening an LLM: the limits of an endpoint, none for one in this process."""
        return asdict(replace(EndpointSettings(), **self.llm)) if destination(uri) else {}

    def service_settings(self, n_workers: int | None = None) -> ServiceSettings:
        """Limits of the service.

        Args:
            n_workers: Overrides the file's value.
        """
        given: dict[str, Any] = dict(self.service)
        for name, value in self.service.items():
            if name.endswith("requests_per_s") and value is not None and math.isinf(value):
                given[name] = None
        settings = ServiceSettings(**given)
        return settings if n_workers is None else replace(settings, n_workers=n_workers)


def read_settings(path: Path | None) -> MemoryFile:
    """Read a settings file; defaults for None. Paths in it are relative to the file.

    Raises:
        InputError: It is missing or has values that are not allowed; the message lists all of them.
    """
    if path is None:
        return MemoryFile()
    file = checked(MemoryFile, read_toml(path, "settings file"), f"settings file {path}")
    return _resolved(file, path.parent)


def _resolved(file: MemoryFile, folder: Path) -> MemoryFile:
    adapter = folder / file.adapter if file.adapter else None
    adapters = tuple(folder / other for other in file.adapters if file.adapter != other)
    adapters = (adapter, *adapters) if adapter else adapters
    if missing := [one for one in adapters if not (one / "adapter.json").is_file()]:
        raise InputError(f"no adapter in {missing[0]}, which the settings file names; correct adapter or adapters")
    prompts = folder / file.prompts if file.prompts else None
    return replace(file, adapter=adapter, adapters=adapters, prompts=prompts)
