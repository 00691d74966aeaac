"""A song file in, stem files out: the whole way, in flat memory, all or nothing."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from unbraid.api.deliver import Job, encode, measure, publish, write_text
from unbraid.api.ingest import Mix, ingest
from unbraid.api.manifest import NAME, Report, finished, key_of, manifest_text
from unbraid.api.model import Model
from unbraid.api.names import check_template
from unbraid.api.stream import NewStore
from unbraid.api.workdir import workdir
from unbraid.engine.finish import Mixdown, Output, outputs
from unbraid.engine.progress import OnProgress, Progress, StopAsked, never
from unbraid.engine.spool import SpoolFolder
from unbraid.picture import check_plot, draw


def separate_file(
    job: Job,
    model: Model,
    *,
    force: bool = False,
    progress: OnProgress | None = None,
    stop_asked: StopAsked = never,
) -> Report:
    """Take ``job.song`` apart into files below ``job.out``.

    Nothing is written under a final name before all files of the song are whole. A song that was done before with the
    same bytes, weights and options is skipped unless ``force``. Raises AudioError, ModelError, OutputError, UsageError.
    """
    check_template(job.options.template)
    if job.options.plot:
        check_plot()
    wanted = job.options.stems or model.spec.stems
    files = outputs(model.spec.stems, wanted, job.options.two_stems, job.options.residual)
    key, manifest = key_of(job.song, model.loaded.identity, job.options), job.manifest(model.name)
    done = None if force else finished(job.out, manifest, key)
    if done is not None:
        return done
    began = time.monotonic()
    with workdir(job.out) as folder, SpoolFolder(folder) as new_store:
        mixdown, mix = _take_apart(job, model, files, new_store, progress, stop_asked)
        residual_db, gain = measure(mixdown, job.options)
        mixdown = Mixdown(mixdown.mix, mixdown.stems, files, gain, job.options.grid, job.options.seed)
        if progress is not None:
            progress(Progress(1.0, "write"))
        parts, notes = encode(job, model.name, mixdown, mix, folder, stop_asked)
        report = Report(
            song=str(job.song),
            model=model.name,
            seconds=round(mix.seconds, 3),
            took_s=round(time.monotonic() - began, 3),
            residual_db=residual_db,
            gain_db=round(20 * float(np.log10(gain)), 2),
            runtime=model.loaded.runtime,
            stems={name: entry for name, (entry, _) in parts.items()},
            warnings=[*mix.warnings, *notes],
        )
        extra = _picture(job, model.name, mixdown, mix, folder) if job.options.plot else []
        text = write_text(folder / NAME, manifest_text(key, job.options, report))
        publish([(part, job.out / entry.file) for entry, part in parts.values()] + [*extra, (text, manifest)])
    return report


def _take_apart(
    job: Job, model: Model, files: list[Output], new_store: NewStore, progress: OnProgress | None, stop_asked: StopAsked
) -> tuple[Mixdown, Mix]:
    """Decode and separate into stores that ``new_store`` makes."""
    options = job.options
    if progress is not None:
        progress(Progress(0.0, "read"))
    mix = ingest(job.song, new_store, options.start_s, options.stop_s, stop_asked)
    needed = {name for file in files for name in file.stems}
    wanted = [name for name in model.spec.stems if name in needed]
    stems = model.into(
        mix.samples, mix.rate, wanted, new_store, options.overlap, options.shifts, options.seed, progress, stop_asked
    )
    return Mixdown(mix.samples, stems, files), mix


def _picture(job: Job, model: str, mixdown: Mixdown, mix: Mix, folder: Path) -> list[tuple[Path, Path]]:
    """Draw the mix and its stems; where the picture is and where it goes."""
    part = folder / "picture.png"
    draw(part, {"mix": mixdown.mix, **mixdown.stems}, mix.rate, job.track)
    return [(part, job.out / job.path(model, "picture").with_suffix(".png"))]
