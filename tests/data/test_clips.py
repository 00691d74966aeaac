"""Captioned sounds: read from tables, mixed at matched energies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.data.layouts import noise, write
from unbraid.data.clips import ClipMixing, ClipSampler
from unbraid.data.tracks.captions import Clip, clips, read_captions
from unbraid.errors import AudioError, UsageError

RATE = 32_000


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = []
    for number, (name, level, rate) in enumerate((("dog", 1.0, 44_100), ("cat", 0.01, 32_000), ("rain", 3.0, 32_000))):
        write(tmp_path / "sounds" / f"{name}.wav", level * noise(number, 1.5, rate)[:1], rate)
        rows.append({"wav": f"sounds/{name}.wav", "caption": f"a {name}"})
    write(tmp_path / "sounds" / "click.wav", noise(9, 0.2))
    rows.append({"wav": "sounds/click.wav", "caption": "a click"})
    (tmp_path / "data.json").write_text(json.dumps({"data": rows}))
    return tmp_path / "data.json"


def found(table: Path) -> list[Clip]:
    return clips(table, RATE)


def test_tables_as_json_and_csv(table: Path) -> None:
    rows = read_captions(table)
    other = table.with_suffix(".csv")
    other.write_text("file,caption\n" + "".join(f"{path.relative_to(table.parent)},{text}\n" for path, text in rows))
    assert read_captions(other) == rows and rows[0] == (table.parent / "sounds/dog.wav", "a dog")
    assert [(clip.caption, clip.samples) for clip in found(table)] == [
        ("a dog", 48_000),
        ("a cat", 48_000),
        ("a rain", 48_000),
    ]


def test_mixtures_have_matched_energies_and_other_captions(table: Path) -> None:
    batch = ClipSampler(found(table), 16_000, ClipMixing(gain_db=0)).batch([1], 16)
    assert batch.mixture.shape == batch.target.shape == (16, 1, 16_000)
    assert set(batch.captions) == {"a dog", "a cat", "a rain"}
    rest = batch.mixture - batch.target
    energies = [np.sqrt(np.mean(np.square(each), axis=(1, 2))) for each in (batch.target, rest)]
    np.testing.assert_allclose(energies[1] / energies[0], 1, rtol=1e-3)
    assert max(abs(np.corrcoef(a[0], b[0])[0, 1]) for a, b in zip(batch.target, rest, strict=True)) < 0.1
    again = ClipSampler(found(table), 16_000, ClipMixing(gain_db=0)).batch([1], 4)
    np.testing.assert_array_equal(again.mixture, batch.mixture[:4])


def test_gains_stay_within_their_range_and_mixtures_below_full_scale(table: Path) -> None:
    batch = ClipSampler(found(table), 16_000, ClipMixing(most=3)).batch([2], 24)
    rest = batch.mixture - batch.target
    ratio_db = 10 * np.log10(np.square(rest).sum((1, 2)) / np.square(batch.target).sum((1, 2)))
    assert ratio_db.min() >= -10.01 and ratio_db.max() <= 10.01 and ratio_db.std() > 2
    assert np.abs(batch.mixture).max() <= 1


def test_what_is_wrong_with_a_table_is_said(table: Path, tmp_path: Path) -> None:
    for text, told in (
        ('{"data": []}', "no rows"), ('{"data": [{"wav": "x.wav"}]}', "row 1 has no caption"), ("{}", "no table"),
    ):  # fmt: skip
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(UsageError, match=told):
            read_captions(tmp_path / "bad.json")
    with pytest.raises(UsageError, match="two captions"):
        ClipSampler(found(table)[:1], 1000)
    (tmp_path / "sounds" / "cat.wav").write_bytes(b"RIFF")
    broken: list[AudioError] = []
    assert [clip.caption for clip in clips(table, RATE, broken.append)] == ["a dog", "a rain"]
    assert "cat.wav" in str(broken[0])
