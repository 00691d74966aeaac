"""Drum kits made of recorded strokes: Hydrogen's kits, and folders of one-shots named by what they are.

A kit maps the General MIDI percussion pitches to instruments; an instrument has layers by how hard it is struck.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from unbraid.data.studio.score import Note
from unbraid.data.studio.touch import AS_RECORDED, Strike
from unbraid.errors import AudioError
from unbraid.signal import Samples

RATE = 44_100
_LONGEST_S = 4.0
_GAIN_AT_REST = 0.12

# What an instrument's name tells: the first pattern that is found names its kind.
_KINDS = (
    ("hihat open", r"(hat|hh).*(open|\bop\b|free|swish)|(open|\bop\b).*(hat|hh)|cymbal_open|hat 1 op|ohh"),
    ("hihat pedal", r"(hat|hh).*(ped|\bpd\b|foot)|ped.*(hat|hh)|cymbal_pedal"),
    ("hihat closed", r"hat|hh|cymbal_closed"),
    ("stick", r"stick|rim ?click|side"),
    ("clap", r"clap"),
    ("percussion", r"cowbell|tambourine|shaker|conga|bongo|clave|wood|agogo|maraca|snap|djembe|cajon|perc|tabla"),
    ("snare", r"snare(?! roll)|snr|\bsn_|^sd|rim"),
    ("tom low", r"(floor|low|_lo_).*tom|(?<![a-z])tom.*(floor|low|_lo_|16)"),
    ("tom high", r"(hi|high|_hi_).*tom|(?<![a-z])tom.*(hi|high|_hi_|12| 1\b)"),
    ("tom mid", r"(?<![a-z])tom"),
    ("kick", r"kick|bass ?dr|bassdrum|\bbd_|drum_bass|^bd"),
    ("crash", r"crash|splash|china"),
    ("ride", r"ride|\bbell\b(?! hit| mute)|cup"),
    ("crash", r"cymbal|cym"),
)
# General MIDI pitch -> kinds that can play it, best first.
_WANTED: dict[int, tuple[str, ...]] = {
    **dict.fromkeys((35, 36), ("kick",)),
    **dict.fromkeys((38, 40), ("snare", "clap")),
    37: ("stick", "snare"),
    39: ("clap", "snare"),
    42: ("hihat closed", "hihat pedal"),
    44: ("hihat pedal", "hihat closed"),
    46: ("hihat open", "hihat closed"),
    **dict.fromkeys((41, 43), ("tom low", "tom mid", "tom high")),
    **dict.fromkeys((45, 47), ("tom mid", "tom low", "tom high")),
    **dict.fromkeys((48, 50), ("tom high", "tom mid", "tom low")),
    **dict.fromkeys((49, 52, 55, 57), ("crash", "ride", "hihat open")),
    **dict.fromkeys((51, 53, 59), ("ride", "hihat closed", "crash")),
}
_ANY_PERCUSSION = ("percussion", "clap", "hihat closed")


@dataclass(frozen=True)
class Layer:
    """A recorded stroke for velocities from ``low`` to ``high`` (0 to 1)."""

    low: float
    high: float
    path: Path


@dataclass(frozen=True)
class Instrument:
    """One thing to strike; ``kind`` is read from its name."""

    name: str
    kind: str
    layers: tuple[Layer, ...]


@dataclass
class Kit:
    """A drum kit. ``play`` takes notes with General MIDI percussion pitches; decoded strokes are kept."""

    name: str
    licence: str
    instruments: tuple[Instrument, ...]
    _strokes: dict[Path, Samples] = field(default_factory=dict, repr=False)

    @property
    def whole(self) -> bool:
        """Whether kick, snare and hi-hat are all there."""
        kinds = {instrument.kind for instrument in self.instruments}
        return {"kick", "snare", "hihat closed"} <= kinds

    def play(
        self, notes: Sequence[Note], seconds: float, rng: np.random.Generator, strike: Strike = AS_RECORDED
    ) -> Samples:
        """The strokes added up, ``[2, time]``; a closed hi-hat stops an open one."""
        samples = np.zeros((2, round(seconds * RATE)), np.float32)
        chosen = {pitch: self._choose(pitch, rng) for pitch in sorted({note.pitch for note in notes})}
        tune = float(np.exp(rng.normal(0.0, 0.02))) * strike.tune
        hats = sorted(note.start_s for note in notes if note.pitch in (42, 44))
        for note in notes:
            instrument = chosen[note.pitch]
            if instrument is None:
                continue
            stroke = strike.decayed(self._stroke(_layer(instrument, note.velocity / 127, rng), tune))
            if note.pitch == 46:
                stroke = _choked(stroke, next((time - note.start_s for time in hats if time > note.start_s), None))
            _add(samples, stroke * _loudness(instrument, note.velocity), int(note.start_s * RATE))
        return samples

    def _choose(self, pitch: int, rng: np.random.Generator) -> Instrument | None:
        for kind in _WANTED.get(pitch, _ANY_PERCUSSION):
            fitting = [instrument for instrument in self.instruments if instrument.kind == kind]
            if fitting:
                return fitting[int(rng.integers(len(fitting)))]
        return None

    def _stroke(self, path: Path, tune: float) -> Samples:
        """The recording at the studio's rate, tuned by a factor."""
        if path not in self._strokes:
            self._strokes[path] = _read(path)
        stroke = self._strokes[path]
        if abs(tune - 1) < 0.005:
            return stroke
        length = int(stroke.shape[1] / tune)
        places = np.arange(length) * tune
        return np.stack([np.interp(places, np.arange(stroke.shape[1]), channel) for channel in stroke]).astype(
            np.float32
        )


