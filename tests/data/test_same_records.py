"""The same records in every format, encoding and chunk size are the same corpus."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data import forms
from unlike.data.curate import curate
from unlike.data.sources import table
from unlike.data.tables import delimited, jsonl, parquet, read
from unlike.data.tables.fields import Field, Reading
from unlike.data.tables.log import ReadLog
from unlike.data.tables.read import read_table
from unlike.errors import InputError
from unlike.settings import CURATE_PRESETS

SMALL = replace(CURATE_PRESETS["small"], min_chars=5)
IDS = {"integers": int, "floats": float, "texts": str, "padded texts": lambda n: f" {n} "}


def split_in_two(folder, rows):
    folder.mkdir()
    (folder / "part-0.jsonl").write_bytes(forms.as_jsonl(rows[:20]))
    (folder / "part-1.jsonl").write_bytes(forms.as_jsonl(rows[20:]) + b"{\n")
    (folder / "part-2.jsonl").write_bytes(b"")
    (folder / "_SUCCESS").write_bytes(b"")


WRITERS = {
    "csv": lambda path, rows: path.write_bytes(forms.as_csv(rows)),
    "tsv": lambda path, rows: path.write_bytes(forms.as_csv(rows, delimiter="\t")),
    "jsonl": lambda path, rows: path.write_bytes(forms.as_jsonl(rows)),
    "jsonl and one bad line": lambda path, rows: path.write_bytes(forms.as_jsonl(rows) + b"{\n"),
    "json": lambda path, rows: path.write_bytes(forms.as_array(rows)),
    "parquet": lambda path, rows: path.write_bytes(forms.as_parquet(rows)),
    "folder": split_in_two,
}


def read_back(path, **reading):
    """Records without what differs between forms, and the counts."""
    source = table(path, forms.COLUMNS, reading=Reading(**reading))
    corpus = curate(source, SMALL, path.with_name("corpus"))
    return corpus.records(), corpus.manifest["curated"] | corpus.manifest["split"]


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("form", WRITERS)
def test_ids_and_counts_are_the_same_in_every_form(tmp_path, form, ids):
    path = tmp_path / f"reviews.{form.split()[0]}" if form != "folder" else tmp_path / "reviews"
    WRITERS[form](path, forms.records(IDS[ids]))
    found, counts = read_back(path)
    assert [(one.id, one.user_id, one.item_id, one.rating, one.timestamp) for one in found] == [
        (
            f"{user}:{item}",
            f"{user}",
            f"{item}",
            1 + (user + item) % 5,
            (forms.START_S + (item * 6 + user) * 86400) * 1000,
        )
        for item, user in itertools.product(range(6), range(6))
    ]
    assert {one.text for one in found} == {one["text"] for one in forms.records()}
    assert counts == {"users": 6, "items": 6, "records": 36, "train": 12, "validation": 6, "test": 6}


@pytest.mark.parametrize("ids", ["integers", "floats"])
@pytest.mark.parametrize("items", ["int", "float", "str"])
def test_items_join_whatever_their_ids_are_written_as(tmp_path, ids, items):
    (tmp_path / "reviews.jsonl").write_bytes(forms.as_jsonl(forms.records(IDS[ids])))
    made = {"int": int, "float": float, "str": str}[items]
    (tmp_path / "items.parquet").write_bytes(
        forms.as_parquet([{"item_id": made(n), "title": f"Item {n}"} for n in range(6)])
    )
    source = table(tmp_path / "reviews.jsonl", forms.COLUMNS, tmp_path / "items.parquet", {"title": "title"})
    corpus = curate(source, SMALL, tmp_path / "corpus")
    assert {item.id: item.title for item in corpus.items()} == {f"{n}": f"Item {n}" for n in range(6)}


# Fuzz -------------------------------------------------------------------------------------------------------------------

FIELDS = (
    Field("user", ("user",), "id", required=True),
    Field("item", ("item",), "id", required=True),
    Field("text", ("text",), required=True),
    Field("title", ("title",)),
    Field("rating", ("rating",), "number"),
    Field("at", ("at",), "time"),
)
LETTERS = "abz AZ09.,;\"'\\/\t\n[]{}<>&#:-é“ß"
WIDE = "好用しいраз عمل😀\u2028"
ids = st.integers(-(2**40), 2**40) | st.integers(0, 99).map(float) | st.text("ab é1.e+-", min_size=1, max_size=5)


def texts(letters, min_size=0):
    return st.text(letters, min_size=min_size, max_size=12).filter(lambda text: len(text.strip()) >= min_size)


def tables(letters):
    row = st.fixed_dictionaries(
        {
            "user": ids.filter(lambda one: str(one).strip()),
            "item": ids.filter(lambda one: str(one).strip()),
            "text": texts(letters, 1),
            "title": st.none() | texts(letters),
            "rating": st.none() | st.integers(1, 5) | st.sampled_from([1.5, 4.25]),
            "at": st.none()
            | st.integers(1_000_000_000, 2_000_000_000)
            | st.sampled_from(
                [
                    "2014-05-13T16:53:20Z",
                    "2014-05-13 16:53",
                    "2014/05/13 16:53:20+02",
                    "20140513T165320.1239Z",
                    "3/4/2014",
                ]
            ),
        }
    )
    return st.lists(row, min_size=1, max_size=8)


def uniform(rows):
    """Parquet has one type per column: the values as texts where there are several."""
    kinds = {name: {type(row[name]) for row in rows if row[name] is not None} for name in rows[0]}
    mixed = {name for name, types in kinds.items() if len(types) > 1}
    return [{k: str(v) if k in mixed and v is not None else v for k, v in row.items()} for row in rows]


def content_of(rows, path):
    """What reading a file yields, with its malformed lines."""
    log = ReadLog()
    frames = [frame.rows() for frame in read_table(path, FIELDS, log)]
    return [row for frame in frames for row in frame], log.count


WITHOUT_ENCODING = {
    "t.parquet": lambda rows: forms.as_parquet(uniform(rows)),
    "t.json": forms.as_array,
    "py.jsonl": forms.as_python,
    "ascii.jsonl": lambda rows: forms.as_jsonl(rows, ascii_only=True),
}
"""Forms that are the same whatever the encoding: tested with the letters of all encodings."""


def check(rows, chunk, folder, encodings, others=WITHOUT_ENCODING):
    sizes = (jsonl, "CHUNK_BYTES"), (delimited, "BATCH_ROWS"), (parquet, "BATCH_ROWS")
    old = [getattr(module, name) for module, name in sizes]
    (folder / "t.jsonl").write_bytes(forms.as_jsonl(rows))
    expected = content_of(rows, folder / "t.jsonl")
    contents = {name: write(rows) for name, write in others.items()}
    for encoding, delimiter in zip(encodings, itertools.cycle(",;\t")):
        contents[f"{encoding}.jsonl"] = forms.as_jsonl(rows, encoding)
        contents[f"{encoding}.csv"] = forms.as_csv(rows, encoding, delimiter)
    try:
        for (module, name), size in zip(sizes, (chunk * 50, chunk, chunk), strict=True):
            setattr(module, name, size)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
            assert content_of(rows, folder / name) == expected, name
    finally:
        for (module, name), size in zip(sizes, old, strict=True):
            setattr(module, name, size)


def test_first_lines_without_a_text_are_no_reason_to_give_up(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "GIVE_UP_LINES", 2)
    of_one = {"user": 0, "item": 0, "title": None, "rating": None, "at": None}
    check([of_one | {"text": text} for text in ("&#9;", "&#9;", "It played on.")], 1, tmp_path, ["utf-8"])


def test_a_file_without_a_usable_line_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "GIVE_UP_LINES", 3)
    monkeypatch.setattr(jsonl, "CHUNK_BYTES", 20)
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "a.jsonl").write_bytes(b'{"user": "a"}\n' * 20)
    (parts / "b.jsonl").write_bytes(b'{"user": "a", "item": "b", "text": "It played on."}\n')
    for path, name in ((parts / "a.jsonl", "a.jsonl"), (parts, "parts")):
        with pytest.raises(InputError, match=f"{name} has no usable line among the first [3-5]: line 1: no item"):
            content_of([], path)


CHUNKS = st.sampled_from([1, 4, 8])
wide = given(rows=tables(LETTERS + WIDE), chunk=CHUNKS)
western = given(rows=tables(LETTERS), chunk=CHUNKS)
# No test of every change depends on chance; the soak looks for what nobody has seen.
quick = settings(max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
long = settings(max_examples=5_000, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@wide
def test_any_table_is_the_same_in_every_format_and_unicode_encoding(tmp_path, rows, chunk):
    check(rows, chunk, tmp_path, ["utf-8", "utf-8-sig", "utf-16"])


@quick
@western
def test_any_table_is_the_same_in_cp1252(tmp_path, rows, chunk):
    # Of these lines most are no UTF-8, so that the encoding can be told: "ß“" in cp1252 is.
    enough = [*rows, *({**rows[0], "text": f"{forms.WORDS} {n}"} for n in range(len(rows) + 1))]
    check(enough, chunk, tmp_path, ["cp1252"], others={})


@pytest.mark.soak
@long
@wide
def test_ten_thousand_tables_in_unicode(tmp_path, rows, chunk):
    check(rows, chunk, tmp_path, ["utf-8", "utf-8-sig", "utf-16"])


@pytest.mark.soak
@long
@western
def test_ten_thousand_tables_in_cp1252(tmp_path, rows, chunk):
    # Of these lines most are no UTF-8, so that the encoding can be told: "ß“" in cp1252 is.
    enough = [*rows, *({**rows[0], "text": f"{forms.WORDS} {n}"} for n in range(len(rows) + 1))]
    check(enough, chunk, tmp_path, ["cp1252"])
