"""From a URI to an LLM."""

import pytest

from unlike.errors import InputError
from unlike.llm.open import SCHEMES, open_llm
from unlike.llm.openai_http import OpenAIBackend


def test_a_model_of_openai(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert open_llm("openai:gpt-4o-mini", timeout_s=5.0, context_tokens=128_000).context_tokens == 128_000


def test_an_endpoint_of_ones_own(monkeypatch):
    opened = []
    monkeypatch.setattr(OpenAIBackend, "__init__", lambda self, model, **options: opened.append((model, options)))
    open_llm("openai:Qwen/Qwen2.5-7B@v2@http://localhost:8000/v1")
    open_llm("openai:m@https://host/v1", timeout_s=1.0)
    assert opened == [
        ("Qwen/Qwen2.5-7B@v2", {"base_url": "http://localhost:8000/v1"}),
        ("m", {"base_url": "https://host/v1", "timeout_s": 1.0}),
    ]


def test_a_script(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text("default = ['x']")
    assert open_llm("scripted:echo").model == "scripted:echo"
    assert open_llm(f"scripted:{file}").model.startswith("scripted:rules.toml#")


@pytest.mark.parametrize("uri", ["gpt-4o", "abacus:model", "openai:", "vllm:", "", ":x"])
def test_anything_else_is_told_with_the_schemes(uri):
    with pytest.raises(InputError) as error:
        open_llm(uri)
    assert all(scheme in str(error.value) for scheme in SCHEMES)
    assert repr(uri) in str(error.value)


def test_an_option_the_engine_does_not_have_is_told():
    with pytest.raises(InputError, match="colour"):
        open_llm("scripted:echo", colour="red")
