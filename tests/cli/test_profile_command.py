"""``unlike profile``: building what waits, and a profile as a person sees and changes it."""

import json
import os
import re
import signal
import sys

import pytest
from tests.cli.shop import WITHOUT_MODELS, record, write_lines

from unlike.errors import NoAnswer
from unlike.memory import worker
from unlike.store import jobs
from unlike.store.open import Place, open_store_at


@pytest.fixture
def fresh(unlike, lines, tmp_path):
    """A store in which nothing is built, and settings under which nothing is waited for."""
    (tmp_path / "at_once.toml").write_text("[refresh]\ndebounce_s = 0\n")
    settings = ("--settings", tmp_path / "at_once.toml")
    assert unlike("ingest", lines, "--store", tmp_path / "fresh", "--consent", "own,peer", *settings)[0] == 0
    return tmp_path / "fresh"


def statements(unlike, store, user="ada"):
    return json.loads(unlike("profile", "show", user, "--store", store, "--json")[1])["statements"]


def test_all_that_waits_is_built_and_shown(unlike, fresh):
    status, out, _ = unlike("profile", "build", "--store", fresh, *WITHOUT_MODELS)
    assert status == 0
    # Whether a statement goes back to a comparison or to a record alone is up to the words that the echo draws.
    assert len(re.findall(r"│ [04] others +│ full", out)) == 5
    assert out.count("│ 4 others") >= 3
    assert "5 profiles built" in out
    assert "LLM calls" in out
    assert "5 of 5 users have a profile\n" in out
    status, out, _ = unlike("profile", "build", "--store", fresh, *WITHOUT_MODELS)
    assert status == 0
    assert "nothing is due" in out


def test_users_asked_for_are_built_anew(unlike, shop, tmp_path):
    (tmp_path / "script.json").write_text('{"default": ["Writes briefly."]}')
    other_llm = ("--llm", f"scripted:{tmp_path / 'script.json'}", "--embedder", "hashing:64")
    status, out, _ = unlike("profile", "build", "ada", "bob", "--store", shop, *other_llm, "--json")
    assert status == 0
    done = json.loads(out)
    assert done["users"] == ["ada", "bob"]
    assert done["n_calls"] == 2 * (3 + 1)
    assert done["now"]["n_profiles"] == 5
    _, out, _ = unlike("profile", "build", "ada", "--store", shop, *other_llm)
    assert "no profile changed" in out
    assert "│ ada  │ 2 " in out
    assert json.loads(unlike("profile", "build", "--all", "--store", shop, *other_llm, "--json")[1])["users"] == [
        "cem",
        "dee",
        "eve",
    ]
    status, _, err = unlike("profile", "build", "nobody", "--store", shop, *WITHOUT_MODELS)
    assert status == 2
    assert "no user 'nobody'" in err


def test_one_user_is_built_without_the_others(unlike, lines, tmp_path):
    """Also right after the records came in, while their items wait to be clustered."""
    store = tmp_path / "memory"
    unlike("ingest", lines, "--store", store, "--consent", "own,peer")
    status, out, _ = unlike("profile", "build", "bob", "--store", store, *WITHOUT_MODELS)
    assert (status, "1 profile built; " in out, ", 4 LLM calls, " in out) == (0, True, True), out
    assert "│ bob " in out and "4 others" in out
    assert "1 of 5 users have a profile; 4 jobs waiting\n" in out


def test_at_most_so_many_profiles_are_built(unlike, fresh):
    words = ("profile", "build", "--store", fresh, *WITHOUT_MODELS, "--limit")
    counted = json.loads(unlike(*words, 3, "--dry-run", "--json")[1])
    assert (counted["n_profiles"], counted["n_calls"]) == (3, 12)
    assert json.loads(unlike(*words, 2, "--json")[1])["users"] == ["ada", "bob"]
    assert json.loads(unlike(*words, 9, "--json")[1])["users"] == ["cem", "dee", "eve"]


def test_a_dry_run_says_that_rewrites_are_not_counted(unlike, fresh, tmp_path):
    (tmp_path / "again.toml").write_text("[method]\nrewrites = 1\n")
    words = ("profile", "build", "--store", fresh, *WITHOUT_MODELS, "--dry-run")
    again = (*words, "--settings", tmp_path / "again.toml")
    assert unlike(*again)[1].endswith("\nrewrites are not counted: each call may be made again, at most 1 time\n")
    assert "rewrites" not in unlike(*words)[1]
    assert [json.loads(unlike(*one, "--json")[1])["rewrites_not_counted"] for one in (again, words)] == [1, 0]


