"""What --engine may say, and what is said where Ray is not installed."""

import sys

import pytest

from unlike.errors import InputError, MissingPart
from unlike.spread.workers import RayEngine, import_ray, read_engine


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("local", None),
        ("ray", RayEngine()),
        ("ray:4", RayEngine(workers=4)),
        ("ray://head:6379", RayEngine(address="head:6379")),
    ],
)
def test_an_engine_is_read(text, engine):
    assert read_engine(text) == engine


@pytest.mark.parametrize("text", ["", "Ray", "ray:", "ray:0", "ray:²", "ray:many", "ray://", "spark", "local:2"])
def test_another_engine_is_one_line_with_what_is_allowed(text):
    with pytest.raises(InputError, match="allowed are local, ray, ray:WORKERS or ray://HOST:PORT"):
        read_engine(text)


def test_without_ray_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPart, match=r'pip install "\.\[ray\]"'):
        import_ray()
