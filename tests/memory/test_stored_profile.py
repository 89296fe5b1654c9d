"""What a service serves is a method that experiments can measure: the same records give the same prompt."""

import asyncio
import json

import pytest

from tests.memory.town import lived_in, memory_of
from tests.store.rows import BOTH
from unlike.api import kits, sample_corpus
from unlike.data.corpus import Corpus
from unlike.embed.hashing import HashingEncoder
from unlike.evaluate.running.plan import Plan
from unlike.evaluate.running.run_plan import find, measure_all, run_plan
from unlike.llm.journal import Journal
from unlike.llm.recorded import RecordedLLM
from unlike.llm.scripted import ScriptedBackend
from unlike.memory.answers import Request
from unlike.methods.stored_profile import stored_profile
from unlike.prompts.task import open_task
from unlike.records import Case
from unlike.settings import MethodSettings
from unlike.store.records import NewRecord

LATER_MS = 4_000_000_000_000
SETTINGS = MethodSettings(n_records=3, n_peers=2, max_tokens=256)


def told(messages, sampling):
    """Sentences that differ from prompt to prompt, one of them sensitive."""
    n_words = len(str(messages).split())
    return f"Writes {n_words} words more than others. Is often sick with diabetes. Likes {n_words % 7} things."


def rows_of(corpus, n_users=9):
    users = sorted(corpus.users())[:n_users]
    return [
        NewRecord(record, corpus.item(record.item_id)) for record in corpus.records() if record.user_id in set(users)
    ]


def kit_of(corpus, settings):
    llm = RecordedLLM(ScriptedBackend(told), Journal.open(None))
    return kits(corpus, llm, HashingEncoder(64), open_task())(settings)


def drafted(corpus, user_id, item_id, settings):
    """The draft of the method for a request that comes after all records."""
    case = Case("", user_id, item_id, LATER_MS, "Again", 4.0)
    return asyncio.run(stored_profile(case, kit_of(corpus, settings)))


def served(memory, user_id, item_id):
    """The prompt that the service sends for the same request."""
    request = Request(user_id, item_id, title="Again", rating=4.0, max_tokens=256)
    asyncio.run(memory.generate(request))
    return memory.backend.calls[-1][0]


@pytest.mark.parametrize(
    ("key_records", "layout", "changes"),
    [("recency", "single", {}), ("compared", "turns", {}), ("recency", "single", {"shown_records": 0})],
)
def test_the_services_prompt_is_the_methods_draft_for_the_same_records(in_sqlite, key_records, layout, changes):
    rows = rows_of(sample_corpus())
    corpus = Corpus([row.record for row in rows], list({row.item.id: row.item for row in rows}.values()), [])
    chosen = SETTINGS.but(layout=layout)
    memory = lived_in(in_sqlite, rows, ScriptedBackend(told), method=chosen, key_records=key_records, **changes)
    settings = chosen.but(key_records=key_records, **changes)
    for user_id in sorted(corpus.users())[:4]:
        draft = drafted(corpus, user_id, rows[0].item.id, settings)
        assert list(draft.call.messages) == list(served(memory, user_id, rows[0].item.id))
        assert any(difference["representatives"] for difference in draft.trace["differences"])
        assert "diabetes" not in str(draft.call.messages)


def test_without_a_profile_both_show_the_latest_records(in_sqlite):
    rows = rows_of(sample_corpus())[:1] + rows_of(sample_corpus())[-3:]
    corpus = Corpus([row.record for row in rows], list({row.item.id: row.item for row in rows}.values()), [])
    memory = memory_of(in_sqlite, ScriptedBackend(told), method=SETTINGS, min_records=5)
    asyncio.run(memory.add(rows, BOTH))
    for user_id in (*corpus.users(), "stranger"):
        draft = drafted(corpus, user_id, rows[0].item.id, SETTINGS.but(min_records=5))
        assert list(draft.call.messages) == list(served(memory, user_id, rows[0].item.id))


def test_an_experiment_compares_it_with_dpl_at_request_time(tmp_path):
    corpus = sample_corpus()
    plan = Plan.model_validate(
        {"title": "t", "methods": [{"method": "dpl"}, {"method": "stored_profile"}], "limit": 4, "metrics": ["rouge1"]}
        | {
            "sanity": ["leakage"],
            "embedder": "hashing:64",
            "settings": {"n_records": 2, "n_peers": 2, "max_tokens": 64},
        }
    )
    llm = RecordedLLM(ScriptedBackend.echo(), Journal.open(None))
    kit = kits(corpus, llm, HashingEncoder(64), open_task())
    folders = asyncio.run(run_plan(plan, corpus, kit, tmp_path))
    found = find(plan, corpus, HashingEncoder(64), measure_all(folders, plan, corpus))
    assert [variant.name for variant in found.variants] == ["dpl", "stored_profile"]
    assert all(variant.cells["rouge1"].n == 4 for variant in found.variants)
    traces = [json.loads(line)["trace"] for line in (folders[1] / "generations.jsonl").read_text().splitlines()]
    assert all(trace["profile"] and len(trace["past"]) == 2 for trace in traces)
