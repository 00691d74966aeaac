"""Waveforms and spectrograms of a mix and its stems, one PNG (extra ``plot``).

Each picture column reads one window of its stretch of the song, so an hour costs no more than a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.engine.source import BLOCK, Source, read_padded
from unbraid.errors import MissingExtra, OutputError
from unbraid.signal import Samples
from unbraid.transform.stft import hann

COLUMNS = 900
WINDOW = 4096
BANDS = 220
LOWEST_HZ = 40.0
RANGE_DB = 80.0
_COLOURS = ("#3b4252", "#c0392b", "#d68910", "#1e8449", "#2471a3", "#7d3c98", "#117a65", "#7b7d7d")


def check_plot() -> None:
    """Raises MissingExtra if there is nothing to draw with; call it before the work, not after."""
    try:
        import matplotlib  # noqa: F401  (only asked whether it is there)
    except ImportError as error:
        raise MissingExtra("drawing needs matplotlib; pip install 'unbraid[plot]'") from error


def draw(path: Path, sources: Mapping[str, Source], rate: int, title: str) -> None:
    """Write a PNG with one row for each source: its waveform on the left, its spectrogram on the right.

    All rows share one amplitude scale and one level scale, so that what is loud looks loud. Raises OutputError.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = {name: (envelope(source), spectrogram(source, rate)) for name, source in sources.items()}
    peak = max(float(np.abs(wave).max()) for wave, _ in rows.values()) or 1.0
    loudest = max(float(levels.max()) for _, levels in rows.values())
    seconds = next(iter(sources.values())).length / rate
    figure = Figure(figsize=(12, 1.0 + 1.55 * len(rows)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes: Any = figure.subplots(len(rows), 2, sharex=True, squeeze=False, width_ratios=(1, 1.6))
    image: Any = None
    for row, (name, (wave, levels)) in enumerate(rows.items()):
        colour = _COLOURS[row % len(_COLOURS)]
        _draw_wave(axes[row, 0], name, wave, peak, seconds, colour)
        image = _draw_levels(axes[row, 1], levels, loudest, seconds, rate)
    for axis in axes[-1]:
        axis.set_xlabel("time, s")
    figure.colorbar(image, ax=axes[:, 1].tolist(), label="dB below the loudest", pad=0.01)
    try:
        figure.savefig(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def envelope(source: Source) -> Samples:
    """Lowest and highest sample of each picture column, ``[2, column]``, over all channels."""
    edges = np.linspace(0, source.length, COLUMNS + 1).astype(int)
    out = np.zeros((2, COLUMNS), np.float32)
    for column, (start, stop) in enumerate(pairwise(edges)):
        for low in range(start, max(stop, start + 1), BLOCK):
            block = read_padded(source, low, min(low + BLOCK, max(stop, start + 1)))
            out[0, column] = min(out[0, column], block.min())
            out[1, column] = max(out[1, column], block.max())
    return out


def spectrogram(source: Source, rate: int) -> NDArray[np.float64]:
    """Levels in dB ``[band, column]`` of the channels' mean power, in bands of equal width on a log scale."""
    window = hann(WINDOW)
    centres = (np.arange(COLUMNS) + 0.5) * source.length / COLUMNS
    pieces = [read_padded(source, int(at) - WINDOW // 2, int(at) + WINDOW // 2).copy() for at in centres]
    power = np.square(np.abs(np.fft.rfft(np.stack(pieces) * window, axis=-1))).mean(1) / np.square(window.sum() / 2)
    # Cumulative power makes bands of any width, also narrower than a bin, without gaps.
    cumulative = np.concatenate([np.zeros((COLUMNS, 1)), np.cumsum(power, axis=1, dtype=np.float64)], axis=1)
    edges = np.geomspace(LOWEST_HZ, rate / 2, BANDS + 1) / rate * WINDOW + 0.5
    bins = np.arange(cumulative.shape[1])
    at_edges = np.stack([np.interp(edges, bins, row) for row in cumulative])
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(np.diff(at_edges, axis=1), 1e-14)).T
    return levels


def _draw_wave(axis: Any, name: str, wave: Samples, peak: float, seconds: float, colour: str) -> None:
    time = np.linspace(0, seconds, COLUMNS)
    axis.fill_between(time, wave[0], wave[1], color=colour, linewidth=0)
    axis.set_ylim(-peak, peak)
    axis.set_xlim(0, max(seconds, 1e-6))
    axis.set_ylabel(name)
    axis.set_yticks([])
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def _draw_levels(axis: Any, levels: NDArray[np.float64], loudest: float, seconds: float, rate: int) -> Any:
    frequencies = np.geomspace(LOWEST_HZ, rate / 2, BANDS + 1)
    time = np.linspace(0, max(seconds, 1e-6), COLUMNS + 1)
    image = axis.pcolormesh(
        time, frequencies, levels - loudest, cmap="magma", vmin=-RANGE_DB, vmax=0, rasterized=True, shading="flat"
    )
    axis.set_yscale("log")
    ticks = [hz for hz in (100, 1000, 10000) if LOWEST_HZ < hz < rate / 2]
    axis.set_yticks(ticks, [f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz" for hz in ticks])
    axis.minorticks_off()
    return image
