"""OpenVINO in process, on the packaged model."""

import asyncio
import sys
from dataclasses import replace

import pytest

from unlike.errors import CallFailed, EngineError, InputError, MissingPart
from unlike.llm.backend import Sampling
from unlike.llm.open import open_llm
from unlike.llm.openvino import OpenVinoBackend
from unlike.llm.smollm2 import packaged_smollm2

ASK = [{"role": "user", "content": "Name a drum, please."}]
SHORT = Sampling(temperature=0.8, max_tokens=12, seed=5)

pytestmark = pytest.mark.embedded


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no file"):
        open_llm(f"openvino:{tmp_path / 'none.gguf'}")


def test_half_a_model_is_one_line_that_names_another_engine(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(packaged_smollm2().read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"cannot load.*llama\.cpp:") as caught:
        OpenVinoBackend(file)
    assert "\n" not in str(caught.value)


def test_a_missing_engine_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino_genai", None)
    with pytest.raises(MissingPart, match=r'pip install "unlike\[openvino\]"'):
        OpenVinoBackend("smollm2")


def test_the_seed_decides(openvino):
    def text(seed):
        return asyncio.run(openvino.complete(ASK, replace(SHORT, seed=seed))).text

    assert text(5) == text(5)
    assert len({text(seed) for seed in range(5)}) > 1


def test_a_prompt_too_long_is_a_failed_call(openvino):
    with pytest.raises(CallFailed, match="exceed the context of 2048"):
        asyncio.run(openvino.complete(ASK, replace(SHORT, max_tokens=2048)))


def test_characters_of_several_tokens_come_whole(openvino):
    async def pieces():
        asked = [{"role": "user", "content": "Repeat exactly: 日本語のテキスト 🎵🎵"}]
        return [piece async for piece in openvino.stream(asked, replace(SHORT, temperature=0.0, max_tokens=40))]

    *said, last = asyncio.run(pieces())
    assert "".join(said) == last.text
    assert not any("\ufffd" in piece for piece in said[:-1])


def test_closed_it_answers_no_more():
    async def closed():
        backend = OpenVinoBackend("smollm2", context_tokens=512, threads=1)
        await backend.aclose()
        await backend.complete(ASK, SHORT)

    with pytest.raises(EngineError, match="is closed"):
        asyncio.run(closed())
