"""The difference map over a corpus: the same map as a service draws of its store, with vectors made of the texts here.

The paths are the service's, so that one page serves both. In a corpus everybody agreed to be compared.
"""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from unlike.config import SelectorName, vector_file
from unlike.data.corpus import Corpus
from unlike.embed.encoder import Encoder
from unlike.embed.open import open_encoder
from unlike.inspector.readers.workspace import Inspected
from unlike.inspector.routes.corpus import LAST
from unlike.inspector.routes.parameters import Here, Limit, Offset, page
from unlike.inspector.store.maps import MOST_TEXTS, USUAL, OnMap, drawn
from unlike.memory.settings import MemorySettings
from unlike.records import Item, Record
from unlike.serve.answers import said

router = APIRouter(tags=["maps"])
Id = Annotated[str, Query(max_length=2_000)]
K = Annotated[int, Query(ge=1, le=20, description="How many others are chosen to be compared with")]


@router.get("/v1/map")
def get_map(here: Here, user_id: Id, item_id: Id, k: K = 4, selector: SelectorName = "kmeans") -> Response:
    """All texts on an item as points in a plane, with their clusters and whom the user is compared with."""
    corpus = here.corpus()
    there = on_map(corpus, user_id, corpus.item(item_id), _encoder(here))
    return said(drawn(user_id, there, k, selector, MemorySettings()))


@router.get("/v1/map/differences")
def list_differences(user_id: Id, item_id: Id) -> Response:
    """Nothing: what runs found of a user stands on the pages of their cases."""
    return said({"rows": []})


@router.get("/v1/users/{user_id:path}/records")
def list_records(here: Here, user_id: str, offset: Offset = 0, limit: Limit = 50) -> Response:
    """A page of what a user wrote, the latest first."""
    records, whole = page(list(reversed(here.corpus().history(user_id, LAST))), offset, limit)
    return said({**whole, "rows": records})


def on_map(corpus: Corpus, user_id: str, item: Item, encoder: Encoder) -> OnMap:
    """What a map of a corpus is drawn from: the latest text of each person on the item, the user's among them.

    Args:
        corpus: Whose texts.
        user_id: Who is compared; one who wrote nothing on the item stands at the mean of all own texts.
        item: What is written about.
        encoder: Of texts.
    """
    latest = {record.user_id: record for record in corpus.peers(item.id, None)}
    mine, own = latest.pop(user_id, None), corpus.history(user_id, LAST)
    others = sorted(latest.values(), key=lambda record: record.moment, reverse=True)
    shown = [*([mine] if mine else []), *others[:MOST_TEXTS]]
    vectors = dict(zip([record.id for record in shown], encoder.encode([record.text for record in shown]), strict=True))
    if mine is None and own:
        mine = Record(USUAL, user_id, item.id, "")
        vectors[USUAL] = np.mean(encoder.encode([record.text for record in own]), axis=0)
    return OnMap(0, item, mine, others[:MOST_TEXTS], vectors, len(others), "")


def _encoder(here: Inspected) -> Encoder:
    name = here.embedder()
    return here.once(("encoder", name), lambda: open_encoder(name, vector_file()))
