"""Ogg pages: checksums, comments, and a layout from which every decoder gets the right length."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.sounds import noise, plain_length
from unbraid.audio.ogg import Ending, ending, read_pages, rewrite_vorbis, without_lone_page
from unbraid.audio.read import open_audio
from unbraid.signal import Samples


def vorbis(samples: Samples) -> bytes:
    """As libsndfile writes it; in steps, since it crashes on long writes."""
    file = BytesIO()
    with soundfile.SoundFile(file, "w", 44100, len(samples), "VORBIS", format="OGG") as encoder:
        for start in range(0, samples.shape[1], 4096):
            encoder.write(samples.T[start : start + 4096])
    return file.getvalue()


def test_pages_read_and_written_again_are_the_same_bytes() -> None:
    """The checksums were computed by libogg, so this proves ours."""
    data = vorbis(noise(50_000))
    pages = list(read_pages(BytesIO(data)))
    assert len(pages) > 5
    assert b"".join(page.encoded() for page in pages) == data


@pytest.mark.parametrize("length", [1, 64, 100, 1000, 5000, 10_000])
@pytest.mark.parametrize("level", [0.1, 0.0])
def test_sound_on_a_single_page_is_read_as_long_as_it_is(tmp_path: Path, length: int, level: float) -> None:
    samples = noise(length, level=level)
    path = tmp_path / "a.ogg"
    path.write_bytes(vorbis(samples))
    with open_audio(path) as reader:
        heard = reader.read()
    reference, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert heard.shape == samples.shape
    np.testing.assert_allclose(heard, reference.T, atol=1e-6)


def test_files_of_more_pages_are_left_alone() -> None:
    file = BytesIO(vorbis(noise(100_000)))
    assert without_lone_page(file) is file
    assert without_lone_page(other := BytesIO(b"RIFF....")) is other


@pytest.mark.parametrize("size", [10, 5000, 300_000])
def test_comments_of_any_size_are_put_in_without_changing_the_sound(tmp_path: Path, size: int) -> None:
    """300 000 letters need several pages, and all pages after them other numbers and checksums."""
    samples = noise(30_000)
    plain = vorbis(samples)
    target = BytesIO()
    rewrite_vorbis(BytesIO(plain), target, [("TITLE", "ü" * size), ("X", "1")])
    path = tmp_path / "a.ogg"
    path.write_bytes(target.getvalue())
    numbers = [page.number for page in read_pages(BytesIO(target.getvalue()))]
    assert numbers == list(range(len(numbers)))
    heard, _ = soundfile.read(path, dtype="float32")
    reference, _ = soundfile.read(BytesIO(plain), dtype="float32")
    np.testing.assert_array_equal(heard, reference)
    assert soundfile.SoundFile(path).title == "ü" * size
    assert plain_length(path) == 30_000


def test_a_missing_end_is_noticed() -> None:
    data = vorbis(noise(100_000))
    assert ending(BytesIO(data)) == Ending(closed=True, chained=False)
    for left in (len(data) // 2, len(data) - 1):
        assert not ending(BytesIO(data[:left])).closed


def test_files_strung_together_are_noticed_and_read(tmp_path: Path) -> None:
    first, second = vorbis(noise(60_000)), vorbis(noise(50_000))
    pages = [page.encoded() for page in (replace(page, serial=7) for page in read_pages(BytesIO(second)))]
    assert ending(BytesIO(first + b"".join(pages))) == Ending(closed=True, chained=True)
    (tmp_path / "a.ogg").write_bytes(first + b"".join(pages))
    with open_audio(tmp_path / "a.ogg") as reader:
        assert abs(reader.read().shape[1] - 110_000) <= 1024
    assert len(reader.warnings) == 1 and "strung together" in reader.warnings[0]


@pytest.mark.parametrize("content", [b"", b"OggS", b"RIFF" + bytes(100), b"OggS\0" + bytes(22)])
def test_other_files_have_no_such_end(content: bytes) -> None:
    assert not ending(BytesIO(content)).closed
    assert without_lone_page(file := BytesIO(content)) is file
