"""Vectors and differences made by workers are those of one process."""

import polars as pl
import pytest

from unlike.embed.cache import CachedEncoder
from unlike.embed.encoder import KnownVectors
from unlike.embed.hashing import HashingEncoder
from unlike.errors import InputError
from unlike.latent.difference import Differences
from unlike.settings import vector_file
from unlike.spread.vectors import DifferenceRequest, embed, write_differences
from unlike.spread.workers import RayEngine

TWO = RayEngine(workers=2)


class Asked(HashingEncoder):
    """Fails a test that asks it for anything."""

    def encode(self, texts):
        raise AssertionError(f"{len(texts)} texts have no vector")


@pytest.mark.parametrize("engine", [None, TWO])
def test_all_texts_are_in_the_cache(ray, sample, engine, tmp_path, monkeypatch):
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path))
    seen = []
    embed([*sample.texts(), sample.texts()[0]], "hashing:32", engine, lambda *progress: seen.append(progress))
    n_texts = len(set(sample.texts()))
    assert seen[-1][1:3] == (n_texts, n_texts)
    cached = CachedEncoder(Asked(32), vector_file())
    assert (cached.encode(sample.texts()) == HashingEncoder(32).encode(sample.texts())).all()


@pytest.mark.parametrize("engine", [None, TWO])
def test_the_vectors_of_a_joined_embedder_are_found_again(ray, engine, tmp_path, monkeypatch):
    monkeypatch.setenv("UNLIKE_CACHE", str(tmp_path))
    embed(["a", "b"], "hashing:32+hashing:64", engine)
    for dim in (32, 64):
        assert CachedEncoder(Asked(dim), vector_file()).encode(["a", "b"]).shape == (2, dim)


def test_what_arrived_is_kept_under_the_name_of_who_made_it(tmp_path):
    made = dict(zip(["a", "b"], HashingEncoder(32).encode(["a", "b"]), strict=True))
    arrived = KnownVectors(made, "hashing:32")
    CachedEncoder(arrived, tmp_path / "v.sqlite").encode(["a", "b"])
    assert CachedEncoder(Asked(32), tmp_path / "v.sqlite").encode(["b"]).shape == (1, 32)


def test_the_table_is_the_same_whoever_made_it_and_right(ray, sample, tmp_path):
    cases = sample.cases("train", 9)
    wanted = DifferenceRequest(sample, cases, "hashing:32", 3, "profile_weighted")
    n_rows = [
        write_differences(wanted, tmp_path / f"{name}.parquet", engine) for name, engine in (("a", None), ("b", TWO))
    ]
    here, there = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in "ab")
    assert here.equals(there)
    assert n_rows == [here.height, here.height]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]
    made = Differences(sample, HashingEncoder(32), "profile_weighted")
    for case in cases:
        rows = here.filter(pl.col("case_id") == case.id)
        past = sample.history(case.user_id, case.moment)[-3:]
        vectors = made.of(case, past)
        assert tuple(rows["record_id"]) == vectors.record_ids
        assert rows["diff"].to_list() == vectors.diff.tolist()
        assert rows["his"].to_list() == vectors.his.tolist()
        assert tuple(map(tuple, rows["peer_ids"])) == vectors.peer_ids


def test_a_place_that_cannot_be_written_is_one_line(sample, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_differences(
            DifferenceRequest(sample, sample.cases("train", 1), "hashing:32"), tmp_path / "file" / "d.parquet"
        )
