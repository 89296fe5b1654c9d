import gzip
import json
from dataclasses import asdict, replace

import datasets
import nltk
import polars as pl
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer
from typer.testing import CliRunner

from unlike.errors import InputError
from unlike.evaluate.metrics import METRICS, meteor, treebank
from unlike.evaluate.metrics.rouge import rouge1
from unlike.evaluate.metrics.sanity import length_ratio
from unlike.evaluate.metrics.score import score
from unlike.evaluate.metrics.texts import mapped
from unlike.language import first_words, language_of
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
    caches = (meteor.open_wordnet, treebank.open_tokenizer, treebank.word_tokenize, treebank.downloaded)
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
    with pytest.raises(InputError, match="was made on a corpus in memory; write that with Corpus.write"):
        score([run], ["leakage"])


def test_a_table_names_no_texts_of_others(tmp_path):
    table = write(tmp_path / "t.jsonl", [{"text": "a", "reference": "a"}])
    assert "give its run folder" in score([table], ["leakage"]).rows[0].note


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
        ('{"text": "a", "reference": "b", "case_id": "c"}\n' * 2, "line 2: case_id 'c' occurs twice"),
    ],
)
def test_unusable_files_name_the_line(tmp_path, content, message):
    (tmp_path / "f.jsonl").write_text(content)
    with pytest.raises(InputError, match=message):
        score([tmp_path / "f.jsonl"], ["rouge1"])


def test_files_that_cannot_be_read(tmp_path, run):
    with pytest.raises(InputError, match="does not exist; name a run folder or a table"):
        score([tmp_path / "none.jsonl"], ["rouge1"])
    with pytest.raises(InputError, match=r"empty holds no table"):
        (tmp_path / "empty").mkdir()
        score([tmp_path / "empty"], ["rouge1"])
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="binary, line 1: no key 'text'|holds no generation"):
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
    assert rows == json.loads(json.dumps([asdict(row) for row in score([run]).rows]))
    columns = ["run", "method", "split", "metric", "mean", "n", "n_failed", "note", "tokens", "n_without", "without"]
    assert list(rows[0]) == columns
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


# Tables of other people ----------------------------------------------------------------------------------------------

PAIRS = [("a small lamp", "a small lamp"), ("no word", "shared here"), (None, "x")]


def table_of(folder, form):
    rows = [{"prediction": text, "label": real, "id": str(n)} for n, (text, real) in enumerate(PAIRS)]
    path = folder / f"t.{form}"
    if form == "csv":
        lines = ["prediction,label,id", *(f'"{row["prediction"] or ""}",{row["label"]},{row["id"]}' for row in rows)]
        path.write_text("\n".join(lines))
    elif form == "semicolons.csv":
        path.write_text("\n".join(["prediction;label", *(f"{text or ''};{real}" for text, real in PAIRS)]))
    elif form == "parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif form == "json":
        path.write_text(json.dumps(rows))
    elif form == "jsonl.gz":
        path.write_bytes(gzip.compress(write(folder / "x.jsonl", rows).read_bytes()))
    else:
        datasets.Dataset.from_list(rows).save_to_disk(str(path))
    return path


@pytest.mark.parametrize("form", ["csv", "semicolons.csv", "parquet", "json", "jsonl.gz", "saved"])
def test_tables_in_any_form_by_mapping(tmp_path, form):
    columns = {"text": "prediction", "reference": "label"}
    (row,) = score([table_of(tmp_path, form)], ["rouge1"], form=mapped(columns)).rows
    assert (row.mean, row.n, row.n_failed) == (0.5, 2, 1)


def test_an_unknown_name_to_map():
    with pytest.raises(InputError, match="unknown column to map: prediction; allowed are text, reference, case_id"):
        mapped({"prediction": "text"})


def test_lamp_predictions_and_references(tmp_path, command):
    gold = {"task": "LaMP_5", "golds": [{"id": "500", "output": "a small lamp"}, {"id": "501", "output": "x y"}]}
    made = {"task": "LaMP_5", "golds": [{"id": "501", "output": "z"}, {"id": "500", "output": "a small lamp"},
                                        {"id": "502", "output": "nobody knows"}]}  # fmt: skip
    (tmp_path / "gold.json").write_text(json.dumps(gold))
    (tmp_path / "made.json").write_text(json.dumps(made))
    found = command([str(tmp_path / "made.json"), "--references", str(tmp_path / "gold.json"), "--json"])
    row = json.loads(found.output)["rows"][0]
    assert (row["metric"], row["mean"], row["n"], row["n_failed"]) == ("rouge1", 0.5, 2, 1)


def test_a_table_of_references_that_are_no_texts_is_an_error(tmp_path, command):
    write(tmp_path / "gold.jsonl", [{"id": "1", "output": "a lamp"}, {"id": "2", "output": 3}])
    write(tmp_path / "made.jsonl", [{"id": "1", "output": "a lamp"}])
    found = command([str(tmp_path / "made.jsonl"), "--references", str(tmp_path / "gold.jsonl")])
    assert "gold.jsonl, line 2: 'reference' is 3; a string or a list" in str(found.exception)


