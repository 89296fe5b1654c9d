"""What is trained on: the latest cases of each user, of one corpus or of several together."""

from dataclasses import replace

import numpy as np
import pytest

from tests.latent.conftest import DIM, SETTINGS, TRAINING
from tests.worlds import world
from unlike.data.corpus import Corpus
from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.experiments.watch import Watch
from unlike.latent.adapter import new_module, save_adapter
from unlike.latent.batch import inputs_of
from unlike.latent.modules import row
from unlike.latent.settings import Recipe
from unlike.latent.training_data import (
    corpus_hash,
    training_cases,
    training_data,
    validation_cases,
    warm_start_records,
)
from unlike.prompts.task import BUILT_IN, open_task

BOOKS = [(user, item, item * 2 + user) for item in range(2) for user in range(2)] + [(0, 6, 10), (0, 7, 11), (1, 6, 12)]
FILMS = [(user, item, item * 3 + user) for item in (2, 3) for user in range(2)] + [(0, 8, 20), (0, 9, 21), (1, 8, 22)]


def split(writings):
    """The last three records are a user's two training targets and another's validation target."""
    made = world(writings, targets=range(len(writings) - 3, len(writings)))
    splits = ("train", "train", "validation")
    cases = [replace(case, split=name) for case, name in zip(made.cases("test"), splits, strict=True)]
    return Corpus(made.records(), [made.item(f"i{n}") for _, n, _ in writings], cases)


@pytest.fixture(scope="module")
def corpora():
    return [split(BOOKS), split(FILMS)]


def test_the_latest_cases_of_each_user_count_in_each_corpus(corpora):
    books, films = corpora
    found = training_cases(corpora, TRAINING)
    assert [(corpus, case.user_id, case.item_id) for corpus, case in found] == [
        (books, "u0", "i7"),
        (films, "u0", "i9"),
    ]
    assert len(training_cases(corpora, replace(TRAINING, max_targets=2))) == 4


def test_validation_cases_are_drawn_from_all_corpora_together(corpora):
    assert {corpus for corpus, _ in validation_cases(corpora, TRAINING)} == set(corpora)
    assert len(validation_cases(corpora, replace(TRAINING, validation=1))) == 1


def test_one_adapter_for_several_corpora_keeps_histories_apart(corpora, llm):
    recipe = Recipe(SETTINGS, TRAINING)

    def made(those):
        return training_data(those, llm, HashingEncoder(DIM), open_task(), recipe, salt="s")

    both, alone = made(corpora), [made([corpus]) for corpus in corpora]
    for together, own in zip(both.examples, [data.examples[0] for data in alone], strict=True):
        np.testing.assert_array_equal(together.token_ids, own.token_ids)
        np.testing.assert_array_equal(together.past.diff, own.past.diff)
    assert len(both.validation) == 2
    assert both.metadata.corpus_hash not in {data.metadata.corpus_hash for data in alone}
    assert alone[0].metadata.corpus_hash == corpora[0].hash == corpus_hash(corpora[:1])
    assert both.metadata.users == alone[0].metadata.users  # one user in both


def test_each_example_is_reported_when_it_is_made(corpora, llm):
    counted = []
    given = (corpora, llm, HashingEncoder(DIM), open_task(), Recipe(SETTINGS, TRAINING))
    data = training_data(*given, on_example=lambda *done: counted.append(done))
    assert counted == [(n, len(data.examples)) for n in range(1, len(data.examples) + 1)]


def test_an_adapter_knows_the_prompts_it_was_trained_with(corpora, llm, tmp_path):
    data = training_data(corpora[:1], llm, HashingEncoder(DIM), open_task(), Recipe(SETTINGS, TRAINING))
    trained = replace(data.metadata, training={"plan": data.plan(TRAINING)})
    adapter = save_adapter(tmp_path / "adapter", new_module(trained), trained)
    assert adapter.knows_prompts(open_task())
    assert not adapter.knows_prompts(open_task("mail"))
    lines = []
    Watch(say=lines.append).other_prompts([tmp_path / "adapter"], open_task())
    Watch(say=lines.append).other_prompts([tmp_path / "adapter"], open_task("mail"))
    assert [line.partition(" was ")[2][:46] for line in lines] == [
        "trained with another task or other prompts than"[:46]
    ]
    unknown = save_adapter(tmp_path / "unknown", new_module(data.metadata), data.metadata)
    assert unknown.knows_prompts(open_task("mail")), "an adapter that does not say"


