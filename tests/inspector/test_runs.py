"""The inspector's JSON: what it says of runs, cases and corpora is what lies on the disk, whatever that holds."""

import hashlib
import json
import shutil
from contextlib import closing
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from tests.inspector.lab import SCRIPT_TAG, make_run
from unlike.data.corpus import Corpus
from unlike.evaluate.metrics.score import score
from unlike.evaluate.running.record_choice import record_choice
from unlike.evaluate.running.run_method import JOURNAL, Progress, read_run
from unlike.evaluate.statistics.calls import calls_in
from unlike.inspector.app import inspect_folder, views_of
from unlike.inspector.readers.run_folders import Rows, read_facts
from unlike.inspector.readers.workspace import Workspace
from unlike.llm.journal import Call, Journal, key
from unlike.llm.scripted import ScriptedBackend
from unlike.methods.steps import sampling_of
from unlike.prompts.task import open_task
from unlike.settings import MethodSettings

DPL, RAG, PLAIN = "dpl_t0.8_s0", "rag_t0.8_s0", "non_perso_t0.8_s0"


class Asking:
    """Asks an inspector of a folder."""

    def __init__(self, where, key=None, **headers):
        inspected = Workspace(where)
        app = inspect_folder(inspected, views_of(inspected), key)
        self.client = TestClient(app, base_url="http://127.0.0.1:8001", headers=headers, raise_server_exceptions=False)

    def get(self, path, expect=200, **query):
        answer = self.client.get(f"/inspect/api/{path}", params=query)
        assert answer.status_code == expect, answer.text[:500]
        return answer.json()


@pytest.fixture(scope="module")
def ask(experiment):
    return Asking(experiment).get


def test_the_list_holds_every_run_and_says_when_nothing_is_new(ask):
    news = ask("runs")
    assert [run["name"] for run in news["runs"]] == ["dpl_K=2_t0.8_s0", DPL, PLAIN, RAG]
    assert news["has_findings"]
    assert {step["step"]: step["n_done"] for step in news["calls"]}["generate_turns"] > 0
    again = ask("runs", seen=news["stamp"])
    assert again["changed"] is False
    assert "runs" not in again


def test_findings_are_those_of_the_report(ask, experiment):
    found = ask("report")
    assert found["title"] == "Methods on the sample" and found["has_gains"]
    assert found["answer"].startswith("6 users are too few to say which method is better in ROUGE-1")
    assert "<svg" in found["html"] and "<html" not in found["html"]


def test_users_come_by_what_they_gain(ask, experiment):
    every = json.loads((experiment / "report.json").read_text())["gains"]
    found = ask("gains")
    assert found["variants"] == sorted({gain["variant"] for gain in every}, key=found["variants"].index)
    assert ["rouge1", "ROUGE-1", 1.0] in found["metrics"]
    mine = [gain for gain in every if gain["variant"] == found["variant"]]
    assert [row["gain"] for row in found["rows"]] == sorted((gain["gain"] for gain in mine), reverse=True)
    pages = [ask("gains", variant="rag", sort="uniqueness", order="up", offset=n, limit=4)["rows"] for n in (0, 4)]
    assert [len(rows) for rows in pages] == [4, 2]
    unique = [row["uniqueness"] for rows in pages for row in rows]
    assert unique == sorted(unique)
    (ada,) = ask("gains", search="ADA")["rows"]
    assert ada.items() <= next(gain for gain in mine if gain["user_id"] == "ada").items()
    assert "there are rag, dpl" in ask("gains", 422, variant="nobody")["error"]["message"]
    assert ask("gains", 422, sort="nonsense")


def test_gains_that_are_none_are_one_line(tmp_path):
    shown = Asking(tmp_path)
    assert "make a report" in shown.get("gains", 422)["error"]["message"]
    empty = {name: [] for name in ("variants", "metrics", "main", "failures")}
    whole = {"variant": "dpl", "metric": "rouge1", "user_id": "u", "history_records": 1, "uniqueness": 0.5}
    for damaged in ({"user_id": "u"}, {**whole, "gain": None}):
        (tmp_path / "report.json").write_text(json.dumps({**empty, "gains": [damaged]}))
        assert "make them again" in shown.get("gains", 422)["error"]["message"]


def test_values_are_those_that_score_gives(ask, experiment):
    told = ask("run/values", run=DPL, metric="rouge1")
    (values,) = score([experiment / "runs" / DPL], ["rouge1"]).per_case.values()
    assert {case: value for case, _, value in told["points"]} == values
    assert told["mean"] == pytest.approx(sum(values.values()) / len(values))
    assert told["low"] <= told["q1"] <= told["median"] <= told["q3"] <= told["high"]


