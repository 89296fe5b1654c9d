"""The authorship measure on invented authors: what is planted is found, and nothing where nothing is planted."""

import json
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.worlds import DAY_MS

from unlike.data.corpus import Corpus
from unlike.errors import InputError
from unlike.evaluate.authorship.measure import MIN_AUC, REAL, authorship
from unlike.evaluate.authorship.trials import NO_FLOOR, TOO_FEW, AuthorshipSettings, CutTexts
from unlike.evaluate.authorship.verifiers import choose_training
from unlike.evaluate.identity import separation
from unlike.evaluate.report.authorship import render_authorship
from unlike.evaluate.statistics.measured import MeasuredRun
from unlike.records import Generation, Item, Record

N_USERS, N_ITEMS, N_TEXTS, N_WORDS = 160, 40, 8, 30
HABITS = ["well ,", "honestly", "so", "but", "!", "...", "(", "somehow", "rather", "quite", "and yet", "no ?"]
PLAIN_WORDS = ["it", "was", "the", "a", "of", "there", "to", "me", "that", "with"]
SETTINGS = AuthorshipSettings(n_words=N_WORDS)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr(separation, "DRAWS", 200)


def text(random, habits, item):
    """Half words of the item, the rest plain words and the author's habits."""
    topic = [f"topic{item}x{number}" for number in random.integers(12, size=14)]
    plain = list(random.choice(PLAIN_WORDS, size=14))
    used = list(random.choice(HABITS, size=12, p=habits))
    return " ".join(random.permutation([*topic, *plain, *used]))


def habits_of(user):
    """How often an author does each: three of the habits nearly always."""
    random = np.random.default_rng((1, user))
    weights = np.full(len(HABITS), 0.2)
    weights[random.choice(len(HABITS), 3, replace=False)] = 3
    return weights / weights.sum()


EVEN = np.full(len(HABITS), 1 / len(HABITS))


@cache
def invented(planted, seed=0):
    """Every user writes about eight items, on each of which other users write too."""
    random = np.random.default_rng(seed)
    records = []
    for user in range(N_USERS):
        habits = habits_of(user) if planted else EVEN
        for place, item in enumerate(random.permutation(N_ITEMS)[:N_TEXTS]):
            written = text(random, habits, item)
            records.append(Record(f"u{user}:i{item}", f"u{user}", f"i{item}", written, timestamp=place * DAY_MS))
    return Corpus(records, [Item(f"i{number}") for number in range(N_ITEMS)])


def last_records(corpus, users=range(60)):
    return [corpus.history(f"u{user}", (2**62, ""))[-1] for user in users]


def run(name, corpus, writes, users=range(60)):
    """A run whose texts come from a function of the user and the item; None is a failed case."""
    rows = []
    for record in last_records(corpus, users):
        made = writes(int(record.user_id[1:]), int(record.item_id[1:]))
        status = "failed" if made is None else "done"
        rows.append(Generation(record.id, record.user_id, record.item_id, name, made, record.text, status))
    return MeasuredRun(Path(name), rows, {"method": name})


def by_method(verdict):
    return {method.name: method for method in verdict.methods}


def test_both_verifiers_find_what_was_planted_and_a_stranger_s_texts_do_not():
    report = authorship(invented(planted=True), settings=SETTINGS)
    assert report.n_users >= 40
    for verdict in report.verdicts:
        assert verdict.auc.low > 0.8 and not verdict.declines
        assert verdict.stranger.low < 0.5 < verdict.stranger.high
        assert verdict.floor.high < 0.5 < verdict.ceiling.low


@pytest.mark.parametrize("seed", [0, 1])
def test_where_nothing_was_planted_both_verifiers_decline(seed):
    report = authorship(invented(planted=False, seed=seed), settings=SETTINGS)
    for verdict in report.verdicts:
        assert verdict.declines and verdict.auc.low <= 0.5 <= verdict.auc.high
        assert (verdict.ceiling, verdict.floor, verdict.methods) == (None, None, ())
    page = render_authorship(report, "nothing")
    assert page.count("declines: it distinguishes") == 2 and "share of the way |" not in page


def test_methods_are_placed_between_floor_and_ceiling_by_whose_habits_they_write_with():
    corpus, random = invented(planted=True), np.random.default_rng(7)
    runs = {
        "the user's": lambda user, item: text(random, habits_of(user), item),
        "no one's": lambda user, item: text(random, EVEN, item),
        "a stranger's": lambda user, item: text(random, habits_of(user + 1_000), item),
    }
    groups = {name: [run(name, corpus, how)] for name, how in runs.items()}
    report = authorship(corpus, groups, replace(SETTINGS, against="no one's"))
    assert "probability less that of no one's" in render_authorship(report, "planted")
    for verdict in report.verdicts:
        found = by_method(verdict)
        gain = found["the user's"].against
        assert gain.difference == pytest.approx(
            found["the user's"].probability.value - found["no one's"].probability.value
        )
        assert gain.interval.low > 0 and gain.p_permutation < 0.01
        assert found["no one's"].against is None
        assert found["the user's"].share.low > 0.75 and found[REAL].share.low > 0.75
        assert found["a stranger's"].share.low < 0.15 and found["a stranger's"].share.high < 0.35
        assert found["a stranger's"].share.value < found["the user's"].share.low
        assert found["no one's"].share.high < found["the user's"].share.low


