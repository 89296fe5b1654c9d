"""The journal: every answer of an LLM, kept under the hash of all that determines it. Nothing else keeps progress.

Running again is resuming, because an answer that is here is never asked for again. So the one invariant: a call counts
as answered only when its answer is committed. Several processes may share a file. Writes go through one thread, which
puts all that wait into one transaction, so that a call blocks neither the event loop nor the disk. Beside its
answer a call's prompt is kept, so that the inspector can show what was sent.
"""

import asyncio
import hashlib
import json
import sqlite3
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Literal

from unlike.llm.backend import Messages, Sampling
from unlike.llm.journal_file import open_journal_file, unusable
from unlike.llm.soft_prompt import SoftPrompt
from unlike.records import Item


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of an LLM, and why.

    Attributes:
        step: The method's name for it ("extract", "summarise").
        template: The prompt template's text.
        messages: The rendered prompt.
        record_ids: Records whose words are in the messages, so that erasure finds the answer. Not part of the key.
        tenant: Whose data it is; tenants never share answers.
        repeat: Tells apart several answers to the same question.
        soft: The prompt with its soft vectors, where there are any; ``messages`` then is what a person may read of it.
        items: Items whose titles and descriptions are in the messages, whole. Not part of the key.
    """

    step: str
    template: str
    messages: Messages
    sampling: Sampling = Sampling()
    record_ids: tuple[str, ...] = ()
    tenant: str = ""
    repeat: int = 0
    soft: SoftPrompt | None = None
    items: tuple[Item, ...] = ()


def key(call: Call, model: str) -> str:
    """SHA-256 over the canonical JSON of all that determines an answer."""
    sampling = call.sampling
    parts: dict[str, Any] = {
        "tenant": call.tenant,
        "step": call.step,
        "template": call.template,
        "model": model,
        # 1 and 1.0 are the same temperature, so they must be the same JSON.
        "sampling": [float(sampling.temperature), float(sampling.top_p), sampling.max_tokens, sampling.seed],
        "messages": [dict(message) for message in call.messages],
        "soft_digest": call.soft.digest if call.soft else "",
        "repeat": call.repeat,
    }
    if sampling.schema:  # so that calls without one keep their keys
        parts["schema"] = sampling.schema
    if sampling.logit_bias:
        parts["logit_bias"] = [[token, float(bias)] for token, bias in sampling.logit_bias]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of a call.

    Attributes:
        attempts: How often it was asked, over all starts.
        score: Mean log-probability per token of a text that was scored instead of written.
    """

    state: Literal["done", "failed"]
    text: str = ""
    error: str = ""
    raw: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = ""
    wall_s: float = 0.0
    attempts: int = 1
    score: float | None = None


Write = Callable[[sqlite3.Connection], Any]
_COLUMNS = "state, text, error, raw, prompt_tokens, completion_tokens, finish_reason, wall_s, attempts, score"
_READ = f"SELECT {_COLUMNS} FROM calls WHERE key = ?"
# A done answer stays: a caller that asked the same at the same time gets it too.
_INSERT = f"INSERT INTO calls (key, tenant, step, model, prompt, {_COLUMNS})"
_UNLESS_DONE = """ON CONFLICT (key) DO UPDATE SET state = excluded.state, text = excluded.text, error = excluded.error,
        raw = excluded.raw, prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens,
        finish_reason = excluded.finish_reason, wall_s = excluded.wall_s, attempts = attempts + excluded.attempts,
        score = excluded.score, prompt = excluded.prompt
    WHERE state = 'failed'"""
_WRITE = f"{_INSERT} VALUES ({', '.join('?' * 15)}) {_UNLESS_DONE}"
# Without WHERE, SQLite would read ON as the beginning of a join.
_MERGE = f"{_INSERT} SELECT key, tenant, step, model, prompt, {_COLUMNS} FROM other.calls WHERE true {_UNLESS_DONE}"
_MERGE_RECORDS = "INSERT OR IGNORE INTO call_records (record_id, key) SELECT record_id, key FROM other.call_records"


