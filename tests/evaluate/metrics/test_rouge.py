import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from unlike.evaluate.metrics.rouge import rouge1, rouge2, rouge_l

METRICS = {"rouge1": rouge1, "rouge2": rouge2, "rougeL": rouge_l}
SCORER = RougeScorer(list(METRICS))

few_words = st.lists(st.sampled_from(["the", "The", "cat", "sat,", "it's", "42", "été", "-", "猫"]), max_size=30)
texts = st.one_of(st.text(max_size=80), few_words.map(" ".join))


def assert_same(pairs):
    generated, real = zip(*pairs, strict=True)
    expected = [SCORER.score(reference, text) for text, reference in pairs]
    for name, metric in METRICS.items():
        assert metric(generated, real, "english") == pytest.approx(
            [scores[name].fmeasure for scores in expected], abs=1e-9
        )


@pytest.mark.real_data
def test_equal_to_rouge_score_on_real_pairs(real_pairs):
    assert len(real_pairs) == 500
    assert_same(real_pairs)


@given(texts, texts)
def test_equal_to_rouge_score_on_any_text(text, reference):
    assert_same([(text, reference)])


@given(texts, texts)
def test_bounds(text, reference):
    for metric in METRICS.values():
        assert 0.0 <= metric([text], [reference])[0] <= 1.0


@pytest.mark.parametrize(("text", "reference"), [("", "a cat"), ("a cat", ""), ("", ""), ("!", "!")])
def test_a_text_without_tokens_scores_zero(text, reference):
    assert [metric([text], [reference]) for metric in METRICS.values()] == [[0.0]] * 3


@pytest.mark.real_data
def test_perl_rouge_values_of_google_pairs(real_data):
    """Perl ROUGE-1.5.5 without stemmer, as Google's tests record it; tolerance theirs."""
    folder = real_data.parent / "metric_crosscheck"
    real = (folder / "google_rouge_target.txt").read_text().splitlines()
    generated = (folder / "google_rouge_prediction.txt").read_text().splitlines()
    assert rouge1(generated, real) == pytest.approx([0.51163, 0.50000], abs=1e-5)
    assert rouge2(generated, real) == pytest.approx([0.39024, 0.36364], abs=1e-5)
    assert rouge_l(generated, real) == pytest.approx([0.51163, 0.50000], abs=1e-5)
