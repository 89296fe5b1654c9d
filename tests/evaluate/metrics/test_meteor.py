from types import SimpleNamespace

import nltk
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nltk.corpus.reader.wordnet import WordNetCorpusReader
from nltk.translate.meteor_score import single_meteor_score

from unlike.errors import MissingPart
from unlike.evaluate.metrics import meteor as wordnet
from unlike.evaluate.metrics import treebank as nltk_data
from unlike.evaluate.metrics.meteor import align, find_data, meteor, meteor_of_words, open_wordnet
from unlike.evaluate.metrics.treebank import CONTRACTIONS, NEEDS, open_tokenizer

# The fixtures only point at data, which no example changes.
any_example = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

pieces = ["It's", "cannot", "gonna", "wan na", '"quoted"', "don't", "U.S.", "e.g.", "...", "--", "3,50", "a:b", "(x)"]
pieces += [
    "'tis",
    "o'clock'",
    "«so»",
    "“hm”",
    "end.",
    "What?!",
    "''",
    "``",
    "l’été",
    "GIMME",
    "gımme",
    "\n",
    "  ",
    "\x1c",
]
sentences = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(pieces), max_size=12).map(" ".join))
words = st.lists(
    st.sampled_from(
        ["car", "auto", "Cars", "child", "children", "ran", "hurried", "galore", "abundant", "fast", ".", "x"]
    ),
    max_size=25,
)


class TinySynsets:
    """The tiny WordNet as NLTK's METEOR asks for it: synsets that hold lemmas that hold a name."""

    def synsets(self, word):
        names = open_wordnet().synonyms(word)
        return [SimpleNamespace(lemmas=lambda: [SimpleNamespace(name=lambda name=name: name) for name in names])]


@any_example
@given(words, words)
def test_alignment_equal_to_nltk(tiny_wordnet, generated, real):
    expected = single_meteor_score(real, generated, wordnet=TinySynsets())
    assert meteor_of_words(generated, real) == pytest.approx(expected, abs=1e-9)
    assert 0.0 <= meteor_of_words(generated, real) <= 1.0


@any_example
@given(sentences)
def test_words_equal_to_nltk(tiny_wordnet, text):
    assert open_tokenizer().words(text) == nltk.word_tokenize(text)


def test_every_pattern_of_nltk_is_known(tiny_wordnet):
    """One that is not would run always: right, but slow."""
    tokenizer = nltk.tokenize.NLTKWordTokenizer
    tables = [*tokenizer.STARTING_QUOTES, *tokenizer.PUNCTUATION, *tokenizer.ENDING_QUOTES]
    tables += [tokenizer.PARENS_BRACKETS, tokenizer.DOUBLE_DASHES]
    unknown = [pattern.pattern for pattern, _ in tables if pattern.pattern not in NEEDS]
    assert [source for source in unknown if source != r"\s+" and r"(\.)" not in source] == []
    assert {pattern.pattern for pattern in (*tokenizer.CONTRACTIONS2, *tokenizer.CONTRACTIONS3)} == set(CONTRACTIONS)


def test_stages(tiny_wordnet):
    """Exact first, then by stem, then by synonym of the stem; the last free word is taken."""
    assert align(["car", "auto"], ["auto", "car", "car"]) == [(0, 2), (1, 0)]
    assert align(["cars"], ["x", "car"]) == [(0, 1)]
    assert align(["cars"], ["auto", "x", "autos"]) == [(0, 2)]


def test_synonyms(tiny_wordnet):
    assert open_wordnet().synonyms("cars") == {"cars", "car", "auto"}
    assert open_wordnet().synonyms("children") == {"children", "child"}  # exception; the compound is left out
    assert open_wordnet().synonyms("galore") == {"galore", "abundant"}
    assert open_wordnet().synonyms("unknown") == {"unknown"}


@pytest.mark.parametrize(("text", "reference"), [("", "a car"), ("a car", ""), ("", ""), ("yes", "no")])
def test_without_a_match_zero(tiny_wordnet, text, reference):
    assert meteor([text], [reference]) == [0.0]


@pytest.mark.real_data
@pytest.mark.parametrize("n_pairs", [150, pytest.param(500, marks=pytest.mark.soak)])
def test_equal_to_nltk_on_real_pairs(real_pairs, full_wordnet, n_pairs):
    pairs = real_pairs[:n_pairs]
    assert len(pairs) == n_pairs
    expected = [
        single_meteor_score(nltk.word_tokenize(real), nltk.word_tokenize(generated)) for generated, real in pairs
    ]
    assert meteor(*zip(*pairs, strict=True)) == pytest.approx(expected, abs=1e-9)
    assert find_data()


@pytest.mark.real_data
def test_synonyms_equal_to_nltk_on_words_of_wordnet(full_wordnet):
    """Every 50th word of WordNet, and an inflected form of it."""
    reader = nltk.corpus.wordnet
    names = sorted(set(reader.all_lemma_names()))[::50]
    for word in (form for name in names for form in (name, f"{name}s", f"{name}ing", f"{name}est")):
        lemmas = {lemma.name() for synset in reader.synsets(word) for lemma in synset.lemmas()}
        assert open_wordnet().synonyms(word) == {name for name in lemmas if "_" not in name} | {word}


def test_rules_of_detachment_are_those_of_nltk():
    tags = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
    for part, rules in wordnet.ENDINGS.items():
        expected = WordNetCorpusReader.MORPHOLOGICAL_SUBSTITUTIONS[tags[part]]
        assert [tuple(rule.split(":")) for rule in rules.split()] == expected


def test_missing_data_is_asked_for_once_and_says_what_to_do(no_nltk_data):
    for _ in range(2):
        with pytest.raises(MissingPart, match="python -m nltk.downloader wordnet punkt_tab"):
            meteor(["a"], ["b"])
    assert no_nltk_data == ["punkt_tab"]


def test_data_that_can_be_downloaded_is(no_nltk_data, tiny_wordnet, monkeypatch):
    here, nltk.data.path[:] = list(nltk.data.path), []

    def download(package, **options):
        nltk.data.path[:] = here
        return True

    monkeypatch.setattr(nltk, "download", download)
    assert nltk_data.find("wordnet", "corpora/wordnet").join("index.adv").open().read().startswith(b"  1 head")
