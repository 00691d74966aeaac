"""The look at finished songs: what is wrong is found and named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unbraid.data.studio import check
from unbraid.data.studio.folder import write_song
from unbraid.data.studio.mixing import Part

FACTS = {"kind": "studio", "seed": 1, "bpm": None, "key": None, "style": "made", "score": "own patterns"}


def part(source: str, peak: float, stem: str = "drums", label: str = "kick") -> Part:
    return Part(stem, label, np.full((2, 1000), peak, np.float32), source, "MIT")


def test_good_songs_have_no_faults(tmp_path: Path) -> None:
    write_song(tmp_path / "train/a", [part("kit:A", 0.4), part("own:synth", 0.4, "bass", "synth bass")], FACTS)
    write_song(tmp_path / "test/b", [part("kit:B", 0.4), part("own:synth", 0.4, "bass", "synth bass")], FACTS)
    assert list(check.faults(tmp_path)) == []
    assert any(line.startswith("train: 1 songs") for line in check.amounts(tmp_path))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([part("kit:A", 0.4)], "kit:A: is heard in test, train"),
        ([part("kit:B", 0.0)], "is silent"),
        ([part("kit:B", 0.7), part("kit:B", 0.7)], "its mix clips at 1.40"),
    ],
)
def test_faults_are_named(parts: list[Part], said: str, tmp_path: Path) -> None:
    write_song(tmp_path / "train/a", [part("kit:A", 0.4)], FACTS)
    write_song(tmp_path / "test/b", parts, FACTS)
    (fault,) = check.faults(tmp_path)
    assert said in fault
