"""Draws the pictures of docs/how-it-works.md: ``python docs/pictures/make.py`` (extras ``plot`` and ``studio``).

The voice is that of the demo song, the guitar is a string of the studio's, the stems are what ``unbraid.separate`` with
the bundled model makes of the demo song.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.typing import NDArray

import unbraid
from unbraid.audio.read import open_audio
from unbraid.data.studio.score import Note
from unbraid.data.studio.strings import draw_string, play
from unbraid.transform.stft import Stft

HERE = Path(__file__).parent
DEMO = HERE.parent.parent / "demo"
RATE = 44_100
COLOURS = {"voice": "#c0392b", "guitar": "#1e8449", "sum": "#3b4252"}
STEMS = ("vocals", "drums", "bass", "other")
TOP_HZ = 6000

Mono = NDArray[np.float32]


def main() -> None:
    voice = heard(DEMO / "stems" / "vocals.ogg")
    waves(voice)
    masks()
    encoder_decoder()
    three_ways()


def heard(path: Path) -> Mono:
    with open_audio(path) as reader:
        return np.asarray(reader.read().mean(0), np.float32)


def waves(voice: Mono) -> None:
    """A voice, a guitar and their sum: waveform, 30 ms of it, and spectrogram."""
    energy = np.cumsum(np.square(voice, dtype=float))
    start = int(np.argmax(energy[4 * RATE :] - energy[: -4 * RATE]))
    voice = voice[start : start + 4 * RATE]
    rng = np.random.default_rng(3)
    chord = [Note(0.5 * beat, 0.5 * beat + 0.6, pitch, 90) for beat in range(8) for pitch in (52, 59, 64, 68)]
    guitar = play(draw_string("acoustic", rng), chord, 4.0, rng).mean(0)[: len(voice)]
    guitar = np.asarray(guitar * (np.abs(voice).max() / np.abs(guitar).max()), np.float32)
    rows = {"voice": voice, "guitar": guitar, "sum": voice + guitar}
    figure, axes = sheet((12, 6), 3, 3, width_ratios=(1, 1, 1.4))
    middle = slice(2 * RATE, 2 * RATE + RATE * 30 // 1000)
    for row, (name, samples) in enumerate(rows.items()):
        axes[row, 0].plot(np.arange(len(samples)) / RATE, samples, color=COLOURS[name], lw=0.4)
        axes[row, 1].plot(np.arange(middle.stop - middle.start) / RATE * 1000, samples[middle], color=COLOURS[name])
        spectrogram(axes[row, 2], samples)
        axes[row, 0].set_ylabel(name)
    for column, label in enumerate(("4 seconds, s", "30 milliseconds, ms", "the same as frequencies over time, s")):
        axes[-1, column].set_xlabel(label)
    figure.savefig(HERE / "waves.png")


def masks() -> None:
    """The demo's mix, the share of each stem in every point of its spectrogram, true and as the bundled net sees it."""
    span = slice(4 * RATE, 10 * RATE)
    truth = {name: heard(DEMO / "stems" / f"{name}.ogg")[span] for name in STEMS}
    found = {name: samples.mean(0)[span] for name, samples in unbraid.separate(DEMO / "song.flac").items()}
    figure, axes = sheet((13, 5.4), 2, 5)
    spectrogram(axes[0, 0], np.sum(list(truth.values()), axis=0, dtype=np.float32))
    axes[0, 0].set_title("the mix")
    axes[1, 0].axis("off")
    for row, (label, stems) in enumerate({"true share": truth, "bundled net": found}.items()):
        for column, (name, share) in enumerate(shares(stems).items(), 1):
            axis = axes[row, column]
            axis.imshow(share, origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=1, extent=(0, 6, 0, TOP_HZ))
            axis.set_title(f"{name}: {label}")
    for axis in axes.flat:
        axis.set(yticks=(0, 2000, 4000, 6000))
    figure.savefig(HERE / "masks.png")


def shares(stems: Mapping[str, Mono]) -> dict[str, NDArray[np.float64]]:
    """Each stem's magnitude over the sum of all, ``[freq, frame]``."""
    sizes = {name: np.abs(Stft(4096, 1024).forward(samples)).astype(float) for name, samples in stems.items()}
    total = np.sum(list(sizes.values()), axis=0) + 1e-6
    top = round(TOP_HZ * 4096 / RATE)
    return {name: (size / total)[:top] for name, size in sizes.items()}


