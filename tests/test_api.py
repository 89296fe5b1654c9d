"""The public names, and the few lines of Python that the README promises."""

import asyncio
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

import unlike
from unlike.errors import InputError
from unlike.latent.settings import RECIPES, TrainSettings, recipe
from unlike.llm.recorded import RecordedLLM
from unlike.llm.scripted import ScriptedBackend
from unlike.settings import BATCH_ENDPOINT, CURATE_PRESETS, CurateSettings, EndpointSettings, MethodSettings

PUBLIC = [
    "CURATE_PRESETS",
    "METHODS",
    "CallFailed",
    "Case",
    "Consent",
    "Corpus",
    "CurateSettings",
    "Draft",
    "EngineError",
    "Generation",
    "InputError",
    "Item",
    "Kit",
    "MethodSettings",
    "MissingPart",
    "NewRecord",
    "Outcome",
    "Record",
    "Request",
    "Stopped",
    "UnlikeError",
    "Watch",
    "agenerate",
    "arun",
    "build_due",
    "curate",
    "experiment",
    "generate",
    "open_encoder",
    "open_kit",
    "open_llm",
    "open_memory",
    "open_task",
    "report",
    "run",
    "sample_corpus",
    "score",
    "table",
    "train",
]


def test_public_names_are_these():
    assert unlike.__all__ == PUBLIC
    assert all(getattr(unlike, name) is not None for name in PUBLIC)
    assert set(PUBLIC) <= set(dir(unlike))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = unlike.nothing


def test_the_sample_corpus_is_large_enough_for_the_papers_settings(tmp_path):
    corpus = unlike.sample_corpus(tmp_path / "corpus")
    assert len(corpus.users()) == 24
    assert len(corpus.items()) == 16
    assert len(corpus.records()) >= 250
    cases = corpus.cases("test")
    assert len(cases) >= 20
    assert all(len(corpus.history(case.user_id, case.moment)) >= 8 for case in cases)
    assert unlike.sample_corpus().hash == unlike.Corpus.open(tmp_path / "corpus").hash or corpus.hash


def test_the_sample_replaces_no_other_corpus(tmp_path):
    unlike.sample_corpus(tmp_path / "corpus")
    unlike.sample_corpus(tmp_path / "corpus")
    manifest = unlike.Corpus(unlike.sample_corpus().records(), []).write(tmp_path / "corpus")
    with pytest.raises(unlike.InputError, match="holds another corpus, of source 'memory'; give a new folder"):
        unlike.sample_corpus(tmp_path / "corpus")
    assert unlike.Corpus.open(tmp_path / "corpus").manifest == manifest


def test_generate_works_with_and_without_a_running_loop():
    corpus = unlike.sample_corpus()
    kit = unlike.open_kit(corpus, "scripted:echo", "hashing:64", {"n_records": 2, "n_peers": 2})
    case = corpus.cases("test")[0]

    async def in_a_notebook():
        return unlike.generate(case, "dpl", kit).text

    assert unlike.generate(case, "dpl", kit).text == asyncio.run(in_a_notebook())
    assert len(unlike.generate(case, "dpl", kit).trace["differences"]) == 2


def test_importing_loads_nothing_heavy():
    heavy = ["torch", "vllm", "polars", "numpy", "sklearn", "openai", "xllamacpp", "jinja2", "nltk", "pydantic"]
    code = f"import sys, unlike, unlike.cli.main; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_an_unknown_setting_is_answered_with_the_right_names():
    with pytest.raises(
        unlike.InputError, match="n_record is unknown; did you mean n_records[?] allowed are n_records, "
    ):
        unlike.MethodSettings(n_record=3)
    with pytest.raises(unlike.InputError, match="CurateSettings: colour is unknown; allowed are min_chars"):
        unlike.CurateSettings(colour=1)
    with pytest.raises(unlike.InputError, match="did you mean n_peers"):
        unlike.MethodSettings().but(n_peer=3)
    assert unlike.MethodSettings(3) == unlike.MethodSettings(n_records=3)


def test_arguments_that_no_field_takes_are_refused_as_by_any_dataclass():
    with pytest.raises(TypeError, match="positional arguments"):
        EndpointSettings(1, 2, 3, 2000, 99)
    with pytest.raises(TypeError, match="multiple values for argument 'n_records'"):
        MethodSettings(8, n_records=4)


def test_a_corpus_shows_its_size():
    corpus = unlike.sample_corpus()
    sizes = f"{len(corpus.users())} users, {len(corpus.items())} items, {len(corpus.records())} records"
    assert repr(corpus) == f"<Corpus of {sizes}, {len(corpus.cases())} cases>"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MethodSettings(n_records=-2), "n_records: Input should be greater than or equal to 1"),
        (lambda: MethodSettings(0), "n_records: Input should be greater than or equal to 1"),
        (lambda: MethodSettings().but(max_tokens=-5), "max_tokens: "),
        (lambda: MethodSettings(n_records="two", seed=None), "n_records: .*; seed: "),
        (lambda: CurateSettings(min_chars=-1), "min_chars: "),
        (lambda: replace(CURATE_PRESETS["small"], min_chars="x"), "min_chars: "),
        (lambda: TrainSettings(max_steps=-2), "max_steps: "),
        (lambda: recipe("small", changes={"max_steps": -2, "latent_share": 2}), "max_steps=-2: .*; latent_share=2: "),
        (lambda: unlike.sample_corpus().cases("test", -1), "limit -1: give 1 or more"),
        (lambda: unlike.sample_corpus().cases("test", 0), "limit 0: give 1 or more"),
        (lambda: RecordedLLM(ScriptedBackend.echo(), concurrency=0), "concurrency 0: give 1 or more"),
        (lambda: unlike.open_encoder("minilmm"), "did you mean minilm"),
        (lambda: unlike.open_encoder("hashng:64"), "did you mean hashing:64"),
        (lambda: unlike.score([]), "no texts to score"),
    ],
)
def test_values_that_cannot_be_right_are_refused(make, says):
    with pytest.raises(InputError, match=says):
        make()


def test_settings_keep_the_types_of_their_fields():
    assert MethodSettings(n_records="2") == MethodSettings(2)  # as in a file
    assert MethodSettings(dimensions=["structure"]).dimensions == ("structure",)


def test_presets_pass_the_checks_that_their_constructors_leave_out():
    for preset in (
        *CURATE_PRESETS.values(),
        MethodSettings(),
        BATCH_ENDPOINT,
        *(one.adapter for one in RECIPES.values()),
    ):
        assert type(preset)(**asdict(preset)) == preset


def test_one_path_or_name_is_never_split_and_a_run_takes_a_corpus_folder_and_settings_by_name(tmp_path):
    unlike.sample_corpus(tmp_path / "c")
    rows = unlike.run(
        str(tmp_path / "c"),
        "rag",
        "scripted:echo",
        tmp_path / "rag",
        embedder="hashing:16",
        settings={"n_records": 2},
        limit=1,
    )
    assert len(rows) == 1
    assert unlike.score(str(tmp_path / "rag"), "rouge1").rows[0].n == 1
    report = unlike.report(str(tmp_path / "rag"), tmp_path / "r.html", embedder="hashing:16", metrics=["rouge1"])
    assert len(repr(report)) < 400 and len(repr(unlike.open_task())) < 100
