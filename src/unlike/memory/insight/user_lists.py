"""Lists of users, in orders that the database knows and in one that it does not: by uniqueness."""

from dataclasses import replace

from unlike.memory.answers import Page
from unlike.memory.insight.population import Population
from unlike.store import users
from unlike.store.database import Tenant
from unlike.store.users import UserRow

UNIQUENESS = "uniqueness"
SORTS = (*users.SORTS, UNIQUENESS)
"""Orders of a list of users."""


def listed(tenant: Tenant, population: Population, search: str, sort: str, offset: int, limit: int) -> Page[UserRow]:
    """A page of users.

    The most unlike come first by uniqueness, which is measured for that; any other order waits for nothing, and gives
    the uniqueness that is known by then.
    """
    if sort == UNIQUENESS:
        population.distances()
    known = population.known()
    with tenant.read() as tx:
        if sort == UNIQUENESS:
            everybody = sorted(users.numbers_of(tx, search), key=lambda number: -known.get(number, -1.0))
            numbers = everybody[offset : offset + limit]  # who has no vector comes last
        else:
            numbers = users.numbers_of(tx, search, sort, offset, limit)
        rows, total = users.with_numbers(tx, numbers), users.count(tx, search)
    return Page(tuple(replace(row, uniqueness=known.get(number)) for number, row in rows.items()), total, offset)
