"""Load from one process: HTTP/1.1 over raw sockets, so that the client costs little."""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Load:
    """The outcome of some requests.

    Attributes:
        seconds: Time of each answered request, sorted.
        n_errors: Answers with a status other than 200, and broken connections.
        wall_s: Time of all of them together.
    """

    seconds: list[float]
    n_errors: int
    wall_s: float

    @property
    def per_s(self) -> float:
        """Requests per second."""
        return len(self.seconds) / self.wall_s

    def quantile(self, share: float) -> float:
        """Seconds within which this share of the requests was answered."""
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


def request(path: str, key: str, body: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a request: a POST where there is a body."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


async def closed_loop(port: int, requests: Sequence[bytes], n_clients: int, for_s: float) -> Load:
    """``n_clients`` clients, each of which sends its next request as soon as the last one is answered."""
    seconds, errors = list[float](), list[object]()
    end = time.perf_counter() + for_s

    async def client(seed: int) -> None:
        rng = random.Random(seed)
        connection = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            await _ask(connection, rng.choice(requests), time.perf_counter(), seconds, errors)
        connection[1].close()

    started = time.perf_counter()
    await asyncio.gather(*(client(seed) for seed in range(n_clients)))
    return Load(sorted(seconds), len(errors), time.perf_counter() - started)


async def open_loop(port: int, requests: Sequence[bytes], per_s: float, for_s: float) -> Load:
    """Requests at fixed times, even if earlier ones are unanswered; times count from when a request was due."""
    seconds, errors, free = list[float](), list[object](), list[Connection]()
    rng, started = random.Random(0), time.perf_counter()

    async def one(due: float) -> None:
        # First in, first out, because the server closes a connection that is idle for too long.
        connection = free.pop(0) if free else await asyncio.open_connection("127.0.0.1", port)
        await _ask(connection, rng.choice(requests), due, seconds, errors)
        free.append(connection)

    tasks = []
    for n in range(int(per_s * for_s)):
        due = started + n / per_s
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    return Load(sorted(seconds), len(errors), time.perf_counter() - started)


async def _ask(connection: Connection, request: bytes, due: float, seconds: list[float], errors: list[object]) -> None:
    reader, writer = connection
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        await reader.readexactly(size)
    except (OSError, asyncio.IncompleteReadError) as error:
        errors.append(error)
        return
    seconds.append(time.perf_counter() - due)
    if not head.startswith(b"HTTP/1.1 200"):
        errors.append(head[:20])