def test_a_user_with_too_few_records_is_told_how_many_a_profile_needs(unlike, tmp_path):
    file = write_lines(tmp_path / "one.jsonl", [record("zoe", "pen")])
    (tmp_path / "at_once.toml").write_text("[refresh]\ndebounce_s = 0\n")
    settings = ("--settings", tmp_path / "at_once.toml")
    unlike("ingest", file, "--store", tmp_path / "memory", *settings)
    words = ("profile", "build", "--store", tmp_path / "memory", *WITHOUT_MODELS, *settings)
    why = "a profile needs 2 records, and 1 user has fewer\n"
    assert f"0 of 1 user have a profile: {why}" in unlike(*words)[1]
    assert f"nothing is due; {why}" in unlike(*words)[1]


def test_an_llm_that_cannot_be_used_ends_it_and_the_work_waits(unlike, fresh):
    words = ("profile", "build", "--store", fresh, "--embedder", "hashing:64")
    status, out, err = unlike(*words, "--llm", "openai:m@http://127.0.0.1:9/v1")
    assert status == 2
    assert "127.0.0.1:9" in err
    assert "0 of 5 users have a profile; 5 jobs waiting" in out
    status, out, _ = unlike("doctor", "--store", fresh, "--json")
    assert "5 waiting" in out


def test_profiles_that_a_running_service_built_with_other_settings_are_told(unlike, shop, monkeypatch):
    monkeypatch.setattr("unlike.memory.build_all.n_built_otherwise", lambda memory, user_ids: 2)
    status, _, err = unlike("profile", "build", "--store", shop, "--embedder", "hashing:64", "--llm", "scripted:echo")
    assert status == 3
    assert "2 profiles built meanwhile by another process with other settings, LLM or embedder" in err


def test_jobs_that_fail_for_good_are_told_with_what_the_llm_said(unlike, fresh, tmp_path, monkeypatch):
    monkeypatch.setattr("unlike.store.jobs.FIRST_PAUSE_MS", 1)
    (tmp_path / "script.json").write_text('{"rules": [{"contains": "Cem", "fail": "overloaded"}]}')
    words = (
        "profile",
        "build",
        "--store",
        fresh,
        "--embedder",
        "hashing:64",
        "--llm",
        f"scripted:{tmp_path}/script.json",
    )
    status, out, err = unlike(*words)
    assert status == 3
    assert "failed for good" in err
    assert "last error of the LLM: overloaded" in err
    status, out, _ = unlike("doctor", "--store", fresh)
    assert status == 0
    assert "failed; first failure: build" in out
    n_failed = json.loads(unlike(*words, "--dry-run", "--json")[1])["n_profiles"]
    assert n_failed > 0
    status, out, err = unlike(*words)  # whoever runs it again wants them to be tried again
    assert (status, f"{n_failed} jobs failed for good" in err) == (3, True), out
    (tmp_path / "script.json").write_text('{"default": ["Writes briefly."]}')
    assert (unlike(*words)[0], unlike("doctor", "--store", fresh)[1].count("failed")) == (0, 0)


def test_a_spent_budget_postpones_builds_and_the_status_says_so(unlike, fresh):
    unlike("keys", "budget", "1", "--store", fresh)
    status, out, _ = unlike("profile", "build", "--store", fresh, *WITHOUT_MODELS)
    assert status == 3 and "5 jobs waiting: today's budget of 1 token is less than this may use" in out
    assert unlike("profile", "build", "bob", "--store", fresh, *WITHOUT_MODELS)[0] == 3
    unlike("keys", "budget", "none", "--store", fresh)
    assert unlike("profile", "build", "bob", "--store", fresh, *WITHOUT_MODELS)[0] == 0


def test_nothing_is_due_is_not_said_while_another_process_works(unlike, fresh):
    with open_store_at(Place(str(fresh))) as opened:
        jobs.claim(opened, 10, lease_s=600)
    status, out, _ = unlike("profile", "build", "--store", fresh, *WITHOUT_MODELS)
    assert status == 0 and "jobs of another process running" in out and "nothing is due" not in out


def test_an_llm_that_stops_to_answer_is_an_error_and_the_next_start_does_not_wait(unlike, fresh, monkeypatch):
    def no_answer(_self, _messages, _sampling):
        raise NoAnswer("m gave no answer within 600 s")

    with monkeypatch.context() as patch:
        patch.setattr("unlike.llm.scripted.ScriptedBackend.complete", no_answer)
        patch.setattr(worker, "ENGINE_PAUSE_S", worker.MAX_ENGINE_PAUSE_S)
        status, out, err = unlike("profile", "build", "--store", fresh, *WITHOUT_MODELS)
    assert status == 2 and "m gave no answer within 600 s; what is done is kept" in err
    assert "5 jobs waiting: the LLM did not answer (NoAnswer)" in out
    status, out, _ = unlike("profile", "build", "--store", fresh, *WITHOUT_MODELS)
    assert status == 0 and "5 profiles built" in out


