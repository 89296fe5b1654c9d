"""Comparison in private: nobody's words in anybody else's prompt, and figures of no single person."""

import asyncio
import re
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, true

from tests.memory.town import TASK, faults, lived_in, row, settle
from tests.store.rows import BOTH
from unlike.api import sample_corpus
from unlike.memory.private_comparison import STEP, figures, shared_words
from unlike.memory.settings import MemorySettings
from unlike.methods.style_facts import StyleFacts, facts_of, figures_beside, means
from unlike.prompts.prompt import Ask, messages_of, own_record
from unlike.records import Item, Record
from unlike.settings import MethodSettings
from unlike.store import profiles, records, users
from unlike.store.records import NewRecord
from unlike.store.tables import CLUSTERED, CLUSTERINGS, DIFFERENCE_READS, DIFFERENCES, JOURNAL, JOURNAL_READS, PROFILES

CORPUS = sample_corpus()
SHARED = re.compile(r"words that several of them use and this person does not: (.+)")
WORD = re.compile(r"\w+(?:['’]\w+)*")


def words_of(text):
    return WORD.findall(text.lower().replace("’", "'"))


def runs_of(text, n=5):
    words = words_of(text)
    return {tuple(words[start : start + n]) for start in range(len(words) - n + 1)}


@pytest.fixture(scope="module")
def town_in_private(tmp_path_factory):
    """Everybody of the sample corpus with a profile, nobody's words told to another."""
    return sample_memory(tmp_path_factory, private=True)


@pytest.fixture(scope="module")
def open_town(tmp_path_factory):
    return sample_memory(tmp_path_factory, private=False)


def sample_memory(tmp_path_factory, **settings):
    from tests.store.rows import MASTER
    from unlike.store.database import open_store

    store = open_store(tmp_path_factory.mktemp("sample"), MASTER)
    rows = [NewRecord(record, CORPUS.item(record.item_id)) for record in CORPUS.records()]
    return lived_in(store, rows, **settings)


def prompts(memory, step=""):
    """What was asked, as one text each."""
    asked = ["\n".join(message["content"] for message in messages) for messages, _ in memory.backend.calls]
    return [prompt for prompt in asked if step in ("", step_of(prompt))]


def step_of(prompt):
    if "Their words are private" in prompt:
        return STEP
    return "summary" if "Describe this person as a writer" in prompt else "difference"


def strangers(memory):
    """Prompts that hold five words in a row of somebody whose prompt it is not, but not of what all read of the item."""
    known = {run for item in CORPUS.items() for run in runs_of(f"{item.title} {item.description}")}
    writers = defaultdict(set)
    for record in CORPUS.records():
        for run in (runs_of(record.text) | runs_of(record.title)) - known:
            writers[run].add(record.user_id)
    found = []
    for prompt in prompts(memory):
        runs = {
            run for line in prompt.splitlines() for run in runs_of(line)
        }  # none goes over from one text to the next
        owners = [writers[run] for run in runs if run in writers]
        if not set.intersection(*owners):
            found.append(prompt)
    return found


def test_no_prompt_holds_five_words_in_a_row_of_anybody_else(town_in_private):
    assert len(prompts(town_in_private)) > 4 * 24
    assert strangers(town_in_private) == []


def test_without_it_they_do(open_town):
    n_comparisons = len(prompts(open_town, "difference"))
    assert n_comparisons > 3 * 24
    assert len(strangers(open_town)) >= n_comparisons


def test_words_told_of_a_group_are_of_several_people_and_not_of_the_item_or_the_person(town_in_private):
    users = defaultdict(set)
    for record in CORPUS.records():
        for word in words_of(record.text):
            users[record.item_id, word].add(record.user_id)
    titles = {item.title: item for item in CORPUS.items()}
    asked = prompts(town_in_private, STEP)
    n_words = 0
    for prompt in asked:
        item = next(item for title, item in titles.items() if f"Item: {title}\n" in prompt)
        own = prompt.split("The person's review", 1)[1].split("How does the person's", 1)[0]
        for told_words in SHARED.findall(prompt):
            for word in told_words.split(", "):
                n_words += 1
                assert len(users[item.id, word]) >= 2, word
                assert word not in words_of(f"{own} {item.title} {item.description}")
    assert n_words > len(asked)