def test_cases_that_are_not_scored_are_named_and_references_without_a_row_counted(tmp_path, command):
    write(tmp_path / "gold.jsonl", [{"id": str(n), "output": None if n == 3 else "a lamp"} for n in range(10)])
    made = [{"id": id_, "text": "a lamp"} for id_ in ("0", "1", "x1", "x2", "x3", "x4", "3")]
    write(tmp_path / "made.jsonl", [*made, {"id": "4", "text": None}])
    said = [
        "made: 4 cases not in the references: x1, x2, x3, …",
        "made: 1 case without a real text: 3",
        "made: 1 case without a text: 4",
        "made: 6 references without a row here",
    ]
    words = [str(tmp_path / "made.jsonl"), "--references", str(tmp_path / "gold.jsonl"), "--metrics", "rouge1"]
    found = json.loads(command([*words, "--json"]).output)
    assert (found["notes"], found["rows"][0]["n"], found["rows"][0]["n_failed"]) == (said, 2, 6)
    assert all(line in command(words).output for line in said)


def test_columns_are_mapped_in_tables_and_not_in_run_folders(tmp_path, run):
    table = write(tmp_path / "mine.jsonl", [{"prediction": "a small bright lamp", "reference": "a small bright lamp"}])
    scores = score([run, table], ["rouge1"], form=mapped({"text": "prediction"}))
    assert [(row.run, row.mean, row.n) for row in scores.rows] == [("run-1", 0.5, 2), ("mine", 1.0, 1)]


def test_of_several_real_texts_the_best_counts(tmp_path):
    rows = [{"text": "a b", "reference": ["x y", "a b"]}, {"text": "a b", "reference": ["a b", "c"]},
            {"text": "a b", "reference": "a c"}]  # fmt: skip
    scores = score([write(tmp_path / "f.jsonl", rows)], ["rouge1", "bleu"])
    assert list(scores.per_case["f", "f", "rouge1"].values()) == [1.0, 1.0, 0.5]
    expected = sacrebleu.corpus_bleu(["a b"] * 3, [["x y", "a b", "a c"], ["a b", "c", None]], force=True).score
    assert scores.rows[1].mean == pytest.approx(expected)


def test_of_a_distance_the_lowest_over_several_real_texts_counts(tmp_path, monkeypatch):
    monkeypatch.setitem(METRICS, "rouge1", replace(METRICS["rouge1"], lower_is_better=True))
    rows = [{"text": "a b", "reference": ["a b", "x y"]}]
    assert score([write(tmp_path / "f.jsonl", rows)], ["rouge1"]).rows[0].mean == 0.0


def test_bleu_of_cut_texts_has_all_real_texts_cut_to_the_shortest(tmp_path):
    rows = [{"text": "a b c d e f", "reference": ["x y z x y", "a b c d"]}, {"text": "a b", "reference": "a b c"}]
    (row,) = score([write(tmp_path / "f.jsonl", rows)], ["bleu_cut"]).rows
    expected = sacrebleu.corpus_bleu(["a b c d", "a b"], [["x y z x", "a b"], ["a b c d", None]], force=True).score
    assert row.mean == pytest.approx(expected) and expected > 50


def test_no_metric_and_an_experiment_are_refused_with_what_to_give(tmp_path, run, command):
    found = command([str(run), "--metrics", ","]).exception
    assert str(found).startswith("no metrics to score by; allowed are rouge1, ") and str(found).endswith("at least one")
    (tmp_path / "mine" / "runs").mkdir(parents=True)
    (tmp_path / "mine" / "plan.json").write_text("{\n}\n")
    run.rename(tmp_path / "mine" / "runs" / "dpl")
    with pytest.raises(InputError, match="mine is the folder of an experiment; give its runs: .*/mine/runs/[*]"):
        score([tmp_path / "mine"], ["rouge1"])
    assert score([tmp_path / "mine" / "runs" / "dpl"], ["rouge1"]).rows[0].n == 2


def test_tables_of_a_folder_need_no_ids(tmp_path):
    (tmp_path / "parts").mkdir()
    for name, texts in (("a", ("a b", "a c")), ("b", ("x", "a b"))):
        write(tmp_path / "parts" / f"{name}.jsonl", [{"text": text, "reference": "a b"} for text in texts])
    scores = score([tmp_path / "parts"], ["rouge1"])
    assert scores.per_case["parts", "parts", "rouge1"] == {"1": 1.0, "2": 0.5, "3": 0.0, "4": 1.0}


def test_one_missing_real_text_is_one_failed_row(tmp_path):
    rows = [{"text": "a b", "reference": "a b"}, {"text": "a", "reference": None}, {"text": "a", "reference": []}]
    (row,) = score([write(tmp_path / "f.jsonl", rows)], ["rouge1"]).rows
    assert (row.mean, row.n, row.n_failed) == (1.0, 1, 2)


