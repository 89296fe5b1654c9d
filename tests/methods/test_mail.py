"""Nothing in the methods is about reviews: the same methods answer mail."""

from dataclasses import replace

import pytest
from tests.worlds import Listening, kit_for, outcome_of, world

from unlike.methods.table import ADAPTED, METHODS
from unlike.prompts.task import open_task

CROWD = [(user, item, item) for user in range(6) for item in range(5)]


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ADAPTED])
def test_every_method_writes_mail(method):
    corpus = world(CROWD, [CROWD.index((0, 4, 4))])
    backend = Listening()
    kit = replace(kit_for(corpus, backend, n_records=2, n_peers=2), task=open_task("mail"))
    outcome = outcome_of(METHODS[method], corpus.cases("test")[0], kit)
    said = "\n".join(message["content"] for messages in backend.asked for message in messages).lower()
    assert outcome.text
    assert "review" not in said
    assert "the mail to write" in said
    assert "subject: title" in said
    if method == "dpl":
        assert "directness" in said