def test_a_profile_goes_back_to_clusterings_and_reads_only_its_user(town_in_private):
    with town_in_private.tenant.read() as tx:
        made = tx.conn.execute(select(DIFFERENCES)).all()
        roles = set(tx.conn.scalars(select(DIFFERENCE_READS.c.role)))
        clusterings = set(tx.conn.scalars(select(CLUSTERINGS.c.id)))
        built = [profiles.current(tx, user) for user in tx.conn.scalars(select(PROFILES.c.user))]
        read = [profiles.peers_read(tx, profile.number) for profile in built]
    assert roles == {"own"}
    assert {row.clustering for row in made} <= clusterings
    assert len(built) == 24
    assert {number for profile in built for number in profile.profile.differences} == {row.id for row in made}
    assert not any(read)
    assert faults(town_in_private) == []


def test_statements_say_how_many_others_there_were(town_in_private):
    peers = defaultdict(set)
    for record in CORPUS.records():
        peers[record.item_id].add(record.user_id)
    found = asyncio.run(everybody(town_in_private))
    assert sum(any(statement.n_peers for statement in profile.statements) for profile in found) > 12
    assert {statement.n_peers for profile in found for statement in profile.statements} <= {
        0,
        *(len(users) - 1 for users in peers.values()),
    }


async def everybody(memory):
    return [await memory.profile(user.user_id) for user in (await memory.users()).rows]


def test_a_summary_says_how_many_people_the_figures_were_of(town_in_private):
    asked = prompts(town_in_private, "summary")
    assert asked
    assert not any("differed from 0 others" in prompt for prompt in asked)


# What becomes of it when somebody goes or comes -----------------------------------------------------------------------

PRIVATE = {"private": True, "method": MethodSettings(n_records=2, n_peers=2, max_tokens=256)}
LINES = {
    "ann": "rain rain rain rain on a tin roof",
    "bob": "rain rain rain and more rain at night",
    "cleo": "bread bread bread with butter! bread!",
    "dora": "bread bread bread with honey! bread!",
    "emil": "bread bread bread with nothing! bread!",
}


def neighbours(people=LINES, items=("tea", "soup")):
    return [
        row(user, item, f"{people[user]} {item}", at=10 + place) for place, user in enumerate(people) for item in items
    ]


def clusterings_of(memory):
    """Clustering of each current difference, and the people clustered there."""
    people = defaultdict(set)
    with memory.tenant.read() as tx:
        users = {stored.number: stored.record.user_id for stored in records.read(tx)}
        for clustering, record in tx.conn.execute(select(CLUSTERED.c.clustering, CLUSTERED.c.record)):
            people[clustering].add(users[record])
        made = tx.conn.execute(select(DIFFERENCES.c.record, DIFFERENCES.c.clustering).where(DIFFERENCES.c.current))
        return {users[record]: people[clustering] for record, clustering in made}


def calls_of(memory, user_id):
    """Calls in the journal that were made from a user's words or figures."""
    with memory.tenant.read() as tx:
        mine = {stored.number for stored in records.read(tx) if stored.record.user_id == user_id}
        return set(tx.conn.scalars(select(JOURNAL_READS.c.call).where(JOURNAL_READS.c.record.in_(mine))))


def calls(memory, user_id=None):
    """Calls in the journal that were made for a user, or for all users."""
    with memory.tenant.read() as tx:
        mine = JOURNAL.c.user == users.find_user(tx, user_id) if user_id else true()
        return set(tx.conn.scalars(select(JOURNAL.c.id).where(mine)))


def test_what_was_made_of_figures_goes_with_everybody_who_was_measured(store):
    memory = lived_in(store, neighbours(), **PRIVATE)
    assert all("emil" in people for people in clusterings_of(memory).values())
    before, made_of_emil = calls(memory), calls_of(memory, "emil")
    assert len(made_of_emil) > 3  # others' too
    asyncio.run(memory.erase("emil"))
    assert calls(memory) == before - made_of_emil
    with memory.tenant.read() as tx:
        assert tx.conn.scalars(select(DIFFERENCES.c.id)).all() == []
        assert tx.conn.scalars(select(PROFILES.c.id)).all() == []
    settle(memory)
    assert set(clusterings_of(memory)) == {"ann", "bob", "cleo", "dora"}
    assert not any("emil" in people for people in clusterings_of(memory).values())
    assert faults(memory) == []


