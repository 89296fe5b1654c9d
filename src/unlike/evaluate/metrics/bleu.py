"""BLEU by sacreBLEU, 0..100: in English with its own defaults (tokenizer 13a), as HF ``evaluate`` gave it to both papers.

In other languages sacreBLEU's tokenizer for them is used. BLEU is a value of a corpus, not the mean of sentence values.
Paired tests over users need a value per case, so the sentence value (with effective order) is reported
beside it under a name of its own.
"""

from collections.abc import Sequence
from typing import Any

from unlike.language import Language, language_of

TOKENIZERS: dict[Language, str] = {"english": "13a", "spaced": "intl", "chinese": "zh", "unspaced": "char"}
"""sacreBLEU's names of its tokenizers."""

References = Sequence[str] | Sequence[Sequence[str]]


def bleu(texts: Sequence[str], references: References, language: Language | None = None) -> float:
    """Corpus BLEU of all pairs, 0..100.

    Args:
        texts: At least one generated text.
        references: The real text of each, or several of each.
        language: Language of the texts; None for that of the references.
    """
    from sacrebleu.metrics.bleu import BLEU

    several = [[real] if isinstance(real, str) else list(real) for real in references]
    # sacreBLEU accepts None where a text has fewer references, although its types do not.
    streams: list[list[Any]] = [
        [one[n] if n < len(one) else None for one in several] for n in range(max(map(len, several)))
    ]
    split = language or language_of([real for one in several for real in one])
    # force: no warning on the console about spaced punctuation; the value is the same.
    return BLEU(force=True, tokenize=TOKENIZERS[split]).corpus_score(texts, streams).score


def bleu_sentence(texts: Sequence[str], references: Sequence[str], language: Language | None = None) -> list[float]:
    """Sentence BLEU of each pair, 0..100, with the effective order that sacreBLEU advises for single texts."""
    from sacrebleu.metrics.bleu import BLEU

    scorer = BLEU(effective_order=True, tokenize=TOKENIZERS[language or language_of(references)])
    return [scorer.sentence_score(text, [real]).score for text, real in zip(texts, references, strict=True)]
