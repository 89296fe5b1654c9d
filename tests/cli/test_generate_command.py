"""``unlike generate``: the text on standard output, what it was written from on standard error."""

import json

import pytest
from tests.llm.tiny_llm import tiny_llm

from unlike.latent.adapter import AdapterMetadata, new_module, save_adapter
from unlike.latent.settings import AdapterSettings
from unlike.llm.local_model import open_local_model

LLM = ("--llm", "scripted:echo")


def test_the_text_alone_goes_to_standard_output(unlike, shop):
    words = ("generate", "ada", "--item", "pen", "--rating", "4", "--title", "Well", "--store", shop, *LLM)
    status, text, err = unlike(*words)
    assert status == 0
    assert text.strip()
    assert err.startswith("from: full (version 1, compared with others on the same items); ")
    assert unlike(*words) == (0, text, err)
    assert unlike(*words, "--seed", "1")[1] != text
    status, streamed, told = unlike(*words, "--stream")
    assert (status, streamed, told) == (0, text, err)
    written = json.loads(unlike(*words, "--json")[1])
    assert (written["text"] + "\n", written["rung"], written["profile_version"]) == (text, "full", 1)


def test_a_user_nobody_has_seen_gets_a_plain_text(unlike, shop):
    status, text, err = unlike("generate", "zoe", "--item", "pen", "--store", shop, *LLM)
    assert status == 0
    assert "from: plain (nothing is known of this user)" in err


def test_an_id_that_looks_misspelt_is_shown_what_it_may_mean(unlike, shop):
    status, _, err = unlike("generate", "ada", "--item", "penn", "--store", shop, *LLM)
    assert (status, "no item 'penn' in the store; did you mean pen? For a new item give --item-title" in err) == (
        2,
        True,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("profile", "show", "adda"),
        ("profile", "history", "adda"),
        ("profile", "edit", "adda"),
        ("profile", "rollback", "adda", "1"),
        ("profile", "build", "ada", "adda", *LLM),
        ("consent", "adda", "--own", "no"),
        ("export", "adda"),
        ("erase", "adda", "--receipt", "receipt.json", "--yes"),
    ],
)
def test_a_user_id_that_looks_misspelt_is_shown_what_it_may_mean(unlike, shop, words):
    status, _, err = unlike(*words, "--store", shop)
    assert status == 2
    assert "no user 'adda'; " in err and err.rstrip().endswith("; did you mean ada?")
    status, _, err = unlike(*(word.replace("adda", "zoe") for word in words), "--store", shop)
    assert status == 2 and "no user 'zoe'; " in err and "did you mean" not in err


def test_a_text_for_a_user_id_that_looks_misspelt_says_what_it_may_mean(unlike, shop):
    status, text, err = unlike("generate", "adda", "--item", "pen", "--store", shop, *LLM)
    assert (status, bool(text)) == (0, True)
    assert "there is no user 'adda'; did you mean ada?" in err
    assert "did you mean" not in unlike("generate", "ada", "--item", "pen", "--store", shop, *LLM)[2]


def test_an_item_that_the_store_does_not_know_is_described(unlike, shop):
    status, _, err = unlike("generate", "ada", "--item", "oar", "--store", shop, *LLM)
    assert status == 2
    assert "no item 'oar' in the store; give --item-title and --item-description" in err
    about = ("--item-title", "Oar", "--item-description", "Made of ash.")
    for words in (("--item", "oar", *about), about):
        assert unlike("generate", "ada", *words, "--store", shop, *LLM)[0] == 0
    status, _, err = unlike("generate", "ada", "--store", shop, *LLM)
    assert status == 2
    assert "nothing to write about: give --item" in err


@pytest.mark.parametrize("more", [(), ("--stream",), ("--json",)])
def test_a_call_that_fails_is_exit_3(more, unlike, shop, tmp_path):
    (tmp_path / "script.json").write_text('{"rules": [{"regex": ".", "fail": "overloaded"}]}')
    words = ("generate", "ada", "--item", "pen", "--store", shop, "--llm", f"scripted:{tmp_path / 'script.json'}")
    status, out, err = unlike(*words, *more)
    assert status == 3
    assert err == "unlike: overloaded\n"
    assert not out.strip()


def test_another_persons_words_are_not_given_out(unlike, shop, tmp_path):
    words_of_bob = "Bob says that the pen is what bob had in mind, give or take a pen."
    (tmp_path / "script.json").write_text(json.dumps({"default": [words_of_bob]}))
    words = ("generate", "ada", "--item", "pen", "--store", shop, "--llm", f"scripted:{tmp_path / 'script.json'}")
    status, out, err = unlike(*words)
    assert status == 3
    assert not out.strip()
    assert "repeats 8 or more words of another person" in err
    (tmp_path / "mark.toml").write_text('[memory]\non_repeat = "mark"\n')
    status, out, err = unlike(*words, "--settings", tmp_path / "mark.toml")
    assert (status, out.strip()) == (0, words_of_bob)
    assert "repeats another person's words: Bob says that" in err


CANNOT = {
    "a budget that is spent": ((), "today's budget of 1 token is used up"),
    "no such store": (("--store", "nowhere"), "no store in nowhere; create one with: unlike ingest FILE.jsonl"),
    "an LLM that is none": (("--llm", "gpt"), "schemes are openai"),
    "an LLM that does not answer": (("--llm", "openai:m@http://127.0.0.1:9/v1", "--tenant", "other"), "127.0.0.1:9"),
    "no such tenant": (("--tenant", "acne"), "no tenant 'acne' in this store; there is default, other"),
    "another master key": (("--master", "env:KEY"), "wrapped by master key"),
}


@pytest.mark.parametrize("how", CANNOT)
def test_what_cannot_be_written_is_one_line_and_exit_2(how, unlike, shop, lines, monkeypatch):
    more, message = CANNOT[how]
    monkeypatch.setenv("KEY", "ab" * 32)
    unlike("ingest", lines, "--store", shop, "--tenant", "other")
    unlike("keys", "budget", "1", "--store", shop)
    words = ("generate", "ada", "--item", "pen", "--store", shop, *LLM)
    unlike(*words)
    status, out, err = unlike(*words, *more)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_an_adapter_in_the_settings_writes_from_vectors(unlike, shop, tmp_path):
    llm = tiny_llm(tmp_path / "llm", seed=3)
    model = open_local_model(str(llm))
    metadata = AdapterMetadata(
        AdapterSettings(n_records=2), model.name, model.llm_hash, "hashing:64", 64, model.embeddings.shape[1]
    )
    save_adapter(tmp_path / "dep", new_module(metadata), metadata)
    (tmp_path / "s.toml").write_text('adapter = "dep"\n')
    words = (
        "generate",
        "ada",
        "--item",
        "pen",
        "--store",
        shop,
        "--settings",
        tmp_path / "s.toml",
        "--max-tokens",
        "4",
    )
    status, _, err = unlike(*words, "--llm", f"transformers:{llm}", "--embedder", "hashing:64")
    assert status == 0, err
    assert "from: full (vectors of 2 records, 2 compared); " in err
    (tmp_path / "s.toml").write_text('adapter = "dep"\n[memory]\nmin_peers = 5\n')  # there are 4 others
    status, _, err = unlike(*words, "--llm", f"transformers:{llm}", "--embedder", "hashing:64")
    assert status == 0, err
    assert "from: own records (vectors of 2 records, 0 compared); " in err
    status, _, err = unlike(*words, *LLM)
    assert status == 2
    assert "takes no soft prompts" in err
