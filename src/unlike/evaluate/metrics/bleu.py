"""BLEU by sacreBLEU with its own defaults (tokenizer 13a, 0..100), as HF ``evaluate`` gave it to both papers.

BLEU is a value of a corpus: the mean of sentence values is another number. Paired tests over users need a value a
case, so the sentence value (with effective order) stands beside it under a name of its own.
"""

from collections.abc import Sequence


def bleu(texts: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU of all pairs, 0..100.

    Args:
        texts: At least one generated text.
        references: The real text of each.
    """
    from sacrebleu.metrics.bleu import BLEU

    # force: spaced punctuation in a text is no reason for a warning on the console; the value stays the same.
    return BLEU(force=True).corpus_score(texts, [references]).score


def bleu_sentence(texts: Sequence[str], references: Sequence[str]) -> list[float]:
    """Sentence BLEU of each pair, 0..100, with the effective order that sacreBLEU advises for single texts."""
    from sacrebleu.metrics.bleu import BLEU

    scorer = BLEU(effective_order=True)
    return [scorer.sentence_score(text, [real]).score for text, real in zip(texts, references, strict=True)]
