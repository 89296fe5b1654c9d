"""Building profiles from the command line: all jobs that wait are done, as a worker of the service does them.

An LLM that cannot be used ends the command instead of being tried for ever; Ctrl-C lets the jobs under way be finished,
so that the next start has not to wait until their leases end.
"""

import asyncio
import json
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from unlike.cli.live import Report, live_bar
from unlike.cli.open_store import say
from unlike.cli.store_facts import Facts, built_since, facts_of
from unlike.cli.wording import n_of
from unlike.llm.recorded import Meter, Usage
from unlike.memory.answers import JobRow
from unlike.memory.context import read_context
from unlike.memory.worker import MOST_WAIT_S, work_once
from unlike.store import jobs

if TYPE_CHECKING:
    from unlike.cli.open_memory import Parts
    from unlike.memory.memory import Memory
    from unlike.store.database import Store, Tenant

MOST_CHARS = 300
"""Of what the LLM said last."""
SHOWN = 20
"""Users and failures that are shown one by one."""


@dataclass(frozen=True, slots=True)
class Built:
    """What came of building.

    Attributes:
        n_jobs: Taken up, also those that failed.
        users: Whose profiles say something new.
        stopped: Whether the user ended it before nothing was left.
        failed: Jobs of the tenant that were given up meanwhile.
        put_off: Why the first of the jobs waits that are to be done later, where there is a reason.
    """

    n_jobs: int
    users: tuple[str, ...]
    n_calls: int
    tokens: int
    wall_s: float
    stopped: bool
    failed: tuple[JobRow, ...]
    put_off: str


def build_and_show(
    tenant: "Tenant",
    parts: "Parts",
    user_ids: Sequence[str] | None = (),
    as_json: bool = False,
    also: Mapping[str, Any] | None = None,
) -> None:
    """Do all that waits, and print what came of it.

    Args:
        tenant: Whose profiles are shown; jobs of other tenants of the store are done, too.
        parts: With an LLM.
        user_ids: Users whose profiles are asked for first; None for all.
        as_json: For programs.
        also: What they are told besides.

    Raises:
        EngineError: The LLM cannot be used; what is left waits.
        typer.Exit: 3 where jobs failed, 130 where the user ended it.
    """
    meter = Meter()
    with live_bar("building", quiet=as_json) as report:
        built = asyncio.run(_built(tenant, replace(parts, meter=meter), meter, user_ids, report))
    memory = parts.memory(tenant)
    with tenant.read() as tx:
        facts = facts_of(tx)
    if as_json:
        typer.echo(json.dumps({**(also or {}), **asdict(built), "now": asdict(facts)}, indent=2))
    else:
        _show(
            memory,
            built,
            facts,
            list(dict.fromkeys([*(user_ids or ()), *built.users])),
            " ".join(meter.failed.split())[:MOST_CHARS],
        )
    if meter.unusable:
        raise meter.unusable
    if built.stopped:
        raise KeyboardInterrupt
    if built.failed:
        raise typer.Exit(3)


async def _built(
    tenant: "Tenant", parts: "Parts", meter: Meter, user_ids: Sequence[str] | None, report: Report
) -> Built:
    memory, started = parts.memory(tenant), time.monotonic()
    before = {job.number for job in (await memory.jobs("failed", limit=1_000)).rows}
    stop = asyncio.Event()
    try:
        if user_ids is None or user_ids:
            await memory.build(user_ids)
        since_ms = tenant.store.now_ms()
        n_jobs = await _work_off(tenant.store, parts, meter, stop, report)
    finally:
        await parts.backend.aclose()
    with tenant.read() as tx:
        users = tuple(built_since(tx, since_ms))
    failed = tuple(job for job in (await memory.jobs("failed", limit=1_000)).rows if job.number not in before)
    put_off = next((job.error for job in (await memory.jobs("waiting", limit=1_000)).rows if job.error), "")
    wall_s = time.monotonic() - started
    used = meter.usage
    n_calls, tokens = used.n_calls - used.n_calls_failed, used.prompt_tokens + used.completion_tokens
    return Built(n_jobs, users, n_calls, tokens, wall_s, stop.is_set(), failed, put_off)


async def _work_off(store: "Store", parts: "Parts", meter: Meter, stop: asyncio.Event, report: Report) -> int:
    """Work until nothing waits; gives how many jobs were taken up."""
    _stop_on_interrupt(stop)
    done = 0
    while not (stop.is_set() or meter.unusable):
        wait_s = await asyncio.to_thread(jobs.wait_s, store)
        if wait_s is None or wait_s > MOST_WAIT_S:  # what the refresh settings put off for longer is left for later
            break
        report(done, done + await asyncio.to_thread(_n_left, store), _seen(meter.usage, wait_s))
        if wait_s > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(wait_s, 1.0))
        done += await work_once(store, parts.memory)
    return done


def _stop_on_interrupt(stop: asyncio.Event) -> None:
    """The first Ctrl-C lets the jobs under way be finished, the second one does not."""
    loop = asyncio.get_running_loop()

    def first() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        say("finishing the jobs under way; press Ctrl-C again to leave them")
        stop.set()

    loop.add_signal_handler(signal.SIGINT, first)


def _n_left(store: "Store") -> int:
    left = 0
    for tenant in store.tenants():
        with tenant.read() as tx:
            left += sum(n for state, n in jobs.counts(tx).items() if state != "failed")
    return left


def _seen(usage: Usage, wait_s: float) -> str:
    pause = f", the next job is due in {wait_s:.0f} s" if wait_s > 1 else ""
    return f"{usage.n_calls:,} LLM calls, {usage.prompt_tokens + usage.completion_tokens:,} tokens{pause}"


def _show(memory: "Memory", built: Built, facts: Facts, users: Sequence[str], llm_said: str) -> None:
    if users:
        _table(memory, users[:SHOWN])
    if len(users) > SHOWN:
        typer.echo(f"and {n_of(len(users) - SHOWN, 'more user')}")
    if not built.n_jobs:
        typer.echo("nothing is due: profiles are built from the records that are there")
        return
    what = f"{n_of(len(built.users), 'profile')} built" if built.users else "no profile changed"
    typer.echo(f"{what}; {built.wall_s:.0f} s, {n_of(built.n_calls, 'LLM call')}, {built.tokens:,} tokens")
    later = facts.jobs.get("waiting", 0)
    waits = f"; {n_of(later, 'job')} to be done later" if later else ""
    waits += f": {built.put_off}" if waits and built.put_off else ""
    typer.echo(f"{facts.n_profiles:,} of {n_of(facts.n_users, 'user')} have a profile{waits}")
    if built.failed:
        say(f"{n_of(len(built.failed), 'job')} failed and given up; the first: {built.failed[0].error}")
        if llm_said:
            say(f"what the LLM said last: {llm_said}")
        say("their users keep what they had; when that is mended, ask again: unlike profile build USER")


def _table(memory: "Memory", users: Sequence[str]) -> None:
    """A row a user: what there is, and what texts are written from."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("user", "version", "statements", "compared with", "texts are written from")
    with memory.tenant.read() as tx:
        for user_id in users:
            known = read_context(tx, user_id, memory.settings)
            rung = known.rung.replace("_", " ")
            if known.profile is None:
                table.add_row(Text(user_id), "none", "", "", f"{rung}: {known.why}")
                continue
            statements = known.profile.profile.statements
            n_peers = max((statement.n_peers for statement in statements), default=0)
            compared = n_of(n_peers, "other") if n_peers else "nobody"
            table.add_row(Text(user_id), str(known.profile.version), str(len(statements)), compared, rung)
    Console().print(table)