def test_runs_of_the_same_name_are_told_apart(tmp_path, run, command):
    for parent, text in (("A", "a small bright lamp"), ("B", "x")):
        (tmp_path / parent / "dpl").mkdir(parents=True)
        write(tmp_path / parent / "dpl" / "generations.jsonl", [asdict(generation("c1", text))])
    paths = [tmp_path / "A" / "dpl", tmp_path / "B" / "dpl", run]
    scores = score(paths, ["rouge1"])
    assert [(row.run, row.mean) for row in scores.rows] == [("A/dpl", 1.0), ("B/dpl", 0.0), ("run-1", 0.5)]
    assert scores.per_case["A/dpl", "dpl", "rouge1"] == {"c1": 1.0}
    shown = command([str(path) for path in paths]).output
    assert "A/dpl" in shown
    assert "B/dpl" in shown
    with pytest.raises(InputError, match="is given twice"):
        score([run, run], ["rouge1"])


# Languages -----------------------------------------------------------------------------------------------------------

SAID = {
    "Chinese": ("这个手机很好用，我很喜欢", "chinese", "sacreBLEU's zh"),
    "Japanese": ("とても良い商品です。また買いたいと思います。", "unspaced", "sacreBLEU's char"),
    "Thai": ("สินค้าดีมาก ส่งเร็ว ประทับใจ", "unspaced", "sacreBLEU's char"),
    "Arabic": ("منتج رائع جدا أنصح به الجميع", "spaced", "sacreBLEU's intl"),
    "Spanish": ("También llegó rápido y está muy bien", "spaced", "sacreBLEU's intl"),
    "Russian": ("Отличная книга, всем советую прочитать", "spaced", "sacreBLEU's intl"),
    "English": ("This lamp is small, but it lights the table", "english", "sacreBLEU's 13a"),
}


@pytest.mark.parametrize("language", SAID)
def test_the_same_text_is_the_same_in_every_language(tmp_path, language):
    text, kind, tokens = SAID[language]
    assert language_of([text]) == kind
    rows = [{"text": text, "reference": text}, {"text": "", "reference": text}]
    scores = score(
        [write(tmp_path / "f.jsonl", rows)], ["rouge1", "rougeL", "bleu_sentence", "length_ratio", "rouge1_cut"]
    )
    assert [list(values.values())[0] for values in scores.per_case.values()] == pytest.approx([1, 1, 100, 1, 1])
    assert scores.rows[2].tokens == tokens


def test_meteor_is_english_and_says_so(tmp_path, tiny_wordnet):
    dutch = " ".join(["de lamp is erg mooi maar het licht is een beetje te fel voor op mijn bureau"] * 20)
    for text in (SAID["Chinese"][0], SAID["Spanish"][0], dutch):
        (row,) = score([write(tmp_path / "f.jsonl", [{"text": text, "reference": text}])], ["meteor"]).rows
        assert row.mean is None
        assert "these texts are not English" in row.note
    (row,) = score(
        [write(tmp_path / "f.jsonl", [{"text": dutch, "reference": dutch}])], ["meteor"], language="english"
    ).rows
    assert row.mean == pytest.approx(1.0, abs=1e-3)


def test_the_language_is_one_for_all_methods_and_runs(tmp_path, tiny_wordnet):
    """Alone, the café is not English; beside many English texts it is, in every row of the table."""
    english = "the lamp lights the table, and it is all that they had hoped for in this hall " * 5
    rows = [{"method": "many", "text": english, "reference": english, "case_id": n} for n in range(9)]
    few = [{"text": "the café was lovely", "reference": "The café was lovely", "case_id": 1}]
    assert language_of([few[0]["reference"]]) == "spaced"
    paths = [write(tmp_path / "a.jsonl", [*rows, few[0] | {"method": "few"}]), write(tmp_path / "b.jsonl", few)]
    scores = score(paths, ["rouge1", "meteor"])
    assert {row.tokens for row in scores.rows if row.metric == "rouge1"} == {"rouge-score's"}
    assert all(row.mean is not None for row in scores.rows)


def test_one_other_character_counts():
    text, real = "iPhone很好用", "iPhone不好用"
    assert rouge1([text], [real]) == [0.75]
    assert rouge1(["El café está frío"], ["El cafe esta frio"], "spaced") == [0.25]
    assert rouge1([text], [real], "english") == [1.0]


def test_a_few_accents_keep_the_settings_of_the_papers():
    english = "The café was what I had hoped for, and it had all of the things that you could want with them. "
    english += "It lights the table, and the old one did not, so this is the lamp that they have in the hall. " * 5
    assert language_of([english]) == "english"
    assert rouge1(["café"], [english])[0] == RougeScorer(["rouge1"]).score(english, "café")["rouge1"].fmeasure


def test_texts_without_spaces_are_cut_by_character(tmp_path):
    assert first_words("这个手机很好用", 3) == "这个手"
    assert first_words("iPhone很好 用x y", 4) == "iPhone很好 用"
    assert length_ratio(["很好用"], ["这个手机很好"]) == [0.5]


def test_a_table_keeps_its_own_ids_of_the_cases(tmp_path):
    rows = [{"id": "music-7", "text": "a", "reference": "a"}, {"text": "b", "reference": "b"}]
    (values,) = score([write(tmp_path / "t.jsonl", rows)], ["rouge1"]).per_case.values()
    assert list(values) == ["music-7", "2"]