def encoder_decoder() -> None:
    """The two shapes of nets in this program."""
    figure, axes = sheet((12, 4.6), 1, 2)
    wave, mask = axes[0]
    for axis, title in ((wave, "U-shaped: the Demucs family, Wave-U-Net"), (mask, "mask: compact, U-Net, AudioSep")):
        axis.set(xlim=(0, 10), ylim=(0, 6), title=title)
        axis.axis("off")
    levels = 4
    for level in range(levels):
        height, y = 0.7, 4.8 - 1.2 * level
        box(wave, 0.3 + 0.9 * level, y, 0.9, height, ("half", "½", "¼", "⅛")[level] if level else "in")
        box(wave, 8.8 - 0.9 * level, y, 0.9, height, "out" if not level else ("", "½", "¼", "⅛")[level])
        arrow(wave, (1.3 + 0.9 * level, y + height / 2), (8.7 - 0.9 * level, y + height / 2), dashed=True)
        if level + 1 < levels:
            arrow(wave, (0.75 + 0.9 * level, y), (1.65 + 0.9 * level, y - 0.5))
            arrow(wave, (8.35 - 0.9 * level, y - 0.5), (9.25 - 0.9 * level, y))
    box(wave, 3.7, 0.1, 2.6, 0.8, "LSTM or transformer")
    wave.text(5, 5.5, "skips carry the detail", ha="center", fontsize=9)
    wave.text(0.2, 0.1, "encoder: fewer, richer\nsteps in time", fontsize=9)
    wave.text(7.4, 0.1, "decoder: a wave\nfor each stem", fontsize=9)
    row = [("mix", 0.1), ("spectro-\ngram", 2.1), ("net", 4.2), ("one mask\na stem", 6.2), ("stems", 8.4)]
    for (name, x), (_, after) in zip(row, [*row[1:], ("", 0.0)], strict=True):
        box(mask, x, 2.5, 1.4, 1.0, name)
        if after:
            arrow(mask, (x + 1.4, 3.0), (after, 3.0))
    mask.annotate("", (7.8, 3.5), (2.8, 3.5), arrowprops={"arrowstyle": "->", "connectionstyle": "arc3,rad=-0.35"})
    mask.text(5.2, 4.75, "times the mix's own spectrogram", ha="center", fontsize=9)
    figure.savefig(HERE / "encoder-decoder.png")


def three_ways() -> None:
    """Specialists, free text, and the hybrid of both."""
    figure, axes = sheet((13, 4.2), 1, 3)
    titles = ("specialists: one output for each stem", "free text: one output, steered by words", "the hybrid")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set(xlim=(0, 10), ylim=(0, 6), title=title)
        axis.axis("off")
        box(axis, 0.2, 2.4, 1.6, 1.1, "mix")
        arrow(axis, (1.8, 2.95), (2.8, 2.95))
    fixed, free, both = axes[0]
    box(fixed, 2.8, 2.0, 2.2, 1.9, "trunk")
    fan(fixed, 5.0, 2.95, STEMS, (5.0, 3.7, 2.2, 0.9))
    box(free, 2.8, 2.0, 2.6, 1.9, "net, bent by\nthe words")
    box(free, 2.8, 4.9, 2.6, 0.8, "“the harp”")
    arrow(free, (4.1, 4.9), (4.1, 3.9))
    fan(free, 5.4, 2.95, ("the harp",), (2.95,))
    box(both, 2.8, 2.0, 2.2, 1.9, "trunk\n(runs once)")
    fan(both, 5.0, 2.95, (*STEMS, "the harp"), (5.2, 4.2, 3.2, 2.2, 0.6))
    box(both, 2.8, 0.1, 2.2, 0.9, "“the harp”")
    arrow(both, (5.0, 0.55), (7.4, 0.6))
    both.annotate("", (8.6, 1.0), (8.6, 1.8), arrowprops={"arrowstyle": "->"})
    both.text(8.8, 1.25, "asked of “other”", fontsize=8)
    figure.savefig(HERE / "three-ways.png")


def fan(axis: Any, x: float, y: float, names: Sequence[str], heights: Sequence[float]) -> None:
    for name, height in zip(names, heights, strict=True):
        box(axis, 7.4, height - 0.4, 2.3, 0.8, name)
        arrow(axis, (x, y), (7.4, height))


def box(axis: Any, x: float, y: float, width: float, height: float, text: str) -> None:
    axis.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0.02", fc="#e5e9f0", ec="#3b4252"))
    axis.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=9)


def arrow(axis: Any, start: tuple[float, float], stop: tuple[float, float], dashed: bool = False) -> None:
    style = {"arrowstyle": "->", "linestyle": "--" if dashed else "-", "color": "#3b4252"}
    axis.annotate("", stop, start, arrowprops=style)


def spectrogram(axis: Any, samples: Mono) -> None:
    power = np.square(np.abs(Stft(4096, 1024).forward(samples)))[: round(TOP_HZ * 4096 / RATE)]
    levels = 10 * np.log10(power / power.max() + 1e-8)
    seconds = len(samples) / RATE
    axis.imshow(levels, origin="lower", aspect="auto", cmap="magma", vmin=-60, extent=(0, seconds, 0, TOP_HZ))


def sheet(size: tuple[float, float], rows: int, columns: int, **grid: Any) -> tuple[Figure, Any]:
    figure = Figure(figsize=size, dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **grid)


if __name__ == "__main__":
    main()
