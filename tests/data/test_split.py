"""The split, in memory, against its rules read literally."""

from collections import Counter, defaultdict
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlike.data.corpus import Corpus
from unlike.data.split import split
from unlike.records import Case, Record
from unlike.settings import CurateSettings

SHORT = CurateSettings(test_targets=1, val_targets=1, train_targets=1, min_profile=2, min_profile_reviewers=2)


def keys(pairs):
    """Records from (user, item, day), one a user and item."""
    once = dict.fromkeys((user, item) for user, item, _ in pairs)
    days = {(user, item): day for user, item, day in pairs}
    rows = [(row, f"{u}:{i}", u, i, days[u, i] * 1000) for row, (u, i) in enumerate(once)]
    schema = {"row": pl.UInt32, "id": pl.String, "user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def literal(frame, rules):
    """User to {split: ids}, and the items shared among profiles."""
    own = defaultdict(list)
    for row in frame.iter_rows(named=True):
        own[row["user_id"]].append((row["timestamp"], row["id"], row["item_id"]))
    given, profiles = {}, {}
    for user, records in own.items():
        records.sort()
        train = rules.train_targets
        if rules.shrink_train_to_profile is not None:
            spare = len(records) - rules.test_targets - rules.val_targets - rules.shrink_train_to_profile
            train = max(0, min(train, spare))
        names = ["train"] * train + ["validation"] * rules.val_targets + ["test"] * rules.test_targets
        if len(records) >= len(names):
            cut = len(records) - len(names)
            profiles[user] = [item for _, _, item in records[:cut]]
            given[user] = {(record[1], name) for record, name in zip(records[cut:], names, strict=True)}
    while True:
        count = Counter(item for profile in profiles.values() for item in profile)
        shared = {item for item, n in count.items() if n >= rules.min_profile_reviewers}
        left = {u: p for u, p in profiles.items() if sum(item in shared for item in p) >= rules.min_profile}
        if len(left) == len(profiles):
            return set().union(*(given[user] for user in left)), shared, set(left)
        profiles = left


pairs = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("pqrstuvwxyz"), st.integers(0, 3)), max_size=60)
rules = st.builds(
    CurateSettings,
    test_targets=st.integers(0, 2),
    val_targets=st.integers(0, 2),
    train_targets=st.integers(0, 8),
    shrink_train_to_profile=st.none() | st.integers(0, 3),
    min_profile=st.integers(0, 4),
    min_profile_reviewers=st.integers(1, 3),
    drop_unshared=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(pairs=pairs, rules=rules)
def test_equals_the_literal_reading(pairs, rules):
    frame = keys(pairs)
    found = split(frame, rules)
    cases, shared, users = literal(frame, rules)
    assert set(found.cases.select("id", "split").iter_rows()) == cases
    targets = {name for name, _ in cases}
    kept = {
        row["id"]
        for row in frame.iter_rows(named=True)
        if not rules.drop_unshared or row["user_id"] not in users or row["id"] in targets or row["item_id"] in shared
    }
    assert set(found.records["id"]) == kept


@settings(max_examples=200, deadline=None)
@given(pairs=pairs, rules=rules)
def test_profiles_end_before_their_targets_and_no_history_holds_its_target(pairs, rules):
    found = split(keys(pairs), rules)
    records = [
        Record(r["id"], r["user_id"], r["item_id"], "t", timestamp=r["timestamp"])
        for r in found.records.iter_rows(named=True)
    ]
    cases = [
        Case(r["id"], r["user_id"], r["item_id"], r["timestamp"], split=r["split"])
        for r in found.cases.iter_rows(named=True)
    ]
    corpus = Corpus(records, [], cases)
    targets = {case.id for case in cases}
    order = {"train": 0, "validation": 1, "test": 2}
    for case in corpus.cases():
        history = corpus.history(case.user_id, case.moment)
        assert all(record.moment < case.moment for record in history)
        assert case.id not in {record.id for record in history}
        profile = [r for r in corpus.records() if r.user_id == case.user_id and r.id not in targets]
        assert all(record.moment < case.moment for record in profile)
        later = [other for other in corpus.cases() if other.user_id == case.user_id and other.moment > case.moment]
        assert all(order[other.split] >= order[case.split] for other in later)


def test_users_without_cases_keep_their_texts():
    frame = keys(
        [("a", item, day) for day, item in enumerate("pqrst")] + [("b", "p", 0)] + [("c", i, 0) for i in "pqrst"]
    )
    found = split(frame, SHORT)
    assert set(found.cases["user_id"]) == {"a", "c"}
    assert set(found.records["user_id"]) == {"a", "b", "c"}


def test_records_of_one_day_are_ordered_by_id():
    frame = keys([("a", item, 0) for item in "tsrqp"] + [("b", item, 0) for item in "pqrst"])
    cases = dict(split(frame, SHORT).cases.filter(pl.col("user_id") == "a").select("split", "id").iter_rows())
    assert cases == {"train": "a:r", "validation": "a:s", "test": "a:t"}


@pytest.mark.parametrize(("written", "train"), [(4, 0), (5, 1), (11, 7), (12, 8), (15, 8)])
def test_train_shrinks_until_the_profile_has_two(written, train):
    rules = replace(SHORT, train_targets=8, shrink_train_to_profile=2)
    frame = keys([(user, f"i{n:02}", n) for user in "ab" for n in range(written)])
    assert split(frame, rules).cases.filter(split="train").height == 2 * train
