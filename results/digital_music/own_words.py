"""What a user's own words are worth to the LLM, and how much of it an encoder can see.

    python results/digital_music/own_words.py CORPUS [EXPERIMENT]

RAG reads the own latest records; the same number of somebody else's; and, for each own record, the one of somebody else
whose vector is the nearest. Vectors are made of the own words, so what these are worth says what there is to hold, and what
the nearest ones are worth says how much of it lies in what the encoder finds alike. The figure is the mean log-probability
a token of the real texts, over the same users and tokens as likelihood.toml's, but with 2,048 tokens of context. Behind
them stand the runs of an experiment on the same users, compared with the own words.
"""

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats
from unseen import loglik

from unlike.api import open_kit
from unlike.data.corpus import Corpus
from unlike.embed.open import open_encoder
from unlike.evaluate.running.likelihood import likelihood
from unlike.evaluate.running.run_method import Job
from unlike.llm.journal import Journal
from unlike.llm.transformers_local import TransformersBackend
from unlike.methods.baselines import rag
from unlike.records import Case, Moment, Record
from unlike.settings import MethodSettings

N_USERS, N_RECORDS, N_TOKENS = 80, 3, 64
ENCODER = "minilm"


def main(folder: Path, experiment: Path | None = None) -> None:
    """Measure and print."""
    corpus = Corpus.open(folder)
    own = list(corpus.cases("test", N_USERS))
    settings = MethodSettings(retriever="recency", n_records=N_RECORDS, max_tokens=N_TOKENS)
    kit = open_kit(corpus, TransformersBackend.open("smollm2", context_tokens=2_048), "hashing:256", settings)
    arms = {
        "somebody else's": Job("another", rag, [_of_another(case, corpus) for case in own], kit),
        "the nearest of somebody else": Job("nearest", rag, own, replace(kit, records=_Nearest(corpus, ENCODER))),
        "the own": Job("own", rag, own, kit),
    }
    jobs = list(arms.values())
    rows = asyncio.run(likelihood(jobs, N_TOKENS, Journal.open(Path("own_words.sqlite")), lambda progress: None))
    both = [pair for pair in zip(*rows, strict=True) if all(row.loglik is not None for row in pair)]
    values = {name: [pair[place].loglik or 0.0 for pair in both] for place, name in enumerate(arms)}
    strange, *_ = values.values()
    print(f"{len(both)} users; {len(own) - len(both)} could not be measured")
    for name, each in values.items():
        print(f"{name} {N_RECORDS} records: {_mean(each):.4f}", end="")
        gains = [a - b for a, b in zip(each, strange, strict=True)]
        print(f"; {_worth(gains)}" if any(gains) else "")
    for run in sorted((experiment / "runs").iterdir()) if experiment else ():
        theirs = loglik(run)
        gains = [theirs[row.case_id] - row.loglik for row in rows[-1] if row.loglik is not None]
        print(f"{run.name}, less the own {N_RECORDS} records: {_worth(gains)}")


def _worth(gains: Sequence[float]) -> str:
    test = stats.ttest_1samp(gains, 0)
    low, high = test.confidence_interval()
    better = sum(gain > 0 for gain in gains) / len(gains)
    return f"worth {_mean(gains):.4f} ({low:.4f} to {high:.4f}), t {test.statistic:.1f}, better for {better:.0%}"


class _Nearest:
    """The corpus, but in a history stands for each record the one of somebody else that is most like it."""

    def __init__(self, corpus: Corpus, encoder: str) -> None:
        self._corpus = corpus
        self._all = list(corpus.records())
        vectors = open_encoder(encoder).encode([record.text for record in self._all])
        self._likeness = vectors @ vectors.T
        self._place = {record.id: place for place, record in enumerate(self._all)}
        self.item, self.peers = corpus.item, corpus.peers

    def history(self, user_id: str, before: Moment) -> Sequence[Record]:
        """The most similar records of others that were there by then, in the order of the own ones."""
        return [self._twin(record, before) for record in self._corpus.history(user_id, before)[-N_RECORDS:]]

    def _twin(self, own: Record, before: Moment) -> Record:
        order = np.argsort(-self._likeness[self._place[own.id]])
        found = (self._all[place] for place in order)
        return next(other for other in found if other.user_id != own.user_id and other.moment < before)


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
    main(*map(Path, sys.argv[1:3]))