def kind_of(name: str) -> str | None:
    """What an instrument called ``name`` is ("kick", "hihat open", ...), or None if the name does not tell."""
    lower = name.lower()
    return next((kind for kind, pattern in _KINDS if re.search(pattern, lower)), None)


def read_hydrogen(folder: Path, name: str, licence: str) -> Kit:
    """The kit in a Hydrogen ``drumkit.xml``; instruments without sounds or with an unknown name are left out.

    Raises:
        AudioError: the file is missing or is not XML.
    """
    path = folder / "drumkit.xml"
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise AudioError(f"{path}: is no Hydrogen drum kit ({error})") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    instruments = []
    for element in root.iter("instrument"):
        label = element.findtext("name") or ""
        kind, layers = kind_of(label), _hydrogen_layers(element, folder)
        if kind is not None and layers:
            instruments.append(Instrument(label, kind, layers))
    return Kit(name, licence, tuple(instruments))


def read_one_shots(files: Sequence[Path], name: str, licence: str) -> Kit:
    """A kit of single files; each file is an instrument of its own, known by its file name."""
    kinds = ((path, kind_of(path.stem)) for path in files if _readable(path))
    instruments = [Instrument(path.stem, kind, (Layer(0.0, 1.0, path),)) for path, kind in kinds if kind]
    return Kit(name, licence, tuple(instruments))


def _readable(path: Path) -> bool:
    """Vorbis in WAV, of which lmms has some, is not."""
    try:
        sf.info(path)
    except sf.LibsndfileError:
        return False
    return True


def _hydrogen_layers(element: ElementTree.Element, folder: Path) -> tuple[Layer, ...]:
    layers = []
    for layer in element.iter("layer"):
        filename = layer.findtext("filename")
        if filename and (folder / filename).is_file():
            low, high = float(layer.findtext("min") or 0.0), float(layer.findtext("max") or 1.0)
            layers.append(Layer(low, high, folder / filename))
    plain = element.findtext("filename")
    if not layers and plain and (folder / plain).is_file():
        layers.append(Layer(0.0, 1.0, folder / plain))
    return tuple(layers)


def _layer(instrument: Instrument, force: float, rng: np.random.Generator) -> Path:
    fitting = [layer for layer in instrument.layers if layer.low <= force <= layer.high] or list(instrument.layers)
    return fitting[int(rng.integers(len(fitting)))].path


def _loudness(instrument: Instrument, velocity: int) -> np.float32:
    """Gain of a stroke; layered instruments already carry part of the dynamics in their recordings."""
    force = velocity / 127
    power = 0.8 if len(instrument.layers) > 1 else 1.4
    return np.float32(_GAIN_AT_REST + (1 - _GAIN_AT_REST) * force**power)


def _choked(stroke: Samples, after_s: float | None, fade_s: float = 0.02) -> Samples:
    if after_s is None or after_s * RATE >= stroke.shape[1]:
        return stroke
    keep, fade = int(after_s * RATE), int(fade_s * RATE)
    short = stroke[:, : keep + fade].copy()
    tail = short.shape[1] - keep
    short[:, keep:] *= np.linspace(1, 0, tail, dtype=np.float32)
    return short


def _read(path: Path) -> Samples:
    """A stroke as ``[2, time]`` at 44.1 kHz, peak 0.5 to 1 kept as recorded, its end faded."""
    samples, rate = sf.read(path, dtype="float32", always_2d=True, frames=-1)
    samples = samples[: int(_LONGEST_S * rate)]
    if rate != RATE:
        samples = soxr.resample(samples, rate, RATE)
    stereo = np.ascontiguousarray(np.repeat(samples[:, :1], 2, axis=1).T if samples.shape[1] == 1 else samples[:, :2].T)
    fade = min(stereo.shape[1], 220)
    stereo[:, stereo.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.asarray(stereo, dtype=np.float32)


def _add(samples: Samples, stroke: Samples, start: int) -> None:
    stop = min(samples.shape[1], start + stroke.shape[1])
    if 0 <= start < stop:
        samples[:, start:stop] += stroke[:, : stop - start]
