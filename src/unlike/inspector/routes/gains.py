"""The gain of each user of an experiment over Non-Perso, searched, sorted and paged by the server."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.errors import InputError
from unlike.inspector.routes.parameters import Here, MetricName, Search, ascii_json_response, page
from unlike.serve.routes.context import Limit, Offset

router = APIRouter(prefix="/inspect/api", tags=["runs"])

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
    """A page of users with their gain by a variant in a metric; by default the first variant and metric."""
    found = here.findings()
    if found is None or not found.gains:
        raise InputError("there are no gains of users here: make a report of runs that include one of non_perso")
    every = found.gains
    variants = list(dict.fromkeys(gain.variant for gain in every))
    metrics = list(dict.fromkeys(gain.metric for gain in every))
    chosen = _one_of(variants, variant, "variant"), _one_of(metrics, metric, "metric")
    folded = search.casefold()
    rows = [gain for gain in every if (gain.variant, gain.metric) == chosen and folded in gain.user_id.casefold()]
    rows.sort(key=lambda gain: (getattr(gain, sort), gain.user_id), reverse=order == "down")
    shown, about = page(rows, offset, limit)
    listed = [
        {name: getattr(gain, name) for name in ("user_id", "gain", "history_records", "uniqueness")} for gain in shown
    ]
    of = dict(zip(("variant", "metric"), chosen, strict=True))
    described = [metric for metric in found.metrics if metric[0] in metrics]
    return ascii_json_response({**about, **of, "variants": variants, "metrics": described, "rows": listed})


def _one_of(known: list[str], asked: str, what: str) -> str:
    if asked and asked not in known:
        raise InputError(f"no {what} {asked[:80]!r} with gains; there are {', '.join(known)}")
    return asked or known[0]