def test_length_plays_no_part_and_what_is_missing_is_counted():
    corpus = invented(planted=True)

    def writes(long):
        random = np.random.default_rng(3)

        def text_of(user, item):
            whole = text(random, habits_of(user), item)
            return None if user == 0 else "too short" if user in (1, 2) else whole + " and more" * long

        return text_of

    groups = {name: [run(name, corpus, writes(long))] for name, long in (("short", 0), ("long", 50))}
    for verdict in authorship(corpus, groups, SETTINGS).verdicts:
        short, long = (by_method(verdict)[name] for name in ("short", "long"))
        assert (short.n_users, short.n_texts, short.n_short, short.n_failed) == (57, 57, 2, 1)
        assert short.share == long.share


def test_verifiers_learn_from_no_user_who_is_tested():
    corpus = invented(planted=True)
    texts = CutTexts(corpus, SETTINGS)
    trials, _ = texts.trials_of_cases([record.id for record in last_records(corpus)])
    tested = {user for trial in trials for user in (trial.user_id, trial.floor_author)}
    author_of = {cut: record.user_id for record in corpus.records() if (cut := texts.cut(record.text))}
    learned = choose_training(texts, trials)
    assert tested.isdisjoint(author_of[one] for one in learned.texts())
    assert {pair.user_id for pair in learned.pairs}.isdisjoint(one.user_id for one in learned.triplets)


def test_a_trial_holds_earlier_texts_on_other_items_and_a_stranger_who_shares_none():
    corpus = invented(planted=True)
    texts = CutTexts(corpus, SETTINGS)
    trials, left_out = texts.trials_of_half()
    record_of = {texts.cut(record.text): record for record in corpus.records()}
    assert not left_out
    for trial in trials:
        case = corpus.record(trial.case_id)
        own = [record_of[one] for one in (*trial.known, trial.ceiling)]
        assert {one.user_id for one in own} == {trial.user_id}
        assert all(one.moment < case.moment and one.item_id != case.item_id for one in own)
        assert [one.moment for one in own] == sorted(one.moment for one in own)
        floor = record_of[trial.floor]
        assert floor.item_id == case.item_id and floor.user_id == trial.floor_author != trial.user_id
        for one in trial.stranger:
            assert texts.items_of(record_of[one].user_id).isdisjoint(texts.items_of(trial.user_id))
    assert any(trial.stranger for trial in trials)


def test_a_case_without_trial_has_a_reason():
    corpus = invented(planted=True)
    first = corpus.history("u0", (2**62, ""))[0]
    alone = Record("alone", "u0", "i-alone", "word " * N_WORDS, timestamp=99 * DAY_MS)
    texts = CutTexts(Corpus([*corpus.records(), alone], [*corpus.items(), Item("i-alone")]), SETTINGS)
    assert texts.trial(first) == TOO_FEW and texts.trial(alone) == NO_FLOOR


def test_cases_without_trial_are_counted_in_what_is_written():
    corpus = invented(planted=True)
    echo = run("echo", corpus, lambda user, item: corpus.record(f"u{user}:i{item}").text)
    first = corpus.history("u0", (2**62, ""))[0]
    row = Generation(first.id, first.user_id, first.item_id, "echo", first.text, first.text, "done")
    report = authorship(corpus, {"echo": [replace(echo, rows=[*echo.rows, row])]}, SETTINGS)
    assert json.loads(json.dumps(asdict(report)))["left_out"] == {TOO_FEW: 1}
    assert f"1 with {TOO_FEW}" in render_authorship(report, "echo")


def test_the_same_corpus_gives_the_same_report():
    corpus = invented(planted=True)
    assert asdict(authorship(corpus, settings=SETTINGS)) == asdict(authorship(corpus, settings=SETTINGS))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (AuthorshipSettings(n_words=500), "0 users count, at least 10 are needed"),
        (AuthorshipSettings(n_words=N_WORDS, n_trained=5), "5 users with enough texts are in no test"),
    ],
)
def test_too_few_users_are_one_clear_message(settings, message):
    with pytest.raises(InputError, match=message):
        authorship(invented(planted=True), settings=settings)


def test_a_corpus_with_too_few_users_is_the_reason():
    records = [record for record in invented(planted=True).records() if record.user_id in ("u0", "u1")]
    said = "the corpus has 2 users; 20 are needed, since half of them are tested; take a larger one"
    with pytest.raises(InputError, match=said):
        authorship(Corpus(records, []), settings=SETTINGS)


def test_a_method_that_is_not_there_is_named():
    with pytest.raises(InputError, match="unknown method: 'rag'; allowed are echo"):
        authorship(invented(planted=True), {"echo": []}, replace(SETTINGS, against="rag"))


def test_settings_that_cannot_be_are_named():
    with pytest.raises(InputError, match="n_known 2 is less than min_known 4"):
        AuthorshipSettings(n_known=2)
    assert 0.5 < MIN_AUC < 1
