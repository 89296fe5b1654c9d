"""Scores generations: a row per metric, and a value per case for statistics.

A run folder and any table with ``text`` and ``reference`` are scored alike, so texts made elsewhere can be compared
too. A failed case is counted and never scored; a metric that cannot run has a row with the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unlike.errors import InputError, MissingPart, NotMeasurable
from unlike.evaluate.metrics import METRICS, Metric, open_metric
from unlike.evaluate.metrics.texts import DEFAULT_FORM, Form, ScoredText, TextsOfMethod, read_texts
from unlike.evaluate.metrics.values import value_of_all, values_of
from unlike.language import Language, language_of
from unlike.progress import n_of
from unlike.records import Generation, texts_of
from unlike.settings import as_list

if TYPE_CHECKING:
    from unlike.data.corpus import Corpus

N_NAMED = 3
"""Cases that are named where texts have no value."""
DEFAULT_METRICS = ("rouge1", "rougeL", "bleu", "meteor")

Peers = Mapping[str, Sequence[str]]
"""By case id: the texts of others a generation was made from."""


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one method in one run.

    Attributes:
        run: Name of the run folder or file.
        method: The method that wrote the texts.
        split: The split of the cases, where it is known.
        metric: Name of the metric.
        mean: Mean over the scored cases, or the corpus value of a corpus metric; None where nothing was scored.
        n: Cases scored.
        n_failed: Cases without a text.
        note: Why there is no value.
        n_without: Texts to which the metric gave no value.
        without: Ids of the first cases of these.
        tokens: How the metric split the texts, where that depends on their language, or how many it truncated.
    """

    run: str
    method: str
    split: str
    metric: str
    mean: float | None
    n: int
    n_failed: int
    note: str = ""
    tokens: str = ""
    n_without: int = 0
    without: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """Why there is no value, or how many texts have none."""
        if self.note or not self.n_without:
            return self.note
        more = ", ..." if self.n_without > len(self.without) else ""
        cases = f" ({', '.join(self.without)}{more})" if self.without else ""
        return f"{self.n_without} of {n_of(self.n + self.n_without, 'text')} without a value{cases}"


@dataclass(frozen=True, slots=True)
class Scores:
    """Rows for a table, and the values behind them.

    Attributes:
        rows: One per (run, method, metric).
        per_case: By (run, method, metric): value by case id; corpus metrics have none.
        notes: Why cases are not scored, with the first ids.
    """

    rows: list[Row] = field(default_factory=list[Row])
    per_case: dict[tuple[str, str, str], dict[str, float]] = field(
        default_factory=dict[tuple[str, str, str], dict[str, float]]
    )
    notes: list[str] = field(default_factory=list[str])


def score(
    paths: Sequence[Path | str] | Path | str,
    metrics: Sequence[str] | str = DEFAULT_METRICS,
    peers: Peers | None = None,
    form: Form = DEFAULT_FORM,
    language: Language | None = None,
    *,
    corpus: Path | str | None = None,
) -> Scores:
    """Score run folders and tables of texts.

    Args:
        paths: Run folders, or tables in any format with a row for each text.
        metrics: Names of metrics; see ``unlike.evaluate.metrics.open_metric``.
        peers: Texts of others, for metrics that compare with them; None for those that each run folder names.
        form: The columns of the tables.
        language: Language of all texts; None to detect it, once for all.
        corpus: Corpus folder of the runs, if it has moved since they were made.

    Raises:
        InputError: No metric or an unknown one, the folder of an experiment, or a file that is missing, empty, broken or
            without real texts.
    """
    chosen = [open_metric(name) for name in as_list(metrics)]
    if not chosen:
        raise InputError(f"no metrics to score by; allowed are {', '.join(METRICS)}; give at least one")
    needed = replace(form, with_reference=any(metric.needs == "reference" for metric in chosen))
    compares = peers is None and any(metric.needs == "peers" for metric in chosen)
    scores, places = Scores(), [Path(path) for path in as_list(paths)]
    if not places:
        raise InputError("no texts to score: give run folders or tables")
    read = [read_texts(path, needed, run) for path, run in zip(places, run_names(places), strict=True)]
    split = language or _language_in([text for methods in read for texts in methods for text in texts.done])
    for path, methods in zip(places, read, strict=True):
        others = _peers_in(path, Path(corpus) if corpus else None) if compares else peers
        for texts in methods:
            name = texts.run if texts.run == texts.method else f"{texts.run}, {texts.method}"
            scores.notes.extend(f"{name}: {note}" for note in texts.notes())
            for metric in chosen:
                _score_metric(scores, texts, metric, others, split)
    return scores


def _language_in(texts: Sequence[ScoredText]) -> Language:
    """The language of the real texts, or of the generated ones where there are none."""
    return language_of([one for text in texts for one in text.references] or [text.text for text in texts])


def _peers_in(path: Path, corpus: Path | None) -> Peers | None:
    """The texts and titles of others that the traces of a run folder name; None for a table."""
    from unlike.data.corpus import Corpus
    from unlike.evaluate.running.run_method import RUN, corpus_folder, read_run

    if not (path / RUN).is_file():
        return None
    rows, facts = read_run(path)
    return peers_of(rows, Corpus.open(corpus_folder(path, facts, corpus)))


