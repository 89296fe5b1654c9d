"""The settings file of memory and service: what it may hold, and what is said of what it may not."""

from dataclasses import fields

import pytest

from unlike.errors import InputError
from unlike.memory.settings import MemorySettings
from unlike.memory.settings_file import NOT_FOR_A_MEMORY, read_settings
from unlike.settings import MethodSettings, ServiceSettings


def test_what_is_not_given_stays_as_it_is(tmp_path):
    file = read_settings(None)
    assert file.memory_settings() == MemorySettings()
    assert file.service_settings() == ServiceSettings()
    (tmp_path / "empty.toml").write_text("")
    assert read_settings(tmp_path / "empty.toml") == file


def test_what_is_given_counts(tmp_path):
    (tmp_path / "s.toml").write_text(
        'task = "mail"\nredactor = "none"\nprompts = "mine"\n'
        '[memory]\nmin_peers = 3\nallowed = ["health"]\n[method]\nn_peers = 2\n'
        "[refresh]\ndebounce_s = 0\n[service]\nrequests_per_s = inf\nn_workers = 4\n"
    )
    file = read_settings(tmp_path / "s.toml")
    assert (file.task, file.redactor, file.prompts) == ("mail", "none", tmp_path / "mine")
    memory = file.memory_settings()
    assert (memory.min_peers, memory.allowed, memory.refresh.debounce_s) == (3, ("health",), 0)
    assert memory.method == MemorySettings().method.but(n_peers=2)
    assert (file.service_settings().requests_per_s, file.service_settings().n_workers) == (None, 4)
    assert file.service_settings(0).n_workers == 0


def test_the_adapter_at_work_is_among_those_that_receipts_name(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter.json").write_text("{}")
    (tmp_path / "s.toml").write_text('adapter = "new"\nadapters = ["old", "new"]\n')
    file = read_settings(tmp_path / "s.toml")
    assert (file.adapter, file.adapters) == (tmp_path / "new", (tmp_path / "new", tmp_path / "old"))


def test_all_errors_are_reported_at_once(tmp_path):
    (tmp_path / "s.toml").write_text(
        'colour = 1\n[memory]\nmin_peers = 0\nallowed = ["money"]\n[method]\nretriever = "bm25"\n'
        "[refresh]\ndebounce_s = nan\n"
    )
    with pytest.raises(InputError) as refused:
        read_settings(tmp_path / "s.toml")
    for part in (
        "colour is unknown; allowed are task, prompts",
        "memory.min_peers: Input should be greater than or equal to 1",
        "memory.allowed.0: Input should be 'health'",
        "method.retriever is unknown; allowed are n_records, n_peers",
        "refresh.debounce_s: Input should be less than inf",
    ):
        assert part in str(refused.value)


def test_what_a_stored_profile_cannot_follow_is_refused(tmp_path):
    """Each of the others is read where profiles are built or requests prepared."""
    refused = {field.name for field in fields(MethodSettings)} & set(NOT_FOR_A_MEMORY)
    assert refused == set(NOT_FOR_A_MEMORY)
    for name in NOT_FOR_A_MEMORY:
        (tmp_path / "s.toml").write_text(f"[method]\n{name} = 1\n")
        with pytest.raises(InputError, match=rf"method\.{name} is unknown"):
            read_settings(tmp_path / "s.toml")
    assert {"lexical", "lexical_of"} <= refused


@pytest.mark.parametrize(
    ("text", "message"),
    [("[", "cannot be read"), ('adapters = ["dep"]', "no adapter in"), ("memory = 1", "memory: Input should be")],
)
def test_a_file_that_is_not_a_settings_file(text, message, tmp_path):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_settings(tmp_path / "s.toml")
