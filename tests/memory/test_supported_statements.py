"""Statements of a profile: taken out of a summary, borne out by records, held back where they are sensitive."""

import pytest

from unlike.embed.hashing import HashingEncoder
from unlike.embed.open import open_encoder
from unlike.memory.supported_statements import Source, sentences, statements_of
from unlike.methods.steps import Reply
from unlike.privacy.sensitive import SENSITIVE

ENCODER = HashingEncoder(64)
SOURCES = [Source("Writes short lines.", 1, 3), Source("Tea again. It was hot.", 2)]


def reply(text, finish_reason="stop"):
    return Reply(text, {"finish_reason": finish_reason})


def texts(summary, allowed=(), finish_reason="stop"):
    return [one.text for one in statements_of(reply(summary, finish_reason), SOURCES, ENCODER, allowed)]


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("Writes short lines. Hates adjectives!", ["Writes short lines.", "Hates adjectives!"]),
        ("Profile: Writes short lines.", ["Writes short lines."]),
        ("**Profile of the writer:** Writes short lines.", ["Writes short lines."]),
        ("Here is a compact profile of this person:\n\nWrites short lines.", ["Writes short lines."]),
        (
            "## Profile\n\n### Writing\n- Writes short lines.\n- Hates adjectives.",
            ["Writes short lines.", "Hates adjectives."],
        ),
        (
            "**Writing style**\n* Writes short lines\n* Hates *all* adjectives",
            ["Writes short lines", "Hates all adjectives"],
        ),
        (
            "1. **Writing:** short lines.\n2) Hates adjectives.\n(3) Ends late.",
            ["Writing: short lines.", "Hates adjectives.", "Ends late."],
        ),
        (
            "• Writes short lines.\n– Hates adjectives.\n---\n> Ends late.",
            ["Writes short lines.", "Hates adjectives.", "Ends late."],
        ),
        (
            "Gives figures, e.g. weights, i.e. grams. Thanks Dr. Oduya.",
            ["Gives figures, e.g. weights, i.e. grams.", "Thanks Dr. Oduya."],
        ),
        ("Says “so it goes.” Then stops… And starts.", ["Says “so it goes.”", "Then stops…", "And starts."]),
        ("Writes 3.5 stars in 2.0 lines.", ["Writes 3.5 stars in 2.0 lines."]),
        ("Writes short lines. Writes short lines.", ["Writes short lines."]),
        (
            "Writes __very__ short lines with snake_case_names and 2 * 3 * 4.",
            ["Writes very short lines with snake_case_names and 2 * 3 * 4."],
        ),
        ("Écrit court. Schreibt auch kurz!", ["Écrit court.", "Schreibt auch kurz!"]),
        (
            "Writes the profile of a place first: light, then smell.",
            ["Writes the profile of a place first: light, then smell."],
        ),
        (
            'Says "Wow! What a ride." a lot and never explains. Says “Really? So.” Stops.',
            ['Says "Wow! What a ride." a lot and never explains.', "Says “Really? So.”", "Stops."],
        ),
        ('Has a 5" screen. Likes "small" ones. Ends.', ['Has a 5" screen.', 'Likes "small" ones.', "Ends."]),
        ("", []),
        ("... --- 123", []),
    ],
)
def test_sentences_and_points_without_what_arranges_them(summary, expected):
    assert sentences(summary) == expected


def test_a_statement_that_was_cut_off_is_none():
    cut = "Writes short lines. Hates adj"
    assert texts(cut, finish_reason="length") == ["Writes short lines."]
    assert texts(cut) == ["Writes short lines.", "Hates adj"]
    assert texts("Writes short lines. Hates adjectives.", finish_reason="length")[-1] == "Hates adjectives."
    assert texts("Writes short li", finish_reason="length") == ["Writes short li"]


SENSITIVE_SUMMARY = "Writes short lines. She is a devout Catholic. He votes Green. Hates adjectives."


def test_sensitive_statements_are_held_back_unless_they_are_allowed():
    assert texts(SENSITIVE_SUMMARY) == ["Writes short lines.", "Hates adjectives."]
    assert texts(SENSITIVE_SUMMARY, ("belief",))[1] == "She is a devout Catholic."
    assert len(texts(SENSITIVE_SUMMARY, ("belief",))) == 3
    assert len(texts(SENSITIVE_SUMMARY, SENSITIVE)) == 4
    assert texts("She is a devout Catholic.") == []


def test_evidence_of_a_comparison_says_how_many_others_it_had():
    compared, alone = statements_of(reply("Writes short lines. It was hot."), SOURCES, ENCODER)
    assert (compared.records, compared.n_peers) == ((1,), 3)
    assert (alone.records, alone.n_peers) == ((2,), 0)


DIFFERENCES = [
    Source(
        "writing: This person writes in clipped fragments and gives exact measurements in millimetres and grams, where "
        "the others write full sentences. The others use similes.",
        1,
        12,
    ),
    Source(
        "emotional: The person hardly shows feeling; the others are enthusiastic and use exclamation marks. semantic: It "
        "is a list of tests done with the tool.",
        1,
        12,
    ),
    Source(
        "writing: The person quotes scraps of French and builds one long, winding sentence with many commas and "
        "parentheses. The others keep to short sentences.",
        2,
        7,
    ),
    Source(
        "emotional: Open tenderness for the family and a dry joke at the end, where the others stay matter-of-fact.",
        3,
        5,
    ),
]
RECORDS = [
    Source("Rose stem, 8 mm: clean. Hazel, 10 mm: crushed. Scale says 140 g. Stone took 3 minutes.", 1),
    Source(
        "Mme Morrow, whose name was (mea culpa) unknown to me, has had the audacity to compose a family saga, so that "
        "the quarrel accumulates by évaporation lente.",
        2,
    ),
    Source(
        "My daughter laughed at the lantern and my wife kept it by the bed. It has seen two weddings, it may see a "
        "third, if the moths allow.",
        3,
    ),
    Source(
        "The stew pot arrived late. I paid 20 dollars for shipping and the lid was chipped, so I sent it back and asked "
        "for my money.",
        4,
    ),
]
BORNE_OUT_BY = {
    "Prefers clipped fragments and exact measurements.": 1,
    "Slips French phrases into long, winding sentences full of parentheses.": 2,
    "Writes tenderly of wife and daughter.": 3,
    "Ends on a dry joke.": 3,
    "Complains about delivery, prices and refunds.": 4,
    "Reports test results with numbers and units.": 1,
    "Rarely shows feelings.": 1,
    "Wants the money back when something is broken.": 4,
}


@pytest.mark.embedded
def test_the_packaged_encoder_finds_what_bears_a_statement_out():
    summary = reply(" ".join(BORNE_OUT_BY))
    found = statements_of(summary, [*DIFFERENCES, *RECORDS], open_encoder("minilm"))
    assert [one.text for one in found] == list(BORNE_OUT_BY)
    wrong = {one.text: one.records for one in found if BORNE_OUT_BY[one.text] not in one.records}
    assert not wrong
    assert sum(len(one.records) for one in found) <= 1.5 * len(found)  # not simply everything
    assert {one.text: one.n_peers for one in found}["Complains about delivery, prices and refunds."] == 0
    assert {one.text: one.n_peers for one in found}["Prefers clipped fragments and exact measurements."] == 12
