"""Nothing in the methods is about reviews: the same methods answer mail, and speak in meetings."""

from dataclasses import replace

import pytest
from tests.worlds import Listening, kit_for, outcome_of, world

from unlike.methods.table import ADAPTED, METHODS
from unlike.prompts.task import open_task

CROWD = [(user, item, item) for user in range(6) for item in range(5)]
SAID = {
    "mail": ("the mail to write", "subject: title", "directness"),
    "meeting": ("the statement to write", "> agenda item: item", "argument"),
}
"""By task: what the last prompt asks for, a field, and a dimension."""


@pytest.mark.parametrize("task", SAID)
@pytest.mark.parametrize("method", [name for name in METHODS if name not in ADAPTED])
def test_every_method_writes_for_every_task(method, task):
    corpus = world(CROWD, [CROWD.index((0, 4, 4))])
    backend = Listening()
    kit = replace(kit_for(corpus, backend, n_records=2, n_peers=2), task=open_task(task))
    outcome = outcome_of(METHODS[method], corpus.cases("test")[0], kit)
    said = "\n".join(message["content"] for messages in backend.asked for message in messages).lower()
    asked_for, field, dimension = SAID[task]
    assert outcome.text
    assert "review" not in said
    assert asked_for in said
    assert field in said
    if method == "dpl":
        assert dimension in said