def test_ctrl_c_lets_jobs_be_finished_and_the_next_start_goes_on(unlike, fresh, monkeypatch):
    once = worker._round

    async def interrupted(*args):
        done = await once(*args)
        os.kill(os.getpid(), signal.SIGINT)
        return done

    monkeypatch.setattr(worker, "_round", interrupted)
    status, out, err = unlike("profile", "build", "--store", fresh, *WITHOUT_MODELS)
    assert status == 130
    assert "stopping: no new LLM call begins" in err
    assert "run the same command again to continue" in err
    monkeypatch.setattr(worker, "_round", once)
    status, out, _ = unlike("profile", "build", "--store", fresh, *WITHOUT_MODELS)
    assert status == 0
    assert "5 of 5 users have a profile\n" in out


def test_show_names_records_peers_and_what_texts_are_written_from(unlike, shop):
    status, out, _ = unlike("profile", "show", "ada", "--store", shop)
    assert status == 0
    assert "ada: texts are written from: full (version 1, compared with others on the same items)" in out
    assert "version 1, built " in out
    assert "current" in out
    assert "ada-" in out
    assert "compared with 4 others" in out
    found = json.loads(unlike("profile", "show", "ada", "--store", shop, "--json")[1])
    assert (found["rung"], found["version"], found["stale"]) == ("full", 1, False)
    assert all(one["record_ids"] for one in found["statements"])


def test_show_says_why_there_is_no_profile(unlike, shop, tmp_path):
    file = write_lines(tmp_path / "one.jsonl", [record("zoe", "pen")])
    unlike("ingest", file, "--store", shop)
    status, out, _ = unlike("profile", "show", "zoe", "--store", shop)
    assert status == 0
    assert out.startswith("zoe: texts are written from: own records (")
    assert json.loads(unlike("profile", "show", "zoe", "--store", shop, "--json")[1])["rung"] == "own_records"
    for words in (("nobody",), ("zoe", "--version", "1")):
        assert unlike("profile", "show", *words, "--store", shop)[0] == 2


def test_words_of_users_are_shown_as_they_are(unlike, shop, tmp_path):
    (tmp_path / "p.txt").write_text("Writes [bold]loudly[/bold] and [/] odd.\n")
    assert unlike("profile", "edit", "ada", "--store", shop, "--from", tmp_path / "p.txt")[0] == 0
    assert "Writes [bold]loudly[/bold] and [/] odd." in unlike("profile", "show", "ada", "--store", shop)[1]


EDITOR = """
import pathlib, sys
file = pathlib.Path(sys.argv[1])
lines = file.read_text().splitlines()
assert lines[0].startswith("# What is known of ada")
file.write_text("\\n".join(["! " + lines[3], "Likes short words. Mail me@example.org", "# a remark", ""]))
"""


def test_an_editor_changes_it_and_evidence_and_pins_stay(unlike, shop, tmp_path, monkeypatch):
    (tmp_path / "editor.py").write_text(EDITOR)
    before = statements(unlike, shop)
    monkeypatch.setenv("EDITOR", f"{sys.executable} {tmp_path / 'editor.py'}")
    status, out, _ = unlike("profile", "edit", "ada", "--store", shop)
    assert status == 0
    assert "version 2 of ada: 2 statements, 1 pinned" in out
    kept, own = statements(unlike, shop)
    assert kept == before[0] | {"pinned": True}
    assert (own["text"], own["origin"], own["record_ids"]) == ("Likes short words. Mail [email]", "edited", [])
    unlike("ingest", write_lines(tmp_path / "new.jsonl", [record("ada", "oar")]), "--store", shop)
    unlike("profile", "build", "--store", shop, *WITHOUT_MODELS)
    after = statements(unlike, shop)
    assert kept in after
    assert own["text"] not in {one["text"] for one in after}


