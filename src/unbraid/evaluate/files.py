"""The reports of an evaluation as files, each whole under its name or not there."""

from __future__ import annotations

import io
from pathlib import Path

from unbraid.audio.atomic import AtomicFile
from unbraid.errors import UsageError
from unbraid.evaluate.plot import box_plot
from unbraid.evaluate.report import to_csv, to_json, to_markdown
from unbraid.evaluate.run import Evaluation

PLOT_FORMATS = ("png", "svg", "pdf")


def write_reports(
    evaluation: Evaluation,
    data: str,
    *,
    json: Path | None = None,
    csv: Path | None = None,
    markdown: Path | None = None,
    plot: Path | None = None,
) -> None:
    """Write those that have a path; ``data`` is what the songs are called in them.

    Raises OutputError, MissingExtra (a plot without matplotlib) or UsageError (a plot of an unknown format).
    """
    for path, text in ((json, to_json), (markdown, to_markdown)):
        if path is not None:
            _write(path, text(evaluation, data).encode())
    if csv is not None:
        _write(csv, to_csv(evaluation).encode())
    if plot is not None:
        kind = plot.suffix.removeprefix(".").lower()
        if kind not in PLOT_FORMATS:
            raise UsageError(f"{plot}: a plot is written as {', '.join(PLOT_FORMATS)}; give a name that ends in one")
        drawn = io.BytesIO()
        box_plot(evaluation, drawn, kind, data)
        _write(plot, drawn.getvalue())


def _write(path: Path, content: bytes) -> None:
    with AtomicFile(path) as atomic:
        atomic.file.write(content)
