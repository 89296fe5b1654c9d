"""From a URI to an LLM."""

import asyncio

import pytest
import transformers

from tests.llm.tiny_llm import HIDDEN, tiny_llm
from unlike.errors import EngineError, InputError
from unlike.llm.backend import Sampling
from unlike.llm.local_model import open_local_model
from unlike.llm.open import SCHEMES, destination, open_counter, open_llm, trained_model
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


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        ("openai:m@127.0.0.1:18431/v1", "did you mean openai:m@http://127.0.0.1:18431/v1 ?"),
        ("openai:m@host/v1", "did you mean openai:m@http://host/v1 ?"),
        ("openai:127.0.0.1:8000", "did you mean openai:MODEL@http://127.0.0.1:8000 ?"),
        ("vllm:host:8000/v1", "did you mean vllm:MODEL@http://host:8000/v1 ?"),
        ("openai:MODEL@http://HOST:PORT/v1", "http://HOST:PORT/v1 is not an address; give that of your endpoint"),
        ("openai:m@http://host:port/v1", "http://host:port/v1 is not an address"),
        ("openai:m@https:///v1", "https:///v1 is not an address"),
        ("openai:@http://host/v1", "names no model"),
    ],
)
def test_an_address_that_would_be_missed_is_refused(uri, meant, monkeypatch):
    """Texts would go to the default endpoint."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with pytest.raises(InputError) as error:
        open_llm(uri)
    assert meant in str(error.value)


@pytest.mark.parametrize("name", ["qwen2.5:14b", "ft:gpt-4o-mini:org::id", "Qwen/Qwen2.5-7B"])
def test_names_with_colons_and_slashes_are_names(name, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert open_llm(f"openai:{name}").model == f"openai:{name}"


@pytest.mark.parametrize("engine", ["transformers", "vllm"])
def test_a_counter_of_a_model_in_this_process_reads_no_weights(engine, tmp_path, monkeypatch):
    folder = tiny_llm(tmp_path / "mine")
    local = open_local_model(str(folder))
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", None)
    counter = open_counter(f"{engine}:{folder}", context_tokens=300)
    messages = [{"role": "user", "content": "Loud drums."}]
    assert counter.count_tokens(messages) == len(local.tokens.encode(local.tokens.render(messages)))
    assert (counter.model, counter.context_tokens) == (f"{engine}:{local.name}", 300)
    assert (counter.llm_hash, counter.hidden) == (local.llm_hash, HIDDEN)
    with pytest.raises(EngineError, match="was opened to count tokens"):
        asyncio.run(counter.complete(messages, Sampling()))


def test_a_precision_follows_the_model(tmp_path):
    folder = tiny_llm(tmp_path / "mine")
    half = open_llm(f"transformers:{folder}:bfloat16")
    assert half.model.endswith(":bfloat16")
    assert half.model == open_counter(f"transformers:{folder}:bfloat16").model
    asyncio.run(half.aclose())
    assert trained_model(f"vllm:{folder}:bfloat16") == trained_model(f"transformers:{folder}") == str(folder)
    assert trained_model("vllm:Qwen/Q@http://host:1/v1") == "Qwen/Q"


def test_where_texts_go(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert destination("openai:m") == "api.openai.com"
    assert destination("openai:m@http://user:secret@host:80/v1") == "host:80"
    assert destination("vllm:m@http://host/v1") == "host"
    assert [destination(uri) for uri in ("vllm:m", "scripted:echo", "llama.cpp:smollm2")] == [""] * 3
    monkeypatch.setenv("OPENAI_BASE_URL", "http://proxy:1/v1")
    assert destination("openai:m") == "proxy:1"


def test_counting_needs_no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert open_counter("openai:m").count_tokens([{"role": "user", "content": "hello"}]) > 0
    assert open_counter("scripted:echo").model == "scripted:echo"
