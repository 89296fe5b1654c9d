"""Counts for Prometheus: requests, seconds, tokens and jobs, by route and state, never by user.

Where several processes serve, each writes its counts to a file, and any of them reads all files.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from unlike.llm.usage import Usage
from unlike.memory.spending import Work

SHARED_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the folder of these files; the library reads it when it is imported."""
CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The counts of one app, in a registry of its own, and of the processes beside it where there are any."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        into: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("unlike_requests", "Requests answered.", ["method", "route", "status"], **into)
        about = "Seconds to the end of an answer."
        self._seconds = Histogram("unlike_request_seconds", about, ["route"], buckets=_SECONDS, **into)
        about = "Tokens of LLM calls, of requests and of builds of profiles."
        self._tokens = Counter("unlike_llm_tokens", about, ["kind", "work"], **into)
        self._calls = Counter("unlike_llm_calls", "LLM calls that were answered, usable or not.", ["work"], **into)
        # Looking up labels costs more than counting, so what was looked up once is kept.
        self._by_request: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._by_work = {
            work: (
                self._tokens.labels("prompt", work),
                self._tokens.labels("completion", work),
                self._calls.labels(work),
            )
            for work in get_args(Work)
        }

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method, route, status)
        found = self._by_request.get(key)
        if found is None:
            found = self._requests.labels(method, route, str(status)), self._seconds.labels(route)
            self._by_request[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def used(self, usage: Usage, work: Work) -> None:
        """Count LLM calls."""
        prompt, completion, calls = self._by_work[work]
        prompt.inc(usage.prompt_tokens)
        completion.inc(usage.completion_tokens)
        calls.inc(usage.n_calls)

    def text(self, jobs: Mapping[str, int]) -> bytes:
        """All counts, as Prometheus reads them.

        Args:
            jobs: How many jobs are in each state now.
        """
        counted = CollectorRegistry()
        counted.register(_Jobs(jobs))
        return generate_latest(self._counts()) + generate_latest(counted)

    def _counts(self) -> CollectorRegistry:
        if SHARED_COUNTS not in os.environ:
            return self._registry
        of_all = CollectorRegistry()
        MultiProcessCollector(of_all)
        return of_all


class _Jobs(Collector):
    """Jobs by state, which every process counts alike, in the database."""

    def __init__(self, jobs: Mapping[str, int]) -> None:
        self._jobs = jobs

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily("unlike_jobs", "Jobs of all tenants.", labels=["state"])
        for state, n in self._jobs.items():
            family.add_metric([state], n)
        return [family]
