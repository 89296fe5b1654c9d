"""What a user's own words are worth to the LLM: RAG with the own latest records, and with those of somebody else.

    python results/digital_music/own_words.py CORPUS

Vectors are made of these words, so what they are worth says how much there is for vectors to hold. The figure is the mean
log-probability a token of the real texts, over the same users and tokens as likelihood.toml's.
"""

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scipy import stats

from unlike.api import open_kit
from unlike.data.corpus import Corpus
from unlike.evaluate.likelihood import likelihood
from unlike.evaluate.run import Job
from unlike.llm.journal import Journal
from unlike.llm.transformers_local import TransformersBackend
from unlike.methods.kit import MethodSettings
from unlike.methods.rag import rag
from unlike.records import Case

N_USERS, N_RECORDS, N_TOKENS = 80, 3, 64


def main(folder: Path) -> None:
    """Measure and print."""
    corpus = Corpus.open(folder)
    own = list(corpus.cases("test", N_USERS))
    arms = {"own": own, "somebody else's": [_of_another(case, corpus) for case in own]}
    settings = MethodSettings(retriever="recency", n_records=N_RECORDS, max_tokens=N_TOKENS)
    kit = open_kit(corpus, TransformersBackend.open("smollm2", context_tokens=2_048), "hashing:256", settings)
    jobs = [Job(name, rag, cases, kit) for name, cases in arms.items()]
    rows = asyncio.run(likelihood(jobs, N_TOKENS, Journal.open(Path("own_words.sqlite")), lambda progress: None))
    both = [pair for pair in zip(*rows, strict=True) if all(row.loglik is not None for row in pair)]
    values = {name: [pair[place].loglik or 0.0 for pair in both] for place, name in enumerate(arms)}
    for name, each in values.items():
        print(f"{name} {N_RECORDS} latest records: {_mean(each):.4f}")
    gains = [a - b for a, b in zip(*values.values(), strict=True)]
    test = stats.ttest_1samp(gains, 0)
    low, high = test.confidence_interval()
    better = sum(gain > 0 for gain in gains) / len(gains)
    print(f"the own ones are worth {_mean(gains):.4f} ({low:.4f} to {high:.4f}), t {test.statistic:.1f}")
    print(f"better for {better:.0%} of {len(gains)} users; {len(own) - len(gains)} could not be measured")


def _of_another(case: Case, corpus: Corpus) -> Case:
    """The same request of another user who has as many records by then; always the same user for a case."""
    others = sorted(corpus.users(), key=lambda user: hashlib.sha256(f"{case.id} {user}".encode()).digest())
    return next(
        replace(case, user_id=user)
        for user in others
        if user != case.user_id and len(corpus.history(user, case.moment)) >= N_RECORDS
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
