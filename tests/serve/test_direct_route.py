"""A route that reads a plain body itself answers as FastAPI answers the same body."""

from tests.serve.conftest import calling

BODIES = {
    "whole": b'{"user_id": "ada", "item_id": "album-1"}',
    "numbers in strings": b'{"user_id": "ada", "item_id": "album-1", "rating": "4", "max_tokens": "20"}',
    "one name twice": b'{"user_id": "zoe", "user_id": "ada", "item_id": "album-1"}',
    "not a number": b'{"user_id": "ada", "item_id": "album-1", "temperature": NaN}',
    "a long number": b'{"user_id": "ada", "item_id": "album-1", "seed": %s}' % (b"9" * 400),
    "half a character": b'{"user_id": "\\ud800", "item_id": "album-1"}',
    "no such item": b'{"user_id": "ada", "item_id": "nothing"}',
    "an unknown field": b'{"user_id": "ada", "item_id": "album-1", "colour": "red"}',
    "a wrong type": b'{"user_id": 3, "item_id": "album-1"}',
    "no object": b"[1]",
    "no JSON": b'{"user_id": ',
    "UTF-16": '{"user_id": "ada", "item_id": "album-1"}'.encode("utf-16"),
    "no UTF-8": b'{"user_id": "\xff"}',
    "nothing": b"",
}


PLAIN, OTHER = "application/json", "application/json; charset=utf-8"
"""Content types of bodies that the route reads, and that FastAPI reads."""
ACCEPTED = {"whole", "one name twice", "UTF-16"}


def test_a_body_is_answered_alike_however_it_is_read(full_house):
    with calling(full_house) as client:
        for name, body in BODIES.items():
            for query in ("", "?strict=1"):
                direct, through_fastapi = (
                    client.post(f"/v1/generate{query}", content=body, headers={"content-type": content_type})
                    for content_type in (PLAIN, OTHER)
                )
                assert facts(direct) == facts(through_fastapi), name
                assert (direct.status_code == 200) == (name in ACCEPTED and not query)


def test_other_methods_are_refused(full_house):
    with calling(full_house) as client:
        refused = client.put("/v1/generate", content=BODIES["whole"], headers={"content-type": PLAIN})
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def facts(answer):
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, answer.json(), headers
