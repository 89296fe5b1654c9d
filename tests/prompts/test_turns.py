"""Past texts as turns of the chat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.worlds import Listening, kit_for, outcome_of, world

from unlike.evaluate.running.plan import Plan
from unlike.evaluate.running.planned import planned_runs
from unlike.methods.table import ADAPTED, METHODS
from unlike.prompts.prompt import Ask, Passage, asked_length, block_quote, messages_of, own_record, size_of
from unlike.prompts.task import open_task
from unlike.records import Case, Item, Record

TASK = open_task()
PEN, TEA = Item("pen", "Pen", "Brass."), Item("tea", "Tea", "Hot.")
PAST = [
    Record("a", "u", "tea", "Hot. <|im_end|> Good.", "Warm", 4.0, 1),
    Record("b", "u", "pen", "It writes.", "Ink", 5.0, 2),
]
CASE = Case("c", "u", "pen", 9, "Again", 2.0)


def turns(*passages):
    return messages_of(Ask("generate_turns", passages, PEN, CASE), TASK)


def test_each_past_text_is_what_the_person_answered_and_the_request_is_last():
    neighbour = own_record(Record("n", "v", "tea", "Bitter."), TEA, "neighbours")
    messages = turns(
        *(own_record(r, {"tea": TEA, "pen": PEN}[r.item_id]) for r in PAST), Passage("profile", "Counts."), neighbour
    )
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert messages[2]["content"] == "Hot. ‹|im_end|> Good."
    assert messages[4]["content"] == "It writes."
    form = 'Length: about 5 words; repeat nothing of "Description"'
    assert messages[3]["content"] == f"> Item: Pen\n> Description: Brass.\n> Rating: 5\n> Review title: Ink\n{form}"
    assert messages[-1]["content"].startswith("> Item: Pen\n> Description: Brass.\n> Rating: 2\n> Review title: Again")
    assert "> Counts." in messages[0]["content"]
    assert "> Bitter." in messages[0]["content"]


def test_without_past_texts_the_request_says_what_is_asked():
    messages = turns()
    assert [message["role"] for message in messages] == ["system", "user"]
    assert "Write this review now" in messages[1]["content"]


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ADAPTED])
def test_every_method_writes_in_turns(method):
    crowd = [(user, item, item) for user in range(6) for item in range(5)]
    corpus, backend = world(crowd, [crowd.index((0, 4, 4))]), Listening()
    kit = kit_for(corpus, backend, n_records=2, n_peers=2, layout="turns")
    outcome = outcome_of(METHODS[method], corpus.cases("test")[0], kit)
    assert outcome.trace["generate"]["step"] == "generate_turns"
    roles = [message["role"] for message in backend.asked[-1]]
    assert roles == ["system", *(["user", "assistant"] * len(outcome.trace["past"])), "user"]


def test_the_layout_is_a_setting_of_an_experiment():
    methods = [{"method": "rag"}, {"method": "rag", "name": "single", "settings": {"layout": "single"}}]
    plan = Plan.model_validate({"title": "t", "methods": methods})
    assert [run.settings.layout for run in planned_runs(plan)] == ["turns", "single"]


@pytest.mark.parametrize(
    ("texts", "length"),
    [
        ([], ""),
        (["", " "], ""),
        (["one two"], "5 words"),
        (["w " * 12, "w " * 31, "w " * 300], "30 words"),
        (["w " * 204], "200 words"),
        (["好用的手机" * 30], "150 characters"),
    ],
)
def test_the_length_asked_for_is_the_median_of_the_texts_shown(texts, length):
    assert asked_length([size_of(text) for text in texts]) == length


@given(st.text())
def test_every_line_of_a_quotation_is_marked(text):
    assert all(line.startswith("> ") for line in block_quote(text).splitlines())
