"""The runs of an experiment with all their values, and the rows of the tables made of them.

A variant may have several runs (temperatures, seeds, samples of cases). A value is kept by run and by case, so a user's
value is the mean over all that user's cases in all runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unlike.data.corpus import Corpus
from unlike.evaluate.metrics.score import Scores, peers_of, score
from unlike.evaluate.metrics.table import sign_of
from unlike.evaluate.running.likelihood import LOGLIK, Likelihood, read_likelihood
from unlike.evaluate.running.run_method import read_run
from unlike.evaluate.statistics.calls import calls_in, n_calls
from unlike.evaluate.statistics.conditions import REPEATED, differing, llm_and_task
from unlike.evaluate.statistics.findings import Cell, Cost, Failure, Variant
from unlike.evaluate.statistics.significance import interval_ends, mean_and_std, means_by_user
from unlike.language import Language, language_of
from unlike.llm.open import model_of
from unlike.records import Generation

PLAIN = "non_perso"
"""The method that a gain is measured against."""
SHUFFLED = "dep_shuffled"
"""DEP with another user's vectors."""
BASELINES = (
    *(PLAIN, "rag", "int_sum", "llm_trsr", "llm_trsr_hierarchical", "cicl", "cicl_pairs", "persona_db", "pplug"),
    *("prompt_tuning", SHUFFLED, "dpl_stranger", "dpl_other_item"),
)
"""Any other method, also one of your own, is tested against these."""

_REASON_CHARS = 200


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
        """Add the values of a metric that was measured elsewhere, such as a judge's grades."""
        self.per_case[metric] = dict(values)
        self.means[metric] = sum(values.values()) / len(values) if values else None
        self.notes[metric] = note


Groups = Mapping[str, Sequence[MeasuredRun]]
"""The runs of each variant."""


def measure(folders: Sequence[Path], metrics: Sequence[str], corpus: Corpus) -> list[MeasuredRun]:
    """Read run folders and score them, all by the language of their real texts together.

    Args:
        folders: The run folders.
        metrics: Names of metrics.
        corpus: The runs' corpus, which has the peers' texts for leakage.

    Raises:
        InputError: A folder holds no finished run, or a metric is unknown.
    """
    runs = [MeasuredRun(folder, *read_run(folder)) for folder in folders]
    language = language_of_cases([row for run in runs for row in run.rows])
    for run in runs:
        _score(run, metrics, corpus, language)
    return runs


def language_of_cases(rows: Iterable[Generation]) -> Language | None:
    """The language of the real texts of all cases, also of failed ones; None where there are none."""
    real = {row.case_id: row.reference for row in rows if row.reference}
    return language_of(list(real.values())) if real else None


def _score(run: MeasuredRun, metrics: Sequence[str], corpus: Corpus, language: Language | None) -> None:
    scores = score([run.folder], metrics, peers_of(run.rows, corpus), language=language) if metrics else Scores()
    for row in scores.rows:
        run.means[row.metric], run.notes[row.metric] = row.mean, row.remark
        run.per_case[row.metric] = scores.per_case.get((row.run, row.method, row.metric), {})
    if likely := read_likelihood(run.folder):
        run.add(LOGLIK, *_of_cases(likely, [row.case_id for row in run.rows]))


def _of_cases(likely: Sequence[Likelihood], case_ids: Sequence[str]) -> tuple[dict[str, float], str]:
    """The values of a run's cases by case id, and a note on those that have none."""
    measured = {row.case_id: row for row in likely}
    ours = [measured.get(case_id, Likelihood(case_id, None, 0, "not measured")) for case_id in case_ids]
    lacking = [row for row in ours if row.loglik is None]
    note = f"{len(lacking)} of {len(ours)} cases have no likelihood ({lacking[0].error})" if lacking else ""
    return {row.case_id: row.loglik for row in ours if row.loglik is not None}, note


def by_variant(runs: Sequence[MeasuredRun]) -> dict[str, list[MeasuredRun]]:
    """The runs of each variant, in the order in which variants first come.

    Runs of one method that differ in more than temperature, seed and sample, for example in LLM or task, are no repeats of
    each other: those that are alike are then a variant of their own, with their folder in the name.
    """
    kinds: dict[str, dict[str, list[MeasuredRun]]] = {}
    for run in runs:
        kinds.setdefault(run.variant, {}).setdefault(kind_of(run), []).append(run)
    names = {
        (variant, kind): f"{variant} ({where})" if len(alike) > 1 else variant
        for variant, alike in kinds.items()
        for kind, where in zip(alike, distinct_names([group[0].folder for group in alike.values()]), strict=True)
    }
    groups: dict[str, list[MeasuredRun]] = {}
    for run in runs:
        groups.setdefault(names[run.variant, kind_of(run)], []).append(run)
    return groups


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """A name for each run folder that no other has: its own, that of its experiment, or its whole path."""
    own = [folder.resolve() for folder in folders]
    experiments = [folder.parent.parent if folder.parent.name == "runs" else folder.parent for folder in own]
    for names in ([folder.name for folder in own], [folder.name for folder in experiments]):
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in own]