def test_who_withdraws_is_measured_no_more(store):
    memory = lived_in(store, neighbours(), **PRIVATE)
    asyncio.run(memory.set_consent("emil", peer=False))
    settle(memory)
    assert "emil" in clusterings_of(memory)  # compared with others, by the figures of the others
    assert not any("emil" in people for people in clusterings_of(memory).values())
    assert calls_of(memory, "emil") == calls(memory, "emil") != set()  # made for emil alone
    assert faults(memory) == []


def test_other_people_on_the_item_are_other_figures(store):
    memory = lived_in(store, neighbours(), **PRIVATE)
    before = clusterings_of(memory)
    people = {**LINES, "fred": "bread bread bread with salt! bread!"}
    asyncio.run(memory.add([new for new in neighbours(people) if new.record.user_id == "fred"], BOTH))
    settle(memory)
    assert all("fred" not in people for people in before.values())
    assert all("fred" in people for people in clusterings_of(memory).values())
    assert faults(memory) == []


def test_nothing_new_is_nothing_asked(store):
    memory = lived_in(store, neighbours(), **PRIVATE)
    asked = memory.backend.n_calls
    assert asked == 5 * 3
    asyncio.run(memory.build())
    settle(memory)
    assert memory.backend.n_calls == asked
    assert {len(profile.versions) for profile in asyncio.run(everybody(memory))} == {1}


def test_who_has_too_few_around_is_not_compared(store):
    memory = lived_in(store, neighbours({"ann": LINES["ann"], "bob": LINES["bob"]}), min_peers=1, **PRIVATE)
    assert clusterings_of(memory) == {}
    assert {step_of(prompt) for prompt in prompts(memory)} == {"summary"}


# Figures --------------------------------------------------------------------------------------------------------------

SOUP = Item("soup", "Soup of the day", "Hot.")


def said(text, user="ann", rating=None):
    return Record(f"{user}-soup", user, "soup", text, rating=rating)


def test_the_figures_of_a_text():
    facts = facts_of(said('My cat sat. "Did WE see it?" Yes! I\'m sure.', rating=4.0))
    assert facts.length == 10
    assert facts.sentence == 2.5
    assert (facts.exclaimed, facts.asked) == (0.25, 0.25)
    assert facts.capitals == 0.1
    assert facts.first_person == 0.3
    assert facts.variety == 1.0
    assert facts.rating == 4.0


def test_reading_ease_is_fleschs():
    """206.835 - 1.015 words a sentence - 84.6 syllables a word."""
    facts = facts_of(said("Considerable delays annoyed my older brother today."))
    syllables = 5 + 2 + 2 + 1 + 2 + 2 + 2
    assert facts.ease == pytest.approx(206.835 - 1.015 * 7 - 84.6 * syllables / 7)
    assert facts_of(said("I sat.")).ease == 100
    assert facts_of(said("Incomprehensibilities notwithstanding internationalisation.")).ease == 0


@given(st.text())
def test_every_text_has_figures(text):
    facts = facts_of(said(text))
    shares = (facts.exclaimed, facts.asked, facts.capitals, facts.first_person, facts.variety)
    assert all(0 <= share <= 1 for share in shares)
    assert 0 <= facts.ease <= 100
    assert facts.length >= facts.sentence >= 0


def test_variety_does_not_fall_with_length():
    assert facts_of(said("one two three four five " * 4)).variety == 0.25
    assert facts_of(said("one two three four five " * 400)).variety == 0.1  # of the first fifty words


