"""Options are checked before any work is done, and the message names what was given."""

from __future__ import annotations

from typing import Any

import pytest

from unbraid.api.options import Options
from unbraid.errors import UsageError


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"format": "mp5"}, "mp5.*wav, flac"),
        ({"depth": 8}, "8.*16, 24, float32"),
        ({"gain": "loud"}, "loud.*common, none"),
        ({"overlap": 1.0}, "overlap is 1.0"),
        ({"shifts": -1}, "shifts is -1"),
        ({"seed": -5}, "seed is -5"),
        ({"start_s": 5.0, "stop_s": 5.0}, "--to must come after --from"),
        ({"start_s": -1.0}, "no part of a song"),
        ({"two_stems": "vocals", "stems": ("drums",)}, "cannot be combined"),
        ({"format": "flac", "depth": "float32"}, "FLAC holds 16 or 24"),
        ({"format": "stem.mp4", "residual": True}, "leave out"),
        ({"format": "mp3", "bitrate_kbps": 8}, "bitrate is 8 kbit/s; give 32 to 320 for mp3"),
        ({"format": "ogg", "bitrate_kbps": 32}, "give 64 to 320 for ogg"),
        ({"template": "{track}.{stem}.mp4"}, r"ends in \.mp4, and the format is wav"),
        ({"bitrate_kbps": 128}, "wav has no bit rate to choose"),
        ({"format": "mp3", "template": "{track} {stem}.wav"}, r"ends in \.wav, and the format is mp3"),
        ({"device": "tpu"}, "tpu"),
        ({"runtime": "jax"}, "jax"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Options(**wrong)


def test_only_integer_formats_have_a_grid() -> None:
    assert Options(format="wav", depth=24).grid == 24
    assert Options(format="flac", depth=16).grid == 16
    assert Options(format="wav", depth="float32").grid is None
    assert Options(format="mp3").grid is None


def test_being_offline_does_not_change_the_result() -> None:
    assert Options(offline=True).as_json() == Options().as_json()
    assert Options(seed=1).as_json() != Options().as_json()
