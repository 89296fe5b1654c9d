"""Numbers and times as people read them."""

from datetime import UTC, datetime


def n_of(n: int, noun: str) -> str:
    """A number of things: "1 record", "2,000 records"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def day_and_time(at_ms: int) -> str:
    """A time, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
