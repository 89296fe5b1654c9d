"""Runs and experiments to look into: made of the packaged sample and the scripted LLM, and one of what no page expects."""

import itertools
import sys
from pathlib import Path

import pytest

from unlike.api import open_kit
from unlike.cli.main import main
from unlike.data.corpus import Corpus
from unlike.evaluate.running.run_method import JOURNAL, arun
from unlike.llm.scripted import ScriptedBackend
from unlike.records import Case, Item, Record
from unlike.settings import MethodSettings
from unlike.sync import wait_for

DAY_MS = 86_400_000
EMBEDDER = "hashing:64"
SCRIPT = '''
default = ["I liked this one; it works every day.", "Too heavy, and the colour is wrong.", "Good value. It does the job."]

[[rules]]
contains = "How does person A differ"
answer = """**Writing**: short sentences.

**Emotional**: dry where the others gush.

**Semantic**: speaks of screws."""
'''
PLAN = """
title = "Methods on the sample"
corpus = "corpus"
limit = 6
embedder = "hashing:64"
metrics = ["rouge1", "bleu"]
sanity = ["length_ratio"]
llm = { uri = "scripted:script.toml" }
methods = [{ method = "non_perso" }, { method = "rag" }, { method = "dpl" }]

[sweeps]
methods = ["dpl"]
n_peers = [2]
"""
SOFT = """
title = "Soft"
corpus = "corpus"
limit = 2
embedder = "hashing:16"
metrics = ["rouge1"]
sanity = []
likelihood = 8
settings = {{ n_records = 2, max_tokens = 8 }}
llm = {{ uri = "transformers:{llm}", context_tokens = 1950 }}
methods = [{{ method = "non_perso" }}, {{ method = "dep", name = "dep", settings = {{ adapter = "dep" }} }}]

[[adapters]]
name = "dep"
kind = "dep"
preset = "small"
set = {{ n_records = 2, with_text = false, text_chars = 60, max_prompt_tokens = 1900, max_targets = 1, max_target_tokens = 8, validation = 2, max_steps = 2, learning_rate = 0.001 }}
"""  # noqa: E501 - an inline table of TOML is one line
SCRIPT_TAG = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 1'>"
FROM_THE_RIGHT = "\u202eשלום עולם مرحبا\u202c \u2067abc\u2069"
EMOJI = "👩‍🚀🏳️‍🌈👍🏽 e\u0301"
NUL = "before\x00after \x1b[31m"
LONG = "long ago and far away " * 50_000  # over a megabyte
MANY_WORDS = "word " * 10_000
HOSTILE = (SCRIPT_TAG, FROM_THE_RIGHT, EMOJI, NUL, LONG, "'\"`${alert(1)}{{7*7}} %00 %2F ]]>")
ODD_ID = "a/b?c#d%2F&e=<b>\u202eé 👍"


def command(*words):
    """Run the command line in this process; returns its exit status."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["unlike", *map(str, words)])
        main()
        raise SystemExit(0)
    return ended.value.code or 0


def make_experiment(folder: Path) -> Path:
    """An experiment that is done, with its report; the corpus lies beside it."""
    from unlike.api import sample_corpus

    sample_corpus(folder / "corpus")
    (folder / "plan.toml").write_text(PLAN)
    (folder / "script.toml").write_text(SCRIPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert command("experiment", "plan.toml", "--out", "experiment") == 0
    return folder / "experiment"


def make_soft_experiment(folder: Path) -> tuple[Path, Path]:
    """An experiment with an adapter trained for it over a tiny LLM; and the LLM."""
    import torch

    from tests.llm.tiny_llm import tiny_llm
    from unlike.api import sample_corpus

    torch.set_num_threads(1)
    sample_corpus(folder / "corpus")
    llm = tiny_llm(folder / "llm", seed=3)
    (folder / "soft.toml").write_text(SOFT.format(llm=llm))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert command("experiment", "soft.toml", "--out", "soft") == 0
    return folder / "soft", llm


def hostile_corpus() -> Corpus:
    """Four users and two items whose ids, titles and texts are what no page expects."""
    users, items = (f"u{SCRIPT_TAG}", ODD_ID, "user", FROM_THE_RIGHT), (f"i{SCRIPT_TAG}", f"i {ODD_ID}")
    records = [
        Record(
            f"r{place} {day} {ODD_ID}",
            user,
            items[day % len(items)],
            HOSTILE[(day + place) % len(HOSTILE)],
            MANY_WORDS if day == 0 else HOSTILE[day][:200],
            float(1 + day % 5),
            (10 * day + place) * DAY_MS,
        )
        for place, user in enumerate(users)
        for day in range(len(HOSTILE))
    ]
    last = {record.user_id: record for record in records}
    cases = [Case(r.id, r.user_id, r.item_id, r.timestamp, r.title, r.rating, r.text, "test") for r in last.values()]
    described = [Item(item, MANY_WORDS, SCRIPT_TAG, {SCRIPT_TAG: [NUL]}) for item in items]
    return Corpus(records, described, cases)


def make_hostile_run(folder: Path, method: str = "dpl") -> Path:
    """A run on that corpus whose LLM writes the same kind of thing, and fails once."""
    hostile_corpus().write(folder / "corpus")
    answers, others = itertools.count(), itertools.count()

    def answer(messages, sampling):
        from unlike.errors import CallFailed

        number = next(answers)
        if "How does" not in messages[-1]["content"] and next(others) == 1:
            raise CallFailed(f"refused {SCRIPT_TAG}", raw=NUL)
        return f"{HOSTILE[number % len(HOSTILE)]}\nWriting: {SCRIPT_TAG}"

    return make_run(folder / "corpus", folder / "run", method, ScriptedBackend(answer, name="hostile"))


def make_run(
    corpus: Path, out: Path, method: str, backend, limit: int | None = None, keep_prompts=True, **settings
) -> Path:
    """A run folder as ``unlike run`` leaves it."""
    opened = Corpus.open(corpus)
    chosen = MethodSettings().but(**settings)
    kit = open_kit(opened, backend, EMBEDDER, chosen, journal=out / JOURNAL, keep_prompts=keep_prompts)
    facts = {"corpus": str(corpus), "embedder": EMBEDDER}
    wait_for(arun(opened, method, kit, out, limit=limit, facts=facts))
    return out
