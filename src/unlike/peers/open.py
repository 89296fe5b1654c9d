"""From a name to a selector."""

from collections.abc import Callable

from unlike.embed.encoder import Encoder
from unlike.errors import InputError
from unlike.peers.farthest import FarthestSelector
from unlike.peers.kmeans import KMeansSelector
from unlike.peers.random import RandomSelector
from unlike.peers.selector import Selector

SELECTORS: dict[str, Callable[[Encoder, int], Selector]] = {
    "kmeans": KMeansSelector,
    "random": lambda encoder, seed: RandomSelector(seed),
    "farthest": lambda encoder, seed: FarthestSelector(encoder),
}


def open_selector(name: str, encoder: Encoder, seed: int = 0) -> Selector:
    """The selector of that name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in SELECTORS:
        raise InputError(f"unknown selector: {name!r}; allowed are {', '.join(SELECTORS)}")
    return SELECTORS[name](encoder, seed)
