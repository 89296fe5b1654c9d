"""Measures on a corpus what the points matter on which papers and released code differ; no LLM is asked.

python docs/_build/measure_deviations.py CORPUS EMBEDDER
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from unlike.settings import cache_folder
from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder
from unlike.embed.open import open_encoder
from unlike.latent.difference import Differences
from unlike.peers.selectors import KMeansSelector
from unlike.records import Case, Record, TimeRule, others_on, visible

N, K = 8, 4
GELU_FLOOR = -0.17


def measured(corpus: Corpus, encoder: Encoder) -> list[tuple[str, str]]:
    """What was measured, in words, and the figure."""
    cases = corpus.cases("test")
    return [
        ("test cases", str(len(cases))),
        *_weights(corpus, encoder, cases),
        *_gelu(corpus, encoder, cases),
        *_order(corpus, cases),
        *_time(corpus, cases),
        *_pool(corpus, cases),
        *_short(corpus, cases),
        *_clusterings(corpus, cases),
        *_representatives(corpus, encoder, cases),
        *_attention(corpus, encoder, cases),
    ]


def _weights(corpus: Corpus, encoder: Encoder, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    mean, weighted = (Differences(corpus, encoder, weighting) for weighting in ("mean", "profile_weighted"))
    cosines = list[float]()
    for case in cases:
        past = compared(corpus, case, _recent(corpus, case))
        for a, b in zip(mean.of(case, past).diff, weighted.of(case, past).diff, strict=True):
            norms = float(np.linalg.norm(a) * np.linalg.norm(b))
            cosines += [float(a @ b) / norms] if norms else []
    yield "differences compared", str(len(cosines))
    yield "cosine of plain mean and weighted mean: mean", f"{np.mean(cosines):.4f}"
    yield "cosine of plain mean and weighted mean: least", f"{min(cosines):.4f}"


def _gelu(corpus: Corpus, encoder: Encoder, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    compared_of = [(case, compared(corpus, case, _recent(corpus, case))) for case in cases]
    vectors = [Differences(corpus, encoder).of(case, past) for case, past in compared_of if past]
    for name in ("his", "diff"):
        values = np.concatenate([getattr(some, name) for some in vectors])
        yield f"coordinates of e_{name} below -0.17", f"{(values < GELU_FLOOR).mean():.2%}"
        yield f"vectors e_{name} with such a coordinate", f"{(values < GELU_FLOOR).any(axis=1).mean():.1%}"


def _order(corpus: Corpus, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    differing = 0
    for case in cases:
        history = corpus.history(case.user_id, case.moment)
        with_peers = compared(corpus, case, history)[-N:]
        differing += list(history[-N:]) != with_peers
    yield "cases where text and vectors would be of different records", f"{differing / len(cases):.1%}"


def _time(corpus: Corpus, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    for rule in ("as_of", "paper"):
        counts = [
            len(_others(corpus, case, record, case.peers_before(rule)))
            for case in cases
            for record in _recent(corpus, case)
        ]
        yield f"others a recent record can be compared with, {rule}: mean", f"{np.mean(counts):.2f}"
        yield f"recent records with at least {K} others, {rule}", f"{np.mean(np.asarray(counts) >= K):.1%}"
    targets = {case.id for split in ("test", "validation") for case in corpus.cases(split)}
    seen = [
        other.id in targets for case in cases for r in _recent(corpus, case) for other in _others(corpus, case, r, None)
    ]
    yield "others' texts that are held out for test or validation, paper", f"{np.mean(seen):.1%}"
    for rule in ("as_of", "paper", "released"):
        none = sum(not any(map(partial(_qualifies, corpus, case, rule), _history(corpus, case))) for case in cases)
        yield f"cases without a record that has {K} others, {rule}", f"{none / len(cases):.1%}"


def _qualifies(corpus: Corpus, case: Case, rule: TimeRule, record: Record) -> bool:
    pool = visible(corpus, rule, case.split)
    return len(others_on(pool, record.item_id, case.user_id, case.peers_before(rule))) >= K


def _history(corpus: Corpus, case: Case) -> Sequence[Record]:
    return corpus.history(case.user_id, case.moment)


def _pool(corpus: Corpus, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """The pools of time rule released."""
    for name, without_last in (("DPL", 0), ("DEP", 2)):
        pool = corpus.profiles("test", without_last)
        counts = [len(_others(pool, case, record, None)) for case in cases for record in _recent(corpus, case)]
        yield f"others in the pool of {name}'s released code: mean", f"{np.mean(counts):.2f}"


def _short(corpus: Corpus, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    few_records = few_compared = 0
    for case in cases:
        history = corpus.history(case.user_id, case.moment)
        few_records += len(history) < N
        enough = [record for record in history if len(_others(corpus, case, record, case.timestamp)) >= K]
        few_compared += len(enough) < N
    yield f"cases with fewer than {N} records", f"{few_records / len(cases):.1%}"
    yield f"cases with fewer than {N} records that have {K} others", f"{few_compared / len(cases):.1%}"


def _clusterings(corpus: Corpus, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    asked, sets = 0, set[tuple[str, ...]]()
    for case in cases:
        for record in _recent(corpus, case):
            others = _others(corpus, case, record, None)
            asked += bool(others)
            sets.add(tuple(sorted(other.id for other in [record, *others])))
    yield "clusterings asked for, time rule paper", str(asked)
    yield "different sets of texts among them", str(len(sets))


def _representatives(corpus: Corpus, encoder: Encoder, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    selector, asked, changed = KMeansSelector(encoder), 0, 0
    for case in cases:
        for record in compared(corpus, case, _recent(corpus, case)):
            seen, all_of_them = (
                {one.id for one in selector.select(record, _others(corpus, case, record, before), K)}
                for before in (case.timestamp, None)
            )
            asked += 1
            changed += seen != all_of_them
    yield "records with other representatives where later texts are seen", f"{changed / asked:.1%}"


def _attention(corpus: Corpus, encoder: Encoder, cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """How far PPlug's weights are from uniform: softmax over x . h_i, and over x . h_i / sqrt(d)."""
    ratios = list[tuple[float, float]]()
    for case in cases:
        history, item = corpus.history(case.user_id, case.moment)[-64:], corpus.item(case.item_id)
        vectors = encoder.encode([record.text for record in history])
        asked = encoder.encode([" ".join(part for part in (case.title, item.title, item.description) if part)])[0]
        scores = vectors @ asked
        widest = float(scores.max() - scores.min()) if len(scores) > 1 else 0.0
        ratios.append((np.exp(widest), np.exp(widest / len(asked) ** 0.5)))
    ours, divided = np.mean(ratios, axis=0)
    yield "largest over smallest weight of PPlug: mean", f"{ours:.3f}"
    yield "the same, with the scores divided by sqrt(d)", f"{divided:.3f}"


def _recent(corpus: Corpus, case: Case) -> list[Record]:
    return list(corpus.history(case.user_id, case.moment))[-N:]


def compared(corpus: Corpus, case: Case, records: Sequence[Record]) -> list[Record]:
    """Those whose item others wrote about before the request."""
    return [record for record in records if _others(corpus, case, record, case.timestamp)]


def _others(corpus: Corpus, case: Case, record: Record, before: int | None) -> list[Record]:
    there = corpus.peers(record.item_id, before)
    return list({other.user_id: other for other in there if other.user_id != case.user_id}.values())


def main() -> None:
    """Print the table."""
    folder, embedder = sys.argv[1:]
    encoder = open_encoder(embedder, cache_folder() / "vectors.sqlite")
    for name, figure in measured(Corpus.open(Path(folder)), encoder):
        sys.stdout.write(f"{name:<62} {figure}\n")


if __name__ == "__main__":
    main()
