"""The corpus against brute force, and its folder."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.data.corpus import Corpus
from unlike.errors import InputError
from unlike.records import Case, Item, Record, visible

records = st.lists(
    st.builds(
        Record,
        id=st.text("abc:", min_size=1, max_size=4),
        user_id=st.sampled_from("uvw"),
        item_id=st.sampled_from("xyz"),
        text=st.text(max_size=5),
        timestamp=st.integers(-2, 4),
    ),
    max_size=30,
    unique_by=lambda record: record.id,
)


@given(
    records=records,
    user=st.sampled_from("uvwn"),
    item=st.sampled_from("xyzn"),
    at=st.integers(-3, 5),
    key=st.text("abc"),
)
def test_equals_brute_force(records, user, item, at, key):
    corpus = Corpus(records, [])
    by_time = sorted(records, key=lambda record: (record.timestamp, record.id))
    assert list(corpus.history(user, (at, key))) == [
        r for r in by_time if r.user_id == user and (r.timestamp, r.id) < (at, key)
    ]
    assert list(corpus.peers(item, at)) == [r for r in by_time if r.item_id == item and r.timestamp < at]
    assert list(corpus.peers(item, None)) == [r for r in by_time if r.item_id == item]
    assert corpus.users() == sorted({r.user_id for r in records})
    assert corpus.texts() == [r.text for r in by_time]


@pytest.fixture
def small():
    rows = [Record(f"r{n}", f"u{n % 2}", "x", f"text é {n}", "title", None if n == 1 else 4.5, n) for n in range(6)]
    of_last = [Case(r.id, r.user_id, "x", r.timestamp, r.title, r.rating, r.text, "test") for r in rows[-2:]]
    cases = [replace(of_last[0], id="new", reference=None, split="train"), *of_last]
    return Corpus(rows, [Item("x", "X", "about x", {"categories": ["a"], "n": 1})], cases)


def test_round_trip(small, tmp_path):
    manifest = small.write(tmp_path / "c")
    again = Corpus.open(tmp_path / "c")
    assert (again.records(), again.items(), again.cases()) == (small.records(), small.items(), small.cases())
    assert again.manifest == manifest
    assert manifest["split"] == {"train": 1, "validation": 0, "test": 2}
    assert again.write(tmp_path / "d") == manifest
    assert Corpus.open(tmp_path / "d").hash == again.hash


def test_the_hash_follows_the_content(small):
    same = Corpus(reversed(small.records()), small.items(), small.cases())
    other = Corpus(small.records()[1:], small.items(), small.cases())
    assert small.hash == same.hash != other.hash


def test_cases_by_split_and_limit(small):
    assert [case.id for case in small.cases("test")] == ["r4", "r5"]
    assert [case.id for case in small.cases(limit=2)] == ["new", "r4"]
    assert small.cases("validation") == []
    assert small.case("r5").reference == "text é 5"


def test_what_is_not_there_is_an_error(small):
    with pytest.raises(InputError, match="no item 'q' among 1"):
        small.item("q")
    with pytest.raises(InputError, match="no split 'tests'; this corpus has train, test"):
        small.cases("tests")
    with pytest.raises(InputError, match="no case 'q' among 3"):
        small.case("q")
    with pytest.raises(InputError, match="1 record ids are there twice, r0 is one"):
        Corpus([*small.records(), small.records()[0]], [])


def test_a_missing_or_damaged_folder(small, tmp_path):
    def refused():
        with pytest.raises(InputError) as caught:
            Corpus.open(tmp_path / "c")
        return str(caught.value)

    assert "has no manifest.json; make one with unlike curate" in refused()
    small.write(tmp_path / "c")
    (tmp_path / "c" / "cases.parquet").write_bytes(b"PAR1")
    assert "cases.parquet" in refused() and "is not the file its manifest names" in refused()
    (tmp_path / "c" / "cases.parquet").unlink()
    assert "cases.parquet is missing" in refused()
    (tmp_path / "c" / "manifest.json").write_text("{")
    assert "manifest.json" in refused() and "is damaged" in refused()
    (tmp_path / "c" / "manifest.json").write_text("[]")
    assert "is damaged" in refused()


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ('{"name": "A web app", "icons": []}', "c exists and is no corpus; give a new folder, or empty that one"),
        ('{"hashes": {"index.js": "1"}}', "c exists and is no corpus"),
        ("[]", "c exists and is no corpus"),
        (None, "c holds thesis.txt beside its corpus; move it away, or give a new folder"),
    ],
)
def test_only_a_corpus_and_nothing_beside_it_is_replaced(small, tmp_path, manifest, message):
    small.write(tmp_path / "c")
    small.write(tmp_path / "c")
    (tmp_path / "c" / "thesis.txt").write_text("years of work")
    if manifest:
        (tmp_path / "c" / "manifest.json").write_text(manifest)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=f"^{message}"):
        small.write(tmp_path / "c")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_hundred_thousand_records_are_no_burden():
    many = [Record(f"r{n}", f"u{n % 5}", f"i{n % 3}", "text", timestamp=n) for n in range(100_000)]
    start = time.process_time()
    corpus = Corpus(many, [])
    for n in range(0, 1000):
        corpus.history("u1", (n, ""))
        corpus.peers("i1", n)
    assert time.process_time() - start < 5


def test_whether_others_wrote_before():
    records = [Record("1", "a", "x", "t", timestamp=1), Record("2", "b", "x", "t", timestamp=5),
               Record("3", "a", "y", "t", timestamp=4), Record("4", "a", "z", "t", timestamp=9)]  # fmt: skip
    early, late = Case("3", "a", "y", 4), Case("4", "a", "z", 9)
    corpus = Corpus(records, [], [early, late])
    assert [corpus.has_peers(case, "as_of") for case in (early, late)] == [False, True]
    assert corpus.has_peers(early, "paper")
    assert not corpus.has_peers(Case("5", "nobody", "x", 9), "paper")


def test_the_profiles_of_a_split_are_what_its_users_wrote_before_their_latest_case():
    rows = [Record(f"{user}{n}", user, "x", "t", timestamp=n) for user in "uvw" for n in range(5)]
    cases = [Case(f"{user}{n}", user, "x", n, split=split) for user, n, split in (("u", 4, "test"), ("v", 3, "test"))]
    corpus = Corpus(
        rows, [Item("x")], [*cases, Case("w4", "w", "x", 4, split="train"), replace(cases[0], id="u2", timestamp=2)]
    )
    assert [record.id for record in corpus.profiles("test").peers("x", None)] == [
        "u0",
        "v0",
        "u1",
        "v1",
        "u2",
        "v2",
        "u3",
    ]
    assert {record.id for record in corpus.profiles("test", 2).records()} == {"u0", "u1", "v0"}
    assert corpus.profiles("test", 9).records() == [] and corpus.profiles("test") is corpus.profiles("test")
    assert corpus.has_peers(corpus.case("w4"), "released") is False
    with pytest.raises(InputError, match="no split 'tests'"):
        corpus.profiles("tests")


def test_records_without_splits_have_no_profiles():
    with pytest.raises(InputError, match="'released' needs a corpus with splits; give as_of or paper"):
        visible(object(), "released", "test")
    assert visible(corpus := Corpus([], []), "paper", "test") is corpus
