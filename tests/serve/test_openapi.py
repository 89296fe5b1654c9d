"""The OpenAPI document, and that the service keeps what it promises there, whatever is sent."""

import contextlib

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.jsonschema import patterns
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from unlike.serve.middleware import OPEN

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


LONG_CHARS = 1_000
"""A longer maxLength stays beside its pattern: written into it as {0,100000}, each compilation takes a second."""


@pytest.fixture
def long_texts(monkeypatch):
    fold = patterns._transform
    monkeypatch.setattr(
        patterns, "_transform", lambda parts, low, high: None if (high or 0) > LONG_CHARS else fold(parts, low, high)
    )


@pytest.mark.parametrize("mode", GenerationMode)
def test_the_service_is_as_documented(full_house, long_texts, mode):
    """With what fits the document and with what does not; a 5xx is never an answer to that."""
    api = schemathesis.openapi.from_asgi("/openapi.json", full_house.app)
    found = [one.ok() for one in api.get_all_operations()]
    assert len(found) == sum(len(methods) for methods in full_house.app.openapi()["paths"].values())
    for operation in found:
        with contextlib.suppress(Unsatisfiable):  # not every route takes anything that could be wrong
            _conforms(operation, mode, full_house.head())


def _conforms(operation, mode, headers):
    @settings(max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def conforms(case):
        case.call_and_validate(headers=headers, checks=CHECKS)

    conforms()


@pytest.fixture
def document(house):
    return house.app.openapi()


def operations(document):
    return {(method, path): one for path, methods in document["paths"].items() for method, one in methods.items()}


def test_all_but_the_operators_routes_need_a_key(document):
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for (_, path), operation in operations(document).items():
        assert ("security" in operation) == (path not in OPEN)


def test_every_route_says_what_it_does_and_how_it_fails(document):
    for (_, path), operation in operations(document).items():
        assert operation["description"]
        if path not in OPEN:
            for status in operation["responses"].keys() - {"200", "202"}:
                content = operation["responses"][status]["content"]["application/json"]
                assert content["schema"]["$ref"].endswith("/ErrorBody")


def test_every_reference_leads_somewhere(document):
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def references(part):
    if isinstance(part, dict):
        yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        for below in part.values():
            yield from references(below)
    elif isinstance(part, list):
        for below in part:
            yield from references(below)


def test_the_examples_are_accepted(document, client):
    for method, path in [("post", "/v1/records"), ("post", "/v1/generate"), ("post", "/v1/chat/completions")]:
        content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
        name = content["schema"]["$ref"].rsplit("/", 1)[1]
        for example in document["components"]["schemas"][name]["examples"]:
            assert client.post(path, json=example).status_code == 200
