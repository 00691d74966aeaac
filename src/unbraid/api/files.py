"""A song file in, stem files out: the whole way, in flat memory, all or nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from unbraid.api.asking import Asking, plan_asking
from unbraid.api.deliver import Job, encode, measure, publish, write_text
from unbraid.api.ingest import Mix, ingest
from unbraid.api.join import take_apart
from unbraid.api.manifest import NAME, FileReport, Report, finished, key_of, manifest_text
from unbraid.api.model import Model
from unbraid.api.names import check_template, sounds_beside
from unbraid.api.options import Options
from unbraid.api.presence import presence_of
from unbraid.api.stream import NewStore
from unbraid.api.way import Way
from unbraid.api.workdir import check_room, workdir
from unbraid.engine.finish import Mixdown, Output, outputs
from unbraid.engine.progress import OnProgress, Progress, StopAsked, never
from unbraid.engine.spool import SpoolFolder
from unbraid.errors import UsageError
from unbraid.picture import check_plot, draw

_SAMPLE = 4  # bytes of one that is parked on the disk


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
    files, asking = _plan(job.options, model)
    identity = model.loaded.identity + (model.asker().loaded.identity if asking.questions else "")
    key, manifest = key_of(job.song, identity, job.options), job.manifest(model.name)
    done = None if force else finished(job.out, manifest, key)
    if done is not None:
        return _with_others(job, done)
    began = time.monotonic()
    with workdir(job.out) as folder, SpoolFolder(folder) as new_store:
        mixdown, mix, presence = _take_apart(job, model, files, asking, folder, new_store, progress, stop_asked)
        residual_db, gain = measure(mixdown, job.options, asking.outputs)
        files = [*files, *asking.outputs]
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
            gain_db=round(20 * float(np.log10(gain)), 6),
            runtime=model.loaded.runtime,
            stems=_told({name: entry for name, (entry, _) in parts.items()}, asking, presence),
            warnings=[*mix.warnings, *asking.notes, *notes],
        )
        extra = _picture(job, model.name, mixdown, mix, folder) if job.options.plot else []
        text = write_text(folder / NAME, manifest_text(key, job.options, report))
        publish([(part, job.out / entry.file) for entry, part in parts.values()] + [*extra, (text, manifest)])
    return _with_others(job, report)


def _plan(options: Options, model: Model) -> tuple[list[Output], Asking]:
    """The files of stems, and what is asked beside them."""
    stems = model.spec.stems
    files = outputs(stems, options.stems or stems, options.two_stems, options.residual)
    asking = plan_asking(
        stems,
        [file.name for file in files],
        ask=options.ask,
        without=options.without,
        like=options.ask_like,
        rest=options.rest,
    )
    if not files and not asking.asked:
        raise UsageError(f"model {model.name!r} has no stems of its own; --ask for a sound")
    return files, asking


def _take_apart(
    job: Job,
    model: Model,
    files: list[Output],
    asking: Asking,
    folder: Path,
    new_store: NewStore,
    progress: OnProgress | None,
    stop_asked: StopAsked,
) -> tuple[Mixdown, Mix, dict[str, float]]:
    """Decode and separate into stores that ``new_store`` makes in ``folder``; also the presence of what was asked."""
    options = job.options
    if progress is not None:
        progress(Progress(0.0, "read"))
    mix = ingest(job.song, new_store, options.start_s, options.stop_s, stop_asked)
    wanted = {name for file in files for name in file.stems}
    check_room(folder, (len(wanted) + len(asking.questions)) * mix.samples.length * mix.samples.channels * _SAMPLE)
    way = Way(options.overlap, options.shifts, options.seed, progress, stop_asked)
    taken = take_apart(model, mix.samples, mix.rate, sorted(wanted), asking, new_store, way)
    # What is left of the mix is told without the asked sounds, which are parts of stems or stems once more.
    mixdown = Mixdown(mix.samples, taken.sources, files or asking.outputs)
    return mixdown, mix, presence_of(asking, taken, mixdown)


def _with_others(job: Job, report: Report) -> Report:
    """Also told: sounds that lie beside, where a song has a folder of its own; those of another run may be too loud."""
    written = {job.out / entry.file for entry in report.stems.values()}
    others = [] if job.shared else sounds_beside(written)
    if not others:
        return report
    told = f"{', '.join(path.name for path in others)}: beside the others, but not of this run"
    return replace(report, warnings=[*report.warnings, told])


def _told(entries: dict[str, FileReport], asking: Asking, presence: Mapping[str, float]) -> dict[str, FileReport]:
    """``entries`` with what is known of the asked ones."""
    asked = {
        each.name: replace(
            entries[each.name], query=each.text, route=each.route.as_json(), presence=presence[each.name]
        )
        for each in asking.asked
    }
    return {**entries, **asked}


def _picture(job: Job, model: str, mixdown: Mixdown, mix: Mix, folder: Path) -> list[tuple[Path, Path]]:
    """Draw the mix and its stems; where the picture is and where it goes."""
    part = folder / "picture.png"
    lone = {file.name: next(iter(file.stems)) for file in mixdown.files if not file.mix and len(file.stems) == 1}
    stems = {name: mixdown.stems[stem] for name, stem in lone.items()}
    draw(part, {"mix": mixdown.mix, **stems}, mix.rate, job.track)
    return [(part, job.out / job.path(model, "picture").with_suffix(".png"))]
