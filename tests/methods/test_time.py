"""Nothing from after the request is read, whatever the method, days with several records included."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.worlds import Listening, kit_for, outcome_of, world

from unlike.errors import CallFailed
from unlike.methods.table import ADAPTED, METHODS

writings = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)),
    min_size=2,
    max_size=16,
    unique_by=lambda w: w[:2],
)


@pytest.mark.parametrize("rule", ["as_of", "paper", "released"])
@pytest.mark.parametrize("method", [name for name in METHODS if name not in ADAPTED])
@settings(max_examples=20, deadline=None)
@given(writings=writings, data=st.data())
def test_every_text_in_every_prompt_may_be_there(method, rule, writings, data):
    targets = data.draw(st.lists(st.integers(0, len(writings) - 1), min_size=1, max_size=3, unique=True))
    corpus = world(writings, targets)
    case = corpus.cases("test")[0]
    profiles = {record.id for each in corpus.cases("test") for record in corpus.history(each.user_id, each.moment)}
    backend = Listening()
    try:
        outcome_of(METHODS[method], case, kit_for(corpus, backend, time_rule=rule, n_peers=2))
    except CallFailed as error:  # a control whose stranger does not exist
        assert "no stranger" in str(error)
    for record_id in set(re.findall(r"text-of-(r\d+)", str(backend.asked))):
        record = corpus.record(record_id)
        if record.user_id == case.user_id:
            assert record.moment < case.moment
        elif rule == "as_of":
            assert record.timestamp < case.timestamp
        elif rule == "released":
            assert record.id in profiles