class Journal:
    """Answers by key, in one SQLite file.

    Args:
        path: The file; made where there is none, its folder too.
        keep_prompts: Whether prompts are kept beside their answers.

    Raises:
        InputError: The file cannot be used.
    """

    def __init__(self, path: Path | str, keep_prompts: bool = True) -> None:
        self.path = Path(path)
        self._keep_prompts = keep_prompts
        self._writes = open_journal_file(self.path)
        self._reads = open_journal_file(self.path)
        self._read_lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._waiting: list[tuple[Write, Future[Any]]] = []
        self._waiting_lock = threading.Lock()

    @classmethod
    def open(cls, path: Path | None, keep_prompts: bool = True) -> "Journal":
        """The journal in a file; None for one that lasts as long as the object."""
        if path is not None:
            return cls(path, keep_prompts)
        folder = tempfile.TemporaryDirectory(prefix="unlike-", ignore_cleanup_errors=True)
        journal = cls(Path(folder.name) / "journal.sqlite")
        journal._folder = folder
        return journal

    def get(self, key: str) -> Entry | None:
        """What is known about a call; a look-up takes some 20 microseconds."""
        rows = self._read(_READ, key)
        return Entry(*rows[0]) if rows else None

    async def put(self, key: str, call: Call, model: str, entry: Entry) -> Entry:
        """Commit what came of a call.

        Returns:
            What the journal holds now: another process may have been first with an answer.

        Raises:
            InputError: It cannot be written (disk full, no rights).
        """
        prompt = packed_prompt(call.messages) if self._keep_prompts else None

        def write(db: sqlite3.Connection) -> Entry:
            db.execute(_WRITE, (key, call.tenant, call.step, model, prompt, *astuple(entry)))
            _link(db, key, call.record_ids)
            return Entry(*db.execute(_READ, (key,)).fetchone())

        return await self._committed(write)

    async def link(self, key: str, record_ids: Iterable[str]) -> None:
        """Note more records whose words an answered call holds."""
        known = {record_id for (record_id,) in self._read("SELECT record_id FROM call_records WHERE key = ?", key)}
        new = [record_id for record_id in record_ids if record_id not in known]
        if new:
            await self._committed(lambda db: _link(db, key, new))

    def merge(self, other: Path) -> None:
        """Take in what another journal file holds, by key: a done answer stays, a failed one gives way.

        Raises:
            InputError: One of the files cannot be used.
        """
        open_journal_file(other).close()  # brings it to the newest schema
        try:
            self._thread.submit(_merge, self._writes, other).result()
        except sqlite3.Error as error:
            raise unusable(other, error) from error

    def mean_completion_tokens(self) -> dict[str, int]:
        """The mean length of the answers it holds, by step."""
        query = "SELECT step, avg(completion_tokens) FROM calls WHERE state = 'done' GROUP BY step"
        return {step: max(1, round(mean)) for step, mean in self._read(query)}

    def close(self) -> None:
        """Finish what waits to be written and close the file."""
        self._thread.shutdown(wait=True)
        self._reads.close()
        self._writes.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _read(self, query: str, *values: str) -> list[Any]:
        try:
            with self._read_lock:
                return self._reads.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise unusable(self.path, error) from error

    async def _committed(self, write: Write) -> Any:  # noqa: ANN401 - what the write returns
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # it is written even where the caller stops waiting
        with self._waiting_lock:
            self._waiting.append((write, future))
        self._thread.submit(self._commit)
        return await asyncio.wrap_future(future)

    def _commit(self) -> None:
        """Write all that waits in one transaction; later writes are in the next one."""
        with self._waiting_lock:
            batch, self._waiting = self._waiting, []
        try:
            results = _transaction(self._writes, [write for write, _ in batch])
        except Exception as error:  # the waiting callers get it, as from an executor
            reason = unusable(self.path, error) if isinstance(error, sqlite3.Error) else error
            for _, future in batch:
                future.set_exception(reason)
        else:
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)


def packed_prompt(messages: Messages) -> bytes:
    """A prompt as the journal keeps it."""
    return zlib.compress(
        json.dumps([dict(message) for message in messages], ensure_ascii=False).encode("utf-8", "replace")
    )


def read_prompt(packed: bytes | None) -> list[dict[str, str]] | None:
    """The messages of a prompt that the journal kept; None where prompts are not kept."""
    return None if packed is None else json.loads(zlib.decompress(packed))


def _transaction(db: sqlite3.Connection, writes: list[Write]) -> list[Any]:
    db.execute("BEGIN IMMEDIATE")
    try:
        results = [write(db) for write in writes]
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk ends the transaction by itself
            db.execute("ROLLBACK")
        raise
    return results


def _merge(db: sqlite3.Connection, other: Path) -> None:
    db.execute("ATTACH DATABASE ? AS other", (str(other),))
    try:
        _transaction(db, [lambda db: db.execute(_MERGE), lambda db: db.execute(_MERGE_RECORDS)])
    finally:
        db.execute("DETACH DATABASE other")


def _link(db: sqlite3.Connection, key: str, record_ids: Iterable[str]) -> None:
    db.executemany(
        "INSERT OR IGNORE INTO call_records (record_id, key) VALUES (?, ?)", [(id_, key) for id_ in record_ids]
    )
