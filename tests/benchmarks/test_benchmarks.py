"""The benchmarks can be run and written down. What they measure no test can say."""

import contextlib
import importlib
import inspect
import json

import pytest
from benchmarks.__main__ import NAMES
from benchmarks.plain_curation import curated
from benchmarks.prefix import BLOCK, instructions_first, own_text_first, reused
from benchmarks.results import table, write_results
from benchmarks.row import Row
from benchmarks.service import ADDRESSES, N_NUMBERS, NUMBERS, _worst_body
from benchmarks.service_load import Load, request
from benchmarks.store import record_of
from benchmarks.synthetic import write_reviews

from benchmarks import service
from unlike.data.curate import curate
from unlike.data.sources import amazon_2023
from unlike.privacy.identifiers import n_digits_searched
from unlike.serve.bodies import RecordBody
from unlike.serve.reading import MAX_DIGITS, check_values, limit_of
from unlike.settings import CURATE_PRESETS, ServiceSettings

GOOD = Row("sorting", "a slower one", 3.0, 2.0, facts={"rows": 10})
BAD = Row("memory", "", 7.0, 6.0, "GB", at_most=True)
ELSEWHERE = Row("on vLLM", "words", None, 0.9, why_not="not measured here: no vLLM")


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_has_a_main_that_may_be_quick(name):
    main = importlib.import_module(f"benchmarks.{name}").main
    assert inspect.signature(main).parameters["quick"].default is False


def test_results_say_where_when_and_of_what(tmp_path):
    write_results(
        {"sorting": [GOOD, BAD], "vllm": [ELSEWHERE]}, {"sorting": 12.3, "vllm": 1.0}, tmp_path / "results.json"
    )
    told = json.loads((tmp_path / "results.json").read_text())
    assert told["machine"]["cores"] > 0
    assert told["machine"]["memory_gb"] > 0
    sorting = told["benchmarks"]["sorting"]
    assert sorting["commit"]
    assert sorting["date"].endswith("UTC")
    assert sorting["seconds"] == 12
    assert [row["reached"] for row in sorting["rows"]] == [True, False]
    assert sorting["rows"][0]["facts"] == {"rows": 10}
    assert told["benchmarks"]["vllm"]["rows"][0]["value"] is None


def test_results_of_other_benchmarks_stay_unless_another_machine_gave_them(tmp_path):
    path = tmp_path / "results.json"
    took = {"sorting": 1.0, "memory": 2.0}
    write_results({"sorting": [GOOD], "memory": [GOOD]}, took, path)
    write_results({"memory": [BAD]}, took, path)
    told = json.loads(path.read_text())
    assert {name: len(each["rows"]) for name, each in told["benchmarks"].items()} == {"sorting": 1, "memory": 1}
    assert told["benchmarks"]["memory"]["rows"][0]["value"] == BAD.value
    path.write_text(json.dumps(told | {"machine": {"cores": 4_096}}))
    write_results({"memory": [GOOD]}, took, path)
    assert list(json.loads(path.read_text())["benchmarks"]) == ["memory"]


def test_the_table_shows_what_was_missed_and_what_was_not_measured():
    shown = table([GOOD, BAD, ELSEWHERE])
    assert "NO" in shown
    assert "<= 6 GB" in shown
    assert "no vLLM" in shown


def test_a_prefix_cache_reuses_whole_blocks_that_were_read_before():
    prompt = list(range(3 * BLOCK))
    other = [*prompt[: 2 * BLOCK], *([7] * BLOCK)]
    assert reused([prompt], None) == 0
    assert reused([prompt, other], None) == pytest.approx(2 * BLOCK / (6 * BLOCK))
    assert reused([prompt, other], n_blocks=0) == 0


def test_other_orders_have_the_same_words():
    user = (
        "Item: Tea\n\nThe review by person B\nRating: 4\n> Hot.\n\n"
        "The review by person A\nRating: 2\n> Cold.\n\nHow do they differ?"
    )
    assert instructions_first(user).startswith("How do they differ?\n\nItem: Tea")
    assert own_text_first(user).index("Cold.") < own_text_first(user).index("Hot.") < user.index("How do")
    assert sorted(own_text_first(user).split()) == sorted(user.split())


def test_plain_curation_keeps_what_curation_keeps(tmp_path):
    reviews, items = write_reviews(tmp_path, 20_000)
    settings = CURATE_PRESETS["dpl-paper"]
    kept = {record.id for record in curate(amazon_2023(reviews, items), settings, tmp_path / "corpus").records()}
    assert kept
    assert kept == {review.id for review in curated(reviews, items, settings)}


def test_records_of_the_store_are_all_different_pairs():
    records = [record_of(number, 2000) for number in range(2000)]
    assert len({record.id for record in records}) == 2000
    assert len({record.user_id for record in records}) == len({record.item_id for record in records}) == 100


def test_the_worst_body_of_the_service_is_legal():
    body = json.dumps(_worst_body(0)).encode()
    limit = limit_of("/v1/records", ServiceSettings().max_bytes, ServiceSettings().max_records)
    assert 0.8 * limit.n_bytes < len(body) <= limit.n_bytes
    check_values(body, limit.n_values)
    assert RecordBody.model_validate(_worst_body(0)["records"][0]).text == NUMBERS
    assert n_digits_searched(NUMBERS) * N_NUMBERS == MAX_DIGITS and not n_digits_searched(ADDRESSES)


def test_a_request_of_the_load_is_one_that_a_server_reads():
    asked = request("/v1/generate", "k", {"user_id": "ü"})
    head, _, content = asked.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/generate HTTP/1.1\r\n") and f"Content-Length: {len(content)}".encode() in head
    assert request("/v1/models", "k").startswith(b"GET ")
    load = Load([0.001 * n for n in range(100)], 0, 2.0)
    assert (load.per_s, load.quantile(0.99)) == (50.0, 0.099)


def test_a_row_of_the_service_with_failed_requests_is_a_fault(monkeypatch):
    failing = {"_fill": ("k", "o"), "engine": contextlib.nullcontext("h"), "_in_postgres": BAD}
    failing |= dict.fromkeys(("_speed", "_beside_ingestion"), Load([0.001], 1, 1.0))
    for name, found in failing.items():
        monkeypatch.setattr(service, name, lambda *_, found=found, **__: found)
    rows = [row for row in service.main(quick=True) if row is not BAD]
    assert len(rows) == 6 and all(row.failed for row in rows)
