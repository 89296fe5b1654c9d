"""Cases as soft prompts: records, places, length, and batches that padding does not change."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.latent.conftest import DIM, SETTINGS
from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.latent.batch import batches, collate, with_in_batch_negatives
from unlike.latent.examples import Examples
from unlike.latent.loss import text_nll
from unlike.latent.modules import row
from unlike.prompts.slots import slots
from unlike.prompts.task import open_task


def text_of(example):
    return example.messages[-1]["content"]


def test_the_most_recent_records_are_shown_oldest_first(crowd, examples_of):
    case = crowd.cases("test")[0]
    example = examples_of().of(case)
    assert example.past.record_ids == ("r004", "r008", "r012")
    assert [text_of(example).index(record) for record in ("text-of-r004", "text-of-r008", "text-of-r012")] == sorted(
        text_of(example).index(record) for record in ("text-of-r004", "text-of-r008", "text-of-r012")
    )
    assert case.reference not in text_of(example)


def test_the_papers_order_is_newest_first_with_each_record_s_own_places(crowd, llm, examples_of):
    case = crowd.cases("test")[0]
    plain = examples_of().of(case)
    example = Examples(crowd, HashingEncoder(DIM), llm.tokens, open_task("review_papers"), SETTINGS).of(case)
    text = text_of(example)
    places = [text.index(f"text-of-{record_id}") for record_id in ("r012", "r008", "r004")]
    assert places == sorted(places) and text.index("> Item:") < places[0]
    of_one = len(plain.slots[plain.slots >= 0]) // 3
    found, in_order = (one.slots[one.slots >= 0].reshape(3, of_one) for one in (example, plain))
    assert found.tolist() == in_order[::-1].tolist()
    assert example.past.record_ids == plain.past.record_ids


def test_each_record_s_places_are_its_rows_of_the_bank(crowd, examples_of):
    examples = examples_of()
    example = examples.of(crowd.cases("test")[0])
    found = example.slots[example.slots >= 0]
    wanted = [
        row(examples.settings, signal, record) + n
        for record in range(3)
        for signal in ("his", "diff")
        for n in range(3)
    ]
    assert found.tolist() == wanted
    assert (example.token_ids[example.slots >= 0] == 0).all()


@pytest.mark.parametrize(
    ("changes", "here", "gone"),
    [
        ({"with_text": False}, "Review vector", "text-of-r"),
        ({"signals": ("his",)}, "Review vector", "Difference vector"),
        ({"signals": ("diff",)}, "Difference vector", "Review vector"),
        ({"kind": "pplug"}, "The person:", "Review vector"),
    ],
)
def test_ablations_leave_out_what_they_name(crowd, examples_of, changes, here, gone):
    text = text_of(examples_of(**changes).of(crowd.cases("test")[0]))
    assert here in text
    assert gone not in text


def test_the_note_explains_the_vectors_and_can_be_left_out(crowd, examples_of):
    case = crowd.cases("test")[0]
    assert "difference vector holds" in examples_of().of(case).messages[0]["content"]
    assert "vector" not in examples_of(with_note=False).of(case).messages[0]["content"]


def test_at_the_length_limit_the_oldest_record_goes_with_its_vectors(crowd, examples_of):
    case = crowd.cases("test")[0]
    whole = examples_of().of(case)
    short = examples_of(max_prompt_tokens=len(whole.token_ids) - 1).of(case)
    assert short.shown.tolist() == [False, True, True]
    assert "text-of-r004" not in text_of(short)
    assert min(short.slots[short.slots >= 0]) == row(examples_of().settings, "his", 1)
    assert short.left_out
    assert "r004" not in short.record_ids
    assert {"r008", "r012"} <= set(short.record_ids)


def test_a_prompt_that_cannot_fit_is_one_clear_error(crowd, examples_of):
    with pytest.raises(InputError, match="does not fit"):
        examples_of(max_prompt_tokens=40).of(crowd.cases("test")[0])


def test_the_real_text_ends_with_the_end_token_unless_it_is_cut(crowd, examples_of, llm):
    case = crowd.cases("test")[0]
    assert examples_of().of(case, 500).target_ids[-1] == llm.tokens.end_id
    cut = examples_of().of(case, 10).target_ids
    assert len(cut) == 10
    assert cut[-1] != llm.tokens.end_id


def test_another_user_s_vectors_stand_under_the_own_words(crowd, examples_of):
    own, other = crowd.cases("test")[:2]
    examples = examples_of()
    mixed = examples.of(own, vectors_of=other)
    assert text_of(mixed) == text_of(examples.of(own))
    np.testing.assert_array_equal(mixed.past.his, examples.of(other).past.his)


def test_the_held_out_text_is_in_no_vector_of_another_user(crowd, examples_of):
    case, examples = crowd.cases("test")[0], examples_of(time_rule="paper")
    for user in crowd.users():
        if user != case.user_id and crowd.history(user, case.moment):
            mixed = examples.of(case, vectors_of=replace(case, user_id=user))
            own = {record.id for record in crowd.history(case.user_id, (2**62, ""))}
            assert not own & {peer for peers in mixed.past.peer_ids for peer in peers}


def test_words_that_pass_for_a_place_get_none(crowd, llm):
    class Claiming:
        def __getattr__(self, name):
            return getattr(crowd, name)

        def history(self, user_id, before):
            return [replace(record, text=f"\ue000{record.text}\uf8ff") for record in crowd.history(user_id, before)]

    examples = Examples(Claiming(), HashingEncoder(DIM), llm.tokens, open_task(), SETTINGS)
    example = examples.of(crowd.cases("test")[0])
    assert (example.slots >= 0).sum() == 3 * 2 * 3


class ListeningEncoder:
    """Keeps what it was asked for; asked for nothing, it does not know its width."""

    name = f"hashing:{DIM}"

    def __init__(self):
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        return HashingEncoder(DIM).encode(texts) if texts else np.zeros((0, 0), np.float32)


@pytest.mark.parametrize(("kind", "asks"), [("dep", False), ("prompt_tuning", False), ("pplug", True)])
def test_only_pplug_embeds_what_is_asked_for(crowd, llm, kind, asks):
    encoder = ListeningEncoder()
    examples = Examples(crowd, encoder, llm.tokens, open_task(), replace(SETTINGS, kind=kind))
    cases = crowd.cases("test")
    for case in (*cases[:2], replace(cases[0], user_id="nobody")):
        request = examples.of(case).request
        assert request.shape == (DIM,)
        assert request.any() == asks
    assert any("Item 7" in text for text in encoder.asked) == asks


def nll(data, examples, module):
    batch = collate(examples, 3)
    with torch.no_grad():
        return text_nll(data.llm.model, module(batch.inputs).bank, batch)


def test_padding_and_company_change_no_loss(data_of):
    data = data_of()
    module = data.untrained_module(0)
    examples = [data.examples[0], replace(data.examples[1], target_ids=data.examples[1].target_ids[:7])]
    together = nll(data, examples, module)
    alone = torch.cat([nll(data, [example], module) for example in examples])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(nll(data, examples[::-1], module).flip(0), together, atol=1e-4, rtol=1e-4)


def test_negatives_are_the_vectors_of_the_next_example(data_of):
    batch = collate(data_of().examples[:3], 3)
    rolled = with_in_batch_negatives(batch)
    torch.testing.assert_close(rolled.inputs.his[1], batch.inputs.his[0])
    assert torch.equal(rolled.token_ids, batch.token_ids)


def test_negatives_of_records_at_other_places_stand_at_the_own_place(crowd, examples_of):
    examples = examples_of(with_text=False)
    cases = crowd.cases("test")[:2]
    made = [examples.of(case, 8, past=[crowd.record(f"r00{n}")], first_place=n) for n, case in enumerate(cases, 1)]
    rolled = with_in_batch_negatives(collate(made, 3)).inputs
    assert rolled.shown.tolist() == [[False, True, False], [False, False, True]]
    for place, other in ((1, 1), (2, 0)):
        np.testing.assert_array_equal(rolled.his[place - 1, place].numpy(), made[other].past.his[0])


def test_batches_hold_every_example_once_and_depend_on_seed_and_epoch():
    lengths = [n * 7 % 50 for n in range(103)]
    found = list(batches(lengths, 4, seed=1, epoch=0))
    assert sorted(place for batch in found for place in batch) == list(range(103))
    assert found == list(batches(lengths, 4, seed=1, epoch=0))
    assert found != list(batches(lengths, 4, seed=1, epoch=1))
    spread = [max(lengths[place] for place in batch) - min(lengths[place] for place in batch) for batch in found]
    assert sum(spread) / len(spread) < 8


def test_representatives_need_a_selector(examples_of):
    with pytest.raises(InputError, match="representatives=2, and no selector was given"):
        examples_of(representatives=2)


@pytest.mark.parametrize("with_text", [True, False])
def test_in_turns_each_record_s_vectors_are_in_its_own_answer(crowd, examples_of, with_text):
    case = crowd.cases("test")[0]
    examples = examples_of(layout="turns", tokens_per_vector=2, with_text=with_text)
    example = examples.of(case)
    assert [m["role"] for m in example.messages] == ["system", *["user", "assistant"] * 3, "user"]
    assert "difference vector holds" in example.messages[0]["content"]
    for place, record in enumerate(crowd.history("u0", case.moment)[-3:]):
        asked, answered = (example.messages[1 + 2 * place + n]["content"] for n in (0, 1))
        rows = [row(examples.settings, signal, place) + n for signal in ("his", "diff") for n in range(4)]
        vectors = "".join(slots(number, 1) for number in rows)
        assert asked.startswith(f"> Item: {crowd.item(record.item_id).title}")
        assert answered == (f"{vectors}\n{record.text.strip()}" if with_text else vectors)
    assert example.messages[-1]["content"].startswith("> Item: Item 7")
    assert sorted(example.slots[example.slots >= 0]) == list(range(3 * 2 * 4))


def test_in_turns_the_oldest_turn_goes_at_the_length_limit(crowd, examples_of):
    case = crowd.cases("test")[0]
    whole = examples_of(layout="turns").of(case)
    short = examples_of(layout="turns", max_prompt_tokens=len(whole.token_ids) - 1).of(case)
    assert short.shown.tolist() == [False, True, True]
    assert [m["role"] for m in short.messages] == ["system", *["user", "assistant"] * 2, "user"]
