"""The casts, and the fast and the slow way through JSON lines against each other."""

import csv
import json
import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlike.data.tables import jsonl
from unlike.data.tables.casts import ids, numbers, typed
from unlike.data.tables.day_order import with_one_order
from unlike.data.tables.encoding import best_encoding
from unlike.data.tables.fields import Field, Reading, flat, prose
from unlike.data.tables.log import EITHER_ORDER, ReadLog, day_first
from unlike.data.tables.markup import cleaned, without_markup
from unlike.data.tables.read import read_table
from unlike.data.tables.rows import read_rows
from unlike.data.tables.times import check_formats, dates, with_one_unit
from unlike.errors import InputError

TEXTS = {
    "French": ("Très bon café, à essayer. L'été dernier nous étions déçus", "cp1252"),
    "German": ("Größe fällt klein aus, schöne Qualität für den Preis", "cp1252"),
    "Spanish": ("¡Qué rápido llegó! También está muy bien el paño", "cp1252"),
    "Icelandic": ("Góð bók og þýðingin ágæt, ég las hana í einni lotu", "cp1252"),
    "Turkish": ("Çok güzel bir ürün, hızlı geldi, teşekkürler. Beğendim", "cp1254"),
    "Czech": ("Výborná kniha, četl jsem ji jedním dechem, příběh je skvělý", "cp1250"),
    "Greek": ("Πολύ καλό βιβλίο, το διάβασα σε μια μέρα", "cp1253"),
    "Hebrew": ("ספר מצוין ואני ממליץ לכולם לקרוא", "cp1255"),
    "Ukrainian": ("Дуже гарна книга, я в захваті і з радістю раджу її всім у нас", "cp1251"),
    "Polish": ("Świetna książka, żałuję że tak krótka. Łatwo się czyta", "cp1250"),
    "Russian": ("Отличная книга, всем советую прочитать", "cp1251"),
    "Arabic": ("منتج رائع جدا أنصح به", "cp1256"),
    "Chinese": ("这个手机很好用，我很喜欢", "gb18030"),
    "Japanese": ("とても良い商品です。また買いたいと思います。", "cp932"),
    "Korean": ("아주 좋은 제품입니다 추천합니다", "cp949"),
}

FIELDS = (
    Field("who", ("who", "by"), "id", required=True),
    Field("text", ("text",), required=True),
    Field("score", ("score",), "number"),
    Field("at", ("at",), "time"),
)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2014-05-13", 1_399_939_200_000),
        ("2014-05-13 16:53:20", 1_400_000_000_000),
        ("2014-05-13T16:53:20.250", 1_400_000_000_250),
        ("2014-05-13T16:53:20Z", 1_400_000_000_000),
        ("2014-05-13T18:53:20+02:00", 1_400_000_000_000),
        ("2014-05-13 16:53", 1_399_999_980_000),
        ("2014-05-13T16:53Z", 1_399_999_980_000),
        ("2014-05-13T18:53+02:00", 1_399_999_980_000),
        ("2014-05-13 18:53:20+02", 1_400_000_000_000),
        ("2014-05-13 16:53:20 UTC", 1_400_000_000_000),
        ("20140513T165320Z", 1_400_000_000_000),
        ("20140513T165320.1239Z", 1_400_000_000_123),
        ("2014-05-13 16:53:20.1239", 1_400_000_000_123),
        ("2014/05/13 16:53", 1_399_999_980_000),
        ("2014/5/3 16:53:20", 1_399_136_000_000),
        ("2014/05/13 18:53:20 +0200", 1_400_000_000_000),
        ("2014-05-13+02:00", None),
        ("2014-05-13 25:00", None),
        ("2014/05/13", 1_399_939_200_000),
        ("05 13, 2014", 1_399_939_200_000),
        ("06 3, 2013", 1_370_217_600_000),
        ("Fri Nov 17 10:02:11 -0800 2017", 1_510_941_731_000),
        ("26 January 2005", 1_106_697_600_000),
        ("January 26, 2005", 1_106_697_600_000),
        ("Tue, 13 May 2014 16:53:20 +0000", 1_400_000_000_000),
        ("Tue, 13 May 2014 16:53:20 GMT", 1_400_000_000_000),
        ("Tue, 13 May 2014 09:53:20 PDT", 1_400_000_000_000),
        ("13.5.2014", 1_399_939_200_000),
        ("5/13/2014 4:53:20 PM", 1_400_000_000_000),
        ("03/04/2014", None),
        ("03.04.2014", 1_396_483_200_000),
        ("3.4.2014 10:00", 1_396_519_200_000),
        ("04.13.2014", None),
        ("2014-13-05", None),
        ("May 2014", None),
        ("12:30", None),
        ("last week", None),
        (None, None),
    ],
)
def test_dates(text, ms):
    assert dates(pl.Series([text], dtype=pl.String)).to_list() == [ms]
    assert dates(pl.Series(["2014-05-13", text, "2014-05-13T16:53:20Z"])).to_list()[1] == ms


