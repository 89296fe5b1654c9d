"""An experiment file: what it may say, and that all that is wrong is said at once."""

from pathlib import Path

import pytest

from unlike.errors import InputError
from unlike.evaluate.running.plan import at_time
from unlike.evaluate.running.planned import planned_runs
from unlike.evaluate.running.read_plan import PRESETS, plan_of, read_plan
from unlike.latent.settings import recipe

PRESET_NAMES = sorted(path.stem for path in PRESETS.glob("*.toml"))
MINIMAL = 'title = "t"\n[[methods]]\nmethod = "rag"\n'


def plan_from(tmp_path, text, **overrides):
    (tmp_path / "e.toml").write_text(text)
    return read_plan(tmp_path / "e.toml", overrides)


def test_methods_sweeps_temperatures_and_samples_make_runs(tmp_path):
    plan = plan_from(
        tmp_path,
        'title = "t"\nsettings = { n_peers = 2 }\n'
        '[[methods]]\nmethod = "rag"\n[[methods]]\nmethod = "dpl"\n'
        '[[methods]]\nmethod = "dpl"\nsettings = { selector = "random", dimensions = [] }\n'
        '[repeats]\ntemperatures = [0.2, 0.8]\n[sweeps]\nmethods = ["dpl"]\nn_peers = [1, 2, 3]\n'
        "[samples]\nsize = 5\ntimes = 2\n",
    )
    runs = planned_runs(plan)
    variants = list(dict.fromkeys(run.variant for run in runs))
    assert variants == ["rag", "dpl", "dpl selector=random dimensions=none", "dpl K=1", "dpl K=3"]
    assert len(runs) == len(variants) * 2 * 2
    assert len({run.folder for run in runs}) == len(runs)
    assert {run.settings.n_peers for run in runs if run.variant == "rag"} == {2}
    assert {run.settings.dimensions for run in runs if "random" in run.variant} == {()}


def test_a_sweep_starts_from_the_settings_of_its_method(tmp_path):
    def swept(methods, more):
        text = f'title = "t"\nsettings = {{ n_peers = 4 }}\nmethods = [{methods}]\n[sweeps]\n{more}\n'
        return {run.variant: run.settings for run in planned_runs(plan_from(tmp_path, text))}

    found = swept('{ method = "dpl", settings = { n_peers = 2 } }', 'methods = ["dpl"]\nn_peers = [2, 4, 5]')
    assert {name: settings.n_peers for name, settings in found.items()} == {"dpl K=2": 2, "dpl K=4": 4, "dpl K=5": 5}
    found = swept('{ method = "dep", settings = { adapter = "mine" } }', 'methods = ["dep"]\nn_records = [1]')
    assert {name: (settings.adapter, settings.n_records) for name, settings in found.items()} == {
        "dep adapter=mine": ("mine", 8),
        "dep adapter=mine N=1": ("mine", 1),
    }


@pytest.mark.parametrize(
    ("values", "shared"),
    [
        ({"methods": [{"method": "rag", "name": "a b"}, {"method": "dpl", "name": "a_b"}]}, "a_b_t0.8_s0"),
        ({"methods": [{"method": "rag", "name": "a/b"}, {"method": "dpl", "name": "a-b"}]}, "a-b_t0.8_s0"),
        ({"repeats": {"seeds": [0, 0]}}, "rag_t0.8_s0"),
        ({"repeats": {"temperatures": [0.2, 0.2]}}, "rag_t0.2_s0"),
        ({"sweeps": {"methods": ["rag"], "n_records": [2, 2]}}, "rag_N=2_t0.8_s0"),
    ],
)
def test_no_two_runs_have_one_folder(values, shared):
    with pytest.raises(
        InputError, match=f"two runs have the folder '{shared}'; give methods other names, and each seed"
    ):
        plan_of({"title": "t", "methods": ["rag"]} | values, "test")


