"""The command as a user meets it: what it prints, its exit status, and one line for everything that is wrong."""

import json
import re
import sqlite3

import pytest

from unlike.cli import main as main_of_unlike
from unlike.cli.main import COMMANDS
from unlike.cli.output import new_console
from unlike.cli.show import show_case
from unlike.data.corpus import Corpus
from unlike.evaluate.statistics.calls import calls_in
from unlike.methods.table import METHODS
from unlike.records import Case, Generation, Item, Record


def run_words(sample, out, *more, method="dpl", llm="scripted:echo"):
    fixed = ("--corpus", sample, "--method", method, "--llm", llm, "--embedder", "hashing:64", "--out", out)
    return ("run", *fixed, "--records", "2", "--peers", "2", "--limit", "3", *more)


def test_run_evaluate_show_from_end_to_end(unlike, sample, tmp_path):
    status, _, err = unlike(*run_words(sample, tmp_path / "dpl"))
    assert status == 0
    assert "3 of 3 cases done, 0 failed" in err
    facts = json.loads((tmp_path / "dpl" / "run.json").read_text())
    assert facts["n_done"] == 3
    assert facts["n_calls"] + facts["n_cached"] == 3 * 4
    status, out, _ = unlike(
        "evaluate", tmp_path / "dpl", "--metrics", "rouge1,bleu", "--out", tmp_path / "results.json"
    )
    assert status == 0
    assert "dpl" in out
    assert len(json.loads((tmp_path / "results.json").read_text())["rows"]) == 2
    status, out, _ = unlike("show", tmp_path / "dpl", "1")
    assert status == 0
    for part in ("Own records shown", "Difference 2", "representatives of", "Profile", "Generated", "Really written"):
        assert part in out
    status, out, _ = unlike("show", tmp_path / "dpl", "2", "--json")
    assert json.loads(out)["method"] == "dpl"


def test_running_again_pays_for_nothing(unlike, sample, tmp_path):
    unlike(*run_words(sample, tmp_path / "run"))
    rows = (tmp_path / "run" / "generations.jsonl").read_bytes()
    status, out, _ = unlike(*run_words(sample, tmp_path / "run", "--json"))
    assert status == 0
    assert json.loads(out)["n_calls"] == 0
    assert (tmp_path / "run" / "generations.jsonl").read_bytes() == rows


def test_failed_cases_are_rows_and_exit_3(unlike, sample, tmp_path):
    (tmp_path / "script.json").write_text('{"rules": [{"regex": ".", "fail": "overloaded"}]}')
    script = f"scripted:{tmp_path / 'script.json'}"
    status, _, err = unlike(*run_words(sample, tmp_path / "run", method="rag", llm=script))
    assert status == 3
    assert "first failure" in err
    assert "retries the failed cases" in err
    rows = [json.loads(line) for line in (tmp_path / "run" / "generations.jsonl").open()]
    assert [row["status"] for row in rows] == ["failed"] * 3
    assert all(row["text"] is None and "overloaded" in row["error"] for row in rows)


def test_a_dry_run_counts_and_writes_nothing(unlike, sample, tmp_path):
    status, out, _ = unlike(*run_words(sample, tmp_path / "run", "--dry-run", "--price-in", "1", "--price-out", "2"))
    assert status == 0
    assert "12 calls" in out
    assert "cost: 0." in out
    assert not (tmp_path / "run").exists()
    status, out, _ = unlike(*run_words(sample, tmp_path / "run", "--dry-run", "--json"))
    assert json.loads(out)["n_calls"] == 12


def test_a_dry_run_says_which_judge_has_no_prices(unlike, sample, tmp_path):
    plan = 'title = "t"\nlimit = 2\nembedder = "hashing:16"\nmetrics = ["rouge1"]\nmethods = ["non_perso"]\n'
    llm = 'llm = { uri = "scripted:echo", price_in = 1.0, price_out = 1.0 }\njudges = ["scripted:echo"]\n'
    (tmp_path / "e.toml").write_text(f'{plan}corpus = "{sample}"\n{llm}')
    out = unlike("experiment", tmp_path / "e.toml", "--dry-run")[1]
    assert "cost: 0.0" in out
    assert "cost: not known; set price_in and price_out of judge scripted:echo" in out