def test_cases_come_in_pages_sorted_by_the_server(ask):
    values = {case: value for case, _, value in ask("run/values", run=DPL, metric="rouge1")["points"]}
    down = [ask("run/cases", run=DPL, sort="rouge1", offset=offset, limit=2)["rows"] for offset in (0, 2, 4)]
    found = [row["value"] for page in down for row in page]
    assert found == sorted(values.values(), reverse=True)
    up = ask("run/cases", run=DPL, sort="rouge1", order="up")
    assert [row["value"] for row in up["rows"]] == sorted(values.values())
    assert ask("run/cases", run=DPL, search="ADA")["total"] == 1
    assert ask("run/cases", run=DPL, status="failed")["total"] == 0
    assert ask("run/cases", run=DPL, sort="case_id", order="down")["rows"][-1]["case_id"] == "ada-12"
    assert ask("run/cases", run=DPL, sort="nonsense", expect=422)


def test_a_case_is_told_whole(ask, experiment):
    row = Rows(experiment / "runs" / DPL).row("ada-12")
    told = ask("case", run=DPL, case="ada-12")
    assert "".join(text for text, _ in told["text"]) == row.text
    assert told["reference"] == row.reference
    assert told["past"] == row.trace["past"]
    assert [one["record"] for one in told["differences"]] == [one["record"] for one in row.trace["differences"]]
    assert [name for name, _ in told["differences"][0]["parts"]] == ["writing", "emotional", "semantic"]
    corpus = Corpus.open(experiment.parent / "corpus")
    for record in told["records"].values():
        assert record["text"] == corpus.record(record["id"]).text
    assert len(told["calls"]) == len(calls_in(row.trace))
    assert (told["before"], told["beside"]) == (None, ["dpl_K=2_t0.8_s0", PLAIN, RAG])
    words = {word for text, shared in told["text"] if shared for word in text.casefold().split()}
    assert words <= set(row.reference.casefold().replace(",", " ").replace(".", " ").split())


def test_metrics_of_a_case_are_those_of_the_run(ask):
    of_run = {case: value for case, _, value in ask("run/values", run=DPL, metric="leakage")["points"]}
    of_case = {one["name"]: one["value"] for one in ask("case/values", run=DPL, case="ada-12")}
    assert of_case["leakage"] == of_run["ada-12"]
    assert of_case["rouge1"] is not None


