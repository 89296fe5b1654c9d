"""Vectors come back as they were, and what is near is the same in both databases."""

import numpy as np

from tests.store.rows import numbers, put, row, unit
from unlike.store import embeddings


def vectors(tenant, dim=32, n=40):
    put(tenant, *(row("ann", f"i{i}") for i in range(n)), row("bob", "i0"))
    return {number: unit(i, dim) for i, number in enumerate(sorted(numbers(tenant).values()))}


def test_a_vector_comes_back_bit_by_bit(tenant):
    made = vectors(tenant, dim=384)
    with tenant.write() as tx:
        embeddings.put(tx, "e", made)
    with tenant.read() as tx:
        found = embeddings.of_records(tx, "e", made)
        assert embeddings.of_records(tx, "another", made) == {}
    assert found.keys() == made.keys()
    assert all(vector.dtype == np.float32 and (vector == made[number]).all() for number, vector in found.items())


def test_the_first_vector_stays(tenant):
    made = vectors(tenant, n=1)
    with tenant.write() as tx:
        embeddings.put(tx, "e", made)
        embeddings.put(tx, "e", {number: -vector for number, vector in made.items()})
        embeddings.put(tx, "e", {})
        found = embeddings.of_records(tx, "e", made)
    assert all((found[number] == made[number]).all() for number in made)


def test_of_records_that_are_gone_nothing_is_kept(tenant):
    made = vectors(tenant, n=1)
    gone = max(made) + 1
    with tenant.write() as tx:
        embeddings.put(tx, "e", made | {gone: unit(0)})
        assert embeddings.of_records(tx, "e", [*made, gone]).keys() == made.keys()
