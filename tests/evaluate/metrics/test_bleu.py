import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from unlike.evaluate.metrics.bleu import bleu, bleu_sentence

few_words = st.lists(st.sampled_from(["the", "cat", "sat", ".", "it's", "$3.50", "été"]), max_size=20)
texts = st.one_of(st.text(max_size=60), few_words.map(" ".join))


@pytest.mark.real_data
def test_equal_to_sacrebleu_on_real_pairs(real_pairs):
    generated, real = zip(*real_pairs, strict=True)
    assert bleu(generated, real) == pytest.approx(sacrebleu.corpus_bleu(generated, [real]).score, abs=1e-9)
    expected = [sacrebleu.sentence_bleu(text, [reference]).score for text, reference in real_pairs]
    assert bleu_sentence(generated, real) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_equal_to_sacrebleu_on_any_text(pairs):
    generated, real = zip(*pairs, strict=True)
    assert bleu(generated, real, "english") == pytest.approx(sacrebleu.corpus_bleu(generated, [real]).score, abs=1e-9)
    assert 0.0 <= bleu(generated, real) <= 100.0 + 1e-9
    assert all(0.0 <= value <= 100.0 + 1e-9 for value in bleu_sentence(generated, real))


def test_the_same_text_scores_a_hundred():
    text = "The lamp is small, bright and never warm."
    assert bleu([text], [text]) == pytest.approx(100.0)
    assert bleu_sentence([text], [text]) == pytest.approx([100.0])
