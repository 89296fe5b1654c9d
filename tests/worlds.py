"""Small worlds for tests: corpora made from a few integers, and an LLM that remembers what it was asked."""

import asyncio

from unlike.data.corpus import Corpus
from unlike.embed.hashing import HashingEncoder
from unlike.llm.backend import Completion
from unlike.llm.journal import Journal
from unlike.llm.recorded import RecordedLLM
from unlike.methods.kit import Kit
from unlike.peers.neighbours import MeanNeighbours
from unlike.peers.selectors import open_selector
from unlike.prompts.task import open_task
from unlike.records import Case, Item, Record
from unlike.retrieve.open import open_retriever
from unlike.settings import MethodSettings
from unlike.writing.write import write

DAY_MS = 86_400_000
WORDS = ["salt", "sea", "wool", "engine", "soup", "brass", "lamp", "tide", "pen", "rain"]


class Listening:
    """A backend that answers with a digest of the prompt and keeps every prompt."""

    model = "scripted:listening"
    counts_exactly = False
    offers_schema = False

    def __init__(self, answer=None, context_tokens=None):
        self.asked = []
        self.answer = answer or (lambda messages: f"reply {len(self.asked)}")
        self.context_tokens = context_tokens

    async def complete(self, messages, sampling):
        self.asked.append(messages)
        answer = self.answer(messages)
        if isinstance(answer, Exception):
            raise answer
        return Completion(answer, 10, 5)

    def count_tokens(self, messages):
        return sum(len(message["content"].split()) for message in messages)

    async def aclose(self):
        pass


def world(writings, targets=()):
    """A corpus from (user, item, day) triples; a record's text names all three, so leaks are seen.

    Args:
        writings: (user number, item number, day) of each record.
        targets: Indexes of the records that are cases.
    """
    records = [
        Record(
            id=f"r{i:03}",
            user_id=f"u{user}",
            item_id=f"i{item}",
            text=f"{WORDS[user % 10]} {WORDS[(user + item) % 10]} text-of-r{i:03} by u{user} on i{item}. " * 2,
            title=f"title {WORDS[item % 10]}",
            rating=float(1 + (user + item) % 5),
            timestamp=day * DAY_MS,
        )
        for i, (user, item, day) in enumerate(writings)
    ]
    items = [Item(f"i{n}", f"Item {n}", f"about {WORDS[n % 10]}") for n in {item for _, item, _ in writings}]
    cases = [
        Case(r.id, r.user_id, r.item_id, r.timestamp, r.title, r.rating, r.text, "test")
        for r in (records[i] for i in targets)
    ]
    return Corpus(records, items, cases)


def kit_for(corpus, backend=None, encoder=None, **settings):
    """A kit over a corpus, with the papers' layout, and the hashing encoder where none is given."""
    chosen = MethodSettings(max_tokens=64, layout="single").but(**settings)
    encoder = encoder or HashingEncoder(64)
    return Kit(
        records=corpus,
        retriever=open_retriever(chosen.retriever, encoder, chosen.seed),
        selector=open_selector(chosen.selector, encoder, chosen.seed),
        neighbours=MeanNeighbours(corpus, corpus.users(), encoder),
        llm=RecordedLLM(backend or Listening(), Journal.open(None)),
        task=open_task(),
        settings=chosen,
    )


def outcome_of(method, case, kit):
    """What a method comes to: its draft, written by the kit's LLM."""

    async def work():
        draft = await method(case, kit)
        return draft.outcome(await write(draft, kit.llm))

    return asyncio.run(work())
