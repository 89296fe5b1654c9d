"""Every metric of texts on texts cut to equal length, and the texts of others that leakage is held against."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.worlds import kit_for, world

from unlike.errors import InputError
from unlike.evaluate.metrics import METRICS, open_metric
from unlike.evaluate.metrics.score import peers_of
from unlike.evaluate.running.run_method import Job, generation
from unlike.language import first_words
from unlike.methods.table import ADAPTED, METHODS
from unlike.records import texts_of
from unlike.sync import wait_for

REAL = "The lamp, I admit, is small; yet it lights the whole table as well as the old one did."
PADDING = " It also comes in a box, with a leaflet, and the lamp is the lamp."
ON_WORDS = ["rouge1", "rouge2", "rougeL", "bleu", "bleu_sentence", "meteor", "distinct1", "distinct2"]

words = st.lists(st.sampled_from(["the", "lamp", "is", "small,", "not", "bright"]), max_size=12).map(" ".join)

READ_PEERS = {
    *("dpl", "dpl_verified", "dpl_stranger", "dpl_other_item", "drp", "drp_filtered"),
    *("cicl", "cicl_pairs", "persona_db", "stored_profile"),
}


def value(name, text, reference):
    metric = open_metric(name)
    return metric.corpus([text], [reference]) if metric.corpus else metric.per_case([text], [reference])[0]


@pytest.mark.parametrize("name", ON_WORDS)
def test_padding_gains_and_loses_nothing_where_it_is_cut(name, tiny_wordnet):
    assert value(f"{name}_cut", REAL + PADDING, REAL) == value(name, REAL, REAL)
    assert value(name, REAL + PADDING, REAL) != value(name, REAL, REAL)


@pytest.mark.parametrize("name", ON_WORDS)
def test_the_real_text_is_cut_too(name, tiny_wordnet):
    assert value(f"{name}_cut", first_words(REAL, 9), REAL) == value(name, first_words(REAL, 9), first_words(REAL, 9))


@given(words, words)
def test_cut_is_the_metric_on_both_texts_cut(text, reference):
    n_words = min(len(text.split()), len(reference.split()))
    expected = value("rouge2", first_words(text, n_words), first_words(reference, n_words)) if n_words else 0.0
    assert value("rouge2_cut", text, reference) == expected


@pytest.mark.parametrize("name", ON_WORDS)
def test_an_empty_text_scores_as_it_does_whole(name, tiny_wordnet):
    assert value(f"{name}_cut", "", REAL) == value(name, "", REAL)


def test_names_and_labels():
    for name, metric in METRICS.items():
        if metric.has_cut:
            cut_one = open_metric(f"{name}_cut")
            assert (cut_one.name, cut_one.label) == (f"{name}_cut", f"{metric.label} (cut)")
            assert (cut_one.scale, cut_one.needs) == (metric.scale, "reference")
            assert (cut_one.per_case is None) == (metric.per_case is None)


@pytest.mark.parametrize("name", ["length_ratio_cut", "leakage_cut"])
def test_what_has_no_meaning_at_equal_length_is_refused(name):
    with pytest.raises(InputError, match=f"'{name}' is not offered"):
        open_metric(name)


def test_an_unknown_name_says_what_is_made_on_demand():
    with pytest.raises(InputError, match=r"'rogue1_cut'; allowed are rouge1, .*bertscore:MODEL@LAYER.*_cut"):
        open_metric("rogue1_cut")


# Peers by their traces ----------------------------------------------------------------------------------------------

CORPUS = world([(u, i, 1 + u) for u in range(4) for i in range(3)] + [(0, 3, 9)], targets=[12])


def row(method):
    return wait_for(
        generation(Job(method, METHODS[method], (), kit_for(CORPUS, n_records=2, n_peers=2)), CORPUS.cases()[0])
    )


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ADAPTED])
def test_peers_are_others_whose_texts_a_method_read(method):
    generated = row(method)
    assert generated.status == "done"
    texts = peers_of([generated], CORPUS)["r012"]
    assert bool(texts) == (method in READ_PEERS)
    assert all(" by u0 on " not in text for text in texts)
    assert len(set(texts)) == len(texts)


def test_peers_are_those_the_trace_names():
    named = [name for d in row("dpl").trace["differences"] for name in d["representatives"]]
    assert peers_of([row("dpl")], CORPUS)["r012"] == texts_of(map(CORPUS.record, dict.fromkeys(named)))


def test_leakage_of_a_run_is_held_against_them():
    peers = peers_of([row("dpl")], CORPUS)
    assert open_metric("leakage").per_case([peers["r012"][0]], [peers["r012"]])[0] > 5


def test_a_corpus_of_another_run_is_noticed():
    with pytest.raises(InputError, match="is this the corpus of that run"):
        peers_of([row("dpl")], world([(0, 0, 1)]))
