"""A folder belongs to one plan and a run only grows; another plan is refused with the way out."""

import json

import pytest

import unlike
from unlike.errors import InputError
from unlike.evaluate.running.progress import journal_of
from unlike.experiments.folder import PLAN, model_of, refuse_other_run
from unlike.experiments.run import run
from unlike.llm.scripted import ScriptedBackend
from unlike.prompts.task import BUILT_IN


def rows(folder):
    return {path.parent.name: path.read_bytes() for path in folder.glob("runs/*/generations.jsonl")}


def test_two_files_of_one_name_do_not_share_a_folder(plan_file, tmp_path):
    out = tmp_path / "mine"
    unlike.experiment(plan_file(), out)
    before = rows(out), (out / "report.json").read_bytes()
    other = plan_file("elsewhere/mine.toml", llm=f"scripted:{script(tmp_path)}")
    with pytest.raises(
        InputError, match=r"belongs to another plan \(llm 'scripted:echo', now.*give --out ANOTHER_FOLDER"
    ):
        unlike.experiment(other, out)
    assert (rows(out), (out / "report.json").read_bytes()) == before
    assert json.loads((out / PLAN).read_text())["hash"]


def test_results_are_not_written_where_something_is_read(plan_file, sample, tmp_path):
    prompts = tmp_path / "films"
    prompts.mkdir()
    (prompts / "task.toml").write_text('name = "films"\nbase = "review"\n')
    file = plan_file("films.toml", more='prompts = "films"\n')
    for folder, name in ((prompts, "prompts"), (sample, "corpus")):
        with pytest.raises(InputError, match=f"which is the {name} folder; give another one: --out FOLDER"):
            unlike.experiment(file, folder)
        with pytest.raises(InputError, match=f"which is the {name} folder"):
            run(sample, "rag", "scripted:echo", folder, prompts=prompts, limit=1)
    with pytest.raises(InputError, match="which is the corpus folder"):
        unlike.train(unlike.Corpus.open(sample), "dep", "transformers:smollm2", sample, resume=False)
    assert [file.name for file in prompts.iterdir()] == ["task.toml"]


def test_a_plan_that_came_to_nothing_keeps_no_folder(plan_file, tmp_path):
    out = tmp_path / "mine"
    with pytest.raises(InputError, match="cannot read 'nothing.toml'"):
        unlike.experiment(plan_file(llm="scripted:nothing.toml"), out)
    assert (out / PLAN).is_file()
    unlike.experiment(plan_file(), out)
    assert rows(out)


def test_a_plan_may_grow_and_not_shrink(plan_file, tmp_path):
    out = tmp_path / "mine"
    unlike.experiment(plan_file(), out)
    grown = unlike.experiment(plan_file(limit=4, methods=("rag", "dpl", "non_perso")), out)
    assert [variant.name for variant in grown.findings.variants] == ["rag", "dpl", "non_perso"]
    with pytest.raises(InputError, match="limit 4, now 3: a run only grows"):
        unlike.experiment(plan_file(methods=("rag", "dpl", "non_perso")), out)
    with pytest.raises(InputError, match="'non_perso_t0.8_s0' is not among its runs"):
        unlike.experiment(plan_file(limit=4), out)


@pytest.mark.parametrize(
    ("change", "named"),
    [('split = "train"\n', "split 'test', now 'train'"), ('task = "mail"\n', "task 'review', now 'mail'")],
)
def test_what_makes_another_plan_is_named(change, named, plan_file, tmp_path):
    out = tmp_path / "mine"
    unlike.experiment(plan_file(), out)
    file = plan_file()
    file.write_text(change + file.read_text())
    with pytest.raises(InputError, match=named):
        unlike.experiment(file, out)