def test_a_file_changes_it_too(unlike, shop, tmp_path):
    (tmp_path / "p.txt").write_text("﻿# a remark\n\n!Never shouts.\n \\# hash first\n\\! mark first\n\\\\ slash first\n")
    words = ("profile", "edit", "ada", "--store", shop, "--from", tmp_path / "p.txt")
    assert "version 2 of ada: 4 statements, 1 pinned" in unlike(*words)[1]
    found = [(one["text"], one["pinned"]) for one in statements(unlike, shop)]
    assert found == [
        ("Never shouts.", True),
        ("# hash first", False),
        ("! mark first", False),
        ("\\ slash first", False),
    ]
    assert unlike(*words)[1] == "nothing changed\n"


CANNOT = {
    "no editor": ({}, "no editor is set; set EDITOR, or give the statements in a file: --from FILE"),
    "an editor that fails": ({"EDITOR": "false"}, "editor 'false' failed"),
    "an editor that is not there": ({"VISUAL": "no-such-editor"}, "editor 'no-such-editor' failed"),
}


@pytest.mark.parametrize("how", CANNOT)
def test_what_cannot_be_edited_is_one_line(how, unlike, shop, monkeypatch):
    environment, message = CANNOT[how]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    status, _, err = unlike("profile", "edit", "ada", "--store", shop)
    assert status == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_an_empty_profile_is_refused(unlike, shop, tmp_path):
    (tmp_path / "p.txt").write_text("# nothing\n")
    for source, message in (
        (tmp_path / "p.txt", "the text has no statement"),
        (tmp_path / "no.txt", "cannot be read"),
    ):
        status, _, err = unlike("profile", "edit", "ada", "--store", shop, "--from", source)
        assert status == 2
        assert message in err


def test_a_profile_built_while_it_was_edited_is_not_overwritten(unlike, shop, tmp_path, monkeypatch):
    (tmp_path / "other.txt").write_text("Somebody else's line.\n")
    (tmp_path / "editor.py").write_text(
        "import pathlib, subprocess, sys\n"
        "pathlib.Path(sys.argv[1]).write_text('My line.')\n"
        f"words = ['profile', 'edit', 'ada', '--store', {str(shop)!r}, '--from', {str(tmp_path / 'other.txt')!r}]\n"
        "subprocess.run([sys.executable, '-m', 'unlike.cli.main', *words], check=True, capture_output=True)\n"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {tmp_path / 'editor.py'}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    status, _, err = unlike("profile", "edit", "ada", "--store", shop)
    assert status == 2
    assert "rebuilt while you edited it" in err
    (left,) = tmp_path.glob("unlike-profile-*.txt")
    assert str(left) in err
    assert left.read_text() == "My line."
    assert [one["text"] for one in statements(unlike, shop)] == ["Somebody else's line."]


def test_history_and_going_back(unlike, shop, tmp_path):
    (tmp_path / "p.txt").write_text("Mine.\n")
    unlike("profile", "edit", "ada", "--store", shop, "--from", tmp_path / "p.txt")
    status, out, _ = unlike("profile", "history", "ada", "--store", shop)
    assert status == 0
    assert out.index("by hand") < out.index("built")
    status, out, _ = unlike("profile", "rollback", "ada", "1", "--store", shop)
    assert "version 1 of ada is current" in out
    versions = json.loads(unlike("profile", "history", "ada", "--store", shop, "--json")[1])
    assert [(one["version"], one["current"]) for one in versions] == [(2, False), (1, True)]
    status, _, err = unlike("profile", "rollback", "ada", "7", "--store", shop)
    assert status == 2
    assert "no version 7" in err


def test_a_dry_run_needs_neither_endpoint_nor_key(unlike, fresh):
    nobody_there = ("--llm", "openai:m@http://127.0.0.1:9/v1", "--embedder", "hashing:64")
    status, out, _ = unlike("profile", "build", "--store", fresh, *nobody_there, "--dry-run")
    assert (status, out.startswith("5 profiles: "), "nothing was changed" in out) == (0, True, True)
    assert "need not run" in " ".join(unlike("profile", "build", "--help")[1].replace("│", " ").split())


def test_show_and_doctor_say_what_was_made_under_other_settings(unlike, shop, tmp_path):
    (tmp_path / "private.toml").write_text("[memory]\nprivate = true\n")
    given = ("--store", shop, "--settings", tmp_path / "private.toml")
    assert "made under other settings" in unlike("profile", "show", "ada", *given)[1]
    assert "made under other settings" not in unlike("profile", "show", "ada", "--store", shop)[1]
    assert re.search(r" 0 of them outdated, [1-9]\d* made under other settings", unlike("doctor", *given)[1])
    status, out, _ = unlike("profile", "build", *given, "--llm", "scripted:echo", "--dry-run")
    assert status == 0
    assert not out.startswith("0 profiles")
