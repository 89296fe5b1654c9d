"""Generations to numbers: a row a metric, and a value a case for statistics.

A run folder and any JSONL with ``text`` and ``reference`` are scored alike, so texts made elsewhere can be compared
too. A failed case is counted and never scored; a metric that cannot run here leaves a row that says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unlike.errors import MissingPart
from unlike.evaluate.metrics import Metric, open_metric
from unlike.evaluate.metrics.peers import Peers
from unlike.evaluate.metrics.texts import ScoredText, TextsOfMethod, read_texts

DEFAULT_METRICS = ("rouge1", "rougeL", "bleu", "meteor")


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one method in one run.

    Attributes:
        run: Name of the run folder or file.
        method: The method that wrote the texts.
        split: The split of the cases, where the run says it.
        metric: Name of the metric.
        mean: Mean over the scored cases, or the corpus value of a corpus metric; None where nothing was scored.
        n: Cases scored.
        n_failed: Cases without a text.
        note: Why there is no value, where there is none.
    """

    run: str
    method: str
    split: str
    metric: str
    mean: float | None
    n: int
    n_failed: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Scores:
    """Rows for a table, and what they are made of.

    Attributes:
        rows: One a (run, method, metric).
        per_case: By (run, method, metric): value by case id; corpus metrics have none.
    """

    rows: list[Row] = field(default_factory=list[Row])
    per_case: dict[tuple[str, str, str], dict[str, float]] = field(
        default_factory=dict[tuple[str, str, str], dict[str, float]]
    )


def score(paths: Sequence[Path], metrics: Sequence[str] = DEFAULT_METRICS, peers: Peers | None = None) -> Scores:
    """Score run folders and JSONL files.

    Args:
        paths: Run folders, or files with a JSON object a line.
        metrics: Names of metrics; see ``unlike.evaluate.metrics.open_metric``.
        peers: Texts of others, for metrics that compare with them; ``peers_of`` finds those of a run folder.

    Raises:
        InputError: An unknown metric, or a file that is missing, empty, broken or without real texts.
    """
    chosen = [open_metric(name) for name in metrics]
    with_reference = any(metric.needs == "reference" for metric in chosen)
    scores = Scores()
    for path in paths:
        for texts in read_texts(path, with_reference):
            for metric in chosen:
                _score_metric(scores, texts, metric, peers)
    return scores


def _score_metric(scores: Scores, texts: TextsOfMethod, metric: Metric, peers: Peers | None) -> None:
    """Add the row of a metric, and its values by case where it has such."""
    try:
        mean, values = _measure(metric, texts.done, peers)
        n, note = (0, "no case has a text") if mean is None else (len(texts.done), "")
    except MissingPart as missing:
        mean, values, n, note = None, {}, 0, str(missing)
    scores.rows.append(Row(texts.run, texts.method, texts.split, metric.name, mean, n, texts.n_failed, note))
    if metric.per_case:
        scores.per_case[texts.run, texts.method, metric.name] = values


def _measure(metric: Metric, texts: Sequence[ScoredText], peers: Peers | None) -> tuple[float | None, dict[str, float]]:
    """The value over all texts (None for no text) and the value of each."""
    if not texts:
        return None, {}
    generated, against = [text.text for text in texts], _against(metric, texts, peers)
    if metric.corpus:
        return metric.corpus(generated, against), {}
    assert metric.per_case, f"metric {metric.name} has neither per_case nor corpus"
    values = metric.per_case(generated, against)
    return sum(values) / len(values), {text.case_id: value for text, value in zip(texts, values, strict=True)}


def _against(metric: Metric, texts: Sequence[ScoredText], peers: Peers | None) -> Sequence[object]:
    """What each text is held against."""
    if metric.needs == "reference":
        return [text.reference for text in texts]
    if metric.needs == "nothing":
        return [None] * len(texts)
    if peers is None:
        raise MissingPart(f"{metric.name} needs the peers' texts of each case; none were given; pass peers")
    return [peers.get(text.case_id, ()) for text in texts]
