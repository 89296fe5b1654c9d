"""The journal of spread work: it stays beside the run, in parts, and workers ask for it through Ray.

A call belongs to the part that its hash names; one process keeps each part, on the machine where the command was
started. So workers need no disk in common, an answer is safe before it counts, also from a machine that is lost, and a
call known to one worker is known to all. At the end, and at the next start, the parts are merged into the journal.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from unlike.llm.journal import Call, Entry, Journal

MOST_PARTS = 8
"""Processes that keep the journal, beside the command; what one takes is measured in docs/scale.md."""


def part_path(journal: Path, part: int) -> Path:
    """Where a part of a journal lies."""
    return journal.with_name(f"{journal.stem}-{part}{journal.suffix}")


def merge_parts(journal: Path) -> int:
    """Take in the parts that lie beside a journal, and remove them.

    Returns:
        How many there were.

    Raises:
        InputError: A file cannot be read or written.
    """
    parts = sorted(journal.parent.glob(f"{journal.stem}-[0-9]*{journal.suffix}"))
    if parts:
        with closing(Journal(journal)) as whole:
            for part in parts:
                whole.merge(part)
                for file in (part, *(part.with_name(part.name + end) for end in ("-wal", "-shm"))):
                    file.unlink(missing_ok=True)
    return len(parts)


class Keeper:
    """Keeps one part of a journal, in a process of its own. Started again it goes on with the same file.

    Args:
        journal: The run's journal; what it held before is answered from it.
        part: Number of the part.
        keep_prompts: As of the run's journal.
    """

    def __init__(self, journal: str, part: int, keep_prompts: bool = True) -> None:
        self._earlier = Journal(journal)
        self._part = Journal(part_path(Path(journal), part), keep_prompts)

    async def get(self, key: str) -> Entry | None:
        """What is known about a call."""
        earlier = self._earlier.get(key)
        return earlier if earlier and earlier.state == "done" else self._part.get(key) or earlier

    async def put(self, key: str, call: Call, model: str, entry: Entry) -> Entry:
        """Commit what came of a call; see ``Journal.put``."""
        return await self._part.put(key, call, model, entry)

    async def link(self, key: str, record_ids: Sequence[str]) -> None:
        """Note more records whose words an answered call holds."""
        journal = self._part if self._part.get(key) else self._earlier
        await journal.link(key, record_ids)

    async def close(self) -> None:
        """Let go of the files."""
        self._part.close()
        self._earlier.close()


class KeptJournal:
    """The journal as a worker sees it; answers like ``Journal``.

    Args:
        keepers: Handles of the keepers, in the order of their parts.
    """

    def __init__(self, keepers: Sequence[Any]) -> None:
        self._keepers = keepers

    def get(self, key: str) -> Entry | None:
        """What is known about a call."""
        import ray

        return ray.get(self._keeper(key).get.remote(key))

    async def put(self, key: str, call: Call, model: str, entry: Entry) -> Entry:
        """Commit what came of a call; gives what is kept now."""
        kept = replace(call, template="", soft=None)  # only what the journal writes travels
        return await self._keeper(key).put.remote(key, kept, model, entry)

    async def link(self, key: str, record_ids: Iterable[str]) -> None:
        """Note more records whose words an answered call holds."""
        await self._keeper(key).link.remote(key, list(record_ids))

    def _keeper(self, key: str) -> Any:  # noqa: ANN401
        return self._keepers[int(key[:8], 16) % len(self._keepers)]


@contextmanager
def keeping(journal: Path, n_parts: int, keep_prompts: bool = True) -> Generator[list[Any]]:
    """Keepers of a journal, on this machine; at the end their parts are merged into it.

    Raises:
        InputError: A file cannot be read or written.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    merge_parts(journal)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ray.remote(Keeper)
    lasting = actor.options(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)
    keepers: list[Any] = [lasting.remote(str(journal), part, keep_prompts) for part in range(n_parts)]
    try:
        yield keepers
    finally:
        ray.get([keeper.close.remote() for keeper in keepers])
        for keeper in keepers:
            ray.kill(keeper)
        merge_parts(journal)
