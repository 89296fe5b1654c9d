"""The whole text side on real reviews: Digital Music, 5 records a user, no description rule, 258 test cases."""

import asyncio
import re
from dataclasses import replace

import numpy as np
import pytest
from rank_bm25 import BM25Okapi
from sklearn.cluster import KMeans

from tests.worlds import Listening, kit_for
from unlike.data.curate import curate
from unlike.data.sources import amazon_2014
from unlike.embed.cache import CachedEncoder
from unlike.embed.hashing import HashingEncoder
from unlike.evaluate.running.run_method import Job, generation, run_jobs
from unlike.llm.journal import Journal
from unlike.llm.recorded import RecordedLLM
from unlike.methods.steps import others_on
from unlike.methods.table import METHODS
from unlike.peers.lloyd import kmeans
from unlike.peers.selectors import KMeansSelector
from unlike.retrieve.bm25 import BM25Retriever
from unlike.retrieve.query import documents_of, query_of
from unlike.settings import CurateSettings

pytestmark = pytest.mark.real_data

SETTINGS = CurateSettings(
    min_records=5,
    description_chars=None,
    train_targets=1,
    min_profile=2,
    min_profile_reviewers=2,
)


@pytest.fixture(scope="module")
def music(real_data, tmp_path_factory):
    source = amazon_2014(real_data / "reviews.jsonl.gz", real_data / "items.jsonl.gz")
    return curate(source, SETTINGS, tmp_path_factory.mktemp("music") / "corpus")


def test_key_records_equal_rank_bm25s_for_every_case(music):
    for case in music.cases():
        history = music.history(case.user_id, case.moment)
        documents = documents_of(history, music)
        scores = BM25Okapi([d.text.split() for d in documents]).get_scores(query_of(case, music).split())
        expected = [history[i].id for i in np.argsort(scores, kind="stable")[::-1][:8]]
        assert [r.id for r in BM25Retriever().rank(query_of(case, music), documents, 8)] == expected


def test_representatives_of_100_pairs_hold_equation_4(music):
    encoder = HashingEncoder(128)
    selector, kit, n_pairs = KMeansSelector(encoder), kit_for(music, time_rule="paper"), 0
    for case in music.cases("test"):
        target = music.history(case.user_id, case.moment)[-1]
        peers = others_on(target.item_id, case, kit)
        if len(peers) < 4:
            continue
        everyone = sorted([target, *peers], key=lambda r: r.id)
        vectors = encoder.encode([r.text for r in everyone])
        fitted = KMeans(5, init=kmeans(vectors, 5, 0)[1], n_init=1).fit(vectors)  # from there it finds nothing better
        group = {r.id: label for r, label in zip(everyone, fitted.labels_, strict=True)}
        distance = dict(
            zip(group, np.linalg.norm(vectors - fitted.cluster_centers_[fitted.labels_], axis=1), strict=True)
        )
        chosen = selector.select(target, peers, 4)
        assert len(chosen) == 4
        assert target.id not in {r.id for r in chosen}
        assert group[target.id] not in {group[r.id] for r in chosen}
        for r in chosen:
            nearest = min(distance[other] for other in group if group[other] == group[r.id])
            assert distance[r.id] == pytest.approx(nearest, abs=1e-6)
        n_pairs += 1
        if n_pairs == 100:
            return
    pytest.fail(f"only {n_pairs} pairs with enough peers")


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_nothing_from_at_or_after_a_request_is_read(step, music, tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    said = {}
    for record in music.records():
        said.setdefault(record.text, []).append(record)  # some accounts post each other's words
    kit = kit_for(music, encoder=CachedEncoder(HashingEncoder(64), tmp_path / "vectors.sqlite"))
    for case in music.cases()[::step]:
        backend = Listening()
        asked = replace(kit, llm=RecordedLLM(backend, journal))
        ((row,),) = asyncio.run(run_jobs([Job("dpl", METHODS["dpl"], [case], asked)], generation))
        ids = set(row.trace["past"])
        for difference in row.trace["differences"]:
            ids |= {difference["record"], *difference["representatives"]}
        assert all(_may_be_seen(music.record(record_id), case) for record_id in ids)
        for text in re.findall(r"(?:^> .*\n)+", _prompts(backend) + "\n", re.MULTILINE):
            text = re.sub(r"^> ", "", text, flags=re.MULTILINE).strip()
            assert any(_may_be_seen(record, case) for record in said.get(text, [])) or text not in said


def _may_be_seen(record, case):
    if record.user_id == case.user_id:
        return record.moment < case.moment
    return record.timestamp < case.timestamp


def _prompts(backend):
    return "\n".join(message["content"] for messages in backend.asked for message in messages)
