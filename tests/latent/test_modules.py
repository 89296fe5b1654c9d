"""Equations 5 to 7: autoencoder, projectors, places; and the kinds of adapter beside DEP."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from tests.latent.conftest import DIM, SETTINGS
from unlike.latent.autoencoder import Projector, SparseAutoencoder, Standardizer
from unlike.latent.loss import reconstruction, sparsity, splice
from unlike.latent.modules import KINDS, DepModule, Inputs, PPlugModule, PromptTuningModule, Space, row
from unlike.latent.settings import RECIPES, AdapterSettings

HIDDEN = 8
SPACE = Space(DIM, HIDDEN, 1.5, torch.arange(4.0).unsqueeze(1).expand(4, HIDDEN))


def inputs(n_batch=2, n_shown=(3, 1)):
    torch.manual_seed(1)
    shown = torch.arange(3).unsqueeze(0) < torch.tensor(n_shown).unsqueeze(1)
    compared = shown.clone()
    compared[0, 1] = False
    return Inputs(
        torch.randn(n_batch, 3, DIM), torch.randn(n_batch, 3, DIM), shown, compared, torch.randn(n_batch, DIM)
    )


def module(kind="dep", **changes):
    torch.manual_seed(0)
    return KINDS[kind](replace(SETTINGS, kind=kind, **changes), SPACE)


def terms(soft):
    return [term for each in soft.coded for term in (reconstruction(each), sparsity(each, 0.05))]


def test_equation_5_in_plain_words():
    sae = SparseAutoencoder(4, AdapterSettings())
    e = torch.randn(3, 4)
    z = 1 / (1 + torch.exp(-(e @ sae.encoder.weight.T + sae.encoder.bias)))
    torch.testing.assert_close(sae.encode(e), z)
    torch.testing.assert_close(sae.decode(z), z @ sae.decoder.weight.T + sae.decoder.bias)
    assert bool((sae.encode(e) > 0).all() and (sae.encode(e) < 1).all())


def test_the_released_decoder_cannot_give_back_values_under_its_floor():
    released = AdapterSettings(activation="gelu", standardise=False)
    lowest = [
        float(SparseAutoencoder(4, settings).decode(torch.randn(100, 2)).detach().min())
        for settings in (released, replace(released, standardise=True))
    ]
    assert lowest[1] < -0.2 < -0.171 < lowest[0]


def test_the_latent_size_is_a_share_of_the_embedding_s():
    assert SparseAutoencoder(1024, AdapterSettings()).width == 512
    raw = SparseAutoencoder(384, AdapterSettings(reduction="raw"))
    assert raw.width == 384
    assert torch.equal(raw.decode(raw.encode(torch.eye(3))), torch.eye(3))


def test_equation_6_in_plain_words():
    projector = Projector(3, HIDDEN, AdapterSettings(tokens_per_vector=2), None, None)
    z = torch.randn(5, 3)
    inner = torch.nn.functional.gelu(z @ projector.first.weight.T + projector.first.bias)
    p = inner @ projector.second.weight.T + projector.second.bias
    torch.testing.assert_close(projector(z), p.reshape(5, 2, HIDDEN))


@pytest.mark.parametrize("kind", ["dep", "prompt_tuning"])
def test_places_of_a_bank(kind):
    made = module(kind, tokens_per_vector=2)
    bank = made(inputs()).bank
    assert bank.shape == (2, 2 * 3 * 4, HIDDEN)
    for signal, before in (("his", 0.0), ("diff", 2.0)):
        first = row(made.settings, signal, 1)
        assert torch.equal(bank[0, first], torch.full((HIDDEN,), before))
        assert torch.equal(bank[0, first + 3], torch.full((HIDDEN,), before + 1))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_neutral_start_says_what_the_markers_say_whoever_it_is(kind):
    bank = module(kind, neutral=True, tokens_per_vector=2)(inputs(n_shown=(3, 0))).bank
    assert torch.equal(bank[0], bank[1])
    if kind == "pplug":
        torch.testing.assert_close(bank[0, 1:], torch.full((2, HIDDEN), 0.5))
        return
    for signal, between in (("his", 0.5), ("diff", 2.5)):
        first = row(replace(SETTINGS, kind=kind, tokens_per_vector=2), signal, 1) + 1
        torch.testing.assert_close(bank[0, first : first + 2], torch.full((2, HIDDEN), between))


def test_what_a_place_learns_is_added_to_the_vectors_of_everybody_who_stands_there():
    given, made, plain = inputs(n_shown=(3, 3)), module(placed=True), module()
    before = made(given).bank
    torch.testing.assert_close(before, plain(given).bank)  # it starts as nothing
    with torch.no_grad():
        made.places["diff"][1].fill_(2.0)
    added = made(given).bank - before
    place = row(made.settings, "diff", 1) + 1  # also where there is no difference
    torch.testing.assert_close(added[:, place], torch.full((2, HIDDEN), 2.0))
    assert added.abs().sum().item() == pytest.approx(added[:, place].abs().sum().item())


def test_a_record_without_peers_has_the_learned_null_vector():
    dep = module()
    with torch.no_grad():
        dep.null.fill_(7.0)
    bank = dep(inputs()).bank
    assert torch.equal(bank[0, row(dep.settings, "diff", 1) + 1], torch.full((HIDDEN,), 7.0))
    assert not torch.equal(bank[0, row(dep.settings, "diff", 0) + 1], torch.full((HIDDEN,), 7.0))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_batch_and_padding_change_no_vector(kind):
    both, made = inputs(), module(kind)
    alone = Inputs(*(getattr(both, name)[1:] for name in Inputs.__slots__))
    torch.testing.assert_close(made(both).bank[1:], made(alone).bank)
    noisy = replace(
        both, his=both.his + 99 * (~both.shown).unsqueeze(-1), diff=both.diff + 99 * (~both.compared).unsqueeze(-1)
    )
    shown = torch.tensor([row(made.settings, "his", 0) + 1]) if kind != "pplug" else torch.tensor([1])
    torch.testing.assert_close(made(noisy).bank[:, shown], made(both).bank[:, shown])
    torch.testing.assert_close(terms(made(noisy)), terms(made(both)))


def test_the_order_of_records_only_moves_vectors():
    made, both = module(), inputs(n_shown=(3, 3))
    order = torch.tensor([2, 0, 1])
    mixed = Inputs(*(getattr(both, n)[:, order] for n in ("his", "diff", "shown", "compared")), request=both.request)
    for signal in ("his", "diff"):
        places = [row(made.settings, signal, record) + 1 for record in range(3)]
        moved = [row(made.settings, signal, int((order == record).nonzero())) + 1 for record in range(3)]
        torch.testing.assert_close(made(mixed).bank[:, moved], made(both).bank[:, places])
    torch.testing.assert_close(terms(made(mixed)), terms(made(both)))


def test_pplug_attends_by_the_request_over_projected_records_by_hand():
    plug = module("pplug")
    assert isinstance(plug, PPlugModule)
    given = inputs()
    weight = torch.softmax(given.his[0] @ given.request[0], dim=0)  # as in the original: no learned map, no sqrt(d)
    user = (weight[:, None, None] * plug.projector(given.his[0])).sum(dim=0)
    bank = plug(given).bank
    torch.testing.assert_close(bank[0, 1:], user, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(bank[1, :1], plug.instruct(plug.instruction))
    nobody = replace(given, shown=torch.zeros_like(given.shown))
    assert torch.equal(plug(nobody).bank[0, 1:], plug.null)


def unit_vectors(n, dim, cosine, seed=0):
    """Unit vectors of a mean cosine, as encoders give them for texts of one kind."""
    draw = torch.Generator().manual_seed(seed)
    shared, own = (functional.normalize(torch.randn(rows, dim, generator=draw), dim=1) for rows in (1, n))
    return functional.normalize(cosine**0.5 * shared + (1 - cosine) ** 0.5 * own, dim=1)


def test_pplug_s_attention_tells_records_apart():
    """Over unit vectors of realistic similarity; divided by sqrt(d) the largest weight was 1.005 times the smallest."""
    dim = 384
    plug = KINDS["pplug"](
        AdapterSettings(kind="pplug", standardise=False), Space(dim, HIDDEN, 1.0, torch.zeros(4, HIDDEN))
    )
    assert isinstance(plug, PPlugModule)
    texts = unit_vectors(33, dim, 0.3)
    his, shown = texts[None, :32], torch.ones(1, 32, dtype=torch.bool)
    request = functional.normalize(texts[5] + texts[32], dim=0)[None]  # it resembles one of the records
    weight = plug.attention(Inputs(his, his, shown, shown, request))[0].detach()
    assert int(weight.argmax()) == 5
    assert float(weight.max() / weight.min()) > 1.3


def spread_of(settings, hidden=3584):
    """How much soft vectors of 64 texts vary, as a share of their length: at paper size, before training."""
    vectors = unit_vectors(64, 1024, 0.55)
    torch.manual_seed(0)
    dep = KINDS["dep"](
        replace(settings, n_records=1, signals=("his",)), Space(1024, hidden, 1.0, torch.zeros(4, hidden))
    )
    if settings.standardise:
        dep.standards["his"].fit(vectors)
    mask = torch.ones(64, 1, dtype=torch.bool)
    with torch.no_grad():
        soft = dep(Inputs(vectors[:, None], vectors[:, None], mask, mask, torch.zeros(64, 1024))).bank[:, 1]
    return float((soft - soft.mean(dim=0)).norm(dim=1).mean() / soft.norm(dim=1).mean())


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_soft_vectors_of_different_texts_can_be_told_apart(preset):
    assert spread_of(RECIPES[preset].adapter) > 0.3


def test_a_sigmoid_over_vectors_as_they_are_nearly_erases_the_user():
    assert spread_of(AdapterSettings(standardise=False)) < 0.02


def test_prompt_tuning_knows_no_user():
    made = module("prompt_tuning")
    assert isinstance(made, PromptTuningModule)
    bank = made(inputs()).bank
    assert torch.equal(bank[0], bank[1])
    assert bank.shape == module()(inputs()).bank.shape


def test_the_plain_autoencoder_pays_nothing_for_activity():
    assert [module(reduction=name)(inputs()).is_sparse for name in ("ae", "raw", "sae")] == [False, False, True]
    assert all(float(reconstruction(each)) == 0 for each in module(reduction="raw")(inputs()).coded)


def test_standardised_rows_have_mean_0_and_spread_1():
    standard, rows = Standardizer(3), torch.randn(50, 3) * 4 + 2
    standard.fit(rows)
    torch.testing.assert_close(standard(rows).mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(standard(rows).std(dim=0, unbiased=False), torch.ones(3))
    torch.testing.assert_close(standard.inverse(standard(rows)), rows)


def test_vectors_stand_in_their_places_and_nowhere_else():
    tokens, bank = torch.zeros(1, 4, 2), torch.tensor([[[1.0, 1.0], [2.0, 2.0]]])
    found = splice(tokens, bank, torch.tensor([[-1, 1, -1, 0]]))
    assert found[0, :, 0].tolist() == [0, 2, 0, 1]


def test_one_module_of_each_kind():
    assert isinstance(module(), DepModule)
    assert set(KINDS) == {"dep", "pplug", "prompt_tuning"}


def test_one_soft_token_per_vector_is_the_first_of_several():
    one, four = module(), module(tokens_per_vector=4)
    with torch.no_grad():
        for signal in ("his", "diff"):
            few, many = one.projectors[signal], four.projectors[signal]
            few.first.load_state_dict(many.first.state_dict())
            few.second.weight.copy_(many.second.weight[:HIDDEN])
            few.second.bias.copy_(many.second.bias[:HIDDEN])
        one.reducer.load_state_dict(four.reducer.state_dict())
    given = inputs(n_shown=(3, 3))
    banks = one(given).bank, four(given).bank
    assert banks[1].shape == (2, 2 * 3 * 6, HIDDEN)
    for signal in ("his", "diff"):
        first, second = (row(made.settings, signal, 2) + 1 for made in (one, four))
        torch.testing.assert_close(banks[1][:, second], banks[0][:, first])