def test_a_temperature_of_a_method_and_repeats_exclude_each_other(tmp_path):
    for name, value in (("temperature", 0.2), ("seed", 3)):
        entry = {"method": "rag", "settings": {name: value}}
        with pytest.raises(InputError, match=f"method 'rag {name}={value}' has a {name}, and repeats have {name}s"):
            plan_of({"title": "t", "methods": [entry], "repeats": {f"{name}s": [1]}}, "test")
    assert plan_of({"title": "t", "methods": [entry], "repeats": {"temperatures": [1]}}, "test")


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_presets_are_complete(preset, tmp_path):
    plan = read_plan(tmp_path.joinpath(preset).relative_to(tmp_path))
    assert planned_runs(plan)
    assert plan.llm.uri.partition(":")[2].startswith("Qwen/")
    trained = {entry.name for entry in plan.adapters}
    assert {run.settings.adapter for run in planned_runs(plan)} <= {"", *trained}


def test_the_preset_of_table_1_gives_pplug_the_whole_history_without_its_words():
    (entry,) = [entry for entry in read_plan(Path("dep-table1")).adapters if entry.kind == "pplug"]
    plug = recipe(entry.preset, entry.kind, entry.set).adapter
    assert (plug.n_records, plug.with_text) == (64, False)


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    text = (
        'title = "t"\nlimit = 3\nmetrics = ["rouge9"]\ncolour = "red"\n[[methods]]\nmethod = "rag"\nsettings = { K = 3 }\n'
        "[llm]\nconcurrency = 0\n"
    )
    with pytest.raises(InputError) as wrong:
        plan_from(tmp_path, text)
    assert all(part in str(wrong.value) for part in ("colour", "settings.K", "llm.concurrency"))
    text = (
        'title = "t"\nlimit = 3\nmetrics = ["rouge9"]\n[[methods]]\nmethod = "gpt"\n[[methods]]\nmethod = "rag"\n'
        '[[methods]]\nmethod = "rag"\n[sweeps]\nmethods = ["dpl"]\n[samples]\nsize = 2\n'
    )
    with pytest.raises(InputError) as wrong:
        plan_from(tmp_path, text)
    for part in (
        "unknown method 'gpt'",
        "'dpl', which is not among",
        "rouge9",
        "two methods are called 'rag'",
        "exclude",
    ):
        assert part in str(wrong.value)


def test_metrics_of_which_no_direction_is_better_cannot_stand_alone(tmp_path):
    with pytest.raises(InputError, match="length_ratio cannot rank methods; add one that can"):
        plan_from(tmp_path, MINIMAL, metrics=["length_ratio"])
    assert plan_from(tmp_path, MINIMAL, metrics=["length_ratio", "rouge1"]).metrics[0] == "length_ratio"


def test_what_is_lacking_for_a_run_is_said_with_all_the_rest(tmp_path):
    text = (
        'corpus = "nowhere"\ntrain_on = ["lost"]\nlimit = 1\nsamples = { size = 2 }\njudges = ["opnai:m"]\n' + MINIMAL
    )
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(InputError) as wrong:
        read_plan(tmp_path / "e.toml", llm="openai:m@127.0.0.1:8000/v1", runs=True)
    for part in ("limit, samples and cases", "did you mean", "schemes are", "nowhere", str(tmp_path / "lost")):
        assert part in str(wrong.value)
    with pytest.raises(InputError, match="it names no corpus: give --corpus; it names no LLM: give --llm"):
        plan_of({"title": "t", "methods": [{"method": "rag"}]}, "test", runs=True)


def test_a_method_that_needs_an_adapter_must_name_one(tmp_path):
    with pytest.raises(InputError, match="'dep' needs settings.adapter"):
        plan_from(tmp_path, 'title = "t"\n[[methods]]\nmethod = "dep"\n')


