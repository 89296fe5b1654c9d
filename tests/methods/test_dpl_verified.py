"""DPL with verified differences: what the texts bear out is kept, the rest never reaches the profile."""

import pytest
from tests.worlds import Listening, kit_for, outcome_of, world

import unlike
from unlike.methods.dpl_verified import dpl_verified, is_supported, statements_in
from unlike.methods.steps import Comparison
from unlike.methods.style_facts import Habit, favourite_words, habit_sentences, habits_of
from unlike.records import Item, Record

OWN = Record("o", "ada", "i", "It hums, softly; I timed it: nine minutes flat.")
OTHER = Record("p", "bob", "i", "A warm sound. It hums.")
COMPARED = Comparison(OWN, Item("i"), (OTHER,), 1)


@pytest.mark.parametrize(
    ("statement", "kept"),
    [
        ('writing: counts things ("nine minutes flat"), the others do not', True),
        ("writing: counts things (“Nine minutes, flat”)", True),
        ('says "it hums", as the other does', False),
        ('says "a warm sound"', False),
        ('says "ten minutes"', False),
        ('says "flat"', False),
        ('says "flat" and then "nine minutes flat"', True),
        ('says "flat" nine minutes flat "it"', False),
        ("counts things", False),
    ],
)
def test_a_statement_stays_with_a_quotation_that_only_the_user_wrote(statement, kept):
    assert is_supported(statement, COMPARED) is kept


def test_statements_are_sentences_about_the_person():
    text = "**writing:** Person A counts. Others feel!\n- emotional: person A's calm."
    assert statements_in(text) == ["writing: the person counts.", "Others feel!", "emotional: the person's calm."]
    assert statements_in("This person always jokes. In person a lot is said.") == [
        "This person always jokes.",
        "In person a lot is said.",
    ]


def test_a_statement_keeps_its_quotations_whole():
    text = 'writing: ends with "So good!!" and the others do not. emotional: says "loved it!" Others are calm (e.g. "Fine.").'
    assert statements_in(text) == [
        'writing: ends with "So good!!" and the others do not.',
        'emotional: says "loved it!"',
        'Others are calm (e.g. "Fine.").',
    ]
    assert is_supported(statements_in('Ends with "nine minutes flat." The other one "hums."')[0], COMPARED)


@pytest.fixture(scope="module")
def sample():
    return unlike.sample_corpus()


def _sides(corpus, user):
    case = next(case for case in corpus.cases("test") if case.user_id == user)
    own = corpus.history(user, case.moment)
    others = [r for record in own for r in corpus.peers(record.item_id, case.timestamp) if r.user_id != user]
    return own, others


def test_habits_of_invented_people_are_the_planted_ones(sample):
    found = {user: {habit.figure for habit in habits_of(*_sides(sample, user))} for user in ("esme", "quinn", "lucien")}
    assert {"uncapitalised", "exclaimed"} <= found["esme"]
    assert {"uncapitalised", "trailing"} <= found["quinn"]
    assert {"sentence", "brackets"} <= found["lucien"]
    assert "Always begins sentences with a small letter" in " ".join(
        habit_sentences(habits_of(*_sides(sample, "esme")))
    )
    assert "friend" in favourite_words(*_sides(sample, "kavya"))


def test_one_person_in_two_halves_has_no_habits_and_few_texts_say_nothing(sample):
    own, others = _sides(sample, "bruno")
    assert habits_of(own[::2], own[1::2]) == []
    assert habits_of(own[:1], others) == favourite_words(own[:1], others) == []
    assert habits_of(own, others[:2]) == []


@pytest.mark.parametrize(
    ("own", "others", "said"),
    [(0.13, 0.04, "Sometimes asks"), (0.04, 0.13, "Rarely asks"), (0.34, 0.08, "Often asks"), (0.0, 0.4, "Never asks")],
)
def test_what_a_user_does_more_than_others_is_never_called_rare(own, others, said):
    (sentence,) = habit_sentences([Habit("asked", own, others, own - others, own - others)])
    assert sentence.startswith(f"{said} questions ({own:.0%}, with others {others:.0%})")


def test_names_and_chance_are_no_favourite_words():
    texts = (
        "Mind you, the band is Taupin's own. Overall, fine.",
        "I saw Nigel there, mind you. It was a rather late show with Taupin's band.",
        "Overall, and mind you, Nigel plays a CD of Taupin's band rather well.",
        "The CD is overall good.",
    )
    own = [Record(f"o{n}", "ada", f"i{n}", text) for n, text in enumerate(texts)]
    others = [Record(f"p{n}", f"u{n}", f"i{n}", "The show was good, and the band too.") for n in range(4)]
    assert favourite_words(own, others) == ["mind", "overall", "you"], "neither a name nor a word of two texts"
    assert favourite_words(own, others, known="An overall, you see") == ["mind"]


CROWD = [(user, item, item) for user in range(6) for item in range(5)]


def _written(reply, **settings):
    corpus = world(CROWD, [CROWD.index((0, 4, 4))])
    backend = Listening(reply)
    case = corpus.cases("test")[0]
    return outcome_of(dpl_verified, case, kit_for(corpus, backend, n_records=2, n_peers=3, **settings)), backend


def test_what_holds_reaches_the_last_prompt_and_the_trace_counts():
    outcome, backend = _written(lambda messages: 'writing: says "by u0 on". semantic: says "nothing of it".')
    assert [
        call["step"] for call in (*(d["call"] for d in outcome.trace["differences"]), outcome.trace["generate"])
    ] == [
        "difference",
        "difference",
        "generate",
    ]
    verified = outcome.trace["verified"]
    assert verified["statements"] == 4
    assert verified["statements_kept"] == 2
    assert 'says "by u0 on"' in backend.asked[-1][-1]["content"]
    assert "nothing of it" not in backend.asked[-1][-1]["content"]


def test_a_user_without_records_gets_a_text_all_the_same():
    corpus = world([(0, 0, 0), (1, 0, 1)], [1])
    outcome = outcome_of(dpl_verified, corpus.cases("test")[0], kit_for(corpus, Listening()))
    assert outcome.text == "reply 1"
    assert outcome.trace["profile"] is None