def test_dates_of_a_given_format():
    column = pl.Series(["03/04/2014 10:00", "2014-03-04 10:00", "13/04/2014 10:00"])
    assert dates(column, "%d/%m/%Y %H:%M").to_list() == [1_396_519_200_000, None, 1_397_383_200_000]
    assert dates(pl.Series(["20140513"]), "%Y%m%d").to_list() == [1_399_939_200_000]


def read_times(*values, unit="", form=""):
    """The times of a column, as a curation reads them, and what was said about them."""
    log = ReadLog()
    how = Reading(time_unit=unit, time_format=form)
    column = pl.DataFrame({"at": pl.Series(values, dtype=pl.String)})
    rows = typed(column, [Field("at", ("at",), "time")], how, log).drop("reason")
    return with_one_unit(with_one_order(rows.lazy(), "at", log), "at", unit, log).collect()["at"].to_list(), log


@pytest.mark.parametrize(
    ("values", "ms"),
    [
        (("1400000000", "1.4e9", "1400000000.25"), [1_400_000_000_000, 1_400_000_000_000, 1_400_000_000_250]),
        (("1400000000000", "946684800000"), [1_400_000_000_000, 946_684_800_000]),
        (("1400000000000000", "1400000000250000"), [1_400_000_000_000, 1_400_000_000_250]),
        (("1400000000000000000",), [1_400_000_000_000]),
        (("20140513", "2014-05-13"), [1_399_939_200_000, 1_399_939_200_000]),
        (("2014", "2020"), [1_388_534_400_000, 1_577_836_800_000]),
    ],
)
def test_the_unit_of_a_column(values, ms):
    assert read_times(*values)[0] == ms
    assert read_times(*values, None, "nan")[0] == [*ms, None, None]


def test_times_outside_the_range_of_the_unit_are_none_and_counted():
    times, log = read_times("1400000000", "0", "-5", "1e300")
    assert times == [1_400_000_000_000, None, None, None]
    assert log.facts()["unreadable"]["at"]["values"] == 3
    assert log.facts()["assumed"] == {"at": "numbers are Unix times in s"}


@pytest.mark.parametrize("other", ["1400000000000", "1400000000000000", "20140513", "2014"])
def test_two_units_in_one_column_are_refused(other):
    with pytest.raises(InputError, match="at has numbers from .*: 1 look like .* and 1 look like .*--time-unit"):
        read_times("1400000000", other)


def test_numbers_that_are_times_in_no_unit_are_refused():
    with pytest.raises(InputError, match=r"from 1 to 3, which are Unix times in no unit .* --time-unit s, ms, us, ns"):
        read_times("1", "2", "3")


