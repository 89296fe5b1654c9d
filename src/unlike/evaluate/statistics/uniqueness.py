"""How unlike the others a user is (DPL, section 4.4.2).

A user's embedding is the mean over the texts before the request; the centre is the mean over users; uniqueness is the
Euclidean distance to it. The upper half of the users by that distance is unique, the lower half is not.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from unlike.embed.encoder import Encoder
from unlike.records import Case, Records


def uniqueness(cases: Sequence[Case], records: Records, encoder: Encoder) -> dict[str, float]:
    """Distance of each user's mean vector to the mean over users.

    Args:
        cases: Test cases; of a user's cases the latest one counts.
        records: Where the histories are.
        encoder: Turns texts into vectors.

    Returns:
        By user id; users without a text before their case are left out.
    """
    latest = {case.user_id: case for case in sorted(cases, key=lambda case: case.moment)}
    histories = {user: records.history(user, case.moment) for user, case in latest.items()}
    histories = {user: history for user, history in histories.items() if history}
    if not histories:
        return {}
    vectors = encoder.encode([record.text for history in histories.values() for record in history])
    ends = np.cumsum([len(history) for history in histories.values()])
    means = np.stack([block.mean(axis=0) for block in np.split(vectors, ends[:-1])])  # (n_users, dim)
    distances = np.linalg.norm(means - means.mean(axis=0), axis=1)
    return dict(zip(histories, map(float, distances), strict=True))


def halves(distances: Mapping[str, float]) -> dict[str, list[str]]:
    """Users by half: "unique" is the upper one; of an odd number it has one more."""
    ordered = sorted(distances, key=lambda user: (distances[user], user))
    middle = len(ordered) // 2
    return {"not unique": ordered[:middle], "unique": ordered[middle:]}