def kind_of(run: MeasuredRun, *without: str) -> str:
    """What the repeats of a variant share, apart from the settings in ``without``."""
    left_out = (*REPEATED, *without)
    settings = {name: value for name, value in run.facts["settings"].items() if name not in left_out}
    others = (run.facts.get("embedder"), run.facts.get("task"), run.facts.get("templates", ""))
    return repr((sorted(settings.items()), model_of(run.facts.get("llm", "")), *others))


def counterparts(groups: Groups, name: str, method: str, *without: str) -> list[str]:
    """The variants of a method that a variant is compared with: those with its settings, or all where there are none.

    Variants are found by method, since a plan may give them any name. All have the variant's LLM and task, and share the
    most of its cases and runs; ``dep_shuffled`` must have its adapter too. The settings in ``without`` may differ.
    """
    ours = groups[name][0]
    possible = [
        other
        for other, runs in groups.items()
        if runs[0].facts["method"] == method and other != name and _may_be_compared(runs[0], ours)
    ]
    found = {other: groups[other][0] for other in most_shared(groups, name, possible)}
    alike = [
        other for other, run in found.items() if kind_of(run, "adapter", *without) == kind_of(ours, "adapter", *without)
    ]
    return alike or list(found)


def _may_be_compared(control: MeasuredRun, ours: MeasuredRun) -> bool:
    adapter, our_adapter = (run.facts["settings"].get("adapter", "") for run in (control, ours))
    same = llm_and_task(control.facts) == llm_and_task(ours.facts)
    return same and (control.facts["method"] != SHUFFLED or adapter == our_adapter)


def comparable(groups: Groups) -> list[Groups]:
    """The variants by LLM and task: those of one part may be compared with each other."""
    parts: dict[tuple[str, str], dict[str, Sequence[MeasuredRun]]] = {}
    for name, runs in groups.items():
        parts.setdefault(llm_and_task(runs[0].facts), {})[name] = runs
    return list(parts.values())


def facts_of(groups: Groups) -> dict[str, list[Mapping[str, Any]]]:
    """The facts of each variant's runs."""
    return {name: [run.facts for run in runs] for name, runs in groups.items()}


def values_by_user(
    runs: Sequence[MeasuredRun], metric: str, excluded: frozenset[tuple[str, str]] = frozenset()
) -> dict[str, float]:
    """A user's mean over all cases of all runs.

    Args:
        runs: Runs of one variant.
        metric: Name of the metric.
        excluded: (case id, run key) pairs that are left out.
    """
    return means_by_user(
        (row.user_id, value)
        for run in runs
        for row in run.rows
        if (value := run.per_case.get(metric, {}).get(row.case_id)) is not None
        and (row.case_id, run_key(run)) not in excluded
    )


def run_key(run: MeasuredRun) -> str:
    """What a run shares with the runs of other variants that it is paired with: temperature, seed and sample."""
    settings = run.facts["settings"]
    return f"t={settings['temperature']} seed={settings['seed']} sample={run.facts.get('sample')}"


def planned_cells(runs: Sequence[MeasuredRun]) -> set[tuple[str, str]]:
    """(case id, run key) of all cases of some runs, also of failed ones."""
    return {(row.case_id, key) for run in runs for key in (run_key(run),) for row in run.rows}


def scored_cells(runs: Sequence[MeasuredRun], metric: str) -> set[tuple[str, str]]:
    """(case id, run key) of the cases that have a value of a metric."""
    return {(case, key) for run in runs for key in (run_key(run),) for case in run.per_case.get(metric, {})}


def most_shared(groups: Groups, name: str, others: Iterable[str]) -> list[str]:
    """Those of some variants that share the most of a variant's planned cells: its own experiment's before another's."""
    ours = planned_cells(groups[name])
    n_shared = {other: len(ours & planned_cells(groups[other])) for other in others}
    return [other for other, n in n_shared.items() if n == max(n_shared.values())]


def shared_means(runs: Sequence[MeasuredRun], others: Sequence[MeasuredRun], metric: str) -> dict[str, float]:
    """By run key: a run's mean over the planned cells that others have too.

    A metric without values by case counts only where others have all cases of the run.
    """
    there = planned_cells(others)

    def mean_of(run: MeasuredRun) -> float | None:
        if planned_cells([run]) <= there:
            return run.means.get(metric)
        key, of_case = run_key(run), run.per_case.get(metric, {})
        values = [value for case, value in of_case.items() if (case, key) in there]
        return sum(values) / len(values) if values else None

    return means_by_user((run_key(run), mean) for run in runs if (mean := mean_of(run)) is not None)


def unmatched(a: Sequence[MeasuredRun], b: Sequence[MeasuredRun], metric: str) -> frozenset[tuple[str, str]]:
    """(case id, run key) of cases that only one of two variants has a value for: left out for both."""
    return frozenset(scored_cells(a, metric) ^ scored_cells(b, metric))


# Rows of the tables ---------------------------------------------------------------------------------------------------