def test_a_unit_that_is_given():
    assert read_times("1", "2", "-1", unit="s")[0] == [1000, 2000, None]
    assert read_times("1400000000", "1400000000000", unit="ms")[0] == [1_400_000_000, 1_400_000_000_000]
    with pytest.raises(InputError, match="no time unit 'h'; allowed are s, ms, us, ns"):
        read_times("1", unit="h")


@pytest.mark.parametrize(
    ("example", "form"),
    [
        ("01.02.2023", "%d.%m.%Y"),
        ("1/2/2023 14:05", "%d/%m/%Y %H:%M"),
        ("1-2-2023 14:05:11", "%d-%m-%Y %H:%M:%S"),
        ("soon", "%d/%m/%Y"),
    ],
)
def test_the_format_that_is_suggested_has_the_separators_of_the_file(example, form):
    assert day_first(f"{example!r}") == form


@pytest.mark.parametrize(
    ("value", "form", "why"),
    [
        ("03/04/2014", "", "in which day and month may be in either order; .*'%d/%m/%Y'"),
        ("soon", "", "'soon', of no known format; give their format"),
        ("2014-05-13 16h53", "", "of no known format"),
        ("03/04/2014", "%Y", "not of the format '%Y'"),
    ],
)
def test_why_times_cannot_be_read(value, form, why):
    log = ReadLog()
    log.add_unreadable("at", 20, repr(value), EITHER_ORDER if "/" in value else "")
    with pytest.raises(InputError, match=f"20 of 20 values of at .*{why}"):
        log.check_times("at", 20, 0.1, form)


DAY = 86_400_000
APRIL_1, FEBRUARY_1, APRIL_2 = 1_711_929_600_000, 1_706_745_600_000, 1_712_016_000_000


@pytest.mark.parametrize(("shows", "first"), [("14/04/2024", APRIL_1), ("4/14/2024", 1_704_326_400_000)])
def test_the_other_dates_of_a_column_show_the_order_of_day_and_month(shows, first):
    times, log = read_times("01/04/2024", shows, "2024-04-02")
    assert times == [first, APRIL_1 + 13 * DAY, APRIL_2]
    ((what, how),) = log.facts()["assumed"].items()
    assert what == "at, 1 such as '01/04/2024'"
    assert how == f"{'day' if shows.startswith('14') else 'month'} first, as {shows!r} of the same column"
    assert log.warnings() == []


def test_each_fault_of_dates_has_its_example_and_two_orders_show_none():
    times, log = read_times("2024-13-45 99:00", "10/08/2024 09:00", "11/08/2024 09:00", "2024-04-02")
    assert times == [None, None, None, APRIL_2]
    assert log.facts()["unreadable"] == {"at": {"values": 3, "example": "'2024-13-45 99:00'"}}
    assert log.warnings() == [
        "1 value of at cannot be read: '2024-13-45 99:00'",
        "2 values of at could be day or month first, such as '10/08/2024 09:00', and are not read; if the day comes first, "
        "give --time-format '%d/%m/%Y %H:%M'",
    ]
    assert read_times("14/04/2024", "4/15/2024", "01/04/2024")[0] == [APRIL_1 + 13 * DAY, APRIL_1 + 14 * DAY, None]


def test_of_several_formats_the_first_that_fits_counts():
    times, _ = read_times("01/04/2024", "01.02.24", "2024-04-02", form=("%d/%m/%Y", "%d.%m.%y"))
    assert times == [APRIL_1, FEBRUARY_1, None]


