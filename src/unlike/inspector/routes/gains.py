"""What each user of an experiment gains over Non-Perso, searched, ordered and paged by the server."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from unlike.errors import InputError
from unlike.evaluate.statistics.findings import UserGain
from unlike.inspector.readers.run_folders import FINDINGS
from unlike.inspector.routes.parameters import Here, Limit, MetricName, Offset, Search, page, sent

router = APIRouter(prefix="/inspect/api", tags=["runs"])

_GAINS = TypeAdapter(list[UserGain])
VariantName = Annotated[str, Query(max_length=300, description="Name of a variant, as the report calls it")]


@router.get("/gains")
def gains(
    here: Here,
    variant: VariantName = "",
    metric: MetricName = "",
    sort: Literal["gain", "uniqueness", "history_records", "user_id"] = "gain",
    order: Literal["up", "down"] = "down",
    search: Search = "",
    offset: Offset = 0,
    limit: Limit = 50,
) -> Response:
    """A page of the users, by what they gain with a variant on a metric; the first of each where none is asked for."""
    findings = here.findings() or {}
    every = _gains(here, findings)
    variants = list(dict.fromkeys(gain.variant for gain in every))
    metrics = list(dict.fromkeys(gain.metric for gain in every))
    chosen = _one_of(variants, variant, "variant"), _one_of(metrics, metric, "metric")
    folded = search.casefold()
    found = [gain for gain in every if (gain.variant, gain.metric) == chosen and folded in gain.user_id.casefold()]
    found.sort(key=lambda gain: (getattr(gain, sort), gain.user_id), reverse=order == "down")
    rows, about = page(found, offset, limit)
    listed = [
        {name: getattr(gain, name) for name in ("user_id", "gain", "history_records", "uniqueness")} for gain in rows
    ]
    of = dict(zip(("variant", "metric"), chosen, strict=True))
    described = [metric for metric in findings["metrics"] if metric[0] in metrics]
    return sent({**about, **of, "variants": variants, "metrics": described, "rows": listed})


def _gains(here: Here, findings: Mapping[str, Any]) -> list[UserGain]:
    """Of every user, variant and metric.

    Raises:
        InputError: The findings hold none, or hold something else.
    """
    found = findings.get("gains")
    if not found:
        raise InputError("nobody's gain is known here: it takes a report of runs of which one is of non_perso")
    try:
        return _GAINS.validate_python(found)
    except ValidationError as error:
        raise InputError(
            f"{FINDINGS} of {here.where} holds no gains of users; make it again with: unlike report"
        ) from error


def _one_of(known: list[str], asked: str, what: str) -> str:
    if asked and asked not in known:
        raise InputError(f"no {what} {asked[:80]!r} with gains; there are {', '.join(known)}")
    return asked or known[0]
