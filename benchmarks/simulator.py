"""An OpenAI-compatible engine on loopback with S slots and a fixed time per token, which writes nothing worth reading.

A call waits for a free slot, holds it for so many seconds a token read and a token written, and is answered with 100 to
200 tokens. ``GET /stats`` tells how busy the slots were between the first call's arrival and the last call's end.

    python benchmarks/simulator.py PORT SLOTS [READ_S WRITE_S]
"""

import asyncio
import hashlib
import json
import sys
import time
from dataclasses import dataclass, field

READ_S = 0.00002
WRITE_S = 0.002
"""Seconds a token: far faster than any engine, so that throughput can be measured in little time."""
REAL_READ_S = 0.0002
REAL_WRITE_S = 1 / 30
"""An engine of 32 slots: 5,000 prompt tokens a second, 30 written tokens a second, in each."""
FEWEST_TOKENS, MOST_TOKENS = 100, 200


@dataclass
class Engine:
    """Slots and what they did."""

    slots: int
    read_s: float
    write_s: float
    free: asyncio.Semaphore = field(init=False)
    calls: list[tuple[float, float, float]] = field(default_factory=list)
    """(arrived, started, ended) of every call, in seconds."""

    def __post_init__(self) -> None:
        self.free = asyncio.Semaphore(self.slots)

    async def answer(self, body: bytes) -> bytes:
        """Answer one request once a slot is free."""
        arrived = time.perf_counter()
        asked = json.loads(body)
        prompt = json.dumps(asked["messages"])
        n_prompt = len(prompt) // 4
        drawn = int(hashlib.sha256(prompt.encode()).hexdigest()[:6], 16)
        n_written = FEWEST_TOKENS + drawn % (MOST_TOKENS - FEWEST_TOKENS)
        async with self.free:
            started = time.perf_counter()
            await asyncio.sleep(n_prompt * self.read_s + n_written * self.write_s)
            self.calls.append((arrived, started, time.perf_counter()))
        return chat_answer(n_prompt, n_written)

    def stats(self) -> dict[str, float]:
        """What a benchmark wants to know."""
        first, last = min(arrived for arrived, _, _ in self.calls), max(ended for _, _, ended in self.calls)
        busy = sum(ended - started for _, started, ended in self.calls)
        waited = sum(started - arrived for arrived, started, _ in self.calls)
        newest = max(arrived for arrived, _, _ in self.calls)
        busy_till_then = sum(max(min(ended, newest) - started, 0.0) for _, started, ended in self.calls)
        return {
            "calls": len(self.calls),
            "span_s": last - first,
            "busy_s": busy,
            "waited_s": waited,
            "idle_till_newest_s": self.slots * (newest - first) - busy_till_then,
            "used": busy / (self.slots * (last - first)),
        }


def chat_answer(n_prompt: int, n_written: int) -> bytes:
    """An answer in the shape of the chat API."""
    return json.dumps(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "simulated",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": " ".join(["word"] * n_written)},
                }
            ],
            "usage": {
                "prompt_tokens": n_prompt,
                "completion_tokens": n_written,
                "total_tokens": n_prompt + n_written,
            },
        }
    ).encode()


async def serve(port: int, slots: int, read_s: float = READ_S, write_s: float = WRITE_S) -> None:
    """Answer HTTP/1.1 with keep-alive, as little as a client needs."""
    engine = Engine(slots, read_s, write_s)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            size = next((int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:")), 0)
            body = await reader.readexactly(size)
            answer = (
                json.dumps(engine.stats()).encode() if head[0].startswith(b"GET /stats") else await engine.answer(body)
            )
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
                + answer
            )
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


async def _head(reader: asyncio.StreamReader) -> list[bytes]:
    """Request line and headers; nothing when the client has gone."""
    try:
        return (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return []


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), *map(float, sys.argv[3:])))