@pytest.mark.parametrize("form", ["%d/%m", "%H:%M", "day"])
def test_a_format_without_a_day_is_refused(form):
    with pytest.raises(InputError, match="--time-format .* has no"):
        check_formats(form)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4", 4), ("4.5", 4.5), ("1e3", 1000), (" 4 ", 4), ("1,234", 1234), ("1,234,567.5", 1_234_567.5), ("4,5", 4.5),
        ("4/5", 4), ("4.5/5", 4.5), ("4,5 / 5", 4.5), ("4.0 out of 5 stars", 4), ("4 stars", 4), ("1 star", 1),
        ("★★★★", 4), ("★★★★☆", 4), ("★★★½", 3.5), ("⭐⭐⭐", 3), ("1 234", 1234), ("inf", None), ("nan", None),
        ("four", None), ("", None), ("1,2,3", None), ("12/5/2014", None), (None, None),
    ],
)  # fmt: skip
def test_numbers(text, number):
    assert numbers(pl.Series([text], dtype=pl.String)).to_list() == [number]
    assert numbers(pl.Series(["7", text], dtype=pl.String)).to_list() == [7, number]


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("u1", "u1"), (" u1 ", "u1"), ("\tu1\n", "u1"), ("7", "7"), ("7.0", "7"), ("7.", "7"), ("0.0", "0"), ("-0.0", "0"),
        ("-7.0", "-7"), ("7.5", "7.5"), ("007", "007"), ("1e+20", "1" + "0" * 20), ("1.5e+3", "1500"), ("12e5", "12e5"),
        ("1.0.0", "1.0.0"), ("v1.0", "v1.0"), ("  ", ""), (None, None),
        ("Jose\u0301", "Jos\u00e9"), (" Jos\u00e9 ", "Jos\u00e9"),
    ],
)  # fmt: skip
def test_ids(text, id_):
    assert ids(pl.Series([text], dtype=pl.String)).to_list() == [id_]
    assert ids(pl.Series(["a", text, None], dtype=pl.String)).to_list() == ["a", id_, None]


def test_lists_become_flat_and_paragraphs_one_text():
    assert flat([["a", "b"], ["a", ["c"]], None, 3]) == ["a", "b", "c", "3"]
    assert flat("Bars, Food") == ["Bars", "Food"]
    assert prose(["Product Description", "One.", None, "Two."]) == "One. Two."
    assert prose([["One.", ["Two."]], {"more": "Three."}]) == "One. Two. Three."


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("one<br />two", "one two"), ("<p>one</p><p>two", " one  two"), ("a <b>bold</b> word", "a bold word"),
        ("&#34;so&#34; &amp; so", '"so" & so'), ("R&amp;amp;B", "R&B"), ("&lt;br&gt;x", " x"), ("it&rsquo;s", "it’s"),
        ("[[VIDEOID:abc123]]Look", " Look"), ("as [[ASIN:B000X the first]] was", "as the first was"),
        ('<a href="x.html">there</a>', "there"), ("<!-- no -->yes", " yes"), ("<script>x()</script>yes", " yes"),
        ("I <3 it, a < b > c", "I <3 it, a < b > c"), ("AT&T, R&D; Q&A", "AT&T, R&D; Q&A"), ("<unk> and <brave>",
        "<unk> and <brave>"), ("?a=1&copy=2", "?a=1&copy=2"),
    ],
)  # fmt: skip
def test_markup(text, clean):
    assert without_markup(text) == clean
    assert cleaned(pl.Series(["plain", text, None]))[0].to_list() == ["plain", clean, None]


@given(st.text(alphabet="<>/&;#3bramp[]! "))
def test_cleaning_ends(text):
    once = without_markup(text)
    assert len(once) <= len(text)
    assert cleaned(pl.Series([text]))[0].to_list() == [once]


scalars = (
    st.none() | st.text(max_size=8) | st.integers(-(10**14), 10**14) | st.floats(-1e6, 1e14).map(lambda x: round(x, 3))
)
values = scalars | st.lists(st.text(max_size=3), max_size=2) | st.dictionaries(st.text(max_size=2), st.text(max_size=2))
rows = st.fixed_dictionaries(
    {}, optional={"who": st.text(max_size=4), "by": st.text(max_size=4), "text": st.text(max_size=9) | values.filter(
        lambda value: not isinstance(value, int | float)), "score": scalars, "at": scalars, "other": values,
        "item": st.text(max_size=4) | st.fixed_dictionaries({}, optional={"about": values})}
)  # fmt: skip
NESTED = Field("about", ("about", "item.about"), "prose")


