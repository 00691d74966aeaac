"""A track decoded: the mixture and the stems that are known, all of one shape and rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from unbraid.audio.downmix import to_stereo
from unbraid.audio.read import open_audio
from unbraid.data.tracks.found import SoundFile
from unbraid.errors import AudioError
from unbraid.evaluate.dataset import Track
from unbraid.signal import Samples


@dataclass(frozen=True)
class Song:
    """mixture: ``[channel, time]``; stems: name -> samples of that shape; sounds: word -> likewise."""

    name: str
    rate: int
    mixture: Samples
    stems: dict[str, Samples]
    sounds: dict[str, Samples] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return float(self.mixture.shape[1] / self.rate)


def load_song(track: Track, words: Sequence[str] = ()) -> Song:
    """Decode what is known of ``track``; of its labelled sounds only those that ``words`` name.

    The song is as long as its mixture; without one, as its longest part, and the mixture is the sum of all. Other files
    are cut or continued with silence (encoders pad). Files are decoded one at a time and added where they belong.
    Raises AudioError for a broken file or a file of another rate.
    """
    sums: dict[str, tuple[SoundFile, ...]] = {f"stem {name}": files for name, files in track.stems.items()}
    sums |= {f"sound {word}": track.sounds[word] for word in words if word in track.sounds}
    sums["mixture"] = (track.mixture,) if track.mixture else track.everything
    totals = {key: np.zeros((1, 0), np.float32) for key in sums}
    rates: dict[int, SoundFile] = {}
    for file in dict.fromkeys(file for files in sums.values() for file in files):
        samples, rate = _read(file)
        rates.setdefault(rate, file)
        if len(rates) > 1:
            told = ", ".join(f"{one.path} has {hz} Hz" for hz, one in rates.items())
            raise AudioError(f"{track.name}: {told}; all files of a song must have one rate")
        for key in (key for key, files in sums.items() if file in files):
            totals[key] = _plus(totals[key], samples)
    mixture = totals.pop("mixture")
    stems = {name: _fitted(totals.pop(f"stem {name}"), mixture.shape) for name in track.stems}
    sounds = {key.removeprefix("sound "): _fitted(total, mixture.shape) for key, total in totals.items()}
    return Song(track.name, next(iter(rates)), mixture, stems, sounds)


def _read(file: SoundFile) -> tuple[Samples, int]:
    """``[channel, time]``, mono or stereo, and the rate."""
    with open_audio(file.path, file.stream) as reader:
        blocks = [to_stereo(block, reader.layout)[0] for block in reader.blocks()]
        return np.concatenate(blocks, axis=1), reader.rate


def _plus(total: Samples, samples: Samples) -> Samples:
    """The sum, as long and as wide as the larger of both; mono goes into all channels."""
    shape = (max(len(total), len(samples)), max(total.shape[1], samples.shape[1]))
    grown = _fitted(total, shape)
    grown[:, : samples.shape[1]] += samples
    return grown


def _fitted(samples: Samples, shape: tuple[int, ...]) -> Samples:
    """``samples[channel, time]`` cut or continued to ``shape``; stereo becomes mono by averaging."""
    if samples.shape == shape:
        return samples
    fitted = np.zeros(shape, np.float32)
    heard = samples if len(samples) <= len(fitted) else samples.mean(axis=0, keepdims=True)
    length = min(shape[1], samples.shape[1])
    fitted[:, :length] = heard[:, :length]
    return fitted
