"""The OpenAPI document, with what FastAPI cannot derive."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from unlike.serve.bodies import RecordBody, RecordsBody
from unlike.serve.middleware import OPEN
from unlike.serve.routes.records import SCHEMA

_KEY = {"type": "http", "scheme": "bearer", "description": "An API key of a tenant: `unlike_…`"}


class App(FastAPI):
    """An app whose document also states which routes need a key, and the bodies that are parsed by hand."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        document = super().openapi()
        parts = document["components"]
        if "securitySchemes" not in parts:
            parts["securitySchemes"] = {"key": _KEY}
            _, bodies = models_json_schema(
                [(RecordsBody, "validation"), (RecordBody, "validation")], ref_template=f"{SCHEMA}{{model}}"
            )
            parts["schemas"] |= bodies["$defs"]
            for path in document["paths"].keys() - OPEN:
                for operation in document["paths"][path].values():
                    operation["security"] = [{"key": []}]
        return document
