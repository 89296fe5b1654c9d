"""ROUGE-L and METEOR against rouge-score and nltk on the same pairs of texts: equal, and how many times faster.

Both sides start from texts, tokenise them and give one number a pair. Data files are loaded and imports done before the
clock starts; nothing else is remembered from before. Processor time is measured, so that a busy machine does not
change the ratio much. The pairs are reviews of one item by two people.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from benchmarks.music import EVERYTHING, music
from benchmarks.row import Row

ROUGE_L_FASTER, METEOR_FASTER = 20.0, 10.0

Pairs = list[tuple[str, str]]
"""(generated, real)"""
Score = Callable[[Pairs], list[float]]


def main(quick: bool = False) -> list[Row]:
    """ROUGE-L, and METEOR twice."""
    where, corpus = music(EVERYTHING)
    texts = ((record.item_id, record.text) for record in corpus.records())
    pairs = list(islice(pairs_of(texts), 100 if quick else 500))
    facts = {"pairs": len(pairs), "texts": where, "mean_chars": round(mean_chars(pairs))}
    return [rouge_l_row(pairs, facts), *meteor_rows(pairs, facts)]


def rouge_l_row(pairs: Pairs, facts: dict[str, object]) -> Row:
    """Of ROUGE-L."""
    from rouge_score.rouge_scorer import RougeScorer

    from unlike.evaluate.metrics.rouge import rouge_l

    scorer = RougeScorer(["rougeL"])

    def ours(some: Pairs) -> list[float]:
        return rouge_l(*zip(*some, strict=True))

    def theirs(some: Pairs) -> list[float]:
        return [scorer.score(real, text)["rougeL"].fmeasure for text, real in some]

    return compared("ROUGE-L", "rouge-score", ROUGE_L_FASTER, pairs, ours, theirs, facts)


def meteor_rows(pairs: Pairs, facts: dict[str, object]) -> list[Row]:
    """Of METEOR: the second has new texts of known words, which is what the later methods of an experiment cost."""
    from nltk import word_tokenize
    from nltk.translate.meteor_score import single_meteor_score

    from unlike.evaluate.metrics import meteor, treebank

    def ours(some: Pairs) -> list[float]:
        return meteor.meteor(*zip(*some, strict=True))

    def theirs(some: Pairs) -> list[float]:
        return [single_meteor_score(word_tokenize(real), word_tokenize(text)) for text, real in some]

    first = compared("METEOR, first look-ups", "nltk", METEOR_FASTER, pairs, ours, theirs, facts)
    treebank.word_tokenize.cache_clear()
    return [first, compared("METEOR, words known", "nltk", METEOR_FASTER, pairs, ours, theirs, facts)]


def compared(
    what: str, against: str, reach: float, pairs: Pairs, ours: Score, theirs: Score, facts: dict[str, object]
) -> Row:
    """Time both on all pairs and check that they agree."""
    for load in (ours, theirs):
        load(pairs[:1])
    our_ms, our_values = timed(ours, pairs)
    their_ms, their_values = timed(theirs, pairs)
    worst = max(abs(a - b) for a, b in zip(our_values, their_values, strict=True))
    assert worst <= 1e-9, f"{what} differs from the reference by {worst}"
    measured = {"ms_a_pair": round(our_ms, 3), "their_ms": round(their_ms, 3), "largest_difference": worst}
    return Row(what, against, their_ms / our_ms, reach, facts=measured | facts)


def timed(score: Score, pairs: Pairs) -> tuple[float, list[float]]:
    """Milliseconds of processor time a pair, and the values."""
    start = time.process_time()
    values = score(pairs)
    return (time.process_time() - start) / len(pairs) * 1e3, values


def pairs_of(texts: Iterable[tuple[str, str]], min_chars: int = 200) -> Iterator[tuple[str, str]]:
    """Each text with the one before it on the same item."""
    by_item: defaultdict[str, list[str]] = defaultdict(list)
    for item, text in texts:
        if len(text) >= min_chars:
            by_item[item].append(text)
    for of_item in by_item.values():
        yield from zip(of_item[::2], of_item[1::2], strict=False)


def mean_chars(pairs: Pairs) -> float:
    return sum(len(text) + len(real) for text, real in pairs) / 2 / len(pairs)
