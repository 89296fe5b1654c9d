"""Counts on the Digital Music reviews; SOURCE.md beside them says how they were measured independently."""

from dataclasses import replace

import pytest

from unlike.data.curate import curate
from unlike.data.folder import FILES
from unlike.data.sources import amazon_2014
from unlike.data.tables.fields import Reading
from unlike.settings import CURATE_PRESETS, CurateSettings

pytestmark = pytest.mark.real_data

SHORT = CurateSettings(test_targets=1, val_targets=1, train_targets=1, min_profile=2, min_profile_reviewers=2)


def curated(real_data, out, settings, keep_markup=True):
    source = amazon_2014(real_data / "reviews.jsonl.gz", real_data / "items.jsonl.gz")
    return curate(replace(source, reading=Reading(keep_markup=keep_markup)), settings, out)


@pytest.mark.parametrize(
    ("description_chars", "min_records", "expected"),
    [
        ((100, 2000), 8, (26, 42, 299)),
        ((100, 2000), 5, (117, 112, 995)),
        (None, 8, (92, 159, 1253)),
        (None, 5, (261, 235, 2444)),
    ],
)
def test_counts_equal_those_measured_independently(real_data, tmp_path, description_chars, min_records, expected):
    settings = replace(SHORT, description_chars=description_chars, min_records=min_records)
    counts = curated(real_data, tmp_path / "corpus", settings).manifest["curated"]
    assert (counts["users"], counts["items"], counts["records"]) == expected


def test_without_markup_some_texts_are_too_short(real_data, tmp_path):
    corpus = curated(
        real_data, tmp_path / "c", replace(SHORT, description_chars=None, min_records=5), keep_markup=False
    )
    counts = corpus.manifest["curated"]
    assert (counts["users"], counts["items"], counts["records"]) == (259, 234, 2431)
    assert not [record.id for record in corpus.records() if "&#34;" in record.text or "<br" in record.text]


@pytest.mark.parametrize(("description_chars", "cases"), [((100, 2000), 117), (None, 258)])
def test_number_of_test_cases(real_data, tmp_path, description_chars, cases):
    corpus = curated(real_data, tmp_path / "c", replace(SHORT, min_records=5, description_chars=description_chars))
    assert len(corpus.cases("test")) == cases
    assert all(len(corpus.history(case.user_id, case.moment)) >= 4 for case in corpus.cases("test"))


def test_twice_gives_identical_files(real_data, tmp_path):
    first, second = (curated(real_data, tmp_path / name, CURATE_PRESETS["small"]) for name in ("a", "b"))
    assert first.manifest == second.manifest
    assert first.hash == second.hash
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in FILES)


def test_small_keeps_two_profile_records_and_at_most_eight_train_cases(real_data, tmp_path):
    corpus = curated(real_data, tmp_path / "c", CURATE_PRESETS["small"])
    train = corpus.cases("train")
    users = {case.user_id for case in corpus.cases("test")}
    for user in users:
        given = [case for case in train if case.user_id == user]
        everything = corpus.history(user, (2**62, ""))
        assert len(given) == min(8, len(everything) - 4)
        oldest = min([*given, *(c for c in corpus.cases() if c.user_id == user)], key=lambda case: case.moment)
        assert len(corpus.history(user, oldest.moment)) >= 2
