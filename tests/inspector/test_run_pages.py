"""The pages of runs, cases and corpora, walked in a browser as a person would."""

import json
import shutil
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.inspector.lab import EMOJI, MANY_WORDS, SCRIPT_TAG, make_run
from unlike.evaluate.running.run_method import JOURNAL, Progress
from unlike.inspector.readers.run_folders import Rows
from unlike.llm.scripted import ScriptedBackend

DPL, RAG = "dpl_t0.8_s0", "rag_t0.8_s0"


def at(*parts, **query):
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"#/{'/'.join(quote(part, safe='') for part in parts)}{'?' * bool(asked)}{asked}"


@pytest.fixture
def lab(open_inspector, walk, experiment):
    return walk(open_inspector(experiment))


def test_an_experiment_has_its_table_its_plots_and_its_runs(lab):
    page = lab.go("", "Runs")
    page.get_by_role("heading", name="Methods on the sample").wait_for()
    page.get_by_text("6 users are too few to say which method is better in ROUGE-1").wait_for()
    expect(page.locator("table.main tbody tr:not(.group)")).to_have_count(4)
    for picture in ("ROUGE-1 of every variant", "ROUGE-1 by K, representatives per key record", "BLEU against tokens"):
        assert page.get_by_role("img", name=picture).is_visible()
    for heading in ("Sweeps", "Gain of each user over Non-Perso", "Quality against tokens", "Sanity checks"):
        assert page.get_by_role("heading", name=heading).is_visible()
    lab.check()
    page.get_by_role("button", name="Compare case by case").click()
    lab.there("non_perso_t0.8_s0 against dpl_t0.8_s0")


def test_users_are_listed_by_what_they_gain(lab):
    page = lab.go("", "Runs")
    page.get_by_role("link", name="All users by what they gain").click()
    lab.there("Users by gain")
    lab.check()
    column = page.locator("#main tbody td:nth-child(4)")
    page.get_by_role("button", name="Records before").click()
    page.locator("th[aria-sort=descending]", has_text="Records before").wait_for()
    assert (found := [int(n) for n in column.all_inner_texts()]) == sorted(found, reverse=True)
    page.get_by_label("Variant").select_option("rag")
    page.wait_for_function("location.hash.includes('variant=rag')")
    page.get_by_label("Part of the id").fill("ada")
    page.get_by_role("button", name="Search").click()
    page.wait_for_function("location.hash.includes('search=ada')")
    lab.there("Users by gain")
    page.get_by_role("link", name="ada").click()
    lab.there(f"Run {RAG}")


def test_a_run_leads_from_a_point_or_a_row_to_the_case(lab):
    page = lab.go(at("runs", DPL), f"Run {DPL}")
    plot = page.get_by_role("img", name="Distribution of ROUGE-1 over 6 cases")
    plot.wait_for()
    lab.check()
    dot = plot.locator("g[data-mark=dot] path, g[data-mark=dot] circle").first
    box = dot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    plot.locator("g[data-mark=tip] text").wait_for()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    lab.there("Case")
    page.go_back()
    lab.there(f"Run {DPL}")
    page.get_by_label("Metric", exact=True).select_option("length_ratio")
    page.get_by_role("img", name="Distribution of Length ratio").wait_for()
    page.get_by_role("button", name="User").click()
    page.locator("th[aria-sort=descending]", has_text="User").wait_for()
    users = page.locator("#main section").nth(1).locator("tbody tr td:nth-child(3)").all_inner_texts()
    assert users == sorted(users, reverse=True)
    page.get_by_label("Case, user or item").fill("ada")
    page.get_by_role("button", name="Search").click()
    page.wait_for_function("location.hash.includes('search=ada')")
    lab.there(f"Run {DPL}")
    page.get_by_role("link", name="ada-12").click()
    lab.there("Case ada-12")


