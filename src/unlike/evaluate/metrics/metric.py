"""All metrics by name. To add one, write its file and name it here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unlike.errors import InputError
from unlike.evaluate.metrics.bleu import bleu, bleu_sentence
from unlike.evaluate.metrics.diversity import distinct_1, distinct_2
from unlike.evaluate.metrics.leakage import leakage
from unlike.evaluate.metrics.length import length_ratio
from unlike.evaluate.metrics.meteor import meteor
from unlike.evaluate.metrics.rouge import rouge1, rouge2, rouge_l

Needs = Literal["reference", "peers", "nothing"]
"""What a text is held against: the real text, the texts of others it was made from, or nothing."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to measure texts; exactly one of ``per_case`` and ``corpus`` is there.

    Attributes:
        name: The word of the command line and of results.
        label: The words of a table.
        scale: The highest value where there is one, or the unit.
        per_case: (texts, what each is held against) to one float a text. The mean over cases is the result.
        corpus: (texts, what each is held against) to one float for all of them.
        needs: What the second argument holds: a real text each, a list of peers' texts each, or anything at all.
    """

    name: str
    label: str
    scale: float | str = 1.0
    per_case: Callable[[Sequence[str], Sequence[Any]], list[float]] | None = None
    corpus: Callable[[Sequence[str], Sequence[Any]], float] | None = None
    needs: Needs = "reference"


METRICS: dict[str, Metric] = {
    "rouge1": Metric("rouge1", "ROUGE-1", per_case=rouge1),
    "rouge2": Metric("rouge2", "ROUGE-2", per_case=rouge2),
    "rougeL": Metric("rougeL", "ROUGE-L", per_case=rouge_l),
    "bleu": Metric("bleu", "BLEU", 100.0, corpus=bleu),
    "bleu_sentence": Metric("bleu_sentence", "BLEU (sentence)", 100.0, per_case=bleu_sentence),
    "meteor": Metric("meteor", "METEOR", per_case=meteor),
    "distinct1": Metric("distinct1", "Distinct-1", per_case=distinct_1, needs="nothing"),
    "distinct2": Metric("distinct2", "Distinct-2", per_case=distinct_2, needs="nothing"),
    "length_ratio": Metric("length_ratio", "Length ratio", "generated / real", per_case=length_ratio),
    "leakage": Metric("leakage", "Leakage", "words", per_case=leakage, needs="peers"),
}


def open_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in METRICS:
        raise InputError(f"unknown metric: {name!r}; allowed are {', '.join(METRICS)}")
    return METRICS[name]
