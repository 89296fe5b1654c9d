"""The figures on deviations are those of their command, where no encoder decides them."""

import importlib.util

import pytest

from tests.docs.page import DOCS, PAGES
from unlike.api import sample_corpus
from unlike.embed.open import open_encoder


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("measure_deviations", DOCS / "_build" / "measure_deviations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    encoder = open_encoder("hashing:64", tmp_path_factory.mktemp("cache") / "vectors.sqlite")
    return dict(module.measured(sample_corpus(), encoder))


@pytest.mark.parametrize(
    ("name", "on_the_page"),
    [
        ("test cases", "sample (21 test cases)"),
        ("others a recent record can be compared with, as_of: mean", "15.7"),
        ("others a recent record can be compared with, paper: mean", "17.1"),
        ("others in the pool of DPL's released code: mean", "13.6"),
        ("others in the pool of DEP's released code: mean", "11.0"),
        ("clusterings asked for, time rule paper", "sample's 168 comparisons"),
        ("different sets of texts among them", "need 16 clusterings"),
        ("cases where text and vectors would be of different records", "0.0 %"),
    ],
)
def test_figures_of_the_sample(name, on_the_page, figures):
    assert on_the_page in PAGES["deviations.md"].read_text(encoding="utf-8")
    figure = float(figures[name].rstrip("%"))
    said = float(next(word for word in on_the_page.replace("(", " ").split() if word[0].isdigit()))
    assert abs(figure - said) <= 0.05


def test_a_plain_and_a_weighted_mean_hardly_differ(figures):
    assert float(figures["cosine of plain mean and weighted mean: least"]) > 0.999
