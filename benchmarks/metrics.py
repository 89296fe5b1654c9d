"""ROUGE-L and METEOR against rouge-score and nltk on the same pairs of texts: equal, and how many times faster.

Both sides start from texts, tokenise them and give one number a pair. Data files are loaded and imports done before the
clock starts; nothing else is remembered from before. Processor time is measured, so that a busy machine does not
change the ratio much. The pairs are reviews of one item by two people: the Digital Music reviews where they are at
hand, otherwise the packaged sample corpus.

    python benchmarks/metrics.py
"""

import gzip
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
N_PAIRS = 500
WANTED = {"ROUGE-L": 20.0, "METEOR": 5.0}

Pairs = list[tuple[str, str]]
"""(generated, real)"""
Score = Callable[[Pairs], list[float]]


def main() -> int:
    where, pairs = real_pairs(N_PAIRS)
    print(f"{len(pairs)} pairs of reviews, {where}, mean length {mean_chars(pairs):.0f} characters")
    ratios = {"ROUGE-L": rouge_l_ratio(pairs), "METEOR": meteor_ratio(pairs)}
    print(", ".join(f"{name} {ratio:.1f} (wanted {WANTED[name]:g})" for name, ratio in ratios.items()))
    return 0 if all(ratios[name] >= wanted for name, wanted in WANTED.items()) else 1


def rouge_l_ratio(pairs: Pairs) -> float:
    from rouge_score.rouge_scorer import RougeScorer

    from unlike.evaluate.metrics.rouge import rouge_l

    scorer = RougeScorer(["rougeL"])
    return compare(
        "ROUGE-L",
        pairs,
        lambda some: rouge_l(*zip(*some, strict=True)),
        lambda some: [scorer.score(real, text)["rougeL"].fmeasure for text, real in some],
    )


def meteor_ratio(pairs: Pairs) -> float:
    """The second round has new texts of known words: what the later methods of an experiment cost."""
    from nltk import word_tokenize
    from nltk.translate.meteor_score import single_meteor_score

    from unlike.evaluate.metrics import meteor, treebank

    def ours(some: Pairs) -> list[float]:
        return meteor.meteor(*zip(*some, strict=True))

    def theirs(some: Pairs) -> list[float]:
        return [single_meteor_score(word_tokenize(real), word_tokenize(text)) for text, real in some]

    first = compare("METEOR, first look-ups", pairs, ours, theirs)
    treebank.word_tokenize.cache_clear()
    return min(first, compare("METEOR, words known", pairs, ours, theirs))


def compare(name: str, pairs: Pairs, ours: Score, theirs: Score) -> float:
    """Time both on all pairs and check that they agree."""
    for load in (ours, theirs):
        load(pairs[:1])
    our_ms, our_values = timed(ours, pairs)
    their_ms, their_values = timed(theirs, pairs)
    worst = max(abs(a - b) for a, b in zip(our_values, their_values, strict=True))
    assert worst <= 1e-9, f"{name} differs from the reference by {worst}"
    ratio = their_ms / our_ms
    print(
        f"{name:22} {our_ms:7.3f} ms a pair, reference {their_ms:7.3f}: {ratio:5.1f} times faster, equal to {worst:.0e}"
    )
    return ratio


def timed(score: Score, pairs: Pairs) -> tuple[float, list[float]]:
    """Milliseconds of processor time a pair, and the values."""
    start = time.process_time()
    values = score(pairs)
    return (time.process_time() - start) / len(pairs) * 1e3, values


def real_pairs(n: int) -> tuple[str, Pairs]:
    """Pairs of texts by two people on one item, and where they are from."""
    data = Path(os.environ.get("UNLIKE_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    reviews = data / "amazon_digital_music_2014" / "reviews.jsonl.gz"
    if reviews.is_file():
        with gzip.open(reviews, "rt", encoding="utf-8") as lines:
            return "Digital Music", list(
                islice(pairs_of((row["asin"], row["text"]) for row in map(json.loads, lines)), n)
            )
    sample = REPOSITORY / "src" / "unlike" / "sample" / "records.jsonl"
    with sample.open(encoding="utf-8") as lines:
        return "sample corpus", list(
            islice(pairs_of((row["item_id"], row["text"]) for row in map(json.loads, lines)), n)
        )


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


if __name__ == "__main__":
    sys.exit(main())
