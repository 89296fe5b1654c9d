"""Writing and scoring in batches, each text as if it were alone."""

from dataclasses import replace

import pytest
import torch

from tests.llm.tiny_llm import HIDDEN, KINDS, VOCABULARY, tiny_llm
from unlike.errors import CallFailed
from unlike.llm import decode
from unlike.llm.backend import Sampling
from unlike.llm.decode import Row, draw_token, left_padded, nucleus, score, write
from unlike.llm.local_model import open_local_model

GREEDY = Sampling(temperature=0.0, max_tokens=30)
LENGTHS = (3, 40, 11, 25)


@pytest.fixture(scope="module", params=sorted(KINDS))
def local(request, tmp_path_factory):
    return open_local_model(str(tiny_llm(tmp_path_factory.mktemp(request.param), request.param)))


@pytest.fixture(scope="module")
def prompts():
    """(n,) token ids each."""
    random = torch.Generator().manual_seed(3)
    return [torch.randint(0, 256, (length,), generator=random) for length in LENGTHS]


def written(local, prompts, samplings, ends=()):
    rows = [Row(local.embeddings[ids], sampling) for ids, sampling in zip(prompts, samplings, strict=True)]
    return dict(write(local.model, rows, ends))


def test_greedy_is_the_librarys_own(local, prompts):
    for ids in prompts:
        [text] = written(local, [ids], [GREEDY], local.ends).values()
        theirs = local.model.generate(
            ids[None],
            attention_mask=torch.ones_like(ids[None]),
            do_sample=False,
            max_new_tokens=30,
            eos_token_id=list(local.ends),
            pad_token_id=0,
        )
        assert text.token_ids == theirs[0, len(ids) :].tolist()


@pytest.mark.parametrize("temperature", [0.0, 0.8, 1.5])
@pytest.mark.parametrize("top_p", [0.9, 1.0])
def test_a_text_is_the_same_alone_and_in_company(local, prompts, temperature, top_p):
    samplings = [Sampling(temperature, top_p, 25 + place, seed=place) for place in range(len(prompts))]
    together = written(local, prompts, samplings, local.ends)
    alone = [written(local, [ids], [how], local.ends)[0] for ids, how in zip(prompts, samplings, strict=True)]
    assert [together[place] for place in range(len(prompts))] == alone


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_bias_is_added_to_the_logits_of_its_own_text(local, prompts, temperature):
    biased = Sampling(temperature, 1.0, 5, logit_bias=((65, 100.0),))
    plain = replace(biased, logit_bias=())
    together = written(local, prompts[:2], [biased, plain])
    assert together[0].token_ids == [65] * 5
    assert together[1] == written(local, prompts[1:2], [plain])[0] != together[0]


def test_the_score_with_a_bias_is_the_log_softmax_of_the_biased_logits(local, prompts):
    bias, text = ((65, 1.5), (70, -2.0)), torch.tensor([65, 66, 70])
    whole = torch.cat([prompts[0], text])
    logits = local.model(whole[None]).logits[0, len(prompts[0]) - 1 : -1]
    logits[:, 65] += 1.5
    logits[:, 70] -= 2.0
    by_hand = [float(row[token] - row.exp().sum().log()) for row, token in zip(logits, text, strict=True)]
    wholes = [local.embeddings[whole]] * 2
    plain, found = score(local.model, wholes, [text, text], [(), bias])
    assert found.tolist() == pytest.approx(by_hand, abs=1e-5)
    assert plain.tolist() == pytest.approx(score(local.model, wholes[:1], [text])[0].tolist(), abs=1e-6)


def test_the_seed_decides(local, prompts):
    def text(seed):
        return written(local, prompts[:1], [Sampling(1.0, 1.0, 20, seed)])[0].token_ids

    assert text(1) == text(1) == text(1 + 2**63)
    assert len({tuple(text(seed)) for seed in (1, 2, -1)}) == 3


def test_texts_leave_as_they_are_done(local, prompts):
    n_tokens = (9, 2, 30, 2)
    done = list(
        write(
            local.model,
            [Row(local.embeddings[ids], Sampling(0.0, max_tokens=n)) for ids, n in zip(prompts, n_tokens, strict=True)],
            (),
        )
    )
    assert [place for place, _ in done] == [1, 3, 0, 2]
    assert all((len(text.token_ids), text.finish_reason) == (n_tokens[place], "length") for place, text in done)


def test_an_end_token_ends_only_its_own_text(local, prompts):
    free = written(local, prompts, [GREEDY] * 4)
    end = free[0].token_ids[4]
    ended = written(local, prompts, [GREEDY] * 4, (end,))
    for place, text in ended.items():
        cut = free[place].token_ids.index(end) + 1 if end in free[place].token_ids else 30
        assert text.token_ids == free[place].token_ids[:cut]
        assert text.finish_reason == ("stop" if end in free[place].token_ids else "length")
    assert ended[0].finish_reason == "stop"


