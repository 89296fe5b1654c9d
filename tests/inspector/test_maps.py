"""Maps and the population without a server: figures by hand, and what consent keeps away."""

import numpy as np
import pytest

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
