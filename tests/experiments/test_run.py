"""What a run needs, and what it says of its encoder."""

import json
from types import SimpleNamespace

import pytest

import unlike
from unlike.errors import InputError
from unlike.experiments.run import run
from unlike.experiments.watch import Watch


def test_rag_needs_no_encoder_and_dpl_does(sample, tmp_path):
    corpus, nowhere = unlike.Corpus.open(sample), "hashing:1"
    assert len(run(corpus, "rag", "scripted:echo", tmp_path / "rag", embedder=nowhere, limit=1)) == 1
    with pytest.raises(InputError, match="hashing:1 has no usable size"):
        run(corpus, "dpl", "scripted:echo", tmp_path / "dpl", embedder=nowhere, limit=1)


@pytest.mark.parametrize(
    ("share", "said"), [(0.931, ["warning: short reads the first 256 tokens of a text, 93% of these texts"]), (1.0, [])]
)
def test_how_much_an_encoder_reads_of_long_texts_is_said(share, said):
    lines = []
    encoder = SimpleNamespace(name="short", read_share=lambda texts: (256, share))
    Watch(say=lines.append).cut_texts(encoder, ["a text"])
    Watch(say=lines.append).cut_texts(SimpleNamespace(name="whole"), ["a text"])
    assert lines == said


def test_a_run_of_few_cases_counts_its_calls_and_shows_each(sample, tmp_path, monkeypatch):
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    seen, corpus = [], unlike.Corpus.open(sample)

    def begin(limit):
        seen.clear()
        watch = Watch(lambda *progress: seen.append(progress))
        run(corpus, "dpl", "scripted:echo", tmp_path / "dpl", embedder="hashing:64", limit=limit, watch=watch)
        return [(n_done, n_total) for what, n_done, n_total, _ in seen if what == "dpl, LLM calls"]

    shown, n_calls = begin(1), json.loads((tmp_path / "dpl" / "run.json").read_text())["n_calls"]
    assert n_calls > 3
    assert shown == [*((n, n_calls) for n in range(n_calls + 1)), (n_calls, n_calls)]
    more = begin(2)  # the calls of the first case are in the journal
    assert (more[0], more[-1]) == ((0, n_calls), (n_calls, n_calls))
    assert seen[-1][3].startswith("2 of 2 cases, ")
    begin(2)
    assert {what for what, *_ in seen} == {"dpl"}
