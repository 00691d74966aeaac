from __future__ import annotations

import numpy as np

from unbraid.engine.presence import Presence


def test_a_sound_in_a_quarter_of_the_song_is_in_the_song() -> None:
    presence = Presence()
    for place in range(8):
        presence.push(np.array([1.0 if place < 2 else 0.0, 0.1], np.float32))
    pooled = presence.pooled()
    assert pooled is not None
    np.testing.assert_allclose(pooled, [1.0, 0.1])


def test_one_chunk_that_errs_is_no_proof_in_a_long_song() -> None:
    presence = Presence()
    for place in range(40):
        presence.push(np.array([float(place == 7)], np.float32))
    pooled = presence.pooled()
    assert pooled is not None and pooled[0] < 0.2


def test_nothing_is_claimed_for_a_separator_that_tells_nothing() -> None:
    presence = Presence()
    assert presence.pooled() is None
    presence.push(np.zeros(1, np.float32))
    presence.push(None)
    assert presence.pooled() is None