@given(st.lists(rows, min_size=1, max_size=8))
def test_the_fast_way_reads_what_the_slow_way_reads(rows):
    lines = [(number, json.dumps(row).encode() + b"\n") for number, row in enumerate(rows, 1)]
    log = ReadLog()
    fields = (*FIELDS, NESTED)
    fast, slow = jsonl._fast(lines, fields, log), jsonl._slow(lines, fields, log)
    if fast is None:
        return
    lines_of = [{number for number, _ in bad} for _, bad in (fast, slow)]
    assert lines_of[0] == lines_of[1]
    frames = [typed(frame, fields, Reading(), log) for frame, _ in (fast, slow)]
    assert frames[0].equals(frames[1])


def test_well_formed_lines_take_the_fast_way():
    lines = [
        (n, json.dumps({"who": "a", "text": "[x] y", "score": n, "at": "2014-05-13"}).encode() + b"\n")
        for n in range(9)
    ]
    assert jsonl._fast(lines, (*FIELDS, NESTED), ReadLog()) is not None
    assert jsonl._fast([*lines, (10, b"{")], FIELDS, ReadLog()) is None


def test_of_a_key_that_is_there_twice_the_first_value_counts():
    line = b'{"who": "a", "who": "b", "text": "x", "text": "y", "score": 1, "score": 2}\n'
    for rows, _ in (jsonl._fast([(1, line)], FIELDS, ReadLog()), jsonl._slow([(1, line)], FIELDS, ReadLog())):
        assert rows.select("who", "text", "score").rows() == [("a", "x", "1")]


@pytest.mark.parametrize("language", TEXTS)
def test_encodings(language):
    text, encoding = TEXTS[language]
    assert best_encoding("\n".join([text] * 3).encode(encoding)) == encoding


@pytest.mark.parametrize("odd", ["ßßßß", "é“ßé“ßé“ß", "ßééßéééß“““““", "géniaaaal ééééééé !!!"])
def test_a_few_odd_lines_do_not_make_western_text_another_encoding(odd):
    lines = [TEXTS["French"][0]] * 3 + [odd] * 2
    assert best_encoding("\n".join(lines).encode("cp1252")) == "cp1252"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"na\xefve,text\nan accent: \xc3\xa9,two\nanother: \xc3\xa9,three\n", "not UTF-8; save the file as UTF-8"),
        (b'"case_id,text\nc1,one\n', "a quotation mark opens a cell and does not close; double or remove it"),
    ],
)
def test_a_malformed_header_is_an_error_that_names_it(tmp_path, content, fault):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    told = re.escape(f"t.csv, line 1: the header is malformed: {fault}")
    with pytest.raises(InputError, match=told):
        list(read_rows(path))
    with pytest.raises(InputError, match=told):
        list(read_table(path, [Field("text", ("text",))], ReadLog()))


def test_a_table_of_any_columns_has_cells_as_long_as_any_other_table(tmp_path):
    path = tmp_path / "t.csv"
    limit = csv.field_size_limit(131_072)
    try:
        path.write_text("case_id,text\nc1," + "x" * 200_000 + "\n")
        assert [len(row.values["text"]) for row in read_rows(path)] == [200_000]
    finally:
        csv.field_size_limit(limit)


def test_names_in_a_header_are_stripped(tmp_path):
    (tmp_path / "t.csv").write_text("text, reference ,\tuser\na,b,c\n")
    (row,) = read_rows(tmp_path / "t.csv")
    assert row.values == {"text": "a", "reference": "b", "user": "c"}
    fields = [Field("said", ("text",)), Field("real", ("reference",))]
    (frame,) = read_table(tmp_path / "t.csv", fields, ReadLog())
    assert frame.rows() == [("a", "b")]