def test_a_dry_run_says_where_texts_go_and_which_prices_are_missing(unlike, sample, tmp_path):
    plan = 'title = "t"\nlimit = 2\nembedder = "hashing:16"\nmetrics = ["rouge1"]\nmethods = ["non_perso"]\n'
    at = "http://127.0.0.1:9/v1"
    (tmp_path / "e.toml").write_text(f'{plan}corpus = "{sample}"\nllm = "openai:m@{at}"\njudges = ["openai:j@{at}"]\n')
    out = unlike("experiment", tmp_path / "e.toml", "--dry-run")[1]
    assert "texts are sent to 127.0.0.1:9 (openai:m)" in out and "texts are sent to 127.0.0.1:9 (openai:j)" in out
    assert "cost: not known; set price_in and price_out of [llm]\n" in out
    assert "cost: not known; set price_in and price_out of judge openai:j" in out
    (tmp_path / "e.toml").write_text(f'{plan}corpus = "{sample}"\nllm = "scripted:echo"\n')
    assert "cost" not in unlike("experiment", tmp_path / "e.toml", "--dry-run")[1]


def test_a_dry_run_is_refused_where_the_run_would_be(unlike, sample, tmp_path):
    plan = (
        'title = "t"\nembedder = "hashing:16"\nllm = "scripted:echo"\nmetrics = ["rouge1"]\nmethods = ["non_perso"]\n'
    )
    file, out = tmp_path / "e.toml", ("--out", tmp_path / "out")
    file.write_text(f'{plan}corpus = "{sample}"\nlimit = 2\n')
    assert unlike("experiment", file, *out)[0] == 0
    assert unlike("experiment", file, *out, "--dry-run")[0] == 0
    status, _, err = unlike("experiment", file, *out, "--limit", "1", "--dry-run")
    assert (status, "belongs to another plan (limit 2, now 1" in err) == (2, True)
    unlike(*run_words(sample, tmp_path / "run", method="rag"))
    status, _, err = unlike(*run_words(sample, tmp_path / "run", "--dry-run", method="non_perso"))
    assert (status, "holds another run" in err) == (2, True)


def test_a_dry_run_says_that_rewrites_are_not_counted(unlike, sample, tmp_path):
    dry = ("--dry-run", "--rewrites", "2")
    line = "rewrites are not counted: each call may be made again, at most 2 times"
    assert line in unlike(*run_words(sample, tmp_path / "run", *dry))[1]
    assert "rewrites" not in unlike(*run_words(sample, tmp_path / "run", "--dry-run"))[1]
    for words, n in ((dry, 2), ((*dry, "--temperature", "0"), 0)):
        found = json.loads(unlike(*run_words(sample, tmp_path / "run", *words, "--json"))[1])
        assert (found["n_calls"], found["rewrites_not_counted"], found["counts_exactly"]) == (12, n, False)
        assert set(found["assumed_completion_tokens"]) == {"difference", "summary", "generate_turns"}


def test_another_method_does_not_replace_a_run(unlike, sample, tmp_path):
    unlike(*run_words(sample, tmp_path / "run", method="rag"))
    status, _, err = unlike(*run_words(sample, tmp_path / "run", method="non_perso"))
    assert status == 2
    assert "holds another run" in err
    status, _, err = unlike(*run_words(sample, tmp_path / "run", "--temperature", "0.2", method="rag"))
    assert status == 2
    assert "temperature 0.8, now 0.2" in err


