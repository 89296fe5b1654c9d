"""The protocol ``unlike.records.Records``: a corpus and the stores answer as brute force does."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.rows import put
from unlike.data.corpus import Corpus
from unlike.errors import InputError
from unlike.records import Item, Record
from unlike.store.records import NewRecord, StoredRecords

RECORDS = st.lists(
    st.builds(
        Record,
        id=st.text("aBé_:", min_size=1, max_size=4),
        user_id=st.sampled_from("uvw"),
        item_id=st.sampled_from("xyz"),
        text=st.text(max_size=5),
        timestamp=st.integers(-2, 4),
    ),
    max_size=15,
    unique_by=lambda record: record.id,
)
KINDS = ("corpus", "sqlite", "postgres")


@pytest.fixture(params=KINDS)
def made_of(request):
    """Makes an implementation that holds some records."""
    if request.param == "corpus":
        return lambda records: Corpus(records, [Item(id_) for id_ in {record.item_id for record in records}])
    store, names = request.getfixturevalue(f"in_{request.param}"), itertools.count()

    def stored(records):
        tenant = store.tenant(f"{request.node.name}-{next(names)}")
        put(tenant, *(NewRecord(record, Item(record.item_id)) for record in records))
        return StoredRecords(tenant)

    return stored


@given(
    records=RECORDS,
    user=st.sampled_from("uvwn"),
    item=st.sampled_from("xyz"),
    at=st.integers(-3, 5),
    key=st.text("aBé_:", max_size=3),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_equals_brute_force(made_of, records, user, item, at, key):
    found = made_of(records)
    by_time = sorted(records, key=lambda record: (record.timestamp, record.id))
    assert list(found.history(user, (at, key))) == [
        r for r in by_time if r.user_id == user and (r.timestamp, r.id) < (at, key)
    ]
    assert list(found.peers(item, at)) == [r for r in by_time if r.item_id == item and r.timestamp < at]
    assert list(found.peers(item, None)) == [r for r in by_time if r.item_id == item]


def test_an_item_nobody_has_seen_is_an_error(made_of):
    with pytest.raises(InputError, match="no item 'q'"):
        made_of([Record("r", "u", "x", "text")]).item("q")
