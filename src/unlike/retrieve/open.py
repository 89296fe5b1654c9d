"""From a name to a retriever."""

from collections.abc import Callable

from unlike.embed.encoder import Encoder
from unlike.retrieve.bm25 import BM25Retriever
from unlike.retrieve.dense import DenseRetriever
from unlike.retrieve.query import Retriever
from unlike.retrieve.random import RandomRetriever
from unlike.retrieve.recency import RecencyRetriever
from unlike.settings import by_name

RETRIEVERS: dict[str, Callable[[Encoder, int], Retriever]] = {
    "bm25": lambda encoder, seed: BM25Retriever(),
    "recency": lambda encoder, seed: RecencyRetriever(),
    "random": lambda encoder, seed: RandomRetriever(seed),
    "dense": lambda encoder, seed: DenseRetriever(encoder),
}


def open_retriever(name: str, encoder: Encoder, seed: int = 0) -> Retriever:
    """The retriever of that name.

    Raises:
        InputError: There is none of that name.
    """
    return by_name("retriever", RETRIEVERS, name)(encoder, seed)
