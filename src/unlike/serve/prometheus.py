"""Counts for Prometheus: requests, seconds, tokens and jobs, by route and state, never by user."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counts of one app, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        into: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("unlike_requests", "Requests answered.", ["method", "route", "status"], **into)
        about = "Seconds to the end of an answer."
        self._seconds = Histogram("unlike_request_seconds", about, ["route"], buckets=_SECONDS, **into)
        self._tokens = Counter("unlike_llm_tokens", "Tokens of the LLM calls of requests.", ["kind"], **into)
        self._jobs = Gauge("unlike_jobs", "Jobs of all tenants.", ["state"], **into)
        # Looking up labels costs more than counting, so what was looked up once is kept.
        self._by_request: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._prompt, self._completion = (self._tokens.labels(kind) for kind in ("prompt", "completion"))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method, route, status)
        found = self._by_request.get(key)
        if found is None:
            found = self._requests.labels(method, route, str(status)), self._seconds.labels(route)
            self._by_request[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def used(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Count the tokens of an LLM call."""
        self._prompt.inc(prompt_tokens)
        self._completion.inc(completion_tokens)

    def text(self, jobs: Mapping[str, int]) -> bytes:
        """All counts, as Prometheus reads them.

        Args:
            jobs: How many jobs are in each state now.
        """
        self._jobs.clear()
        for state, n in jobs.items():
            self._jobs.labels(state).set(n)
        return generate_latest(self._registry)
