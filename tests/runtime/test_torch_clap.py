from __future__ import annotations

import numpy as np
import pytest

from unbraid.errors import UsageError
from unbraid.runtime.torch_clap import CLIP, ClapEncoder, cut


def never() -> object:
    raise AssertionError("nothing should be loaded")


ENCODER = ClapEncoder(8, never, never)  # type: ignore[arg-type]  # nothing is loaded


def ramp(length: int) -> np.ndarray:
    return np.arange(length, dtype=np.float32)


def test_a_short_clip_is_repeated_whole_and_followed_by_silence() -> None:
    (piece,) = cut(ramp(200_000))
    np.testing.assert_array_equal(piece[:200_000], piece[200_000:400_000])
    assert not piece[400_000:].any()


@pytest.mark.parametrize("length", [1, 479, CLIP // 2 + 1, CLIP])
def test_one_piece_up_to_ten_seconds(length: int) -> None:
    assert cut(ramp(length)).shape == (1, CLIP)


def test_a_long_clip_is_heard_from_its_start_to_its_end() -> None:
    for length in (CLIP + 1, 3 * CLIP, 50 * CLIP):
        pieces = cut(ramp(length))
        assert 2 <= len(pieces) <= 6
        assert (pieces[0, 0], pieces[-1, -1]) == (0, length - 1)


@pytest.mark.parametrize("texts", [[""], ["guitar", "  \n"]])
def test_an_empty_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(UsageError, match="empty text"):
        ENCODER.encode(texts)


def test_no_texts_are_no_queries() -> None:
    assert ENCODER.encode([]).shape == (0, 8)


@pytest.mark.parametrize("clip", [np.zeros((1, 0)), np.zeros((2, 1000)), np.full((1, 10), np.nan)])
def test_a_clip_in_which_nothing_is_heard_is_refused(clip: np.ndarray) -> None:
    with pytest.raises(UsageError, match="clip is empty, silent"):
        ENCODER.encode_clip(clip, 44_100)
