"""A box plot: one group for each stem, one box for each model, over songs."""

from __future__ import annotations

from typing import Any, BinaryIO

from unbraid.errors import MissingExtra
from unbraid.evaluate.report import songs_with, stems_of
from unbraid.evaluate.run import Evaluation


def box_plot(evaluation: Evaluation, file: BinaryIO, kind: str, data: str) -> None:
    """Draw the SDR of songs into ``file`` as ``kind``: png, svg or pdf.

    The box holds half the songs and the whiskers 90 %; the line is the median. Raises MissingExtra without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a plot needs matplotlib; install it with: pip install 'unbraid[plot]'") from error
    stems, entrants = stems_of(evaluation), evaluation.entrants
    figure = Figure(figsize=(2.5 + 0.45 * len(stems) * max(len(entrants), 2), 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / max(len(entrants), 1)
    for row, entrant in enumerate(entrants):
        boxes = axes.boxplot(
            [songs_with(evaluation, entrant, stem, "sdr") for stem in stems],
            positions=[index + (row + 0.5) * width - 0.4 for index in range(len(stems))],
            widths=0.85 * width,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            medianprops={"color": "black"},
        )
        _colour(boxes["boxes"], f"C{row}", entrant.name + ("†" if entrant.trained_on_test else ""))
    axes.set_xticks(range(len(stems)), stems)
    axes.set_xlim(-0.5, len(stems) - 0.5)
    axes.set_ylabel("SDR of a song in dB (median over 1 s frames)")
    axes.set_title(f"{len(evaluation.songs)} songs of {data}", fontsize="medium")
    axes.grid(axis="y", alpha=0.3)
    if entrants and stems:
        axes.legend(fontsize="small", loc="lower right")
    figure.savefig(file, format=kind, dpi=150)


def _colour(boxes: list[Any], colour: str, label: str) -> None:
    for number, box in enumerate(boxes):
        box.set(facecolor=colour, alpha=0.7, label=label if number == 0 else "_nolegend_")