def test_a_text_given_up_leaves_and_changes_nothing(local, prompts):
    asked = iter([False, False, True])
    rows = [Row(local.embeddings[ids], GREEDY) for ids in prompts]
    rows[1] = Row(rows[1].embeds, GREEDY, lambda: next(asked))
    kept = dict(write(local.model, rows, ()))
    free = written(local, prompts, [GREEDY] * 4)
    assert kept == {place: text for place, text in free.items() if place != 1}
    assert list(asked) == []


def test_scores_are_the_models_loss(local, prompts):
    for ids in prompts:
        labels = ids.clone()
        labels[:2] = -100
        loss = local.model(input_ids=ids[None], labels=labels[None]).loss
        [logprobs] = score(local.model, [local.embeddings[ids]], [ids[2:]])
        assert logprobs.sum().item() == pytest.approx(-loss.item() * (len(ids) - 2), abs=1e-3)
        assert (logprobs < 0).all()


@pytest.mark.parametrize("at_once", [1, 2 * 40 * VOCABULARY, 2**28])
def test_padding_changes_no_score(local, prompts, monkeypatch, at_once):
    monkeypatch.setattr(decode, "LOGITS_AT_ONCE", at_once)
    wholes, texts = [local.embeddings[ids] for ids in prompts], [ids[1:] for ids in prompts]
    together = score(local.model, wholes, texts)
    for whole, text, logprobs in zip(wholes, texts, together, strict=True):
        assert logprobs.shape == text.shape
        assert torch.allclose(logprobs, score(local.model, [whole], [text])[0], atol=1e-5)


def test_a_text_of_nothing_has_no_scores(local, prompts):
    nothing, some = score(local.model, [local.embeddings[ids] for ids in prompts[:2]], [prompts[0][3:], prompts[1][5:]])
    assert (len(nothing), len(some)) == (0, 35)


def test_padding_is_at_the_left():
    rows = [torch.full((n, HIDDEN), float(n)) for n in (2, 4)]
    embeds, mask = left_padded(rows)
    assert mask.tolist() == [[0, 0, 1, 1], [1, 1, 1, 1]]
    assert embeds[..., 0].tolist() == [[0, 0, 2, 2], [4, 4, 4, 4]]


def test_the_nucleus_is_the_fewest_tokens_with_that_much():
    probabilities = torch.tensor([0.1, 0.5, 0.05, 0.3, 0.05])
    for top_p, kept in ((0.0, [1]), (0.5, [1]), (0.51, [1, 3]), (0.85, [0, 1, 3]), (1.0, [0, 1, 2, 3, 4])):
        token_ids, theirs = nucleus(probabilities, top_p)
        assert token_ids.tolist() == kept
        assert torch.equal(theirs, probabilities[token_ids])


@pytest.mark.parametrize("spread", [0.01, 4.0])
def test_the_nucleus_is_the_same_however_few_are_sorted(monkeypatch, spread):
    probabilities = (torch.randn(3000, generator=torch.Generator().manual_seed(0)) * spread).softmax(0)
    few = nucleus(probabilities, 0.9)[0]
    monkeypatch.setattr(decode, "NUCLEUS_TOKENS", 3000)
    assert torch.equal(few, nucleus(probabilities, 0.9)[0])
    assert (len(few) > 1024) == (spread < 1)


def test_draws_follow_the_probabilities():
    logits = torch.tensor([1.0, 3.0, -torch.inf, 2.0])
    drawn = [draw_token(logits, Sampling(2.0, 1.0), n / 2**12) for n in range(2**12)]
    shares = torch.bincount(torch.tensor(drawn), minlength=4) / 2**12
    assert torch.allclose(shares, (logits / 2.0).softmax(0), atol=1e-3)


@pytest.mark.parametrize("draw", [0.0, 1 - 2**-24])
def test_no_draw_falls_on_a_token_that_cannot_be(draw):
    impossible_ends = torch.tensor([-torch.inf, 0.0, 0.1, -torch.inf])
    assert draw_token(impossible_ends, Sampling(1.0, 1.0), draw) == (1 if draw == 0 else 2)
    assert draw_token(torch.tensor([0.0, 9.0, 0.0]), Sampling(1.0, 0.5), draw) == 1


@pytest.mark.parametrize("temperature", [0.0, 0.8])
@pytest.mark.parametrize("top_p", [0.95, 1.0])
@pytest.mark.parametrize("logits", [[torch.nan] * 3, [0.0, torch.nan, 1.0], [-torch.inf] * 3])
def test_logits_that_are_no_numbers_fail_the_call(temperature, top_p, logits):
    with pytest.raises(CallFailed, match=r"NaN or infinite.*float32"):
        draw_token(torch.tensor(logits), Sampling(temperature, top_p), 0.5)