def test_a_case_tells_what_was_read_thought_and_written(lab, experiment):
    row = Rows(experiment / "runs" / DPL).row("ada-12")
    page = lab.go(at("runs", DPL, "cases", "ada-12"), "Case ada-12")
    assert row.text in lab.seen()
    assert row.reference in lab.seen()
    assert "dry where the others gush" in page.locator(".dimensions").first.inner_text()
    assert page.locator(".dimensions dt").first.inner_text() == "writing"
    page.get_by_text("The user's record and 4 representatives").first.click()
    expect(page.locator(".difference").first.locator(".record")).to_have_count(5)
    page.get_by_text("Each call").click()
    page.get_by_text("Exact prompts").click()
    page.get_by_text("its hash is in the journal").wait_for()
    page.get_by_text("10. generate").click()
    expect(page.locator("main")).to_contain_text("> ")
    lab.check()
    page.get_by_role("link", name="Next case").click()
    lab.there("Case bruno-12")
    page.get_by_role("link", name=RAG).click()
    page.wait_for_function(f"location.hash.includes('{RAG}')")


def test_two_runs_are_compared_and_their_texts_shown_side_by_side(lab):
    page = lab.go(at("compare", RAG, DPL), f"{RAG} against {DPL}")
    page.get_by_role("img", name="ROUGE-1 of each case in two runs").wait_for()
    lab.check()
    page.locator("#extremes ~ div a").first.click()
    page.get_by_text("Really written").wait_for()
    expect(page.locator(".three > div")).to_have_count(3)
    lab.check()


def test_a_corpus_is_leafed_through(lab, open_inspector, walk, experiment):
    alone = walk(open_inspector(experiment.parent / "corpus"))
    alone.go("", "Corpus")
    page = lab.go(at("corpus"), "Corpus")
    page.get_by_role("img", name="Records over time").wait_for()
    lab.check()
    page.get_by_label("Show").select_option("items")
    page.get_by_role("heading", name="Items").wait_for()
    page.get_by_label("Part of an id or title").fill("KETTLE")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Copper Kettle").click()
    lab.there("Item")
    expect(page.locator("main")).to_contain_text("records, the latest first")
    page.locator(".record a").first.click()
    lab.there("User")
    lab.check()


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (390, "dark"),
        *(pytest.param(*one, marks=pytest.mark.soak) for one in ((1280, "dark"), (390, "light"))),
    ],
)
def test_every_view_fits_and_shuts_nobody_out(width, scheme, open_inspector, walk, experiment):
    walked = walk(open_inspector(experiment), width, scheme)
    places = [at("runs"), at("runs", DPL), at("runs", DPL, "cases", "ada-12"), at("corpus"), at("corpus", user="ada")]
    for place in (*places, at("compare", RAG, DPL, case="ada-12")):
        walked.go(place)
        walked.check()


def test_what_texts_hold_is_shown_as_text_in_every_view(open_inspector, walk, hostile_run):
    walked = walk(open_inspector(hostile_run))
    rows = Rows(hostile_run)
    statuses = {summary.status for summary in rows.summaries}
    assert statuses == {"done", "failed"}
    walked.go(at("runs"), "Runs")
    walked.check()
    walked.go(at("runs", "run"), "Run run")
    walked.check()
    for summary in rows.summaries:
        page = walked.go(at("runs", "run", "cases", summary.case_id), "Case")
        seen = walked.seen()
        assert SCRIPT_TAG in seen
        for summary in page.locator("summary", has_text="representative").all():
            summary.click()
        page.get_by_text("Exact prompts").click()
        page.locator("section:has(#calls) details details, section:has(#calls) .notice").first.wait_for()
        walked.check()
    failed = next(summary for summary in rows.summaries if summary.status == "failed")
    walked.go(at("runs", "run", "cases", failed.case_id), "Case")
    assert f"refused {SCRIPT_TAG}" in walked.seen()
    for user in {summary.user_id for summary in rows.summaries}:
        walked.go(at("corpus", user=user), "User")
        walked.check()
    for item in {summary.item_id for summary in rows.summaries}:
        page = walked.go(at("corpus", item=item), "Item")
        seen = walked.seen()
        assert SCRIPT_TAG in seen
        assert "before\u2400after" in seen  # NUL, as the sign that stands for it
        assert EMOJI in seen
        assert len(max(page.locator(".headline").all_inner_texts(), key=len)) < 250 < len(MANY_WORDS)
        walked.check()