def peers_of(rows: Sequence[Generation], corpus: "Corpus") -> Peers:
    """The texts of others that stood in the prompts of each case, each once, as the traces name them.

    They are the representatives of all comparisons (DPL, DRP), the counterexamples (CICL) and the neighbour's records
    (Persona-DB). A case without any has an empty list. Rows of one case by several methods are taken together.

    Args:
        rows: Rows of a run.
        corpus: The corpus of that run.

    Raises:
        InputError: The corpus lacks a record that a trace names.
    """
    ids: dict[str, dict[str, None]] = {}
    for row in rows:
        ids.setdefault(row.case_id, {}).update(dict.fromkeys(_others_in(row.trace)))
    return {case_id: texts_of(map(corpus.record, found)) for case_id, found in ids.items()}


def _others_in(trace: Mapping[str, Any]) -> Iterator[str]:
    """Ids of all records of others in a trace; see ``unlike.methods.steps.trace_of``."""
    for difference in trace.get("differences", ()):
        yield from difference["representatives"]
    yield from trace.get("counterexamples", {}).values()
    yield from trace.get("neighbour_records", ())


def run_names(paths: Sequence[Path]) -> list[str]:
    """A unique name for each path: its last part, preceded by as many parts as make it unique.

    Raises:
        InputError: A path is given twice.
    """
    parts = [(path.resolve() if path.is_dir() else path.resolve().with_suffix("")).parts for path in paths]
    if twice := [path for path, own in zip(paths, parts, strict=True) if parts.count(own) > 1]:
        raise InputError(f"{twice[0]} is given twice, or is the name of two files; give each once")

    def name(own: tuple[str, ...]) -> str:
        n = next(n for n in range(1, len(own) + 1) if sum(other[-n:] == own[-n:] for other in parts) == 1)
        return "/".join(own[-n:])

    return [name(own) for own in parts]


def _score_metric(
    scores: Scores, texts: TextsOfMethod, metric: Metric, peers: Peers | None, language: Language
) -> None:
    """Add the row of a metric, and its values by case where it has any."""
    try:
        mean, values, n = _measure(metric, texts.done, peers, language)
        n = n if mean is not None else 0
        note = "" if mean is not None else "no text has a value" if texts.done else "no case has a text"
    except (MissingPart, NotMeasurable) as missing:
        mean, values, n, note = None, {}, 0, str(missing)
    n_without = len(texts.done) - n if n else 0
    without = (
        tuple(islice((text.case_id for text in texts.done if text.case_id not in values), N_NAMED)) if n_without else ()
    )
    tokens = (metric.tokens or {}).get(language, "")
    if metric.truncated and n:
        tokens = metric.truncated([text.text for text in texts.done], [text.reference for text in texts.done])
    row = Row(
        texts.run, texts.method, texts.split, metric.name, mean, n, texts.n_failed, note, tokens, n_without, without
    )
    scores.rows.append(row)
    if metric.per_case:
        scores.per_case[texts.run, texts.method, metric.name] = values


def _measure(
    metric: Metric, texts: Sequence[ScoredText], peers: Peers | None, language: Language
) -> tuple[float | None, dict[str, float], int]:
    """The value over all texts (None for no value), the value of each that has one, and how many were scored."""
    if not texts:
        return None, {}, 0
    options = () if metric.tokens is None else (language,)
    if metric.corpus:
        compared = [text.references for text in texts] if metric.all_references else _against(metric, texts, peers)
        return value_of_all(metric, [text.text for text in texts], compared, options), {}, len(texts)
    values = values_of(metric, texts, _against(metric, texts, peers), options)
    if metric.needs == "reference" and isinstance(metric.scale, float):
        values = _best(metric, texts, values, options)
    found = [(text.case_id, value) for text, value in zip(texts, values, strict=True) if value is not None]
    return sum(value for _, value in found) / len(found) if found else None, dict(found), len(found)


def _best(
    metric: Metric, texts: Sequence[ScoredText], first: list[float | None], options: tuple[Language, ...]
) -> list[float | None]:
    """The values against the best of several real texts, as in rouge-score and nltk."""
    best, better = list(first), min if metric.lower_is_better else max
    for n in range(1, max(len(text.references) for text in texts)):
        places = [place for place, text in enumerate(texts) if len(text.references) > n]
        values = values_of(metric, [texts[i] for i in places], [texts[i].references[n] for i in places], options)
        for place, value in zip(places, values, strict=True):
            best[place] = better((one for one in (best[place], value) if one is not None), default=None)
    return best


def _against(metric: Metric, texts: Sequence[ScoredText], peers: Peers | None) -> Sequence[object]:
    """What each text is compared with."""
    if metric.needs == "reference":
        return [text.reference for text in texts]
    if metric.needs == "nothing":
        return [None] * len(texts)
    if peers is None:
        raise NotMeasurable(f"{metric.name} compares with the texts of others that a run read; give its run folder")
    return [peers.get(text.case_id, ()) for text in texts]
