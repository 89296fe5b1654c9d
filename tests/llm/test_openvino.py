"""OpenVINO in process, on the packaged model."""

import asyncio
import copy
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from unlike.errors import CallFailed, EngineError, InputError, MissingPart
from unlike.llm.backend import Sampling
from unlike.llm.open import open_llm
from unlike.llm.openvino import OpenVinoBackend, _Request, _Worker
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
    with pytest.raises(MissingPart, match=r'pip install "\.\[openvino\]"'):
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


class Handle:
    """A request of OpenVINO that has this status and writes nothing."""

    def __init__(self, status):
        self.status, self.cancelled = status, False

    def can_read(self):
        return False

    def get_status(self):
        return SimpleNamespace(name=self.status)

    def cancel(self):
        self.cancelled = True


class Pipeline:
    """OpenVINO's pipeline, where a prompt is the status that its request has after a step, or an error to raise."""

    def __init__(self, step=lambda: None):
        self.step, self.handles = step, []

    def add_request(self, number, prompt, config):
        if isinstance(prompt, Exception):
            raise prompt
        self.handles.append(Handle(prompt))
        return self.handles[-1]

    def has_non_finished_requests(self):
        return True


def worker_on(pipeline):
    return _Worker(pipeline, SimpleNamespace(decode=lambda token_ids: ""))


def test_closed_it_answers_no_more(openvino):
    backend = copy.copy(openvino)
    backend._worker = worker_on(Pipeline())

    async def closed():
        await backend.aclose()
        await backend.complete(ASK, SHORT)

    with pytest.raises(EngineError, match="is closed"):
        asyncio.run(closed())


def request_of(prompt):
    chunks = []
    return _Request(prompt, 1, None, chunks.append), chunks


def reasons(chunks):
    return [chunk["choices"][0].get("finish_reason") for chunk in chunks if isinstance(chunk, dict)]


def test_what_was_added_before_the_end_is_answered():
    (first, of_first), (second, of_second), (late, _) = (request_of("FINISHED") for _ in range(3))
    closing, stepped = threading.Thread(target=lambda: worker.close()), threading.Event()
    late.given_up.set()

    def step():
        if closing.ident is None:
            worker.add(second)
            closing.start()
            while worker.add(late):
                pass
            stepped.set()

    worker = worker_on(Pipeline(step))
    worker.add(first)
    stepped.wait()
    closing.join()
    assert reasons(of_first)[-1] == reasons(of_second)[-1] == "stop"
    assert not worker.add(request_of("FINISHED")[0])


def test_a_request_that_the_cache_has_no_room_for_fails():
    worker, (request, chunks) = worker_on(Pipeline()), request_of("IGNORED")
    worker.add(request)
    worker.close()
    assert [str(chunk) for chunk in chunks] == [
        "the key-value cache is full; raise cache_gb, or lower context_tokens or concurrency"
    ]


def test_a_request_that_openvino_refuses_fails_alone():
    worker, (refused, errors), (other, chunks) = worker_on(Pipeline()), request_of(TypeError("no")), request_of("STOP")
    worker.add(refused)
    worker.add(other)
    worker.close()
    assert isinstance(errors[0], TypeError)
    assert reasons(chunks)[-1] == "stop"


def test_a_step_that_fails_fails_its_requests_and_no_later_ones():
    problems = [RuntimeError("no memory")]

    def step():
        if problems:
            raise problems.pop()

    pipeline = Pipeline(step)
    worker, (first, errors) = worker_on(pipeline), request_of("RUNNING")
    worker.add(first)
    while not errors:
        pass
    later, chunks = request_of("FINISHED")
    worker.add(later)
    worker.close()
    assert str(errors[0]) == "no memory"
    assert pipeline.handles[0].cancelled
    assert reasons(chunks)[-1] == "stop"


def test_a_request_given_up_before_it_began_is_not_begun():
    pipeline = Pipeline()
    worker, (request, chunks) = worker_on(pipeline), request_of("FINISHED")
    request.given_up.set()
    worker.add(request)
    worker.close()
    assert not chunks
    assert not pipeline.handles
