"""The journal of distributed work: stored beside the run, in parts, and read and written by workers through Ray.

The hash of a call selects its part; one process owns each part, on the machine where the command was started. So workers
need no shared disk, an answer is stored before it counts, also if its machine is lost, and an answer known to one worker
is known to all. At the end, and at the next start, the parts are merged into the journal.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from unlike.llm.journal import Call, Entry, Journal

MAX_PARTS = 8
"""Maximum number of processes that own parts of the journal; docs/scale.md measures the throughput of one."""


def part_path(journal: Path, part: int) -> Path:
    """File of a part of a journal, hidden and with a name that no journal has."""
    return journal.with_name(f".{journal.name}.part-{part}")


def merge_parts(journal: Path) -> int:
    """Merge the parts beside a journal into it, and delete them.

    Returns:
        Number of parts.

    Raises:
        InputError: A file cannot be read or written.
    """
    parts = [path for number in range(MAX_PARTS) if (path := part_path(journal, number)).is_file()]
    if parts:
        with closing(Journal(journal)) as whole:
            for part in parts:
                whole.merge(part)
                for file in (part, *(part.with_name(part.name + end) for end in ("-wal", "-shm"))):
                    file.unlink(missing_ok=True)
    return len(parts)


class JournalOwner:
    """Owns one part of a journal, in its own process. Restarted, it continues with the same file.

    Args:
        journal: The run's journal; earlier answers are read from it.
        part: Number of the part.
        keep_prompts: As of the run's journal.
    """

    def __init__(self, journal: str, part: int, keep_prompts: bool = True) -> None:
        self._earlier = Journal(journal)
        self._part = Journal(part_path(Path(journal), part), keep_prompts)

    async def get(self, key: str) -> Entry | None:
        """The entry of a call; None for an unknown call."""
        earlier = self._earlier.get(key)
        return earlier if earlier and earlier.state == "done" else self._part.get(key) or earlier

    async def put(self, key: str, call: Call, model: str, entry: Entry) -> Entry:
        """Store the result of a call; see ``Journal.put``."""
        return await self._part.put(key, call, model, entry)

    async def link(self, key: str, record_ids: Sequence[str]) -> None:
        """Add records whose texts an answered call used."""
        journal = self._part if self._part.get(key) else self._earlier
        await journal.link(key, record_ids)

    async def close(self) -> None:
        """Close the files."""
        self._part.close()
        self._earlier.close()


class RemoteJournal:
    """The journal for a worker, with the methods of ``Journal``.

    Args:
        owners: Handles of the owners, in the order of their parts.
    """

    def __init__(self, owners: Sequence[Any]) -> None:
        self._owners = owners

    def get(self, key: str) -> Entry | None:
        """The entry of a call; None for an unknown call."""
        import ray

        return ray.get(self._owner(key).get.remote(key))

    async def put(self, key: str, call: Call, model: str, entry: Entry) -> Entry:
        """Store the result of a call; returns the stored entry."""
        kept = replace(call, template="", soft=None)  # only what the journal writes is sent
        return await self._owner(key).put.remote(key, kept, model, entry)

    async def link(self, key: str, record_ids: Iterable[str]) -> None:
        """Add records whose texts an answered call used."""
        await self._owner(key).link.remote(key, list(record_ids))

    def _owner(self, key: str) -> Any:  # noqa: ANN401
        return self._owners[int(key[:8], 16) % len(self._owners)]


@contextmanager
def journal_owners(journal: Path, n_parts: int, keep_prompts: bool = True) -> Generator[list[Any]]:
    """Owners of the parts of a journal, on this machine; at the end their parts are merged into it.

    Raises:
        InputError: A file cannot be read or written.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    merge_parts(journal)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ray.remote(JournalOwner)
    lasting = actor.options(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)
    owners: list[Any] = [lasting.remote(str(journal), part, keep_prompts) for part in range(n_parts)]
    try:
        yield owners
    finally:
        ray.get([owner.close.remote() for owner in owners])
        for owner in owners:
            ray.kill(owner)
        merge_parts(journal)
