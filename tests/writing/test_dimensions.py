"""A difference is taken apart by dimension, whatever headings an LLM gives it."""

import pytest

from unlike.writing.dimensions import by_dimension


@pytest.mark.parametrize(
    ("text", "dimensions"),
    [
        ("Writing: short.\n\nEmotional: dry.", ["writing", "emotional"]),
        ("**Writing**: short.\nand flat\n- Emotional: dry.", ["writing", "emotional"]),
        ("Short and dry throughout.", [""]),
        ("", []),
        ("## 1. Writing style: short.", ["writing style"]),
        ("Emotionally flat.", [""]),
    ],
)
def test_a_difference_is_told_by_dimension(text, dimensions):
    assert [name for name, _ in by_dimension(text, ("writing", "emotional", "writing style"))] == dimensions


def test_what_belongs_to_a_dimension_stays_with_it():
    (writing, emotional) = by_dimension("**Writing**: short.\nand flat\n- Emotional: dry.", ("writing", "emotional"))
    assert (writing[1], emotional[1]) == ("short.\nand flat", "dry.")
