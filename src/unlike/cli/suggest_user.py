"""Suggestions for misspelt user ids, in commands only: over HTTP they would reveal ids."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unlike.store.database import Tenant


def user_suggestion(tenant: "Tenant", *user_ids: str) -> str:
    """A question that names ids like the first of these that no user has; empty if none is similar."""
    from unlike.store.similar_ids import similar_ids
    from unlike.store.tables import USERS
    from unlike.store.users import find_user

    with tenant.read() as tx:
        unknown = next((user_id for user_id in user_ids if find_user(tx, user_id) is None), None)
        near = similar_ids(tx, USERS.c.user_id, unknown) if unknown else []
    return f"did you mean {' or '.join(near)}?" if near else ""


@contextmanager
def suggesting_users(tenant: "Tenant", *user_ids: str) -> Generator[None]:
    """Add similar user ids to the error of an unknown user.

    Raises:
        Unknown: As raised inside.
    """
    from unlike.store.records import Unknown

    try:
        yield
    except Unknown as error:
        if meant := user_suggestion(tenant, *user_ids):
            raise Unknown(f"{error}; {meant}") from error
        raise