def is_baseline(method: str) -> bool:
    """Whether a method is one that the papers compare theirs with."""
    return method in BASELINES


def variants(
    groups: Groups, main: Sequence[str], sanity: Sequence[str], prices: tuple[float | None, float | None]
) -> list[Variant]:
    """The rows of the tables; only main metrics are ranked, since the others are checks."""
    rank_of = {metric: ranks(groups, metric) for metric in main}
    conditions = differing(facts_of(groups))
    return [
        Variant(
            name=name,
            method=str(runs[0].facts["method"]),
            is_baseline=is_baseline(str(runs[0].facts["method"])),
            settings=dict(runs[0].facts.get("apart", {})) | conditions[name],
            cells={metric: cell(runs, metric, rank_of.get(metric, {}).get(name, 0)) for metric in (*main, *sanity)},
            cost=cost(runs, prices),
            n_cases=len(cases_of(runs)),
            n_without_peers=_n_without_peers(runs),
            n_cut=n_cut(row for run in runs for row in run.rows),
        )
        for name, runs in groups.items()
    ]


def cases_of(runs: Sequence[MeasuredRun]) -> set[str]:
    """Ids of the cases that every repeat of a variant has; its samples count together."""
    of_repeat: dict[tuple[Any, Any], set[str]] = {}
    for run in runs:
        settings = run.facts["settings"]
        ids = of_repeat.setdefault((settings["temperature"], settings["seed"]), set())
        ids.update(row.case_id for row in run.rows)
    return set.intersection(*of_repeat.values())


def _n_without_peers(runs: Sequence[MeasuredRun]) -> int | None:
    counted = [run.facts["n_without_peers"] for run in runs if "n_without_peers" in run.facts]
    return sum(counted) if len(counted) == len(runs) else None


def n_cut(rows: Iterable[Generation]) -> int | None:
    """How many texts ``max_tokens`` cut off; None where the traces do not say how an answer ended."""
    reasons = [row.trace.get("generate", {}).get("finish_reason") for row in rows if row.status == "done"]
    return None if None in reasons else reasons.count("length")


def cell(runs: Sequence[MeasuredRun], metric: str, rank: int = 0) -> Cell:
    """Mean and deviation over runs, interval over users."""
    means = [mean for run in runs if (mean := run.means.get(metric)) is not None]
    n_failed = sum(row.status == "failed" for run in runs for row in run.rows)
    if not means:
        return Cell(None, n_failed=n_failed, note=next((run.notes.get(metric, "") for run in runs), ""))
    mean, std = mean_and_std(means)
    low, high = interval_ends(np.asarray(list(values_by_user(runs, metric).values())))
    n = sum(_n_scored(run, metric) for run in runs)
    return Cell(mean, std, low, high, n, n_failed, rank)


def _n_scored(run: MeasuredRun, metric: str) -> int:
    """Cases with a value; for a corpus metric, cases with a text."""
    if run.means.get(metric) is None:
        return 0
    return len(run.per_case.get(metric, {})) or sum(row.status == "done" for row in run.rows)


def cell_mean(runs: Sequence[MeasuredRun], metric: str) -> float | None:
    """Mean over runs; None where no run has a value."""
    means = [mean for run in runs if (mean := run.means.get(metric)) is not None]
    return sum(means) / len(means) if means else None


def ranks(groups: Groups, metric: str) -> dict[str, int]:
    """1 for the best variant of an LLM and task, 2 for the second, 0 for the others; ties share a rank.

    Where all have the same value, none is best.
    """
    return {name: rank for part in comparable(groups) for name, rank in _ranks_in(part, metric).items()}


def _ranks_in(groups: Groups, metric: str) -> dict[str, int]:
    means = {name: value for name, runs in groups.items() if (value := cell_mean(runs, metric)) is not None}
    if len(means) > 1 and len(set(means.values())) == 1:
        return dict.fromkeys(means, 0)
    best = sorted(set(means.values()), key=lambda mean: -sign_of(metric) * mean)[:2]
    return {name: best.index(value) + 1 if value in best else 0 for name, value in means.items()}


def cost(runs: Sequence[MeasuredRun], prices: tuple[float | None, float | None]) -> Cost:
    """Calls, tokens, LLM seconds and money per case, from the traces: the cost without a journal."""
    calls = [call for run in runs for row in run.rows for call in calls_in(row.trace)]
    n = max(sum(row.status == "done" for run in runs for row in run.rows), 1)
    read, written = (sum(call[key] for call in calls) / n for key in ("prompt_tokens", "completion_tokens"))
    priced = None not in prices
    money = (read * (prices[0] or 0) + written * (prices[1] or 0)) / 1e6 if priced else None
    return Cost(n_calls(calls) / n, read, written, sum(call.get("wall_s", 0.0) for call in calls) / n, money)


def failures(groups: Groups) -> list[Failure]:
    """Every case that failed, with its reason."""
    return [
        Failure(name, row.case_id, row.error[:_REASON_CHARS])
        for name, runs in groups.items()
        for run in runs
        for row in run.rows
        if row.status == "failed"
    ]
