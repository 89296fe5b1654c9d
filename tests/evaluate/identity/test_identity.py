"""The identity measure on invented authors: chance where nothing is planted, found where something is, and no leaks."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tests.worlds import DAY_MS

from unlike.data.corpus import Corpus
from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.evaluate.identity import separation as identity_scores
from unlike.evaluate.identity.controls import Representatives, without_rating_length_and_date
from unlike.evaluate.identity.measure import identity, identity_of_vectors
from unlike.evaluate.identity.plan import IdentityPlan, complete
from unlike.evaluate.identity.separation import VectorSpace, compared, gain, scores, wins
from unlike.evaluate.identity.trials import IdentitySettings, Texts, choose_trials, repeated
from unlike.latent.difference import difference
from unlike.records import Item, Record

N_USERS, N_ITEMS, DIM = 60, 20, 24
SETTINGS = IdentitySettings(n_foils=3)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr(identity_scores, "DRAWS", 400)


def invented(seed=0, n_users=N_USERS, n_regular=None):
    """Everybody writes on ten of the items, on random days; users beyond the regular ones write on five."""
    random = np.random.default_rng(seed)
    records = []
    for user in range(n_users):
        n_texts = 10 if n_regular is None or user < n_regular else 5
        for item in random.permutation(N_ITEMS)[:n_texts]:
            words = " ".join(f"w{word}" for word in random.integers(10**6, size=random.integers(20, 60)))
            rating, day = float(random.integers(1, 6)), int(random.integers(1000))
            records.append(Record(f"u{user}:i{item}", f"u{user}", f"i{item}", words, "", rating, day * DAY_MS))
    return Corpus(records, [Item(f"i{number}") for number in range(N_ITEMS)])


def vectors_of(corpus, seed=0, of_user=0.0, of_rating=0.0, of_regulars=0.0):
    """What all texts share, the item, noise, and what is planted, each a random direction."""
    random = np.random.default_rng((seed, 1))
    shared, rating, regular = random.normal(size=(3, DIM))
    items = dict(zip((item.id for item in corpus.items()), random.normal(size=(N_ITEMS, DIM)), strict=True))
    users = {user: random.normal(size=DIM) for user in corpus.users()}
    written = {user: len(corpus.history(user, (2**62, ""))) for user in users}
    rows = [
        2 * shared
        + items[record.item_id]
        + of_user * users[record.user_id]
        + of_rating * (record.rating - 3) * rating
        + of_regulars * (written[record.user_id] > 5) * regular
        + random.normal(size=DIM)
        for record in corpus.records()
    ]
    return np.asarray(rows, np.float32)


def measured(corpus, vectors, settings=SETTINGS):
    report = identity_of_vectors(corpus, vectors, "invented", settings)
    return report, {row.name: row.found for row in (report.main, *report.controls)}


@cache
def planted():
    """What is measured where each user has a direction."""
    corpus = invented()
    return measured(corpus, vectors_of(corpus, of_user=0.7))


def test_where_nothing_is_planted_nothing_is_found():
    """Over several worlds, so that it is no matter of luck."""
    found = [
        measured(corpus, vectors_of(corpus, seed))[1]["result"] for seed in range(4) for corpus in [invented(seed)]
    ]
    for field in ("own_vector", "centred", "difference"):
        told = [getattr(one, field) for one in found]
        assert np.mean([one.share.value for one in told]) == pytest.approx(0.5, abs=0.05)
        assert np.mean([one.auc.value for one in told]) == pytest.approx(0.5, abs=0.05)
        assert sum(one.share.low <= 0.5 <= one.share.high for one in told) >= 3


def test_what_is_planted_is_found_by_the_difference_more_than_by_the_own_vector():
    report, found = planted()
    main = found["result"]
    assert report.main.n_users > 50
    assert main.difference.share.low > 0.8
    assert main.over_own_vector.share.low > 0 and main.over_own_vector.auc.low > 0
    assert main.over_own_vector.p < 0.01
    assert found["own history against a stranger's"].difference.share.low > 0.75
    assert found["rating, length and date taken out"].difference.share.low > 0.75


def test_a_strangers_history_knows_nobody():
    found = planted()[1]["history of a stranger"]
    for told in (found.own_vector, found.centred, found.difference):
        assert told.share.low <= 0.5 <= told.share.high
        assert told.share.value == pytest.approx(0.5, abs=0.07)


def test_peers_of_the_same_item_are_what_makes_scores_comparable():
    found = planted()[1]
    assert found["peers of another item"].difference.auc.high < found["result"].difference.auc.low


def test_a_user_who_is_no_more_than_a_habit_of_ratings_goes_with_the_ratings():
    corpus = invented()
    records = [replace(record, rating=1.0 + int(record.user_id[1:]) % 5) for record in corpus.records()]
    corpus = Corpus(records, corpus.items())
    found = measured(corpus, vectors_of(corpus, of_rating=0.5))[1]
    assert found["result"].difference.share.low > 0.6
    plain = found["rating, length and date taken out"].difference.share
    assert plain.value == pytest.approx(0.5, abs=0.09)
    assert found["foils of same rating and like length"].difference.share.value == pytest.approx(0.5, abs=0.15)


def test_foils_write_as_much_since_else_the_kind_of_author_is_found():
    """Regulars have something in common here and no user has anything of the own."""
    corpus = invented(n_users=120, n_regular=40)
    found = measured(corpus, vectors_of(corpus, of_regulars=1.0))[1]
    assert found["foils by anybody"].difference.share.low > 0.55
    main = found["result"].difference.share
    assert main.low <= 0.5 <= main.high


@pytest.mark.parametrize("rule", ["as_of", "paper"])
def test_no_text_of_either_author_or_from_later_is_in_a_mean(rule):
    corpus = invented(n_users=40)
    settings = replace(SETTINGS, time_rule=rule)
    texts = Texts(corpus.records(), settings)
    rows = IdentityPlan(texts, settings).rows
    record = corpus.records()
    for trial in (trial for row in rows for trials in row.repeats for trial in trials):
        own, foil = record[trial.own], record[trial.foil]
        authors = {trial.user_id, foil.user_id, *(record[one.record].user_id for one in trial.history)}
        groups = [((own, foil), trial.peers), *(((record[one.record],), one.peers) for one in trial.history)]
        assert own.user_id == trial.user_id != foil.user_id and own.item_id == foil.item_id
        assert len({record[one.record].user_id for one in trial.history}) == 1
        assert all(record[one.record].moment < own.moment for one in trial.history)
        assert own.item_id not in {record[one.record].item_id for one in trial.history}
        for compared_with, peers in groups:
            assert peers and len({record[peer].user_id for peer in peers}) == len(peers)
            assert authors.isdisjoint(record[peer].user_id for peer in peers)
            if rule == "as_of":
                assert all(record[peer].timestamp < min(one.timestamp for one in compared_with) for peer in peers)


def test_only_the_control_of_another_item_has_peers_from_elsewhere():
    corpus = invented(n_users=40)
    texts = Texts(corpus.records(), SETTINGS)
    for row in IdentityPlan(texts, SETTINGS).rows:
        same = [
            texts.records[peer].item_id == texts.records[one.record].item_id
            for trials in row.repeats
            for trial in trials
            for one in trial.history
            for peer in one.peers
        ]
        assert not any(same) if row.name == "peers of another item" else all(same)


def test_scores_are_those_of_equation_4():
    corpus = invented(n_users=40)
    vectors, texts = vectors_of(corpus, of_user=0.5), Texts(corpus.records(), SETTINGS)
    trials = choose_trials(texts, SETTINGS)[0][0]
    found = scores(VectorSpace(vectors, vectors.mean(axis=0)), [trials])
    for place, trial in enumerate(trials[:5]):
        past = [difference(vectors[one.record], vectors[list(one.peers)]) for one in trial.history]
        for side, number in enumerate((trial.own, trial.foil)):
            now, usual = difference(vectors[number], vectors[list(trial.peers)]), np.mean(past, axis=0)
            cosine = now @ usual / np.linalg.norm(now) / np.linalg.norm(usual)
            assert found[2, place, 0, side] == pytest.approx(cosine, abs=1e-5)


def test_shares_and_areas_count_ties_half_and_equal_those_of_scikit_learn():
    random = np.random.default_rng(3)
    scored = random.integers(8, size=(3, 40, 1, 2)) + np.array([0.0, 2.0, 4.0])[:, None, None, None] * np.array([1, 0])
    found = compared(scored.astype(float), seed=0)
    for told, of_measure in zip((found.own_vector, found.centred, found.difference), scored, strict=True):
        own, foil = of_measure[:, 0, 0], of_measure[:, 0, 1]
        expected = roc_auc_score([1] * 40 + [0] * 40, np.concatenate([own, foil]))
        assert told.auc.value == pytest.approx(expected)
        assert told.auc.low < expected < told.auc.high or expected == 1
        assert told.share.value == pytest.approx(np.mean((own > foil) + 0.5 * (own == foil)))
    assert found.over_own_vector.share.value == pytest.approx(
        found.difference.share.value - found.own_vector.share.value
    )


def test_a_gain_is_the_difference_of_two_measures_on_the_same_samples():
    scored = np.random.default_rng(4).normal(size=(3, 40, 2, 2)) + np.array([1.0, 0.0])
    found = compared(scored, seed=0)
    assert gain(scored[2], scored[0], seed=0) == found.over_own_vector
    assert gain(scored[2], scored[1], seed=0) == found.over_centred
    back = gain(scored[0], scored[2], seed=0)
    assert (back.share.value, back.p) == (pytest.approx(-found.over_own_vector.share.value), found.over_own_vector.p)


def test_several_trials_of_a_user_are_one_value():
    scored = np.array([[[2.0, 1.0], [0.0, 1.0]], [[2.0, 1.0], [2.0, 1.0]]])
    assert wins(scored).tolist() == [0.5, 1.0]


def test_copies_are_left_out_whoever_made_them():
    text = "the lid came off in my hand and the tea went over the map of the whole coast"
    other = "seven days of rain and not one drop came through the seams of this jacket at all"
    again = "I bought it twice. " + text
    assert repeated([text, other, again, text.upper(), ""]) == {2, 3}
    assert repeated([]) == frozenset()
    corpus = invented(n_users=20)
    first, last = corpus.records()[0], corpus.records()[-1]
    copied = Corpus([*corpus.records()[:-1], replace(last, text=first.text)], corpus.items())
    report = identity_of_vectors(copied, vectors_of(copied), "invented", SETTINGS)
    assert report.n_repeated == 1


def test_regression_takes_out_what_is_linear_and_leaves_the_mean():
    corpus = invented(n_users=40)
    texts = Texts(corpus.records(), SETTINGS)
    rating = np.array([record.rating for record in corpus.records()])
    vectors = np.stack([rating, rating**2, np.ones_like(rating)], axis=1).astype(np.float32)
    everybody = list(range(len(vectors)))
    plain = without_rating_length_and_date(vectors, everybody, texts)
    assert plain.std(axis=0) == pytest.approx(0, abs=1e-3)
    assert plain.mean(axis=0) == pytest.approx(vectors.mean(axis=0), rel=1e-3)


def test_representatives_are_at_most_k_of_the_peers():
    corpus = invented(n_users=40)
    vectors, texts = vectors_of(corpus), Texts(corpus.records(), SETTINGS)
    chosen = Representatives(texts, vectors, range(len(vectors)), 4, seed=0)
    for trial in choose_trials(texts, SETTINGS)[0][0]:
        fewer = chosen.of(trial)
        pairs = [(fewer.peers, trial.peers)]
        pairs += [(a.peers, b.peers) for a, b in zip(fewer.history, trial.history, strict=True)]
        assert all(set(few) <= set(many) and 0 < len(few) <= 4 for few, many in pairs)


def test_users_who_lack_one_of_the_trials_are_out_of_all():
    texts = Texts(invented(n_users=40).records(), SETTINGS)
    one, two, three = choose_trials(texts, SETTINGS)[0]
    kept = complete([one[1:], [None, *two[1:]], three[:-1]])
    assert [[trial.user_id for trial in trials] for trials in kept] == [[trial.user_id for trial in one[1:-1]]] * 3


def test_it_repeats_itself_and_only_needed_texts_are_encoded():
    corpus = invented(n_users=30)
    lonely = Record("x:y", "x", "y", "nobody else wrote on this one", "", 3.0, 0)
    corpus = Corpus([*corpus.records(), lonely], [*corpus.items(), Item("y")])
    asked, seen, encoder = [], [], HashingEncoder(64)

    class Listening:
        name = encoder.name

        def encode(self, texts):
            asked.extend(texts)
            return encoder.encode(texts)

    report = identity(corpus, Listening(), SETTINGS, lambda what, n_done, n, _: seen.append((what, n_done, n)))
    assert lonely.text not in asked and len(asked) == len(set(asked))
    assert report == identity_of_vectors(corpus, encoder.encode(corpus.texts()), encoder.name, SETTINGS)
    assert report != identity(corpus, encoder, replace(SETTINGS, seed=1))
    assert seen[-1][0] == "measured" and seen[-1][1] == seen[-1][2]


def test_left_out_users_have_their_reason():
    corpus = invented(n_users=90, n_regular=45)
    report = identity_of_vectors(corpus, vectors_of(corpus), "invented", SETTINGS)
    assert report.main.n_users + sum(report.left_out.values()) == 90
    assert report.left_out["too few texts"] == 45


def test_users_beyond_those_asked_for_have_their_reason_too():
    corpus = invented(n_users=40)
    every, left_out = choose_trials(Texts(corpus.records(), SETTINGS), SETTINGS)
    some, others = choose_trials(Texts(corpus.records(), SETTINGS), replace(SETTINGS, n_users=12))
    assert len(every[0]) + sum(left_out.values()) == len(some[0]) + sum(others.values()) == 40
    assert len(some[0]) == 12
    assert others["no turn, since as many users count as were asked for"] >= len(every[0]) - 12


def test_users_who_only_repeat_others_have_their_reason_too():
    records = invented(n_users=20).records()
    copied = [record for record in records if record.user_id == records[0].user_id]
    later = [replace(one, id=f"copy of {one.id}", user_id="copier", timestamp=one.timestamp + 10**12) for one in copied]
    left_out = choose_trials(Texts([*records, *later], SETTINGS), SETTINGS)[1]
    assert left_out["no text but those that repeat an earlier one"] == 1


def test_what_cannot_be_measured_is_an_error_that_says_why():
    corpus = invented(n_users=8)
    for settings in (IdentitySettings(), IdentitySettings(min_records=40)):
        with pytest.raises(InputError, match="measured: the corpus has 8 users; 10 are needed; take a larger one$"):
            identity(corpus, HashingEncoder(64), settings)
    one_each = Corpus(list({one.user_id: one for one in invented(n_users=40).records()}.values()), corpus.items())
    lacking = "users count, at least 10 are needed. Left out: .* with .*. What may help: "
    with pytest.raises(
        InputError, match=lacking + "lower the number .*; curate with lower thresholds; use --time paper$"
    ):
        identity(invented(n_users=40), HashingEncoder(64), IdentitySettings(min_records=40))
    with pytest.raises(InputError, match=lacking + "curate with lower thresholds$"):
        identity(one_each, HashingEncoder(64), IdentitySettings(min_records=1, time_rule="paper"))
    with pytest.raises(InputError, match="n_foils is 0; give 1 or more"):
        IdentitySettings(n_foils=0)
    with pytest.raises(InputError, match="n_users is 9; give 10 or more"):
        IdentitySettings(n_users=9)
    big = invented(n_users=40)
    with pytest.raises(InputError, match=r"vectors of shape \(3, 4\) for 400 records"):
        identity_of_vectors(big, np.zeros((3, 4), np.float32), "invented")
