"""All metrics by name. To add one, write its file and name it here.

Two kinds of metrics are made on demand: those with the suffix "_cut", and BERTScore with another model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from unlike.errors import InputError
from unlike.evaluate.metrics.bertscore import bertscore, count_truncated
from unlike.evaluate.metrics.bleu import TOKENIZERS, References, bleu, bleu_sentence
from unlike.evaluate.metrics.meteor import meteor
from unlike.evaluate.metrics.rouge import rouge1, rouge2, rouge_l
from unlike.evaluate.metrics.sanity import cut_to_equal, distinct_1, distinct_2, leakage, length_ratio
from unlike.language import Language

T = TypeVar("T")

Needs = Literal["reference", "peers", "nothing"]
"""What a text is compared with: the real text, the texts of others it was made from, or nothing."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to measure texts; exactly one of ``per_case`` and ``corpus`` is set.

    Attributes:
        name: Its name on the command line and in results.
        label: Its name in tables.
        scale: The maximum value where there is one, or the unit.
        per_case: (texts, what each is compared with) to one float per text; None, and a float that is not finite, mean no
            value. The mean over cases with a value is the result.
        corpus: (texts, what each is compared with) to one float for all of them, or likewise none.
        needs: The second argument: the real text of each text, the peers' texts of each, or a value that is ignored.
        has_cut: Whether it is meaningful on texts cut to equal length.
        tokens: By language, how it splits texts; a metric that has it takes the language as a third argument. None
            where the language does not matter.
        truncated: (texts, real texts) to a note on how many are longer than the metric reads.
        lower_is_better: Whether the variant with the lowest value is the best.
        is_ranked: Whether higher or lower is better; a metric of which neither is, such as a length, is a sanity check.
        all_references: Whether ``corpus`` gets all real texts of each text, of which there may be several.
    """

    name: str
    label: str
    scale: float | str = 1.0
    per_case: Callable[..., Sequence[float | None]] | None = None
    corpus: Callable[..., float | None] | None = None
    needs: Needs = "reference"
    has_cut: bool = True
    tokens: Mapping[Language, str] | None = None
    truncated: Callable[[Sequence[str], Sequence[str]], str] | None = None
    lower_is_better: bool = False
    is_ranked: bool = True
    all_references: bool = False


_WORDS = "words of any script"
_ROUGE: dict[Language, str] = {
    "english": "rouge-score's",
    "spaced": _WORDS,
    "chinese": "characters",
    "unspaced": "characters",
}
_BLEU: dict[Language, str] = {language: f"sacreBLEU's {name}" for language, name in TOKENIZERS.items()}
_METEOR: dict[Language, str] = {"english": "nltk's"}

METRICS: dict[str, Metric] = {
    "rouge1": Metric("rouge1", "ROUGE-1", per_case=rouge1, tokens=_ROUGE),
    "rouge2": Metric("rouge2", "ROUGE-2", per_case=rouge2, tokens=_ROUGE),
    "rougeL": Metric("rougeL", "ROUGE-L", per_case=rouge_l, tokens=_ROUGE),
    "bleu": Metric("bleu", "BLEU", 100.0, corpus=bleu, tokens=_BLEU, all_references=True),
    "bleu_sentence": Metric("bleu_sentence", "BLEU (sentence)", 100.0, per_case=bleu_sentence, tokens=_BLEU),
    "meteor": Metric("meteor", "METEOR", per_case=meteor, tokens=_METEOR),
    "distinct1": Metric("distinct1", "Distinct-1", per_case=distinct_1, needs="nothing"),
    "distinct2": Metric("distinct2", "Distinct-2", per_case=distinct_2, needs="nothing"),
    "bertscore": Metric("bertscore", "BERTScore", per_case=bertscore, truncated=count_truncated),
    "length_ratio": Metric(
        "length_ratio", "Length ratio", "generated / real", per_case=length_ratio, has_cut=False, is_ranked=False
    ),
    "leakage": Metric(
        "leakage", "Leakage", "words", per_case=leakage, needs="peers", has_cut=False, lower_is_better=True
    ),
}

CUT = "_cut"
_WITH_MODEL = "bertscore:"


def open_metric(name: str) -> Metric:
    """The metric of that name.

    Args:
        name: A key of METRICS, or "bertscore:MODEL@LAYER" with a model folder or name; the suffix "_cut" measures text
            and real text cut to the same number of words.

    Raises:
        InputError: There is none of that name.
    """
    whole = name.removesuffix(CUT)
    metric = _bertscore_with(whole) if whole.startswith(_WITH_MODEL) else METRICS.get(whole)
    if metric is None:
        allowed = ", ".join([*METRICS, f"{_WITH_MODEL}MODEL@LAYER"])
        raise InputError(f"unknown metric: {name!r}; allowed are {allowed}, and most of them with the suffix {CUT}")
    if whole == name:
        return metric
    if not metric.has_cut:
        raise InputError(
            f"metric {name!r} is not offered: {whole} has no meaning on texts of equal length; use {whole}"
        )
    return _on_cut_texts(metric)


def sign_of(name: str) -> int:
    """-1 for a metric of which less is better, 1 for all others, also for those measured elsewhere (judges, likelihood)."""
    metric = METRICS.get(name.removesuffix(CUT))
    return -1 if metric and metric.lower_is_better else 1


def is_ranked(name: str) -> bool:
    """Whether higher or lower values of a metric are better; true of those measured elsewhere (judges, likelihood)."""
    metric = METRICS.get(name.removesuffix(CUT))
    return metric is None or metric.is_ranked


def _bertscore_with(name: str) -> Metric:
    """BERTScore with the model and layer of a name."""
    model, _, layer = name.removeprefix(_WITH_MODEL).rpartition("@")
    if not model or not layer.isdecimal():
        raise InputError(f"metric {name!r} names no model and layer; write bertscore:MODEL@LAYER, the layer a number")
    measure = partial(bertscore, model=model, layer=int(layer))
    truncated = partial(count_truncated, model=model, layer=int(layer))
    return Metric(name, f"BERTScore ({Path(model).name}, layer {layer})", per_case=measure, truncated=truncated)


def _on_cut_texts(metric: Metric) -> Metric:
    """The metric on text and real text cut to the same number of words, because longer texts have more matches."""
    return replace(
        metric,
        name=metric.name + CUT,
        label=f"{metric.label} (cut)",
        per_case=metric.per_case and _after_cutting(metric.per_case),
        corpus=metric.corpus and _after_cutting(metric.corpus),
        needs="reference",
        truncated=metric.truncated and _after_cutting(metric.truncated),
    )


def _after_cutting(measure: Callable[..., T]) -> Callable[..., T]:
    def on_cut(texts: Sequence[str], references: References, *language: Language) -> T:
        several = [[real] if isinstance(real, str) else list(real) for real in references]
        cut = [cut_to_equal([text, *reals], reals[0]) for text, reals in zip(texts, several, strict=True)]
        reals = [one[1] if isinstance(real, str) else one[1:] for one, real in zip(cut, references, strict=True)]
        return measure([one[0] for one in cut], reals, *language)

    return on_cut