def test_the_plan_changes_with_the_templates_and_the_words_of_the_task(corpora, llm, tmp_path):
    def prompts(task):
        return training_data(corpora[:1], llm, HashingEncoder(DIM), task, Recipe(SETTINGS, TRAINING)).plan(TRAINING)[
            "prompts"
        ]

    words = (BUILT_IN / "review" / "task.toml").read_text().replace('"item"', '"book"')
    (tmp_path / "task.toml").write_text(words)
    tasks = (open_task("review"), open_task("review_papers"), open_task("review", tmp_path))
    assert len({prompts(task) for task in tasks}) == 3
    assert prompts(open_task("review")) == prompts(open_task())


def test_a_corpus_without_training_cases_is_an_error():
    with pytest.raises(InputError, match="no cases in split 'train'"):
        training_cases([world(BOOKS, targets=[6])], TRAINING)


def test_a_warm_start_writes_the_training_users_records_before_any_held_out_text(corpora):
    settings = replace(TRAINING, warm_start_steps=99)
    found = warm_start_records(corpora, settings)
    targets = {(corpus, record.id) for corpus, record in found}
    books, films = corpora
    assert len(targets) == len(found) == 2 * 4  # two records and two training targets of u0, in each corpus
    assert {record.user_id for _, record in found} == {"u0"}
    assert {("i0", "i1", "i6", "i7"), ("i2", "i3", "i8", "i9")} == {
        tuple(sorted(record.item_id for corpus, record in found if corpus is own)) for own in (books, films)
    }
    assert warm_start_records(corpora, settings) == found
    assert len(warm_start_records(corpora, replace(settings, warm_start_steps=1))) == TRAINING.batch
    assert warm_start_records(corpora, TRAINING) == []


@pytest.fixture
def shared_items():
    """u0 and others on the same items; u0's third text is held out, and a fourth was written later."""
    writings = [(0, 0, 1), (0, 1, 2), (0, 2, 3), (0, 3, 4), (1, 1, 1), (1, 0, 5), (2, 1, 6)]
    made = world(writings, targets=range(1, 6))
    splits = {"r001": "train", "r002": "validation", "r005": "test"}
    cases = [replace(case, split=splits[case.id]) for case in made.cases("test") if case.id in splits]
    return Corpus(made.records(), [made.item(f"i{n}") for n in range(4)], cases)


def test_a_warm_start_never_sees_a_held_out_text_nor_what_came_after_it(shared_items):
    found = warm_start_records([shared_items], replace(TRAINING, warm_start_steps=9))
    assert sorted(record.id for _, record in found) == ["r000", "r001"]


def test_the_prompt_of_a_warm_start_has_a_record_s_vectors_and_not_its_words(shared_items, llm):
    recipe = Recipe(SETTINGS, replace(TRAINING, warm_start_steps=9, warm_start_tokens=12))
    data = training_data([shared_items], llm, HashingEncoder(DIM), open_task(), recipe, salt="s")
    assert {example.case.id: example.past.peer_ids for example in data.warm_start} == {
        "r000": ((),),
        "r001": (("r004",),),  # of the two others on the item, the one who wrote before
    }
    for example in data.warm_start:
        assert example.past.record_ids == (example.case.id,)
        assert f"text-of-{example.case.id}" not in example.messages[-1]["content"]
        assert llm.tokens.decode(example.target_ids) == example.case.reference[:12]


def test_the_records_of_a_warm_start_take_all_places_in_turn(corpora, llm):
    recipe = Recipe(SETTINGS, replace(TRAINING, warm_start_steps=9))
    data = training_data(corpora, llm, HashingEncoder(DIM), open_task(), recipe, salt="s")
    assert [example.first_place for example in data.warm_start] == [0, 1, 2, 0, 1, 2, 0, 1]
    for example in data.warm_start:
        found = example.slots[example.slots >= 0].tolist()
        assert found == [row(SETTINGS, name, example.first_place) + n for name in ("his", "diff") for n in range(3)]
    inputs = inputs_of(data.warm_start, SETTINGS.n_records)
    assert inputs.shown.int().argmax(dim=1).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert inputs.shown.sum(dim=1).tolist() == [1] * 8
    np.testing.assert_array_equal(inputs.his[4, 1].numpy(), data.warm_start[4].past.his[0])
