"""The inspector's pages as files: who may have them, as what, and under which policy."""

import re
from pathlib import Path

import pytest

from tests.serve.conftest import calling
from unlike.inspector.headers import POLICY
from unlike.inspector.page_files import FILES, TYPES


@pytest.fixture
def anyone(house):
    with calling(house) as client:
        del client.headers["authorization"]
        yield client


def test_the_pages_need_no_key_and_what_they_show_does(anyone):
    assert anyone.get("/inspect/").text.startswith("<!doctype html>")
    assert anyone.get("/inspect").url.path == "/inspect/"
    assert anyone.get("/inspect/config.json").json()["views"] == ["users", "map", "playground"]
    for path in ("/v1/users/ada/uniqueness", "/v1/map?user_id=ada&item_id=x", "/v1/playground?user_id=ada&item_id=x"):
        assert anyone.get(path).status_code == 401


def test_every_file_is_served_as_what_it_is(anyone):
    files = [file for file in FILES.rglob("*") if file.is_file()]
    assert len(files) > 20
    for file in files:
        answer = anyone.get(f"/inspect/pages/{file.relative_to(FILES).as_posix()}")
        assert answer.content == file.read_bytes()
        assert answer.headers["content-type"] == TYPES[file.suffix]
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["../middleware.py", "%2e%2e/middleware.py", "views", "nothing.js", "views/../../app.py", "a%00.js"]
)
def test_nothing_else_is(anyone, path):
    assert anyone.get(f"/inspect/pages/{path}").status_code in (401, 404)


def test_a_file_that_a_browser_has_is_not_sent_again(anyone):
    first = anyone.get("/inspect/pages/app.js")
    assert anyone.get("/inspect/pages/app.js", headers={"if-none-match": first.headers["etag"]}).status_code == 304


def own_files():
    return [file for file in FILES.rglob("*") if file.is_file() and "vendor" not in file.parts]


def test_the_pages_name_no_other_address_and_make_no_markup():
    for file in own_files():
        words = file.read_text(encoding="utf-8")
        addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`]*", words)) - {"//www.w3.org/2000/svg"}
        assert {one for one in addresses if "www.w3.org" not in one} == set(), file.name
        for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert door not in words, (file.name, door)


def test_what_is_vendored_comes_with_its_licence():
    vendor = FILES / "vendor"
    for name in ("d3", "plot"):
        assert "Permission to use" in (vendor / f"{name}.LICENSE").read_text()
    told = (vendor / "README.md").read_text()
    assert {file.name for file in vendor.glob("*.js")} == set(re.findall(r"`([\w.]+\.js)`", told)) - {
        Path("dom.js").name
    }