def test_adapters_follow_the_time_rule_of_the_methods_and_one_rule_overrides_all(tmp_path):
    text = (
        'title = "t"\nsettings = { time_rule = "paper" }\n'
        '[[adapters]]\nname = "a"\nkind = "dep"\n[[adapters]]\nname = "b"\nkind = "dep"\nset = { time_rule = "as_of" }\n'
        '[[methods]]\nmethod = "dep"\nsettings = { adapter = "a" }\n'
        '[[methods]]\nmethod = "rag"\nsettings = { time_rule = "as_of" }\n'
    )
    plan = plan_from(tmp_path, text)
    assert [entry.set["time_rule"] for entry in plan.adapters] == ["paper", "as_of"]
    ruled = at_time(plan, "released")
    assert {entry.set["time_rule"] for entry in ruled.adapters} == {"released"}
    assert {run.settings.time_rule for run in planned_runs(ruled)} == {"released"}
    assert [run.variant for run in planned_runs(ruled)][0] == [run.variant for run in planned_runs(plan)][0]


def test_the_seed_of_an_adapter_is_that_of_the_runs(tmp_path):
    adapter = '[[adapters]]\nname = "a"\nkind = "dep"\nset = { seed = 5 }\n'
    with pytest.raises(InputError, match=r"adapters\.0: .*set has a seed; .*leave it out"):
        plan_from(tmp_path, MINIMAL + adapter)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_presets_compare_with_the_peers_that_the_papers_code_has(preset):
    plan = read_plan(Path(preset))
    assert {run.settings.time_rule for run in planned_runs(plan)} == {"released"}
    assert {entry.set["time_rule"] for entry in plan.adapters} <= {"released"}


def test_judges_by_name_by_uri_and_as_tables_each_at_its_own_endpoint(tmp_path):
    text = 'judges = ["s-72b@http://a:1/v1", "openai:x/some-judge", { name = "s-gpt", concurrency = 4 }]\n' + MINIMAL
    judges = plan_from(tmp_path, text).judges
    assert [(judge.metric, judge.uri, judge.repeats, judge.concurrency) for judge in judges] == [
        ("judge:s-72b", "openai:Qwen/Qwen2.5-72B-Instruct-AWQ@http://a:1/v1", 2, 16),
        ("judge:some-judge", "openai:x/some-judge", 2, 16),
        ("judge:s-gpt", "openai:gpt-4o-mini", 5, 4),
    ]
    assert plan_from(tmp_path, text, judges=[]).judges == ()
    (priced,) = plan_from(tmp_path, text, judges=[{"uri": "s-gpt", "price_in": 1.0}]).judges
    assert (priced.metric, priced.uri, priced.repeats, priced.price_in) == ("judge:s-gpt", "openai:gpt-4o-mini", 5, 1.0)
    with pytest.raises(InputError, match="unknown judge 's-7b'; allowed are s-72b, s-gpt, or the URI of an LLM"):
        plan_from(tmp_path, MINIMAL, judges=["s-7b"])
    with pytest.raises(InputError, match=r"judges\.0\.uri"):
        plan_from(tmp_path, MINIMAL, judges=[{"name": "mine"}])
    with pytest.raises(InputError, match="two judges are called 's-gpt'"):
        plan_from(tmp_path, MINIMAL, judges=["s-gpt", "s-gpt"])


def test_a_method_and_an_llm_may_be_given_by_name_alone(tmp_path):
    short = 'title = "t"\nllm = "scripted:echo"\nmethods = ["rag", { method = "dpl", settings = { n_peers = 2 } }]\n'
    long = 'title = "t"\nllm = { uri = "scripted:echo" }\n'
    long += '[[methods]]\nmethod = "rag"\n[[methods]]\nmethod = "dpl"\nsettings = { n_peers = 2 }\n'
    plans = []
    for name, content in (("short.toml", short), ("long.toml", long)):
        (tmp_path / name).write_text(content)
        plans.append(read_plan(tmp_path / name))
    assert plans[0] == plans[1]
    assert read_plan(tmp_path / "short.toml", llm="scripted:other").llm.uri == "scripted:other"
    (tmp_path / "short.toml").write_text(short.replace('"rag"', "3").replace('"scripted:echo"', "[1]"))
    with pytest.raises(InputError, match="llm: .*methods.0: "):
        read_plan(tmp_path / "short.toml")