BAD = {
    "no corpus": (["--corpus", "nowhere"], "nowhere"),
    "unknown method": (["--method", "gpt"], "allowed are non_perso"),
    "unknown LLM scheme": (["--llm", "gpt-4"], "openai, llama.cpp, openvino, transformers, vllm, scripted"),
    "missing key": (["--llm", "openai:gpt-4o-mini"], "OPENAI_API_KEY"),
    "unreachable endpoint": (["--llm", "openai:m@http://127.0.0.1:9/v1"], "127.0.0.1:9"),
    "no such GGUF": (["--llm", "llama.cpp:/nowhere.gguf"], "/nowhere.gguf"),
    "unknown time rule": (["--time", "future"], "--time 'future' is unknown; allowed are as_of, paper"),
    "unknown dimension": (["--dimensions", "humour"], "writing, emotional, semantic"),
    "unknown retriever": (["--retriever", "tfidf"], "'bm25', 'recency'"),
    "unknown selector": (["--selector", "nearest"], "'kmeans', 'kmeans_assigned'"),
    "unknown split": (["--split", "dev"], "'dev'"),
    "no prompts folder": (["--prompts", "nowhere"], "prompts folder not found"),
    "unknown task": (["--task", "poem"], "built in are"),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_wrong_is_one_line_and_exit_2(words, unlike, sample, tmp_path):
    more, message = BAD[words]
    status, out, err = unlike(*run_words(sample, tmp_path / "run"), *more)
    assert status == 2
    assert message in err
    *before, error = err.strip().splitlines()
    assert error.startswith("unlike: ")
    assert all(line.startswith("texts are sent to 127.0.0.1:9 ") for line in before)
    assert "Traceback" not in out + err


def test_a_full_disk_is_one_line(unlike, sample, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    status, _, err = unlike(*run_words(sample, tmp_path / "run", method="non_perso"))
    assert status == 2
    assert "No space left on device" in err
    assert "free space" in err


def test_a_journal_that_is_none_is_one_line(unlike, sample, tmp_path):
    (tmp_path / "j.sqlite").write_text("no database at all, but long enough to be read as one" * 40)
    status, _, err = unlike(*run_words(sample, tmp_path / "run", "--journal", tmp_path / "j.sqlite"))
    assert status == 2
    assert "j.sqlite" in err


def test_the_journal_knows_whose_words_are_in_a_call(unlike, sample, tmp_path):
    unlike(*run_words(sample, tmp_path / "run"))
    with sqlite3.connect(tmp_path / "run" / "journal.sqlite") as journal:
        rows = [json.loads(line) for line in (tmp_path / "run" / "generations.jsonl").open()]
        for row in rows:
            read = {row["trace"]["past"][0], *row["trace"]["differences"][0]["representatives"]}
            query = "select record_id from call_records where key = ?"
            assert read <= {record for (record,) in journal.execute(query, (row["trace"]["generate"]["key"],))}


def test_show_names_the_cases_there_are(unlike, sample, tmp_path):
    unlike(*run_words(sample, tmp_path / "run", method="non_perso"))
    status, _, err = unlike("show", tmp_path / "run", "nobody-01")
    assert status == 2
    assert "1 to 3" in err
    rows = [json.loads(line) for line in (tmp_path / "run" / "generations.jsonl").open()]
    status, out, _ = unlike("show", tmp_path / "run")
    assert status == 0
    assert all(f" {n} " in out and row["case_id"] in out and row["item_id"] in out for n, row in enumerate(rows, 1))
    listed = json.loads(unlike("show", tmp_path / "run", "--json")[1])
    assert [one["case"] for one in listed] == [row["case_id"] for row in rows]
    assert json.loads(unlike("show", tmp_path / "run", rows[1]["user_id"], "--json")[1]) == rows[1]
    assert unlike("show", tmp_path / "nowhere", "1")[0] == 2


def test_help_names_every_command(unlike):
    status, out, _ = unlike("--help")
    assert status == 0
    described, _, named = out.partition("Start here:")[2].partition("More:")
    *first, rest = COMMANDS.values()
    purposes = {name: purpose for section in first for name, purpose in section.items()}
    assert len(purposes) <= 12, "the first page is for a newcomer"
    assert all(f"  {name} " in described and purpose in described for name, purpose in purposes.items())
    assert all(re.search(rf"\b{name}\b", named) for name in rest)
    assert "install-completion" in out
    keys, table = unlike("keys", "--help")[1], unlike("curate", "table", "--help")[1]
    assert "shown only once" in " ".join(keys.split())
    assert all(page.startswith("Usage: ") and "╭" not in page for page in (out, keys, table)), "one style"
    assert unlike("--version")[1].startswith("unlike 0.")


@pytest.mark.parametrize(("typed", "way_out"), [("runn", "did you mean run?"), ("xyzzy", "see unlike --help")])
def test_a_mistyped_command_is_one_line(unlike, typed, way_out):
    status, _, err = unlike(typed)
    assert (status, err) == (2, f"unlike: no command {typed!r}; {way_out}\n")


def test_doctor_says_what_is_there_and_what_answers(unlike):
    status, out, _ = unlike("doctor", "--json", "--llm", "scripted:echo", "--embedder", "hashing:32")
    assert status == 0
    findings = {finding["part"]: finding for finding in json.loads(out)}
    assert findings["embedded LLM"]["works"]
    assert "OPENAI_API_KEY is not set" in findings["OpenAI-compatible endpoint"]["seen"]
    assert "answered" in findings["LLM scripted:echo"]["seen"]
    assert findings["encoder hashing:32"]["seen"] == "32 dimensions"
    assert "fastapi" in findings["extra service"]["seen"].lower() and "torch" in findings["extra latent"]["seen"]
    assert "GB free in " in findings["disk"]["seen"] and findings["GPU"]["needed_for"]
    assert "a call to an LLM" not in findings, "one was made"
    status, out, _ = unlike("doctor")
    assert (status, "this asks for one word: unlike doctor --llm" in " ".join(out.split())) == (0, True)
    status, out, _ = unlike("doctor", "--llm", "openai:m@http://127.0.0.1:9/v1")
    assert status == 2
    assert "127.0.0.1:9" in out


def test_the_demo_runs_with_any_llm(unlike, tmp_path):
    words = ("demo", "--out", tmp_path / "demo", "--llm", "scripted:echo", "--embedder", "hashing:64", "--cases", "2")
    status, out, _ = unlike(*words)
    assert status == 0
    for part in (
        "1. Curate",
        "2. Write",
        "3. What sets",
        "4. The same",
        "5. Scores",
        "non_perso",
        "dpl_verified",
        "report.html",
    ):
        assert part in out


def test_show_prints_brackets_names_of_emoji_and_a_rating_of_0(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    odd = ("Great [/rant]", "Love [feat. Rihanna] :heart:", "u[red]1", "r[/]0")
    title, item, user, record_id = odd
    records = [Record(record_id, user, "i1", "text [b]", title, 0.0, 1), Record("r2", user, "i1", "t", title, 0.0, 2)]
    corpus = Corpus(records, [Item("i1", item)], [Case("r2", user, "i1", 2, title, 0.0, "real [/b]", "test")])
    trace = {
        "past": [record_id],
        "history_records": 1,
        "differences": [{"record": record_id, "representatives": [], "n_peers": 0, "text": "a [/i]", "call": {}}],
        "generate": {"prompt_tokens": 1, "completion_tokens": 1, "left_out": ["[/note]"]},
        "time_rule": "as_of",
    }
    row = Generation("r2", user, "i1", "dpl", None, "real [/b]", "failed", "no [/route]", trace)
    show_case(new_console(), row, corpus)
    out = capsys.readouterr().out
    for part in (*odd, "text [b]", "a [/i]", "no [/route]", "real [/b]", "[/note]", "request: rating 0, title"):
        assert part in out


def test_show_says_why_records_were_read(unlike, sample, tmp_path):
    assert unlike(*run_words(sample, tmp_path / "r"))[0] == 0
    _, out, _ = unlike("show", tmp_path / "r", "1")
    assert "by bm25, for the query “" in out and re.search(r"ada-\d+ · rank 1, score \d+\.\d\d\n", out)
    assert re.search(r"Not compared: \d+ own records \(ranked lower: \d+\)", out)


@pytest.mark.parametrize("method", ["dpl", "drp"])
def test_show_counts_every_call_that_the_run_made_and_its_rewrites(unlike, sample, tmp_path, method):
    words = run_words(sample, tmp_path / "r", "--rewrites", "2", "--limit", "1", method=method)
    assert unlike(*words)[0] == 0
    facts = json.loads((tmp_path / "r" / "run.json").read_text())
    n, tokens = facts["n_calls"] + facts["n_cached"], facts["prompt_tokens"] + facts["completion_tokens"]
    (row,) = [json.loads(line) for line in (tmp_path / "r" / "generations.jsonl").read_text().splitlines()]
    n_rewrites = n - len(calls_in(row["trace"]))
    assert n_rewrites > 0 and facts["n_cached"] == 0
    assert f"{n} calls ({n_rewrites} rewrites included), {tokens:,} tokens" in unlike("show", tmp_path / "r", "1")[1]
    _, out, _ = unlike("show", tmp_path / "r", "1", "--prompts")
    assert out.count("\nanswer\n") == n


def corpus_without_titles():
    records = [Record("r1", "u1", "i1", "an own text", timestamp=1), Record("r2", "u1", "i2", "t", timestamp=2)]
    records.append(Record("r3", "u2", "i1", "another text", timestamp=1))
    return Corpus(records, [Item("i1"), Item("i2")], [Case("r2", "u1", "i2", 2, reference="t", split="test")])


def test_what_has_no_title_is_shown_by_its_id(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    difference = {"record": "r1", "representatives": ["r3"], "n_peers": 1, "text": "d", "call": {}}
    trace = {"past": ["r1"], "history_records": 1, "differences": [difference]}
    show_case(new_console(), Generation("r2", "u1", "i2", "dpl", "w", "t", "done", "", trace), corpus_without_titles())
    out = capsys.readouterr().out
    assert "u1 on i2" in out and "Difference 1 on i1: 1 representative of 1 other" in out and "u1 on i1 r1" in out
    assert "“”" not in out and "request: neither rating nor title" in out


def test_a_corpus_shows_no_column_that_a_record_lacks(unlike, tmp_path):
    corpus_without_titles().write(tmp_path / "corpus")
    status, out, _ = unlike("corpus", tmp_path / "corpus")
    lines = out.partition("a record:\n")[2].splitlines()
    assert status == 0 and any(line.startswith("  item_id: i") for line in lines)
    assert not [line for line in lines if line.startswith(("  title:", "  rating:"))]


def test_evaluate_prints_the_name_of_a_file_with_brackets(unlike, tmp_path):
    for name in ("out[v2]", "out[v1]"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "a", "reference": "a", "method": "m[/x]", "split": "[/]"}\n')
    status, out, err = unlike("evaluate", *tmp_path.glob("*.jsonl"), "--metrics", "rouge1")
    assert status == 0, err
    assert all(part in out for part in ("out[v2]", "out[v1]", "m[/x]", "[/]"))


def test_show_finds_the_journal_of_an_experiment_from_the_folder_of_its_runs(unlike, sample, tmp_path, monkeypatch):
    run = tmp_path / "mine" / "runs" / "rag_t0.8_s0"
    unlike(*run_words(sample, run, "--journal", tmp_path / "mine" / "journal.sqlite", method="rag"))
    for folder, path in ((run.parent, run.name), (run, ".")):
        monkeypatch.chdir(folder)
        status, out, err = unlike("show", path, "1", "--prompts")
        assert status == 0, err
        assert "answer" in out


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (("--out", "vectors.npz"), "--out vectors.npz is for --fit, which is missing"),
        (("--fit", "2", "--differences", "d.parquet"), "--differences d.parquet is not written with --fit"),
    ],
)
def test_options_of_embed_that_would_be_ignored_are_refused(unlike, sample, options, fault):
    status, _, err = unlike("embed", "--corpus", sample, "--embedder", "hashing:64", *options)
    assert (status, err.count("\n")) == (2, 1)
    assert fault in err


def test_an_error_in_code_of_ones_own_is_one_line_and_its_traceback_an_option(unlike, sample, tmp_path, monkeypatch):
    async def broken(case, kit):
        raise ValueError("not so")

    monkeypatch.setitem(METHODS, "broken", broken)
    words = ("run", "--corpus", sample, "--method", "broken", "--llm", "scripted:echo", "--out", tmp_path / "r")
    status, _, err = unlike(*words, "--embedder", "hashing:16")
    (line,) = [line for line in err.splitlines() if line.startswith("unlike: ")]
    assert (status, "Traceback" in err) == (2, False)
    assert "method 'broken' on case" in line and "failed: ValueError: not so" in line and "--traceback" in line
    status, _, err = unlike("--traceback", *words, "--embedder", "hashing:16")
    assert status == 2 and 'raise ValueError("not so")' in err


def test_the_hint_on_an_error_in_code_of_ones_own_names_the_script_that_was_run(unlike, sample, tmp_path, monkeypatch):
    async def broken(case, kit):
        raise ValueError("not so")

    monkeypatch.setitem(METHODS, "broken", broken)
    words = ("run", "--corpus", sample, "--method", "broken", "--llm", "scripted:echo", "--out", tmp_path / "r")
    programs = {
        "/somewhere/bin/unlike": "unlike",
        main_of_unlike.__file__: "unlike",
        "mine.py": "python mine.py",
        "my own/mine.py": "python 'my own/mine.py'",
    }
    for started, shown in programs.items():
        _, _, err = unlike(*words, "--embedder", "hashing:16", program=started)
        assert f"; where: {shown} --traceback COMMAND ..." in err
