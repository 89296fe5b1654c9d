"""How unlike the others users are: who has too few texts comes last, and no encoder has to be opened to read distances."""

import asyncio

from tests.memory.town import lived_in, memory_of, row
from unlike.embed.hashing import HashingEncoder
from unlike.memory.population import MIN_TEXTS

WRITERS = {"ann": MIN_TEXTS, "bob": MIN_TEXTS, "cleo": 1}


def rows():
    texts = {"ann": "Rain on the roof, rain.", "bob": "Bread with butter.", "cleo": "Zebras!"}
    return [row(user, f"item{n}", f"{texts[user]} {n}") for user, many in WRITERS.items() for n in range(many)]


def ranked(memory):
    return {one.user_id: one.uniqueness for one in asyncio.run(memory.users(sort="uniqueness")).rows}


def test_users_with_few_texts_come_last(in_sqlite):
    found = ranked(lived_in(in_sqlite, rows()))
    assert found["cleo"] == max(found.values())
    assert list(found)[-1] == "cleo"


def test_distances_are_read_from_the_vectors_that_are_there(in_sqlite):
    found = ranked(lived_in(in_sqlite, rows()))
    other = memory_of(in_sqlite)
    other.population = type(other.population)(other.tenant, HashingEncoder(32).name)
    assert ranked(other) == found