def test_a_rubric_judge_is_a_kind_with_one_answer_per_text(tmp_path):
    text = (
        'judges = ["s-gpt", "rubric:s-gpt", { kind = "rubric", uri = "openai:x", floor_and_ceiling = false }]\n'
        + MINIMAL
    )
    judges = plan_from(tmp_path, text).judges
    assert [(judge.metric, judge.uri, judge.repeats, judge.floor_and_ceiling) for judge in judges] == [
        ("judge:s-gpt", "openai:gpt-4o-mini", 5, True),
        ("rubric:s-gpt", "openai:gpt-4o-mini", 1, True),
        ("rubric:x", "openai:x", 1, False),
    ]
    with pytest.raises(InputError, match="repeats is 3; a rubric judge answers once per text"):
        plan_from(tmp_path, MINIMAL, judges=[{"kind": "rubric", "uri": "openai:x", "repeats": 3}])
    with pytest.raises(InputError, match="floor_and_ceiling is for kind"):
        plan_from(tmp_path, MINIMAL, judges=[{"uri": "openai:x", "floor_and_ceiling": False}])
    with pytest.raises(InputError, match="two judges are called 'rubric:x'"):
        plan_from(tmp_path, MINIMAL, judges=["rubric:openai:x", "rubric:openai:y/x"])
    with pytest.raises(InputError, match="unknown judge 's-7b'"):
        plan_from(tmp_path, MINIMAL, judges=["rubric:s-7b"])


def test_sweeps_without_methods(tmp_path):
    with pytest.raises(InputError, match="name no methods"):
        plan_from(tmp_path, MINIMAL + "[sweeps]\nn_peers = [1]\n")


def test_paths_are_relative_to_the_file_and_overrides_replace_them(tmp_path):
    text = 'corpus = "here"\n' + MINIMAL
    assert plan_from(tmp_path, text).corpus == tmp_path / "here"
    assert plan_from(tmp_path, text, corpus=tmp_path / "there", limit=3).corpus == tmp_path / "there"


def test_a_table_of_users_is_relative_to_the_file_and_read_before_anything_runs(tmp_path):
    (tmp_path / "users.csv").write_text("user_id,age\nu1,34\n")
    assert plan_from(tmp_path, 'users = "users.csv"\n' + MINIMAL).users == tmp_path / "users.csv"
    assert plan_from(tmp_path, MINIMAL).users is None
    with pytest.raises(InputError, match=r"limit, samples and cases exclude.*; users: no such file.*nothing\.csv"):
        plan_from(tmp_path, 'users = "nothing.csv"\nlimit = 1\nsamples = { size = 2 }\n' + MINIMAL)
    with pytest.raises(InputError, match="users: Input is not a valid path"):
        plan_from(tmp_path, "users = 3\n" + MINIMAL)


def test_a_preset_is_found_beside_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dpl-table1").mkdir()
    (tmp_path / "mine").mkdir()
    assert read_plan(Path("dpl-table1")).methods
    with pytest.raises(InputError, match="no experiment file mine; give a TOML file or a preset: "):
        read_plan(Path("mine"))


def test_a_file_that_is_none_names_the_presets(tmp_path):
    with pytest.raises(InputError, match="dpl-table1"):
        read_plan(tmp_path / "nothing.toml")
    with pytest.raises(InputError, match="cannot be read"):
        plan_from(tmp_path, "title = ")


def test_meteors_sanity_check_is_made_only_where_meteor_or_the_check_is_asked_for(tmp_path):
    assert "meteor_cut" in plan_from(tmp_path, MINIMAL).checks
    assert "meteor_cut" not in plan_from(tmp_path, MINIMAL, metrics=["rouge1"]).checks
    assert plan_from(tmp_path, MINIMAL, metrics=["rouge1"], sanity=["meteor_cut"]).checks == ("meteor_cut",)
    assert plan_from(tmp_path, MINIMAL, sanity=[]).checks == ()