def test_means_and_how_they_are_told():
    two = [
        StyleFacts(10, 5, 0.5, 0, 0, 0, 0, 0, 0.1, 1, 60, 4.0),
        StyleFacts(25, 8, 0, 0, 0, 0, 0, 0, 0.2, 1, 80, None),
    ]
    mean = means(two, 2)
    assert (mean.length, mean.sentence, mean.ease, mean.rating) == (17.5, 6.5, 70, None)
    assert means(two, 1).rating == 4.0
    lines = figures_beside(mean, two[0]).splitlines()
    assert lines[:3] == [
        "length in words: 18; this person: 10",
        "words a sentence: 6.5; this person: 5.0",
        "sentences with an exclamation mark: 25%; this person: 50%",
    ]
    assert not any(line.startswith("rating") for line in lines)


@given(
    texts=st.lists(st.lists(st.sampled_from(["Ash", "birch", "cedar", "DOGWOOD", "elm's", "the"])).map(" ".join)),
    own=st.lists(st.sampled_from(["ash", "birch"])).map(" ".join),
    fewest=st.integers(2, 4),
)
def test_a_word_is_told_only_when_enough_people_use_it(texts, own, fewest):
    found = shared_words(texts, own, fewest, 8)
    for word in found:
        assert sum(word in words_of(text) for text in texts) >= fewest
        assert word not in words_of(own)
    counts = [sum(word in words_of(text) for text in texts) for word in found]
    assert counts == sorted(counts, reverse=True)
    assert "the" not in found
    assert {"cedar", "dogwood", "elm's"} - set(found) == {
        word for word in ("cedar", "dogwood", "elm's") if sum(word in words_of(text) for text in texts) < fewest
    }


@pytest.mark.parametrize("fewest", [1, 2, 3])
def test_nobody_is_known_by_a_word(fewest):
    group = [
        said("The broth was grey and salty, said Zyzzyva.", "bob", 1.0),
        said("Broth, salty and GREY as the harbour!", "cleo"),
        said("Grey broth. I cried in the harbour.", "dora"),
    ]
    passage = figures(said("I liked it."), SOUP, group, MemorySettings(min_peers=fewest, private=True))
    assert SHARED.search(passage.text).group(1) == ("broth, grey" if fewest == 3 else "broth, grey, harbour, salty")
    assert "rating" not in passage.text
    assert "zyzzyva" not in passage.text.lower()
    assert passage.record_ids == ("bob-soup", "cleo-soup", "dora-soup")
    assert passage.n_others == 3


def test_the_prompt():
    own = said("I liked it. I did!", rating=5.0)
    group = [said("Thin broth.", "bob", 1.0), said("Thin broth again, and again thin.", "cleo", 2.0)]
    passages = (own_record(own, SOUP, "target"), figures(own, SOUP, group, MemorySettings(private=True)))
    _, asked = messages_of(Ask(STEP, passages, SOUP, dimensions=TASK.standard(("writing",))), TASK)
    assert asked["content"] == EXPECTED


EXPECTED = """\
> Item: Soup of the day
> Description: Hot.

Other people wrote reviews about this item too. Their words are private: of each group \
of them only figures are known, the mean of the group before that of the person.

Group 1, 2 people
> rating: 1.5; this person: 5.0
> length in words: 4.0; this person: 5.0
> words a sentence: 4.0; this person: 2.5
> sentences with an exclamation mark: 0%; this person: 50%
> sentences with a question mark: 0%; this person: 0%
> words in capitals: 0%; this person: 0%
> sentences that begin with a small letter: 0%; this person: 0%
> sentences that trail off in dots: 0%; this person: 0%
> brackets per sentence: 0.0; this person: 0.0
> words in the first person: 0%; this person: 40%
> different words among the first 50: 83%; this person: 80%
> reading ease (0 hard, 100 easy): 94; this person: 100
> words that several of them use and this person does not: broth, thin

The person's review
> Rating: 5
> I liked it. I did!

How does the person's review differ from how the others write?
Compare along these dimensions only:
- writing: choice of words, length and build of sentences, grammar and punctuation habits
For each dimension write one short paragraph that starts with its name. \
Say what this person does clearly more or less than the others, as far as the figures bear it out, and \
name a telling detail of the person's review.
Put it in words, not in numbers. Where there is no difference, say so. Do not retell the item and do not rate the writing."""
