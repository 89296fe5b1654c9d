"""Statements about health, belief, politics, origin and sexuality are held back; enthusiasm is not.

Sentences are marked by hand with what they say of a person. The lexicon was written with KNOWN in view and not changed
after it was measured on UNSEEN, so only the second shows what to expect of it.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.privacy.sensitive import SENSITIVE, held_back

KNOWN = {
    "health": [
        "Suffers from diabetes",
        "Listens to ambient music to sleep through her migraines.",
        "Mentions that he was diagnosed with ADHD as a child",
        "Bought the headphones after going deaf in one ear",
        "Writes about her chemotherapy",
        "Has struggled with depression for years",
        "Is a recovering alcoholic",
        "Lost a brother to leukemia and returns to it in many texts",
        "Takes antidepressants and says that loud records help",
        "Has been in and out of hospital since 2003",
        "Plays one-handed since his stroke",
        "Listens while on dialysis",
    ],
    "belief": [
        "Goes to mass every Sunday",
        "Is a devout Muslim",
        "Raised Catholic, now an atheist",
        "Often mentions her church choir",
        "Believes in God and says so",
        "Quotes scripture when lyrics move him",
        "Is not religious but loves requiems",
        "Fasts during Ramadan",
        "Calls herself a pagan",
    ],
    "politics": [
        "Votes Green",
        "Is a staunch conservative.",
        "Voted for Brexit",
        "Describes himself as a libertarian",
        "Campaigned for Labour in 1997",
        "Holds left-wing views",
        "Hates the Republicans and says so in most texts",
        "Marched against the war in Iraq",
        "Is a union member",
        "Wants lower taxes and smaller government",
        "Supported Obama twice",
    ],
    "origin": [
        "Is Polish",
        "Grew up in Lagos",
        "Is the daughter of Vietnamese immigrants",
        "A black woman who writes about soul",
        "Of Irish descent",
        "Writes as an Italian-American from Queens",
        "Her parents came from Jamaica",
        "His mother tongue is Tamil",
        "Is proud to be Welsh",
    ],
    "sexuality": [
        "Is gay",
        "Writes of a gay melody",  # nobody can tell, so it is held back
        "Came out to his parents with this record",
        "Mentions her wife often",
        "Identifies as non-binary",
        "Is attracted to men",
        "Says he is straight",
        "A trans woman and a drummer",
    ],
    None: [
        "Writes religiously about bass",
        "This record cured my boredom",
        "Loves a sick beat",
        "Is sick of overproduced pop",
        "Calls the album a cult classic",
        "Is addicted to synth pop",
        "Prefers French house and Brazilian jazz",
        "Praises church organ recordings",
        "A fan of Black Sabbath",
        "Votes for this as the album of the year",
        "Says the album came out too late",
        "Dislikes a conservative mix",
        "Wants a liberal use of reverb",
        "Turns a blind eye to bad liner notes",
        "Says oh my god a lot",
        "Keeps his faith in vinyl",
        "Grew up in the seventies",
        "Likes party songs",
        "Writes about straight-ahead rock",
        "Finds the mix anaemic",
        "Mentions a mass of guitars",
        "Likes polish and shine in a production",
        "Is deaf to criticism of his favourite band",
        "Has a weakness for killer hooks",
        "Prays to no genre",
        "Finds American folk too polished",
        "Likes songs about the left bank of the Seine",
        "Is a Green Day fan",
        "Worships early Bowie",
        "Says the mix is ill-judged",
        "Says the box set is a labour of love",
    ],
}
UNSEEN = {
    "health": [
        "Recovering from surgery, he wrote a text a day",
        "Says that her eyesight is failing",
        "Counts the days since his last drink",
        "Has Crohn's and plans trips around it",
        "Says music got him through a burnout",
    ],
    "belief": [
        "Says grace and then puts on a record",
        "Left the Mormon church at twenty",
        "Reads the Quran daily",
        "Does not believe in any god",
        "Hears hymns as a Christian does",
    ],
    "politics": [
        "Thinks the Tories ruined the BBC",
        "Wants the monarchy gone",
        "Signs petitions for gun control",
        "Calls herself a feminist",
        "Is a member of the Green Party",
    ],
    "origin": [
        "Learned Punjabi songs from his grandmother in Amritsar",
        "A Brazilian living in Oslo",
        "Was born in Chile",
        "Writes as a person of color",
        "Half Greek, half Turkish",
    ],
    "sexuality": [
        "Met his boyfriend at this show",
        "Writes for queer listeners like himself",
        "Has only ever loved other women",
        "Is pansexual",
        "Writes about his sex life",
    ],
    None: [
        "Never skips a bonus track",
        "Calls the riff a work of genius",
        "Thinks the strings are too sweet",
        "Loves gospel choirs",
        "Says the production has no soul",
        "Finds the tempo changes a pain",
        "Uses the word masterpiece sparingly",
        "Compares records to meals",
        "Prefers Swedish pop to American pop",
        "Quotes the liner notes",
        "Is never right about singles, and says so",
        "Notes that the label went bankrupt",
        "Likes the Dead Kennedys",
        "Finds the record depressing",
        "Writes in the second person",
        "Complains that tickets cost an arm and a leg",
        "Says the drummer is insane",
        "Says the tape hiss is a comfort",
        "Calls the sequel stillborn",
        "Goes to concerts alone",
        "Loves Chinese opera",
        "Enjoys a good protest song",
        "Thinks the vocals came out flat",
        "Says a bass line is the heart of a song",
        "Is generous with five stars",
    ],
}


@pytest.mark.parametrize(
    ("category", "statement"), [(category, statement) for category, said in KNOWN.items() for statement in said]
)
def test_known_sentences(category, statement):
    assert held_back(statement) == category


def test_precision_and_recall_on_unseen_sentences():
    """To change these is to measure anew: on other sentences, written without a look at the lexicon."""
    right = sum(held_back(statement) is not None for category in SENSITIVE for statement in UNSEEN[category])
    wrong = sum(held_back(statement) is not None for statement in UNSEEN[None])
    assert (right, wrong) == (15, 0)  # of 25 and 25: recall 0.60, precision 1.00


@pytest.mark.parametrize("category", SENSITIVE)
def test_every_category_is_told_apart_from_the_others(category):
    assert {held_back(statement) for statement in KNOWN[category]} == {category}


@given(st.sampled_from([statement for category in SENSITIVE for statement in KNOWN[category]]))
def test_case_quotes_and_place_do_not_hide_a_statement(statement):
    for said in (statement.replace("'", "’"), f"Writes in short sentences. {statement}; and likes bass."):
        assert held_back(said) is not None


OTHERS = {
    "health": ["Leidet seit Jahren an Depressionen und sagt es offen", "Está embarazada y lo cuenta a menudo",
               "她患有抑郁症，常写到住院的日子", "糖尿病と診断されたと書いている", "У неё диабет, и она часто об этом пишет"],
    "belief": ["Er ist gläubig und geht jeden Sonntag in die Kirche", "Est musulmane et prie cinq fois par jour",
               "他是虔诚的佛教徒", "هو مسلم متدين يكتب عن رمضان"],
    "politics": ["Wählt grün und erwähnt es gern", "Milite à gauche, adhérente d’un syndicat", "他是共产党员"],
    "origin": ["Ihre Familie ist aus Syrien eingewandert, als sie vier war: Flüchtlinge", "Sus padres son inmigrantes de Perú",
               "她是移民的女儿"],
    "sexuality": ["Er schreibt offen, dass er schwul ist", "Es lesbiana y lo dice con orgullo", "他公开说自己是同性恋"],
}  # fmt: skip
HARMLESS = [
    "Lobt größere Tassen und kürzere Wege", "Escribe frases muy breves", "她喜欢短句，常用感叹号",
    "Préfère les phrases brèves et l’été", "とても短い文を書く", "Пишет коротко и по делу", "Finds Hey Jude therapeutic",
    "Votes for the loudest track", "Depressing songs, syndicated reruns and conservatory pianos",
]  # fmt: skip


@pytest.mark.parametrize("category", OTHERS)
def test_other_languages(category):
    assert [held_back(statement) for statement in OTHERS[category]] == [category] * len(OTHERS[category])


def test_harmless_statements_of_other_languages_stay():
    assert [held_back(statement) for statement in HARMLESS] == [None] * len(HARMLESS)