def test_a_megabyte_is_shown_in_part_and_then_whole(open_inspector, walk, hostile_run):
    walked = walk(open_inspector(hostile_run))
    page = walked.go(at("corpus", user="user"), "User")
    page.get_by_role("button", name="Show the whole record").first.click()
    assert page.locator(".prose.tall").first.evaluate("(one) => one.textContent.length") > 1_000_000
    walked.check()


def test_a_damaged_run_says_so_and_the_others_can_be_read(open_inspector, walk, experiment, tmp_path):
    broken = shutil.copytree(experiment, tmp_path / "broken")
    (broken / "runs" / RAG / "run.json").write_text('{"method": ')
    generations = broken / "runs" / DPL / "generations.jsonl"
    generations.write_text(generations.read_text()[:-200])
    (broken / "report.json").write_text("[]")
    walked = walk(open_inspector(broken))
    page = walked.go(at("runs"), "Runs")
    page.get_by_text(f"run.json of {broken / 'runs' / RAG} is damaged").wait_for()
    page.get_by_text("report.json of").first.wait_for()
    page = walked.go(at("runs", DPL), f"Run {DPL}")
    page.get_by_text("line 6 of").first.wait_for()
    assert "Traceback" not in walked.seen()
    walked.go(at("runs", "non_perso_t0.8_s0"), "Run non_perso")
    walked.page.get_by_role("img", name="Distribution of ROUGE-1").wait_for()


def test_a_run_is_watched_while_it_goes_on(open_inspector, walk, experiment, tmp_path):
    from unlike.evaluate.running.progress import with_progress_file

    folder = tmp_path / "running"
    folder.mkdir()
    for part in experiment.glob(f"{JOURNAL}*"):
        shutil.copy(part, folder / part.name)
    tell = with_progress_file(folder, lambda progress: None)
    tell(Progress(24, 3, 1))
    walked = walk(open_inspector(folder))
    page = walked.go(at("runs"), "Runs")
    page.get_by_text("3 of 24").wait_for()
    assert "No run is finished yet" in walked.seen()
    walked.check()
    with_progress_file(folder, lambda progress: None)(Progress(24, 20, 2))
    page.get_by_text("20 of 24").wait_for()
    make_run(experiment.parent / "corpus", folder / "runs" / "late", "non_perso", ScriptedBackend.echo(), limit=2)
    page.get_by_role("link", name="late").wait_for()
    walked.check()


def test_units_and_what_contributed_to_a_text_are_shown(open_inspector, walk, soft_experiment):
    folder, llm = soft_experiment
    walked = walk(open_inspector(folder, llm=f"transformers:{llm}"))
    page = walked.go(at("latent"), "Latent")
    page.get_by_role("link", name="dep_t0.8_s0").click()
    walked.there("Latent units of dep_t0.8_s0")
    page.get_by_role("heading", name="Unit").first.wait_for()
    walked.check()
    page.get_by_role("button", name="What contributed to its text?").click()
    walked.there("What contributed to case")
    page.get_by_role("button", name="Work it out").click()
    page.get_by_role("heading", name="Records and differences").wait_for()
    expect(page.locator("main")).to_contain_text("its difference")
    walked.check()


def test_a_map_of_a_corpus_is_drawn(lab):
    page = lab.go(at("corpus", user="ada"), "User ada")
    page.get_by_role("link", name="Map of ada on").first.click()
    lab.there("Map of")
    page.get_by_role("heading", name="All texts on the item").wait_for()
    page.locator("main figure svg").first.wait_for()
    lab.check()


def test_a_key_is_asked_for_where_others_can_come(open_inspector, walk, experiment):
    walked = walk(open_inspector(experiment, key="sesame"))
    page = walked.go("", "Which key?")
    page.get_by_label("API key").fill("sesame")
    page.get_by_role("button", name="Open").click()
    walked.there("Runs")
    page.get_by_role("heading", name="Methods on the sample").wait_for()
    assert "sesame" not in page.content()
    assert json.loads(page.evaluate("JSON.stringify(localStorage)")) == {}
