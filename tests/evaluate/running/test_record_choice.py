"""What is said of the choice of records is what the method did, and nothing is said where it chose in another way."""

from dataclasses import replace

import pytest

from unlike import run
from unlike.data.corpus import Corpus
from unlike.evaluate.running.record_choice import NO_PEERS, RANKED_LOWER, record_choice
from unlike.evaluate.running.run_method import read_run
from unlike.records import Case, Item, Record
from unlike.settings import MethodSettings

FEW = "fewer than 2 other users on the item"


def corpus():
    """User u: on i0 two others wrote, on i1 one, on i2 none, on i3 two; the request is about i4."""
    own = [Record(f"u{k}", "u", f"i{k}", f"text {k}", "pen" if k == 2 else "rug", timestamp=k + 10) for k in range(4)]
    others = {"i0": "ab", "i1": "a", "i3": "ab"}
    theirs = [Record(f"{o}-{i}", o, i, f"{o} on {i}", timestamp=1) for i, names in others.items() for o in names]
    asked = Case("c", "u", "i4", 100, "pen", reference="real", split="test")
    held_out = Record("c", "u", "i4", "real", "pen", timestamp=100)
    return Corpus([*own, *theirs, held_out], [Item(f"i{k}", f"Item {k}", f"about {k}") for k in range(5)], [asked])


@pytest.fixture
def made(tmp_path):
    def make(method, **settings):
        where = tmp_path / method
        run(
            corpus(),
            method,
            "scripted:echo",
            where,
            embedder="hashing:64",
            settings=MethodSettings(n_peers=2, **settings),
        )
        (row,), facts = read_run(where)
        return row, facts

    return make


@pytest.mark.parametrize("retriever", ["bm25", "recency", "random"])
@pytest.mark.parametrize("n_records", [1, 2, 3, 8])
def test_ranks_are_those_of_the_trace(made, retriever, n_records):
    row, facts = made("dpl", retriever=retriever, n_records=n_records)
    found = record_choice(row, facts, corpus())
    assert (found.retriever, found.query) == (retriever, "pen about 4")
    assert {one: at.rank for one, at in found.shown.items()} == {one: k for k, one in enumerate(row.trace["past"], 1)}
    assert all((at.score is None) == (retriever != "bm25") for at in found.shown.values())
    compared = [one["record"] for one in row.trace["differences"]]
    assert list(found.compared) == compared and [at.rank for at in found.compared.values()] == list(
        range(1, len(compared) + 1)
    )
    assert {*compared, *found.not_compared} == {"u0", "u1", "u2", "u3"}


def test_records_that_are_not_compared_have_a_reason(made):
    found = record_choice(*made("dpl", n_records=2), corpus())
    assert found.not_compared == {"u2": NO_PEERS, "u1": FEW}
    assert record_choice(*made("dpl_verified", n_records=1), corpus()).not_compared["u0"] == RANKED_LOWER
    assert found.words("u2").endswith(f"; not compared: {NO_PEERS}") and found.words("u2").startswith("rank 1, score ")
    assert found.reasons == [(NO_PEERS, 1), (FEW, 1)]


def test_where_nobody_else_wrote_every_record_has_that_reason(tmp_path):
    alone = Corpus([one for one in corpus().records() if one.user_id == "u"], corpus().items(), corpus().cases())
    run(alone, "dpl", "scripted:echo", tmp_path / "r", embedder="hashing:64")
    (row,), facts = read_run(tmp_path / "r")
    assert record_choice(row, facts, alone).reasons == [(NO_PEERS, 4)]


def test_nothing_is_said_of_a_choice_that_cannot_be_repeated(made):
    row, facts = made("rag", n_records=2)
    assert set(record_choice(row, facts, corpus()).shown) == {"u2", "u3"}
    assert record_choice(row, facts, corpus()).not_compared == {}
    assert record_choice(*made("non_perso"), corpus()) is None
    assert record_choice(*made("stored_profile", min_records=1, shown_records=2), corpus()) is None
    assert record_choice(row, facts | {"settings": facts["settings"] | {"retriever": "dense"}}, corpus()) is None
    assert record_choice(replace(row, trace={"past": ["u3", "u2"]}), facts, corpus()) is None
    assert record_choice(replace(row, trace={"past": 3, "differences": [{}]}), facts, corpus()) is None
    assert record_choice(replace(row, case_id="gone"), facts, corpus()) is None
    assert record_choice(row, {}, corpus()) is None
