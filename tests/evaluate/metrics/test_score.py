import json
from dataclasses import asdict

import nltk
import pytest
from typer.testing import CliRunner

from unlike.errors import InputError
from unlike.evaluate.metrics import nltk_data, treebank, wordnet
from unlike.evaluate.metrics.score import score
from unlike.records import Generation

WITHOUT_METEOR = ("rouge1", "rougeL", "bleu")


def generation(case_id, text, reference="a small bright lamp", method="dpl"):
    status = "failed" if text is None else "done"
    return Generation(case_id, "u1", "i1", method, text, reference, status, "too long" if text is None else "")


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run-1"
    folder.mkdir()
    rows = [generation("c1", "a small bright lamp"), generation("c2", None), generation("c3", "no word shared")]
    write(folder / "generations.jsonl", map(asdict, rows))
    (folder / "run.json").write_text(json.dumps({"method": "dpl", "split": "test"}))
    return folder


@pytest.fixture
def no_nltk_data(tmp_path, monkeypatch):
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(nltk, "download", lambda package, **options: False)
    caches = (wordnet.open_wordnet, treebank.open_tokenizer, treebank.word_tokenize, nltk_data.downloaded)
    for function in caches:
        function.cache_clear()
    yield
    for function in caches:
        function.cache_clear()


def test_a_run_folder(run):
    scores = score([run], WITHOUT_METEOR)
    rouge1 = scores.rows[0]
    assert (rouge1.run, rouge1.method, rouge1.split, rouge1.metric) == ("run-1", "dpl", "test", "rouge1")
    assert (rouge1.mean, rouge1.n, rouge1.n_failed, rouge1.note) == (0.5, 2, 1, "")
    assert [row.metric for row in scores.rows] == list(WITHOUT_METEOR)
    assert scores.per_case["run-1", "dpl", "rouge1"] == {"c1": 1.0, "c3": 0.0}
    assert ("run-1", "dpl", "bleu") not in scores.per_case


def test_a_failed_case_is_never_a_zero(tmp_path):
    rows = score([write(tmp_path / "f.jsonl", [asdict(generation("c1", None))])], WITHOUT_METEOR).rows
    assert [(row.mean, row.n, row.n_failed, row.note) for row in rows] == [(None, 0, 1, "no case has a text")] * 3


def test_an_empty_text_is_scored(tmp_path):
    row = score([write(tmp_path / "f.jsonl", [{"text": "", "reference": "a"}])], ["rouge1"]).rows[0]
    assert (row.mean, row.n, row.n_failed) == (0.0, 1, 0)


def test_texts_made_elsewhere_need_no_more_than_text_and_reference(tmp_path):
    file = write(tmp_path / "theirs.jsonl", [{"text": "a b", "reference": "a b"}, {"text": None, "reference": "x"}])
    row = score([file], ["rouge2"]).rows[0]
    assert (row.run, row.method, row.split, row.mean, row.n, row.n_failed) == ("theirs", "theirs", "", 1.0, 1, 1)


def test_several_methods_in_one_file_are_rows_of_their_own(tmp_path):
    rows = [asdict(generation(case, "a lamp", method=method)) for case in "ab" for method in ("rag", "dpl")]
    assert [(row.method, row.n) for row in score([write(tmp_path / "f.jsonl", rows)], ["rouge1"]).rows] == [
        ("rag", 2),
        ("dpl", 2),
    ]


def test_peers(run):
    row, other = score([run], ["leakage", "distinct1"], peers={"c1": ["the bright lamp"]}).rows
    assert (row.mean, row.n) == (1.0, 2)
    assert other.mean == pytest.approx(1.0)
    assert "pass peers" in score([run], ["leakage"]).rows[0].note


def test_a_reference_is_asked_for_only_where_a_metric_needs_it(tmp_path):
    file = write(tmp_path / "f.jsonl", [{"text": "a a"}])
    assert score([file], ["distinct1"]).rows[0].mean == 0.5
    with pytest.raises(InputError, match=r"f.jsonl, line 1: 'reference' is None; a string is needed"):
        score([file], ["rouge1"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no generation"),
        ("\n\n", "holds no generation"),
        ('{"text": "a", "reference": "b"}\n{"text": "a', "line 2: not JSON"),
        ("[1]", r"line 1: not a JSON object: \[1\]"),
        ('{"reference": "b"}', "line 1: no key 'text': there are reference; null means failed"),
        ("{}", "line 1: no key 'text': there are none"),
        ('{"text": 3, "reference": "b"}', "line 1: 'text' is 3; allowed are a string"),
        ('{"text": "a", "reference": 3}', "line 1: 'reference' is 3"),
        ('{"text": "a", "reference": "b", "case_id": "c"}\n' * 2, "line 2: case_id 'c' is there twice"),
    ],
)
def test_unusable_files_name_the_line(tmp_path, content, message):
    (tmp_path / "f.jsonl").write_text(content)
    with pytest.raises(InputError, match=message):
        score([tmp_path / "f.jsonl"], ["rouge1"])


def test_files_that_cannot_be_read(tmp_path, run):
    with pytest.raises(InputError, match="does not exist; name a run folder or a JSONL file"):
        score([tmp_path / "none.jsonl"], ["rouge1"])
    with pytest.raises(InputError, match=r"generations.jsonl does not exist"):
        score([tmp_path], ["rouge1"])
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="a UTF-8 text file with JSON lines is needed"):
        score([tmp_path / "binary"], ["rouge1"])
    (run / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run.json cannot be read"):
        score([run], ["rouge1"])


def test_without_wordnet_meteor_says_why_and_the_rest_goes_on(run, no_nltk_data):
    rows = score([run]).rows
    assert [(row.metric, row.n) for row in rows] == [("rouge1", 2), ("rougeL", 2), ("bleu", 2), ("meteor", 0)]
    assert rows[-1].mean is None
    assert rows[-1].n_failed == 1
    assert "python -m nltk.downloader wordnet punkt_tab" in rows[-1].note


def test_command_prints_a_table_and_writes_the_rows(run, tmp_path, no_nltk_data, command):
    out = tmp_path / "deep" / "results.json"
    result = command([str(run), "--out", str(out)])
    assert result.exit_code == 0
    for shown in ("ROUGE-1", "METEOR", "dpl", "failed", "0.5000", "nltk.downloader"):
        assert shown in result.output
    rows = json.loads(out.read_text())["rows"]
    assert rows == [asdict(row) for row in score([run]).rows]
    assert list(rows[0]) == ["run", "method", "split", "metric", "mean", "n", "n_failed", "note"]
    assert [path.name for path in out.parent.iterdir()] == ["results.json"]


def test_command_as_json(run, command):
    result = command([str(run), "--metrics", "rouge1, rouge2", "--json"])
    assert [row["metric"] for row in json.loads(result.output)["rows"]] == ["rouge1", "rouge2"]


def test_command_that_cannot_write_says_so(run, command):
    result = command([str(run), "--metrics", "rouge1", "--out", str(run / "run.json" / "x.json")])
    assert isinstance(result.exception, InputError)
    assert "cannot be written" in str(result.exception)


@pytest.fixture
def command(monkeypatch):
    """The command alone, as wide as its table needs."""
    import typer

    from unlike.cli.evaluate import evaluate

    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()
    app.command()(evaluate)
    return lambda arguments: CliRunner().invoke(app, arguments)
