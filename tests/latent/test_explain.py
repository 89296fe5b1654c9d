"""What carried a text: swaps change what they name, and shares are what scoring by hand says."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.latent.conftest import DIM
from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.experiments.explain import adapter_of
from unlike.latent.adapter import Prompter, save_adapter
from unlike.latent.explain import (
    ALL,
    activations,
    dep_module,
    explain,
    logliks,
    mean_ablated,
    most_active,
    placed,
    top_records,
    without_unit,
    without_vectors,
)
from unlike.latent.modules import row
from unlike.llm.transformers_local import TransformersBackend
from unlike.prompts.task import open_task

BOTH = [True, False]
"""Standardised adapters and others."""


@pytest.fixture
def scorer(llm):
    opened = TransformersBackend(llm)
    yield opened
    asyncio.run(opened.aclose())


@pytest.fixture
def prompter_of(crowd, data_of, examples_of, tmp_path):
    """A prompter with an untrained adapter, its statistics those of the training examples."""

    def make(**changes):
        data = data_of(**changes)
        adapter = save_adapter(tmp_path / "adapter", data.untrained_module(0), data.metadata)
        return Prompter(adapter, examples_of(**changes))

    return make


def text_of(llm, case):
    return llm.tokens.encode(case.reference)[:40]


def by_hand(prompter, example, scorer, text, **past):
    """Mean log-probability of a text, with other vectors of the records."""
    changed = replace(example, past=replace(example.past, **past))
    prompt = prompter.soft_prompt(example, prompter.bank(changed))
    return asyncio.run(scorer.logprobs(prompt, np.asarray(text))).mean()


def test_swapping_a_vector_for_itself_changes_nothing(crowd, llm, scorer, prompter_of):
    prompter = prompter_of()
    case = crowd.cases("test")[0]
    example, settings = prompter.example(case), prompter.adapter.settings
    bank = prompter.bank(example)
    banks = [bank]
    for signal in ("his", "diff"):
        for place in range(3):
            first = row(settings, signal, place) + 1
            same = placed(settings, bank, signal, bank[first : first + settings.tokens_per_vector], np.array([place]))
            np.testing.assert_array_equal(same, bank)
            banks.append(same)
    whole, *left = asyncio.run(logliks(prompter, example, text_of(llm, case), scorer, banks))
    assert left == [whole] * 6


@pytest.mark.parametrize("tokens", [1, 2])
def test_a_swap_changes_the_soft_tokens_it_names_and_no_marker(prompter_of, crowd, tokens):
    prompter = prompter_of(tokens_per_vector=tokens)
    example, module = prompter.example(crowd.cases("test")[0]), dep_module(prompter.adapter)
    bank = prompter.bank(example)
    swapped = without_vectors(module, example, bank)
    for record, signal in (("r008", "his"), ("r004", "diff")):
        changed = np.flatnonzero((swapped[record, signal] != bank).any(axis=1))
        first = row(module.settings, signal, example.past.record_ids.index(record)) + 1
        assert changed.tolist() == list(range(first, first + tokens))
    assert (swapped[ALL, "his"] != bank).any(axis=1).sum() == 3 * tokens


@pytest.mark.parametrize("standardise", BOTH)
def test_shares_of_vectors_are_what_scoring_by_hand_says(crowd, llm, scorer, prompter_of, standardise):
    prompter = prompter_of(standardise=standardise)
    case = crowd.cases("test")[0]
    example, text = prompter.example(case), text_of(llm, case)
    past = example.past
    compared = past.n_peers > 0
    module = prompter.adapter.module
    means = {
        "his": module.standards["his"].mean.numpy() if standardise else past.his.mean(axis=0),
        "diff": module.standards["diff"].mean.numpy() if standardise else past.diff[compared].mean(axis=0),
    }
    explanation = asyncio.run(explain(prompter, example, text, scorer))
    whole = by_hand(prompter, example, scorer, text)
    assert explanation.loglik == pytest.approx(whole, abs=1e-5)
    assert explanation.n_tokens == len(text)
    assert len(explanation.vectors) == 3 + 1 + compared.sum() + 1
    for share in explanation.vectors:
        vectors = getattr(past, share.signal).copy()
        vectors[slice(None) if share.record_id == ALL else past.record_ids.index(share.record_id)] = means[share.signal]
        left = by_hand(prompter, example, scorer, text, **{share.signal: vectors})
        assert share.change == pytest.approx(whole - left, abs=1e-5)
    assert any(abs(share.change) > 1e-3 for share in explanation.vectors)


def test_shares_of_units_are_what_scoring_by_hand_says(crowd, llm, scorer, prompter_of):
    prompter = prompter_of()
    case = crowd.cases("test")[1]
    example, text = prompter.example(case), text_of(llm, case)
    module, bank = dep_module(prompter.adapter), prompter.bank(example)
    explanation = asyncio.run(explain(prompter, example, text, scorer, n_units=3))
    past, whole = example.past, explanation.loglik
    assert [(share.unit, share.activation) for share in explanation.units] == most_active(module, example, 3)
    for share in explanation.units:
        changed = bank.copy()
        for signal, vectors in (("his", past.his), ("diff", past.diff)):
            for place in range(3):
                if signal == "diff" and not past.n_peers[place]:
                    continue
                latent = activations(module, signal, vectors[place : place + 1])
                latent[0, share.unit] = 0
                with torch.no_grad():
                    changed[row(module.settings, signal, place) + 1] = module.projectors[signal](latent)[0, 0].numpy()
        left = asyncio.run(scorer.logprobs(prompter.soft_prompt(example, changed), np.asarray(text))).mean()
        assert share.change == pytest.approx(whole - left, abs=1e-5)
    assert any(abs(share.change) > 1e-3 for share in explanation.units)


def test_the_most_active_units_are_those_of_the_vectors_shown(crowd, prompter_of):
    prompter = prompter_of()
    example, module = prompter.example(crowd.cases("test")[0]), dep_module(prompter.adapter)
    rows = [activations(module, "his", example.past.his), activations(module, "diff", example.past.diff)]
    mean = torch.cat([rows[0], rows[1][torch.from_numpy(example.past.n_peers > 0)]]).mean(dim=0)
    found = most_active(module, example, 4)
    assert [unit for unit, _ in found] == mean.argsort(descending=True)[:4].tolist()
    assert [value for _, value in found] == pytest.approx(sorted(mean.tolist(), reverse=True)[:4], abs=1e-6)


def test_what_the_llm_cannot_see_carries_nothing(crowd, llm, scorer, prompter_of):
    case = crowd.cases("test")[0]
    n_tokens = len(prompter_of().example(case).token_ids)
    prompter = prompter_of(max_prompt_tokens=n_tokens - 1)
    example = prompter.example(case)
    hidden = example.past.record_ids[0]
    assert not example.shown[0]
    explanation = asyncio.run(explain(prompter, example, text_of(llm, case), scorer))
    changes = {share.signal: share.change for share in explanation.vectors if share.record_id == hidden}
    assert set(changes.values()) == {0.0}
    assert all(share.change for share in explanation.vectors if share.record_id != hidden)


def test_a_record_without_peers_has_no_difference_to_take_away(crowd, llm, scorer, prompter_of):
    prompter = prompter_of()
    example = prompter.example(crowd.cases("test")[0])
    alone = [id_ for id_, n in zip(example.past.record_ids, example.past.n_peers, strict=True) if not n]
    assert alone
    explanation = asyncio.run(explain(prompter, example, text_of(llm, example.case), scorer))
    assert not [share for share in explanation.vectors if share.signal == "diff" and share.record_id in alone]
    nobody = replace(example, past=replace(example.past, n_peers=np.zeros(3, np.int64)))
    swapped = without_vectors(dep_module(prompter.adapter), nobody, prompter.bank(nobody))
    assert {signal for _, signal in swapped} == {"his"}
    off = without_unit(dep_module(prompter.adapter), nobody, prompter.bank(nobody), 0)
    np.testing.assert_array_equal(off[9:], prompter.bank(nobody)[9:])


def test_the_mean_vector_of_a_standardised_adapter_is_the_same_in_every_case(crowd, prompter_of):
    prompter = prompter_of()
    module, cases = dep_module(prompter.adapter), crowd.cases("test")
    found = [mean_ablated(module, prompter.example(case), "his", np.arange(3)) for case in cases[:2]]
    np.testing.assert_array_equal(found[0], found[1])


def test_what_a_place_has_learned_is_not_taken_for_the_record_s(prompter_of, crowd):
    prompter = prompter_of(placed=True, tokens_per_vector=2)
    example, module = prompter.example(crowd.cases("test")[0]), dep_module(prompter.adapter)
    with torch.no_grad():
        for places in module.places.values():
            places.copy_(torch.randn_like(places))
    mean = module.standards["his"].mean.numpy()
    example = replace(example, past=replace(example.past, his=np.tile(mean, (3, 1))))
    bank = prompter.bank(example)
    swapped = without_vectors(module, example, bank)
    for place in example.past.record_ids:
        np.testing.assert_allclose(swapped[place, "his"], bank, atol=1e-5)
    unused = int(activations(module, "his", mean[None])[0].abs().argmin())
    off = without_unit(module, example, bank, unused)
    assert np.abs(off - bank)[: 3 * 4].max() < 0.1 < np.abs(bank[1]).max()


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_top_records_of_units_are_those_of_a_plain_argsort(crowd, prompter_of, batch):
    adapter, encoder = prompter_of().adapter, HashingEncoder(DIM)
    records = crowd.records()
    table = activations(dep_module(adapter), "his", encoder.encode([record.text for record in records])).numpy()
    units = top_records(adapter, encoder, records, 3, batch)
    assert len(units) == table.shape[1]
    for unit, column in zip(units, table.T, strict=True):
        order = np.argsort(-column, kind="stable")[:3]
        assert [top.record_id for top in unit.top] == [records[place].id for place in order]
        np.testing.assert_allclose([top.activation for top in unit.top], column[order], atol=1e-6)
        assert unit.usual == pytest.approx(column.mean(), abs=1e-6)


def test_what_cannot_be_explained_is_one_clear_error(crowd, llm, scorer, prompter_of):
    prompter = prompter_of()
    example = prompter.example(crowd.cases("test")[0])
    with pytest.raises(InputError, match="no text or no records"):
        asyncio.run(explain(prompter, example, [], scorer))
    plug = prompter_of(kind="pplug")
    with pytest.raises(InputError, match="kind 'pplug'"):
        asyncio.run(explain(plug, plug.example(example.case), text_of(llm, example.case), scorer))
    with pytest.raises(InputError, match="differences alone"):
        top_records(prompter_of(signals=("diff",)).adapter, HashingEncoder(DIM), crowd.records(), 3)


@pytest.fixture
def run_folder_of(crowd, llm, prompter_of, tmp_path):
    """A finished run of dep over two cases, on disk with its corpus and adapter."""
    from unlike.api import kits
    from unlike.evaluate.running.run_method import arun
    from unlike.llm.journal import Journal
    from unlike.llm.recorded import RecordedLLM
    from unlike.settings import MethodSettings

    def make(task=None, **changes):
        prompter_of(**changes)
        crowd.write(tmp_path / "corpus")
        backend = TransformersBackend(llm)
        settings = MethodSettings(max_tokens=12, adapter=str(tmp_path / "adapter"))
        kit = kits(crowd, RecordedLLM(backend, Journal.open(None)), HashingEncoder(DIM), task or open_task())(settings)
        uri = f"transformers:{llm.model.config.name_or_path}"
        facts = {"corpus": str(tmp_path / "corpus"), "llm": uri, "embedder": f"hashing:{DIM}"}
        asyncio.run(arun(crowd, "dep", kit, tmp_path / "run", limit=2, facts=facts))
        asyncio.run(backend.aclose())
        return tmp_path / "run"

    return make


@pytest.fixture
def run_folder(run_folder_of):
    return run_folder_of()


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Run ``unlike latent explain`` in this process."""
    from typer.testing import CliRunner

    from unlike.cli.main import app

    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, ["latent", "explain", *map(str, words)])


