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


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(InputError, match=r"kind=lora: .*unknown setting 'speed'.*batch=many"):
        recipe("paper", "lora", {"speed": 3, "batch": "many"})
    with pytest.raises(InputError, match="unknown training preset: 'large'; allowed are paper, released, small"):
        recipe("large")
