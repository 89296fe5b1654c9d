"""Pairs of real reviews, WordNet where it is at hand, and a WordNet of a few words where it is not."""

import gzip
import json
import os
from collections import defaultdict
from itertools import islice
from pathlib import Path

import nltk
import pytest

from unlike.evaluate.metrics import meteor, treebank

REPOSITORY = Path(__file__).resolve().parents[3]
OURS = (meteor.open_wordnet, treebank.open_tokenizer, treebank.word_tokenize, meteor.open_stems, treebank.downloaded)
FRESH = (*OURS, nltk.tokenize._get_punkt_tokenizer)


@pytest.fixture(scope="session")
def real_pairs(real_data):
    """500 pairs of reviews, each of one item by two people."""
    by_item = defaultdict(list)
    with gzip.open(real_data / "reviews.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            by_item[row["asin"]].append(row["text"])
    pairs = (pair for texts in by_item.values() for pair in zip(texts[::2], texts[1::2], strict=False))
    return list(islice(pairs, 500))


@pytest.fixture
def fresh_caches():
    """Nothing remembered from before, nothing left for after."""
    for function in FRESH:
        function.cache_clear()
    yield
    for function in FRESH:
        function.cache_clear()


@pytest.fixture
def full_wordnet(monkeypatch, fresh_caches):
    """WordNet and punkt_tab as NLTK's downloader gives them."""
    beside = REPOSITORY.parent / "shared" / "nltk_data"
    folder = Path(os.environ.get("NLTK_DATA", beside))
    if not (folder / "corpora").is_dir():
        pytest.skip(f"NLTK's data is not at {folder}; set NLTK_DATA to a folder with wordnet and punkt_tab")
    monkeypatch.setattr(nltk.data, "path", [str(folder)])


@pytest.fixture
def tiny_wordnet(tmp_path, monkeypatch, fresh_caches):
    """WordNet's files with five words, and a sentence model that knows no abbreviation."""
    wordnet_folder = tmp_path / "corpora" / "wordnet"
    punkt = tmp_path / "tokenizers" / "punkt_tab" / "english"
    wordnet_folder.mkdir(parents=True)
    punkt.mkdir(parents=True)
    for name in ("abbrev_types.txt", "collocations.tab", "ortho_context.tab", "sent_starters.txt"):
        (punkt / name).write_text("")
    synsets = {
        "noun": ["03 n 02 car 0 auto 0 000 | a machine", "03 n 02 child 0 sports_car 0 000 | others"],
        "verb": ["03 v 02 ran 0 hurry 0 000 | to go fast"],
        "adj": ["03 s 02 abundant 0 galore(ip) 0 000 | in plenty"],
        "adv": ["03 r 01 fast 0 000 | quickly"],
    }
    words = {
        "noun": [("auto", 0), ("car", 0), ("child", 1)],
        "verb": [("hurry", 0), ("ran", 0)],
        "adj": [("galore", 0)],
        "adv": [("fast", 0)],
    }
    exceptions = {"noun": "children child\n", "verb": "", "adj": "", "adv": ""}
    for part, lines in synsets.items():
        data, offsets = "  1 The head of a file is indented.\n", []
        for line in lines:
            offsets.append(len(data))
            data += f"{len(data):08} {line}\n"
        index = "  1 head\n" + "".join(f"{word} {part[0]} 1 0 1 0 {offsets[n]:08}\n" for word, n in words[part])
        (wordnet_folder / f"data.{part}").write_text(data)
        (wordnet_folder / f"index.{part}").write_text(index)
        (wordnet_folder / f"{part}.exc").write_text(exceptions[part])
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    return tmp_path


@pytest.fixture
def no_nltk_data(tmp_path, monkeypatch, fresh_caches):
    """No data anywhere and nothing to download; holds what was asked for."""
    asked = []
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(nltk, "download", lambda package, **options: asked.append(package))
    return asked