def test_the_same_model_behind_another_address_is_the_same_run(tmp_path):
    assert model_of("openai:m@http://127.0.0.1:1/v1") == model_of("openai:m@https://host/v1") == "openai:m"
    (tmp_path / "run.json").write_text(json.dumps({"llm": "openai:m@http://127.0.0.1:1/v1", "n_cases": 1}))
    refuse_other_run(tmp_path, {"llm": "openai:m"}, 1)
    with pytest.raises(InputError, match="llm 'openai:m', now 'openai:n'"):
        refuse_other_run(tmp_path, {"llm": "openai:n"}, 1)


def test_a_run_on_another_corpus_or_with_another_task_or_templates_is_another_run(sample, tmp_path):
    corpus = unlike.Corpus.open(sample)
    prompts = tmp_path / "prompts"
    prompts.mkdir()

    def go(corpus=corpus, **kwargs):
        return run(corpus, "rag", "scripted:echo", tmp_path / "run", embedder="hashing:64", limit=1, **kwargs)

    go()
    go(prompts=prompts)
    (prompts / "task.toml").write_text((BUILT_IN / "review" / "task.toml").read_text())
    other = unlike.Corpus(corpus.records(), corpus.items(), reversed(corpus.cases()))
    for kwargs, named in (
        ({"corpus": other}, f"corpus_hash '{corpus.hash}', now '{other.hash}'"),
        ({"task": "mail"}, "task 'review', now 'mail'"),
        ({"prompts": prompts}, "templates '', now '"),
    ):
        with pytest.raises(InputError, match=named):
            go(**kwargs)


def test_edited_templates_make_another_plan_and_a_moved_folder_of_them_does_not(plan_file, tmp_path):
    out, prompts = tmp_path / "mine", tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "task.toml").write_text((BUILT_IN / "review" / "task.toml").read_text())

    def go(folder):
        file = plan_file(methods=("rag",))
        file.write_text(f'prompts = "{folder}"\n' + file.read_text())
        unlike.experiment(file, out)

    go("prompts")
    prompts.rename(tmp_path / "moved")
    go("moved")
    with (tmp_path / "moved" / "task.toml").open("a") as file:
        file.write("# edited\n")
    with pytest.raises(InputError, match="templates '.*', now '"):
        go("moved")


def test_experiments_and_runs_share_a_journal(plan_file, sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    llm = ScriptedBackend(lambda messages, sampling: "A text.", name="mine")
    unlike.experiment(plan_file(llm="", methods=("dpl",)), "plain", llm=llm)
    asked = llm.n_calls
    file = plan_file(llm="", methods=("dpl",))
    file.write_text('journal = "shared.sqlite"\n' + file.read_text())
    unlike.experiment(file, "first", llm=llm)
    assert llm.n_calls == 2 * asked, "a folder of its own has a journal of its own"
    copy = plan_file("copy.toml", llm="", methods=("dpl",))
    copy.write_text(copy.read_text().replace('["rouge1"]', '["rouge1", "rougeL"]').replace('"t"', '"another"'))
    unlike.experiment(copy, llm=llm, journal="shared.sqlite")
    settings = {"n_records": 2, "n_peers": 2, "max_tokens": 64}
    unlike.run(sample, "dpl", llm, "run", embedder="hashing:64", settings=settings, limit=3, journal="shared.sqlite")
    assert llm.n_calls == 2 * asked
    assert not [*tmp_path.glob("*/journal.sqlite")][1:]
    for folder in ("first/runs/dpl_t0.8_s0", "copy/runs/dpl_t0.8_s0", "run"):
        assert journal_of(tmp_path / folder) == tmp_path / "shared.sqlite"


def test_a_run_only_grows(sample, tmp_path):
    corpus = unlike.Corpus.open(sample)

    def go(limit):
        return run(corpus, "rag", "scripted:echo", tmp_path / "run", embedder="hashing:64", limit=limit)

    assert len(go(3)) == 3
    with pytest.raises(InputError, match="holds 3 cases, and this run has 2: a run only grows; raise --limit"):
        go(2)
    assert len(go(4)) == 4


def script(folder):
    file = folder / "script.toml"
    file.write_text('default = ["Another answer."]\n')
    return file
