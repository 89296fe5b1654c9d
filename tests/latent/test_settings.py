"""Recipes: what a preset, a kind and what is given make together."""

import pytest

from unlike.errors import InputError
from unlike.latent.settings import RECIPES, AdapterSettings, recipe


@pytest.mark.parametrize("preset", sorted(RECIPES))
def test_pplug_attends_over_the_history_and_shows_no_words(preset):
    plug = recipe(preset, "pplug").adapter
    assert (plug.n_records, plug.with_text) == (64, False)
    assert (recipe(preset).adapter.n_records, recipe(preset).adapter.with_text) == (
        RECIPES[preset].adapter.n_records,
        True,
    )


def test_what_is_given_stands_above_what_a_kind_sets():
    given = recipe("small", "pplug", {"n_records": "5", "with_text": "true"}).adapter
    assert (given.n_records, given.with_text) == (5, True)
    assert recipe("small", "dep", {"kind": "pplug"}).adapter.n_records == 64


def test_the_paper_s_recipe_is_the_settings_as_they_are():
    assert recipe("paper").adapter == AdapterSettings()


def test_the_paper_s_training_has_the_numbers_of_its_appendix_c():
    adapter, train = recipe("paper").adapter, recipe("paper").train
    assert (adapter.n_records, adapter.latent_share, adapter.initialisation, adapter.max_prompt_tokens) == (
        8, 0.5, "xavier", 2048,
    )  # fmt: skip
    assert (train.learning_rate, train.weight_decay, train.warmup, train.batch, train.accumulate, train.epochs) == (
        1e-5, 0.025, 0.01, 1, 16, 5,
    )  # fmt: skip
    assert (train.weights.recon, train.weights.sparse, train.weights.rho) == (100, 1e-3, 0.05)
    assert (train.max_targets, train.validation, train.choose_by, train.precision) == (1, 512, "meteor", "bfloat16")


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(InputError, match=r"kind=lora: .*unknown setting 'speed'.*batch=many"):
        recipe("paper", "lora", {"speed": 3, "batch": "many"})
    with pytest.raises(InputError, match="unknown training preset: 'large'; allowed are paper, released, small"):
        recipe("large")


@pytest.mark.parametrize("preset", sorted(RECIPES))
def test_what_the_papers_do_not_have_is_off_in_every_preset(preset):
    adapter, train = recipe(preset).adapter, recipe(preset).train
    assert (adapter.tokens_per_vector, adapter.layout, train.warm_start_steps) == (1, "single", 0)


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_contrast_needs_batches_of_two(preset):
    with pytest.raises(InputError, match="contrast=0.5 with batch=1: .*set batch=2 or more"):
        recipe(preset, "dep", {"contrast": "0.5"})
    assert recipe(preset, "dep", {"contrast": "0.5", "batch": "2"}).train.weights.contrast == 0.5


@pytest.mark.parametrize("n", [1, 8])
def test_a_vector_may_have_one_to_eight_soft_tokens(n):
    assert recipe("small", "dep", {"tokens_per_vector": str(n)}).adapter.tokens_per_vector == n


@pytest.mark.parametrize(
    ("name", "value"),
    [("tokens_per_vector", 0), ("tokens_per_vector", 9), ("warm_start_steps", -1), ("layout", "both")],
)
def test_values_outside_what_is_allowed_are_refused(name, value):
    with pytest.raises(InputError, match=f"{name}={value}: Input should be"):
        recipe("small", "dep", {name: value})