def test_a_case_is_measured_by_the_language_of_its_run(experiment, tmp_path):
    run = shutil.copytree(experiment / "runs" / DPL, tmp_path / "run")
    rows = [json.loads(line) for line in (run / "generations.jsonl").read_text().splitlines()]
    english = "the lamp lights the table, and it is all that they had hoped for in this hall " * 20
    rows = [row | {"text": english, "reference": english} for row in rows]
    rows[0] |= {"text": "the caf was lovely", "reference": "The café was lovely"}
    (run / "generations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ask, case = Asking(run).get, rows[0]["case_id"]
    of_case = {one["name"]: one["value"] for one in ask("case/values", run="run", case=case)}
    for metric in ("rouge1", "rougeL", "bleu_sentence"):
        of_run = {case_id: value for case_id, _, value in ask("run/values", run="run", metric=metric)["points"]}
        assert of_case[metric] == of_run[case], metric
    assert of_case["rouge1"] == 1.0


def test_prompts_are_the_very_ones_that_were_sent(ask, experiment):
    """The hash of what is shown, with template, model and sampling, is the key of the call in the trace."""
    row, facts = Rows(experiment / "runs" / DPL).row("ada-12"), read_facts(experiment / "runs" / DPL)
    shown = ask("case/prompts", run=DPL, case="ada-12")
    sampling = sampling_of(MethodSettings(**facts["settings"]))
    sources = open_task().sources
    keys = [
        key(Call(call["step"], sources[call["step"]], call["messages"], sampling), facts["llm"])
        for call in shown["calls"]
    ]
    assert sorted(keys) == sorted(call["key"] for call in calls_in(row.trace))
    assert shown["note"] == ""
    assert shown["calls"][-1]["answer"] == row.text


def test_prompts_are_those_of_the_journal_whatever_became_of_the_corpus(experiment, tmp_path):
    run = shutil.copytree(experiment / "runs" / DPL, tmp_path / "run")
    for part in experiment.glob(f"{JOURNAL}*"):  # with what is in its log still
        shutil.copy(part, run / part.name)
    (run / "run.json").write_text(json.dumps(read_facts(run) | {"corpus": str(tmp_path / "gone")}))
    shown = Asking(run).get("case/prompts", run="run", case="ada-12")
    assert [call["step"] for call in shown["calls"]][-2:] == ["summary", "generate_turns"]
    for part in run.glob(f"{JOURNAL}*"):
        part.unlink()
    (run / JOURNAL).write_text("no journal")
    refused = Asking(run).get("case/prompts", 422, run="run", case="ada-12")
    assert f"journal {run / JOURNAL} cannot be read" in refused["error"]["message"]
    for part in run.glob(f"{JOURNAL}*"):
        part.unlink()
    refused = Asking(run).get("case/prompts", 422, run="run", case="ada-12")
    assert "the journal is not beside this run" in refused["error"]["message"]


def test_prompts_that_were_not_to_be_kept_are_said_to_be_lacking(experiment, tmp_path):
    corpus = experiment.parent / "corpus"
    run = make_run(corpus, tmp_path / "run", "rag", ScriptedBackend.echo(), limit=1, keep_prompts=False)
    shown = Asking(run).get("case/prompts", run="run", case=read_run(run)[0][0].case_id)
    assert shown == {"calls": [], "note": "prompts that are not shown: 1 made with --no-keep-prompts"}


def test_a_failed_case_shows_its_reason_and_the_prompts_that_led_there(hostile_run):
    ask = Asking(hostile_run).get
    failed = ask("run/cases", run="run", status="failed")["rows"]
    assert failed
    told = ask("case", run="run", case=failed[0]["case_id"])
    assert told["text"] is None
    assert SCRIPT_TAG in told["error"]
    last = ask("case/prompts", run="run", case=failed[0]["case_id"])["calls"][-1]
    assert last["error"]
    assert last["messages"]


def test_two_runs_are_joined_by_case(ask):
    told = ask("compare", left=RAG, right=DPL, metric="rouge1")
    left, right = (
        {case: value for case, _, value in ask("run/values", run=run, metric="rouge1")["points"]} for run in (RAG, DPL)
    )
    assert {(case, a, b) for case, _, a, b in told["points"]} == {(case, left[case], right[case]) for case in left}
    gains = [b - a for _, _, a, b in told["gains"]]
    assert gains == sorted(gains, reverse=True)
    assert all(gain > 0 for gain in gains)
    assert all(b < a for _, _, a, b in told["losses"])
    turned = ask("compare", left=DPL, right=RAG, metric="rouge1")
    assert turned["gain"]["mean"] == pytest.approx(-told["gain"]["mean"])


def test_a_corpus_is_counted_searched_and_paged(ask, experiment):
    corpus = Corpus.open(experiment.parent / "corpus")
    about = ask("corpus")
    assert (about["n_users"], about["n_records"]) == (len(corpus.users()), len(corpus.records()))
    assert sum(n for _, n in about["months"]) == about["n_records"]
    pages = [ask("corpus/users", offset=offset, limit=10)["rows"] for offset in (0, 10, 20)]
    assert [row["id"] for page in pages for row in page] == corpus.users()
    by_records = [row["records"] for row in ask("corpus/items", sort="records", order="down")["rows"]]
    assert by_records == sorted(by_records, reverse=True)
    assert ask("corpus/items", search="copper KETTLE")["total"] == 1
    user = ask("corpus/user", user="ada", limit=3)
    assert [record["id"] for record in user["records"]] == ["ada-12", "ada-11", "ada-10"]
    assert ask("corpus/user", user="nobody")["total"] == 0
    assert ask("corpus/item", item="nothing", expect=422)["error"]["type"] == "invalid"


def test_a_map_holds_everybody_who_wrote_on_the_item(experiment):
    corpus, client = Corpus.open(experiment.parent / "corpus"), Asking(experiment).client
    drawn = client.get("/v1/map", params={"user_id": "ada", "item_id": "brass-pen", "k": 3}).json()
    writers = {record.user_id for record in corpus.peers("brass-pen", None)}
    assert "ada" in writers
    assert (drawn["place"], drawn["n_others"], len(drawn["points"])) == ("text", len(writers) - 1, len(writers))
    assert [point["mine"] for point in drawn["points"]].count(True) == 1
    assert sum(point["chosen"] for point in drawn["points"]) == 3
    silent = next(user for user in corpus.users() if user not in writers)
    usual = client.get("/v1/map", params={"user_id": silent, "item_id": "brass-pen"}).json()
    assert (usual["place"], usual["n_others"]) == ("usual", len(writers))
    assert client.get("/v1/map", params={"user_id": "ada", "item_id": "nothing"}).status_code == 422
    assert client.get("/v1/users/ada/records", params={"limit": 1}).json()["rows"][0]["id"] == "ada-12"


def test_a_case_says_why_records_were_read_as_show_does(ask, experiment):
    choice = record_choice(
        Rows(experiment / "runs" / DPL).row("ada-12"),
        read_facts(experiment / "runs" / DPL),
        Corpus.open(experiment.parent / "corpus"),
    )
    told = ask("case", run=DPL, case="ada-12")["choice"]
    assert (told["retriever"], told["query"]) == ("bm25", choice.query)
    assert told["shown"] == {one: choice.words(one) for one in choice.shown} and told["shown"]
    assert list(told["compared"]) == list(choice.compared) and told["reasons"] == [list(one) for one in choice.reasons]
    assert ask("case", run=PLAIN, case="ada-12")["choice"] is None


def test_items_without_a_title_are_named_by_their_id(experiment, tmp_path):
    folder = shutil.copytree(experiment / "runs" / DPL, tmp_path / "run")
    whole = Corpus.open(experiment.parent / "corpus")
    bare = [replace(item, title="") for item in whole.items()]
    Corpus(whole.records(), bare, whole.cases()).write(tmp_path / "corpus")
    (folder / "run.json").write_text(json.dumps(read_facts(folder) | {"corpus": str(tmp_path / "corpus")}))
    ask = Asking(folder).get
    told = ask("case", run="run", case="ada-12")
    assert {one["item_title"] for one in told["records"].values()} <= {item.id for item in bare}
    assert all(row["item_title"] == row["item_id"] for row in ask("run/cases", run="run")["rows"])
    assert all(row["item_title"] == row["item_id"] for row in ask("corpus/user", user="ada")["records"])


def test_a_run_whose_corpus_is_gone_is_still_told(experiment, tmp_path):
    run = shutil.copytree(experiment / "runs" / DPL, tmp_path / "run")
    (run / "run.json").write_text(json.dumps(read_facts(run) | {"corpus": str(tmp_path / "gone")}))
    ask = Asking(run).get
    told = ask("case", run="run", case="ada-12")
    assert told["text"]
    assert told["records"] == {}
    assert "--corpus" in told["corpus_missing"]
    assert {one["name"]: one["note"] for one in ask("case/values", run="run", case="ada-12")}["leakage"]
    assert ask("corpus", 422)["error"]["message"].startswith("the corpus of run run is not in")


DAMAGE = {
    "half a run.json": ("run.json", lambda text: text[: len(text) // 2]),
    "a list": ("run.json", lambda text: "[1, 2]"),
    "no settings": ("run.json", lambda text: '{"method": "dpl"}'),
    "deep": ("run.json", lambda text: "[" * 100_000),
    "no text": ("run.json", lambda text: "\udcff\udcfe"),
    "half a line": ("generations.jsonl", lambda text: text[:-50]),
    "another row": ("generations.jsonl", lambda text: text + '{"case_id": 1}\n'),
    "a number": ("generations.jsonl", lambda text: text.replace('"status": "done"', '"status": 7', 1)),
    "an odd trace": ("generations.jsonl", lambda text: text.replace('"trace": {', '"trace": [], "x": {', 1)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_gives_a_message(damage, experiment, tmp_path):
    run = shutil.copytree(experiment / "runs" / DPL, tmp_path / "run")
    name, spoil = DAMAGE[damage]
    (run / name).write_text(spoil((run / name).read_text()), errors="surrogateescape")
    ask = Asking(run).get
    assert ask("runs")["runs"][0]["name"] == "run"
    for path, query in {"run/cases": {}, "run/values": {"metric": "rouge1"}, "case": {"case": "ada-12"}}.items():
        message = ask(path, 422, run="run", **query)["error"]["message"]
        assert str(run) in message
        assert "Traceback" not in message


@pytest.mark.parametrize("part", ["differences", "past", "profile", "generate", "time_rule"])
def test_a_trace_of_another_shape_is_told_as_far_as_it_goes(part, experiment, tmp_path):
    run = shutil.copytree(experiment / "runs" / DPL, tmp_path / "run")
    rows = [json.loads(line) for line in (run / "generations.jsonl").read_text().splitlines()]
    for odd in ("text", [None, 3, {"record": 7}], {"x": []}, 5):
        rows[0]["trace"][part] = odd
        (run / "generations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        ask = Asking(run).get
        assert ask("case", run="run", case="ada-12")["text"]
        assert ask("case/values", run="run", case="ada-12")


def test_lone_surrogates_and_missing_numbers_are_sent(experiment, tmp_path):
    run = shutil.copytree(experiment / "runs" / PLAIN, tmp_path / "run")
    rows = [json.loads(line) for line in (run / "generations.jsonl").read_text().splitlines()]
    rows[0] |= {"text": "half \ud83d of a sign", "trace": rows[0]["trace"] | {"n": float("nan")}}
    (run / "generations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = Asking(run).get("case", run="run", case=rows[0]["case_id"])
    assert "".join(text for text, _ in told["text"]) == "half \ud83d of a sign"
    assert told["more"] == {"n": None}


def test_what_is_written_while_one_looks_is_seen(experiment, tmp_path):
    from unlike.evaluate.running.progress import with_progress_file

    folder = tmp_path / "running"
    asking = Asking(folder)
    assert asking.get("runs")["runs"] == []
    with closing(Journal.open(folder / JOURNAL)):
        with_progress_file(folder, lambda progress: None)(Progress(24, 3, 1))
        news = asking.get("runs")
        assert (news["live"], news["progress"]) == (True, {"n_cases": 24, "n_done": 3, "n_failed": 1})
    make_run(experiment.parent / "corpus", folder / "runs" / "first", "non_perso", ScriptedBackend.echo(), limit=2)
    later = asking.get("runs", seen=news["stamp"])
    assert [run["name"] for run in later["runs"]] == ["first"]
    first = asking.get("run/values", run="first", metric="rouge1")["points"]
    make_run(experiment.parent / "corpus", folder / "runs" / "first", "non_perso", ScriptedBackend.echo(), limit=3)
    assert len(asking.get("run/values", run="first", metric="rouge1")["points"]) == len(first) + 1


def test_looking_writes_nothing(experiment):
    def print_of(folder):
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file()
        }

    before = print_of(experiment.parent)
    ask = Asking(experiment).get
    ask("runs")
    ask("case/prompts", run=DPL, case="ada-12")
    ask("run/values", run=DPL, metric="leakage")
    assert print_of(experiment.parent) == before


def test_runs_without_an_adapter_have_no_vectors_to_show(ask):
    assert ask("latent")["why_none"] == "no run here used an adapter"
    message = ask("latent/units", 422, run=DPL)["error"]["message"]
    assert message.startswith("method dpl: its vectors belong to no single record")


@pytest.mark.parametrize("name", ["..", "../..", "", "/etc", "runs", f"{DPL}/../{DPL}", "%2e%2e", "x" * 300])
def test_a_run_is_found_by_name_alone(name, ask):
    assert ask("run", 422, run=name)["error"]["type"] == "invalid"


def test_only_this_machine_is_let_in_without_a_key_and_only_to_read(experiment):
    client = Asking(experiment).client
    for host in ("evil.example", "evil.example:8001", "127.0.0.1.evil.example", "", "127.0.0.1:8001.evil.example"):
        for path in ("/inspect/", "/inspect/config.json", "/inspect/api/runs"):
            assert client.get(path, headers={"host": host}).status_code == 421
    for host in ("127.0.0.1:8001", "localhost", "localhost:1", "[::1]:8001", "[::1]"):
        assert client.get("/inspect/api/runs", headers={"host": host}).status_code == 200
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, "/inspect/api/runs").status_code == 405
    answer = client.get("/inspect/api/runs")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers


def test_with_a_key_any_address_will_do_and_the_key_is_asked_for(experiment):
    client = Asking(experiment, key="sesame").client
    assert client.get("/inspect/", headers={"host": "lab.example"}).status_code == 200
    assert client.get("/inspect/config.json").json()["needs_key"] is True
    assert client.get("/", follow_redirects=False).headers["location"] == "inspect/"
    for sent in ({}, {"authorization": "Bearer sesam"}, {"authorization": "Bearer é".encode("latin-1")}):
        assert client.get("/inspect/api/runs", headers=sent).status_code == 401
        assert client.get("/nowhere", headers=sent).status_code == 401
    assert client.get("/inspect/api/runs", headers={"authorization": "Bearer sesame"}).status_code == 200
