"""The runs of an experiment with all their values: what all conclusions are drawn from.

A variant may have several runs (temperatures, seeds, samples of cases). A value is kept by run and by case, so a user's
value is the mean over all that user's cases in all runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unlike.data.corpus import Corpus
from unlike.evaluate.metrics import open_metric
from unlike.evaluate.metrics.peers import peers_of
from unlike.evaluate.metrics.score import score
from unlike.evaluate.running.likelihood import LOGLIK, Likelihood, read_likelihood
from unlike.evaluate.running.run import read_run
from unlike.records import Generation


@dataclass(frozen=True)
class MeasuredRun:
    """One run with its values.

    Attributes:
        folder: The run folder.
        rows: Its generations.
        facts: Its run.json.
        means: By metric: the value over all cases; None where there is none.
        per_case: By metric, by case id; corpus metrics have none.
        notes: By metric: why there is no value.
    """

    folder: Path
    rows: Sequence[Generation]
    facts: Mapping[str, Any]
    means: dict[str, float | None] = field(default_factory=dict[str, float | None])
    per_case: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    notes: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def variant(self) -> str:
        """The row of the table it belongs to."""
        return str(self.facts.get("variant", self.facts["method"]))

    def add(self, metric: str, values: Mapping[str, float], note: str = "") -> None:
        """Take in the values of a metric that was measured elsewhere, such as a judge's grades."""
        self.per_case[metric] = dict(values)
        self.means[metric] = sum(values.values()) / len(values) if values else None
        self.notes[metric] = note


Groups = Mapping[str, Sequence[MeasuredRun]]
"""The runs of each variant."""


def measure(folder: Path, metrics: Sequence[str], corpus: Corpus) -> MeasuredRun:
    """Read a run folder and score it.

    Args:
        folder: The run folder.
        metrics: Names of metrics.
        corpus: Of the run; the peers' texts for leakage come from it.

    Raises:
        InputError: The folder holds no finished run, or a metric is unknown.
    """
    rows, facts = read_run(folder)
    run = MeasuredRun(folder, rows, facts)
    scores = score([folder], [metric for metric in metrics if open_metric(metric)], peers_of(rows, corpus))
    for row in scores.rows:
        run.means[row.metric], run.notes[row.metric] = row.mean, row.note
        run.per_case[row.metric] = scores.per_case.get((row.run, row.method, row.metric), {})
    if likely := read_likelihood(folder):
        run.add(LOGLIK, *_of_cases(likely, [row.case_id for row in rows]))
    return run


def _of_cases(likely: Sequence[Likelihood], case_ids: Sequence[str]) -> tuple[dict[str, float], str]:
    """The values of a run's cases by case id, and a note on those that have none."""
    measured = {row.case_id: row for row in likely}
    ours = [measured.get(case_id, Likelihood(case_id, None, 0, "not measured")) for case_id in case_ids]
    lacking = [row for row in ours if row.loglik is None]
    note = f"{len(lacking)} of {len(ours)} cases have no likelihood ({lacking[0].error})" if lacking else ""
    return {row.case_id: row.loglik for row in ours if row.loglik is not None}, note


def by_variant(runs: Sequence[MeasuredRun]) -> dict[str, list[MeasuredRun]]:
    """The runs of each variant, in the order in which variants first come."""
    groups: dict[str, list[MeasuredRun]] = {}
    for run in runs:
        groups.setdefault(run.variant, []).append(run)
    return groups


def values_by_user(
    runs: Sequence[MeasuredRun], metric: str, but: frozenset[tuple[str, str]] = frozenset()
) -> dict[str, float]:
    """A user's mean over all cases of all runs.

    Args:
        runs: Of one variant.
        metric: Name of the metric.
        but: (case id, run key) pairs to leave out.
    """
    values: dict[str, list[float]] = {}
    for run in runs:
        for row in run.rows:
            value = run.per_case.get(metric, {}).get(row.case_id)
            if value is not None and (row.case_id, run_key(run)) not in but:
                values.setdefault(row.user_id, []).append(value)
    return {user: sum(of_user) / len(of_user) for user, of_user in values.items()}


def run_key(run: MeasuredRun) -> str:
    """What a run shares with the runs of other variants that it is paired with: temperature, seed and sample."""
    settings = run.facts["settings"]
    return f"t={settings['temperature']} seed={settings['seed']} sample={run.facts.get('sample')}"


def unmatched(a: Sequence[MeasuredRun], b: Sequence[MeasuredRun], metric: str) -> frozenset[tuple[str, str]]:
    """(case id, run key) of cases that only one of two variants has a value for: left out for both."""

    def there(runs: Sequence[MeasuredRun]) -> set[tuple[str, str]]:
        return {(case, run_key(run)) for run in runs for case in run.per_case.get(metric, {})}

    return frozenset(there(a) ^ there(b))