def test_the_command_names_records_differences_and_units(command, run_folder, crowd):
    case = crowd.cases("test")[0]
    told = command(run_folder, case.id, "--top", 2)
    assert told.exit_code == 0, told.output
    for part in ("Records and differences", "all together", "text-of-r012", "Latent units", "most active for"):
        assert part in told.output
    assert command(run_folder, 1, "--top", 2).output == told.output, "a case by its number"
    found = json.loads(command(run_folder, case.id, "--real", "--top", 2, "--json").stdout)
    assert found["text"] == case.reference
    assert {share["record_id"] for share in found["vectors"]} == {"r004", "r008", "r012", ""}
    assert [len(unit["top"]) for unit in found["units"]] == [3, 3]


def rewrite(file, **changes):
    """Change keys of run.json, or of every row of generations.jsonl."""
    lines = [file.read_text()] if file.suffix == ".json" else file.read_text().splitlines()
    file.write_text("".join(json.dumps(json.loads(line) | changes) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("file", "changes", "says"),
    [
        ("run.json", {"method": "rag"}, "only dep"),
        ("run.json", {"corpus": "", "embedder": ""}, "give --corpus, --embedder"),
        ("generations.jsonl", {"text": None, "status": "failed"}, "has no generated text"),
        ("generations.jsonl", {"trace": {"soft": None}}, "the user had no records"),
        ("generations.jsonl", {"trace": {"soft": {"adapter": "x"}}}, "another adapter"),
        ("generations.jsonl", {"case_id": "x"}, "no case 'r013'"),
    ],
)
def test_the_command_refuses_what_is_not_that_run(command, run_folder, file, changes, says):
    rewrite(run_folder / file, **changes)
    refused = command(run_folder, "r013").exception
    assert isinstance(refused, InputError)
    assert says in str(refused)


def test_the_command_refuses_a_prompt_of_another_length(command, run_folder):
    rows = (run_folder / "generations.jsonl").read_text()
    (run_folder / "generations.jsonl").write_text(rows.replace('"prompt_tokens": ', '"prompt_tokens": 9'))
    assert "give the run's own --corpus and --prompts" in str(command(run_folder, "r013").exception)


def test_a_run_with_a_task_of_ones_own_is_explained_with_it(command, run_folder_of, tmp_path):
    prompts = tmp_path / "films"
    prompts.mkdir()
    (prompts / "task.toml").write_text('name = "films"\nbase = "review"\n[words]\ntext = "note"\n')
    run = run_folder_of(task=open_task("review", prompts))
    assert json.loads((run / "run.json").read_text())["prompts"] == str(prompts)
    assert command(run, "r013", "--top", 1).exit_code == 0
    moved = prompts.rename(tmp_path / "elsewhere")
    assert "give the folder as it was then: --prompts" in str(command(run, "r013").exception)
    assert command(run, "r013", "--top", 1, "--prompts", moved).exit_code == 0
    rewrite(run / "run.json", base_task="", prompts="")
    assert command(run, "r013", "--top", 1, "--prompts", moved).exit_code == 0, "a run that does not say where they are"
    (moved / "task.toml").write_text('name = "films"\nbase = "review"\n')
    assert "give the folder as it was then" in str(command(run, "r013", "--prompts", moved).exception)


def test_an_adapter_of_differences_alone_has_units_without_records(command, run_folder_of):
    told = command(run_folder_of(signals=("diff",)), "r013", "--top", 1)
    assert told.exit_code == 0, told.output
    assert "its vector" not in told.output
    assert "Latent units" in told.output


def test_an_adapter_of_an_experiment_is_found_by_its_name_in_the_plan(command, run_folder, tmp_path, monkeypatch):
    told = command(run_folder, "r013", "--top", 1).output
    run = tmp_path / "mine" / "runs" / "dep_t0.8_s0"
    run.parent.mkdir(parents=True)
    run_folder.rename(run)
    (tmp_path / "mine" / "adapters").mkdir()
    (tmp_path / "adapter").rename(tmp_path / "mine" / "adapters" / "dep-s0")
    settings = json.loads((run / "run.json").read_text())["settings"]
    rewrite(run / "run.json", settings=settings | {"adapter": "dep"})
    assert command(run, "r013", "--top", 1).output == told
    monkeypatch.chdir(run)
    assert command(".", "r013", "--top", 1).output == told


def test_an_adapter_that_experiments_share_is_found_where_the_run_says(tmp_path):
    (tmp_path / "shared" / "dep-s1").mkdir(parents=True)
    facts = {"settings": {"adapter": "dep", "seed": 1}, "adapters_at": str(tmp_path / "shared")}
    assert adapter_of(tmp_path / "mine" / "runs" / "dep", facts) == tmp_path / "shared" / "dep-s1"
