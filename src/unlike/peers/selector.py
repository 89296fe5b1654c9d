"""What a selection of representatives must do."""

from collections.abc import Sequence
from typing import Protocol

from unlike.records import Record


class Selector(Protocol):
    """Picks representatives among the texts of others on an item."""

    def select(self, target: Record, peers: Sequence[Record], k: int) -> list[Record]:
        """At most k of the peers' records; what there is where there are fewer.

        Args:
            target: The user's own record on the item.
            peers: One record of each other user on the same item, none by the target's user.
            k: K of the paper.
        """
        ...
