"""One contract for every encoder, the cache over one included."""

import math
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from json import dumps, loads
from pathlib import Path

import numpy as np
import pytest

from unlike.embed.cache import CachedEncoder
from unlike.embed.encoder import ConcatenatedEncoder
from unlike.embed.hashing import HashingEncoder
from unlike.embed.ngrams import fit_ngrams
from unlike.embed.open import open_encoder, parts_of
from unlike.errors import EngineError, InputError

WRITTEN = [f"{word} pen, {word} lamp; wool {word}!" for word in ("brass", "red", "old", "new", "thin", "für")]
TEXTS = ["A brass pen.", "", "wool blanket für draußen 🧺", "A brass pen."]


@pytest.fixture
def endpoint():
    """An embeddings endpoint on loopback: three dimensions, entries in reverse order."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
            data = [{"object": "embedding", "index": i, "embedding": [len(t), 3.0, 4.0]} for i, t in enumerate(asked)]
            body = dumps({"object": "list", "model": "m", "data": data[::-1], "usage": {}}).encode()
            is_moved = "moved" in asked and self.path != "/v1/elsewhere"
            self.send_response(400 if "refuse" in asked else 307 if is_moved else 200)
            self.send_header("Location", "/v1/elsewhere")
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


WITH_MODEL = [pytest.param(name, marks=pytest.mark.embedded) for name in ("minilm", "hidden")]


@pytest.fixture(params=["hashing", "cached", "sum", "openai", "ngrams", *WITH_MODEL])
def encoder(request, tmp_path, monkeypatch):
    if request.param == "openai":
        monkeypatch.setenv("OPENAI_BASE_URL", request.getfixturevalue("endpoint"))
        return open_encoder("openai:m")
    if request.param == "minilm":
        return open_encoder("minilm")
    if request.param == "sum":
        return open_encoder("hashing:64+hashing:32")
    if request.param == "ngrams":
        fit_ngrams(WRITTEN, 4).save(tmp_path / "n.npz")
        return open_encoder(f"ngrams:{tmp_path / 'n.npz'}")
    if request.param == "hidden":
        from tests.llm.tiny_llm import tiny_llm

        return open_encoder(f"transformers:{tiny_llm(tmp_path / 'tiny')}#1")
    return open_encoder("hashing:64", tmp_path / "v.sqlite" if request.param == "cached" else None)


def test_vectors_have_length_one_and_keep_their_order(encoder):
    vectors = encoder.encode(TEXTS)
    assert vectors.shape[0] == len(TEXTS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert vectors[0] == pytest.approx(vectors[3], abs=1e-5)
    assert np.abs(vectors[0] - vectors[2]).max() > 0.01
    assert encoder.encode([TEXTS[2]])[0] == pytest.approx(vectors[2], abs=1e-4)


def test_nothing_to_encode(encoder):
    assert len(encoder.encode([])) == 0


def test_the_cache_asks_only_for_what_is_new_and_survives_the_process(tmp_path):
    class Counting(HashingEncoder):
        seen: list[str] = []

        def encode(self, texts):
            Counting.seen += texts
            return super().encode(texts)

    first = CachedEncoder(Counting(32), tmp_path / "v.sqlite")
    vectors = first.encode(["a", "b", "a"])
    first.close()
    again = CachedEncoder(Counting(32), tmp_path / "v.sqlite").encode(["b", "c", "a"])
    assert Counting.seen == ["a", "b", "c"]
    assert again[2] == pytest.approx(vectors[0])


def test_the_cache_tells_models_apart(tmp_path):
    small = CachedEncoder(HashingEncoder(16), tmp_path / "v.sqlite").encode(["a"])
    large = CachedEncoder(HashingEncoder(32), tmp_path / "v.sqlite").encode(["a"])
    assert (small.shape, large.shape) == ((1, 16), (1, 32))


def test_a_broken_cache_file_is_one_line(tmp_path):
    (tmp_path / "v.sqlite").write_text("this is no database, only a long enough text to be read as one" * 20)
    with pytest.raises(InputError, match="remove it or name another"):
        CachedEncoder(HashingEncoder(16), tmp_path / "v.sqlite")


def test_names_that_cannot_be_used(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        open_encoder("openai:text-embedding-3-small")
    with pytest.raises(InputError, match="at least 8"):
        open_encoder("hashing:few")


def test_a_refusing_endpoint_is_one_error(endpoint, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint)
    with pytest.raises(EngineError, match="check the URL"):
        open_encoder("openai:m").encode(["refuse"])


def test_texts_follow_no_redirect(endpoint, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint)
    with pytest.raises(EngineError, match="redirects to"):
        open_encoder("openai:m").encode(["moved"])


@pytest.mark.embedded
def test_a_model_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="minilm, bge-m3"):
        open_encoder(str(tmp_path / "nothing"))


@pytest.mark.embedded
def test_a_tokenizer_without_a_padding_token(tmp_path):
    from tests.llm.tiny_llm import tiny_llm

    encoder = open_encoder(str(tiny_llm(tmp_path / "tiny")))
    texts = ["A pen.", "A brass pen with a medium nib."]
    both = encoder.encode(texts)
    assert [encoder.encode([text])[0] == pytest.approx(both[n], abs=1e-5) for n, text in enumerate(texts)] == [True] * 2


def test_a_sum_of_encoders_has_the_vectors_of_each_side_by_side():
    parts = [open_encoder(name).encode(TEXTS) for name in ("hashing:16", "hashing:64")]
    both = open_encoder("hashing:16+hashing:64")
    assert both.name == "hashing:16+hashing:64"
    assert both.encode(TEXTS) == pytest.approx(np.concatenate(parts, axis=1) / 2**0.5)


def test_a_sum_of_encoders_reads_as_much_of_long_texts_as_its_part_that_reads_the_least():
    whole, half = HashingEncoder(16), HashingEncoder(16)
    half.read_share = lambda texts: (256, 0.5)
    assert ConcatenatedEncoder([whole, half]).read_share(["a"]) == (256, 0.5)
    assert ConcatenatedEncoder([whole, whole]).read_share(["a"]) is None


def test_a_plus_in_the_path_of_a_folder_joins_nothing(tmp_path):
    folder = tmp_path / "a+b"
    folder.mkdir()
    assert parts_of("minilm") == ["minilm"]
    assert parts_of("minilm + hashing:64") == ["minilm", "hashing:64"]
    assert parts_of(str(folder)) == [str(folder)]
    assert parts_of(f"hashing:64+{folder}+minilm") == ["hashing:64", str(folder), "minilm"]
    assert parts_of(f"transformers:{folder}#1+hashing:64") == [f"transformers:{folder}#1", "hashing:64"]


@pytest.mark.embedded
def test_hidden_states_are_computed_on_the_device_that_is_asked_for(tmp_path):
    from tests.llm.tiny_llm import tiny_llm

    from unlike.embed.hidden_states import HiddenStatesEncoder

    name = f"{tiny_llm(tmp_path / 'tiny')}#1"
    here = HiddenStatesEncoder(name, "cpu").encode(TEXTS)
    assert here == pytest.approx(HiddenStatesEncoder(name).encode(TEXTS), abs=1e-5)
    with pytest.raises(InputError, match="device 'nowhere' cannot be used"):
        HiddenStatesEncoder(name, "nowhere")


@pytest.mark.embedded
def test_hidden_states_are_the_mean_over_tokens_after_a_layer(tmp_path):
    import torch
    from tests.llm.tiny_llm import tiny_llm
    from transformers import AutoModel, AutoTokenizer

    folder = str(tiny_llm(tmp_path / "tiny"))
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        states = model(torch.tensor([tokenizer(TEXTS[0])["input_ids"]]), output_hidden_states=True).hidden_states
        first, last = model.norm(states[1])[0].mean(dim=0).numpy(), states[-1][0].mean(dim=0).numpy()
    for layer, mean in (("#1", first), ("", last)):
        encoder = open_encoder(f"transformers:{folder}{layer}")
        assert re.fullmatch(
            f"transformers:tiny#[0-9a-f]{{12}}{layer or f'#{model.config.num_hidden_layers}'}", encoder.name
        )
        assert encoder.encode(TEXTS)[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


@pytest.mark.embedded
@pytest.mark.parametrize("scheme", ["", "transformers:"])
def test_the_cache_knows_a_folder_by_what_is_in_it(scheme, tmp_path, monkeypatch):
    from tests.llm.tiny_llm import tiny_llm

    def encoded(project, seed):
        (tmp_path / project).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / project)
        tiny_llm(Path("model"), seed=seed)
        encoder = open_encoder(f"{scheme}./model", tmp_path / "vectors.sqlite")
        return encoder.name, encoder.encode(TEXTS)

    first, other, saved_again, copied = (encoded(*of) for of in (("a", 1), ("b", 2), ("a", 3), ("b", 1)))
    assert len({first[0], other[0], saved_again[0]}) == 3
    assert copied[0] == first[0]
    assert not np.allclose(first[1], other[1], atol=1e-3) and not np.allclose(first[1], saved_again[1], atol=1e-3)


@pytest.mark.embedded
@pytest.mark.parametrize("layer", ["0", "40", "last"])
def test_a_layer_that_is_not_there(layer, tmp_path):
    from tests.llm.tiny_llm import tiny_llm

    with pytest.raises(InputError, match=f"layer '{layer}'; give 1 to "):
        open_encoder(f"transformers:{tiny_llm(tmp_path / 'tiny')}#{layer}")


@pytest.mark.embedded
def test_how_much_of_long_texts_is_read():
    encoder = open_encoder("minilm")
    limit, share = encoder.read_share(["lamp " * (4 * encoder.read_share([])[0])])
    assert 0.2 < share < 0.26
    assert encoder.read_share(["a lamp"]) == (limit, 1.0)


def test_hashed_features_count_as_often_as_they_are_there():
    once, more = HashingEncoder(64).encode(["no no, yes", "no no no no, , yes yes"])
    assert once == pytest.approx(more)
    aa, abab = HashingEncoder(4096).encode(["aa", "aa aa b"])
    assert aa @ abab == pytest.approx(6 / math.sqrt(3 * 14))  # aa, #aa, aa# twice; b and #b# once
