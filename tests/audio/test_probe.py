"""The facts of a file from its header and first frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.sounds import encode, noise, png
from unbraid.audio.cover import Cover
from unbraid.audio.formats import Depth, Format
from unbraid.audio.probe import probe
from unbraid.audio.tags import Tags
from unbraid.audio.write import write_audio


@pytest.mark.parametrize(
    ("format", "depth", "codec", "bits", "is_float"),
    [
        ("wav", 16, "pcm_s16le", 16, False),
        ("wav", 24, "pcm_s24le", 24, False),
        ("wav", "float32", "pcm_f32le", None, True),
        ("flac", 16, "flac", 16, False),
        ("flac", 24, "flac", 24, False),
        ("mp3", 24, "mp3float", None, False),
        ("ogg", 24, "vorbis", None, False),
        ("opus", 24, "opus", None, False),
        ("m4a", 24, "aac", None, False),
    ],
)
def test_facts(tmp_path: Path, format: Format, depth: Depth, codec: str, bits: int | None, is_float: bool) -> None:
    path = tmp_path / f"a.{format}"
    tags = Tags({"title": "T"}, Cover(png(), "image/png"))
    write_audio(path, [noise(48_011)], 48000, 2, format=format, depth=depth, tags=tags, samples=48_011)
    facts = probe(path)
    assert (facts.rate, facts.channels, facts.codec, facts.bits, facts.is_float) == (48000, 2, codec, bits, is_float)
    assert facts.samples_hint == 48_011
    assert facts.seconds_hint == pytest.approx(48_011 / 48000)
    assert facts.tags == tags
    assert facts.path == path


@pytest.mark.parametrize("rate", [1000, 384_000])
def test_uncommon_rates(tmp_path: Path, rate: int) -> None:
    write_audio(tmp_path / "a.wav", [noise(100)], rate, 2, format="wav")
    assert probe(tmp_path / "a.wav").rate == rate


def test_channels_have_names_where_the_file_says_so(tmp_path: Path) -> None:
    encode(tmp_path / "a.wav", noise(100, 6), 44100, "pcm_s16le", sample_format="s16", layout="5.1")
    assert probe(tmp_path / "a.wav").layout == ("FL", "FR", "FC", "LFE", "BL", "BR")
    soundfile.write(tmp_path / "b.wav", np.zeros((100, 40)), 44100)
    facts = probe(tmp_path / "b.wav")
    assert (facts.channels, facts.layout) == (40, ())


def test_a_film_has_the_rate_of_its_sound(tmp_path: Path) -> None:
    encode(tmp_path / "a.mkv", noise(22_050), 22050, "aac", with_picture=True)
    facts = probe(tmp_path / "a.mkv")
    assert (facts.rate, facts.channels, facts.codec) == (22050, 2, "aac")
