"""The settings file of memory and service: what it may hold, and what is said of what it may not."""

from dataclasses import fields

import pytest

from unlike.cli.memory_settings import (
    MemorySection,
    MethodSection,
    RefreshSection,
    RetentionSection,
    ServiceSection,
    read_settings,
)
from unlike.config import MethodSettings
from unlike.errors import InputError
from unlike.memory.settings import MemorySettings, Refresh, Retention
from unlike.serve.service import ServiceSettings

OF_THE_MEMORY = {"key_records", "min_records", "min_peers", "shown_records"}
NOT_OF_A_MEMORY = {"retriever", "selector", "time_rule", "adapter"} | OF_THE_MEMORY


@pytest.mark.parametrize(
    ("section", "settings", "elsewhere"),
    [
        (MemorySection, MemorySettings, {"method", "refresh", "retention"}),
        (RetentionSection, Retention, set()),
        (MethodSection, MethodSettings, NOT_OF_A_MEMORY),
        (RefreshSection, Refresh, set()),
        (ServiceSection, ServiceSettings, set()),
    ],
)
def test_every_setting_can_be_set(section, settings, elsewhere):
    assert set(section.model_fields) == {field.name for field in fields(settings)} - elsewhere


def test_what_is_not_given_stays_as_it_is(tmp_path):
    file = read_settings(None)
    assert file.memory_settings() == MemorySettings()
    assert file.service_settings() == ServiceSettings()
    (tmp_path / "empty.toml").write_text("")
    assert read_settings(tmp_path / "empty.toml") == file


def test_what_is_given_counts(tmp_path):
    (tmp_path / "s.toml").write_text(
        'task = "mail"\nredactor = "none"\nprompts = "mine"\n'
        '[memory]\nfewest_peers = 3\nallowed = ["health"]\n[method]\nn_peers = 2\n'
        "[refresh]\ndebounce_s = 0\n[service]\nrequests_per_s = inf\nn_workers = 4\n"
    )
    file = read_settings(tmp_path / "s.toml")
    assert (file.task, file.redactor, file.prompts) == ("mail", "none", tmp_path / "mine")
    memory = file.memory_settings()
    assert (memory.fewest_peers, memory.allowed, memory.refresh.debounce_s) == (3, ("health",), 0)
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


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    (tmp_path / "s.toml").write_text(
        'colour = 1\n[memory]\nfewest_peers = 0\nallowed = ["money"]\n[method]\nretriever = "bm25"\n'
        "[refresh]\ndebounce_s = nan\n"
    )
    with pytest.raises(InputError) as refused:
        read_settings(tmp_path / "s.toml")
    for part in (
        "colour is no setting; allowed are task, prompts",
        "memory.fewest_peers: Input should be greater than or equal to 1",
        "memory.allowed.0: Input should be 'health'",
        "method.retriever is no setting; allowed are n_records, n_peers",
        "refresh.debounce_s: Input should be a finite number",
    ):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[", "cannot be read"), ('adapters = ["dep"]', "no adapter in"), ("memory = 1", "memory: Input should be")],
)
def test_what_is_no_settings_file(text, message, tmp_path):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_settings(tmp_path / "s.toml")
