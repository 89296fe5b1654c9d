"""Maps and the population without a server: figures by hand, and what consent keeps away."""

import asyncio

import numpy as np
import pytest

from tests.memory.town import lived_in, row, town
from tests.store.conftest import empty_file, in_sqlite  # noqa: F401 - fixtures
from unlike.inspector.store.inspection import Inspection
from unlike.inspector.store.maps import plane


def test_the_plane_keeps_the_two_directions_of_most_difference():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(50, 2)) * (5, 2)
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    places, shares = plane((flat @ turn[:2]).astype(np.float32))
    between = lambda rows: np.linalg.norm(rows[:, None] - rows[None], axis=-1)  # noqa: E731
    assert np.allclose(between(places), between(flat), atol=1e-4)
    assert shares[0] > shares[1]
    assert sum(shares) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 9])
def test_the_plane_takes_any_number_of_texts(n):
    vectors = np.random.default_rng(1).normal(size=(n, 4)).astype(np.float32)
    places, shares = plane(vectors)
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert sum(shares) <= 1 + 1e-9


def test_the_same_text_twice_is_one_place():
    places, shares = plane(np.ones((3, 4), np.float32))
    assert not places.any()
    assert shares == (0.0, 0.0)


def test_in_private_no_single_person_s_facts_are_on_the_map(in_sqlite):  # noqa: F811 - a fixture
    peer = row("peer", "tea", "Good tea.", title="Tea", rating=4.0)
    memory = lived_in(in_sqlite, [*town(), peer], private=True)
    points = asyncio.run(Inspection(memory).map("ann", "tea", 4, "kmeans")).points
    others = {(one.title, one.text, one.n_chars, one.rating, one.timestamp) for one in points if not one.mine}
    assert others == {("", "", 0, None, 0)}
    assert all(one.timestamp and one.n_chars for one in points if one.mine)
