"""The encoder of character n-grams: the same vectors from its file, other names for other fits, and what a file may be."""

import numpy as np
import pytest
from tests.worlds import world

from unlike.embed.ngrams import fit_ngrams, fit_on_corpus, load_ngrams
from unlike.errors import InputError

LOWER = [f"i liked the {word} a lot, really..." for word in ("pen", "lamp", "wool", "tide", "soup")]
UPPER = [f"I LIKED THE {word} A LOT! REALLY!" for word in ("PEN", "LAMP", "WOOL", "TIDE", "SOUP")]


@pytest.fixture
def fitted():
    return fit_ngrams(LOWER + UPPER, 3)


def test_a_file_holds_the_whole_encoder(fitted, tmp_path):
    fitted.save(tmp_path / "new" / "n.npz")
    loaded = load_ngrams(tmp_path / "new" / "n.npz")
    assert loaded.name == fitted.name
    np.testing.assert_array_equal(loaded.encode([*LOWER, "another"]), fitted.encode([*LOWER, "another"]))
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["n.npz"]


def test_a_file_holds_every_n_gram(tmp_path):
    odd = fit_ngrams([*LOWER, "a\0", "\n\0 b", "\ud83d", "🧺"], 3)
    odd.save(tmp_path / "n.npz")
    assert load_ngrams(tmp_path / "n.npz").name == odd.name


def test_its_name_says_what_it_was_fitted_to(fitted):
    assert fitted.name.startswith("ngrams:3:")
    assert fit_ngrams(LOWER + UPPER, 3).name == fitted.name
    assert len({fitted.name, fit_ngrams(LOWER + UPPER, 2).name, fit_ngrams(LOWER, 3).name}) == 3


def test_texts_of_one_habit_are_alike(fitted):
    lower, upper = fitted.encode(LOWER), fitted.encode(UPPER)
    within = min((lower @ lower.T).min(), (upper @ upper.T).min())
    assert within > 0.5 + (lower @ upper.T).max()


def test_texts_of_validation_and_test_cases_are_not_fitted_to():
    writings = [(user, item, item * 9 + user) for item in range(4) for user in range(6)]
    whole, asked = world(writings), world(writings, targets=(0, 1))
    rest = [record.text for record in asked.records() if record.id not in ("r000", "r001")]
    assert fit_on_corpus(asked, 3).name == fit_ngrams(rest, 3).name != fit_on_corpus(whole, 3).name


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 broken"])
def test_another_file_is_one_clear_line(content, tmp_path):
    (tmp_path / "n.npz").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read .* give a file of unlike embed --fit"):
        load_ngrams(tmp_path / "n.npz")


def test_a_file_of_other_arrays_and_none_at_all(tmp_path):
    np.savez(tmp_path / "other.npz", vectors=np.zeros(3))
    with pytest.raises(InputError, match="give a file of unlike embed --fit"):
        load_ngrams(tmp_path / "other.npz")
    with pytest.raises(InputError, match="no such file; make one with: unlike embed --corpus CORPUS --fit 384 --out"):
        load_ngrams(tmp_path / "none.npz")


def test_too_many_dimensions_for_few_texts():
    with pytest.raises(InputError, match="give fewer dimensions"):
        fit_ngrams(["a"], 300)
