"""The end of the way: levels, encoding, and the moment when files get their names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unbraid.api.ingest import Mix
from unbraid.api.manifest import NAME, FileReport
from unbraid.api.names import name_beside, stem_path
from unbraid.api.options import Options
from unbraid.audio.formats import Format
from unbraid.audio.stem_mp4 import write_stem_mp4
from unbraid.audio.write import write_audio
from unbraid.engine.cores import cores
from unbraid.engine.finish import Mixdown, Output, common_gain, remainder, render
from unbraid.engine.progress import StopAsked
from unbraid.errors import Cancelled, OutputError
from unbraid.metrics.loudness import SLOWEST_HZ, Loudness
from unbraid.signal import Samples


@dataclass(frozen=True)
class Job:
    """One song to be taken apart. track: its name in the output folder."""

    song: Path
    track: str
    out: Path
    options: Options

    def path(self, model: str, stem: str) -> Path:
        """Where ``stem`` goes, relative to ``out``."""
        return stem_path(self.options.template, model, self.track, stem, self.options.format)

    def manifest(self, model: str) -> Path:
        """Beside the stems; named after the track where songs share a folder."""
        name = name_beside(self.track, f".{NAME}") if self.shared else NAME
        return self.out / self.path(model, "stem").with_name(name)

    @property
    def shared(self) -> bool:
        """Whether files of several songs lie in one folder."""
        return "{track}" not in str(Path(self.options.template).parent)


def measure(mixdown: Mixdown, options: Options, asked: list[Output]) -> tuple[float | None, float]:
    """The residual's level relative to the mix in dB (None: exactly zero), and the gain for all files.

    asked: files beside those of ``mixdown``, which the gain is for too, while the residual is told without them.
    """
    track = [Output("mix", 1, {})] if options.format == "stem.mp4" else []  # of its own there
    every = {file.name: file for file in (*mixdown.files, *asked, *track)}.values()
    peak = max(float(np.abs(block).max()) for file in every for block in render(mixdown, file))
    residual = remainder([file for file in mixdown.files if file.name != "residual"])
    left, whole = (
        sum(float(np.square(block, dtype=np.float64).sum()) for block in render(mixdown, output))
        for output in (residual, Output("mix", 1, {}))
    )
    level = round(10 * float(np.log10(left / whole)), 1) if left and whole else None
    return level, common_gain(peak, options.gain, options.headroom)


def encode(
    job: Job, model: str, mixdown: Mixdown, mix: Mix, folder: Path, stop_asked: StopAsked
) -> tuple[dict[str, tuple[FileReport, Path]], list[str]]:
    """Encode all files into ``folder``: name -> (report, where it is now); and what the listener should know."""
    options = job.options
    if options.format == "stem.mp4":
        return _write_stem_mp4(job, model, mixdown, mix, folder, stop_asked)
    format: Format = options.format
    broken_off = threading.Event()  # by Ctrl-C, or by what stopped another file: then none is worth finishing

    def write_one(file: Output) -> tuple[FileReport, Path, int, list[str]]:
        heard = _Heard(mix.rate, mixdown.mix.channels, lambda: broken_off.is_set() or stop_asked())
        part = folder / f"{file.name}.{options.format}"
        written = write_audio(
            part,
            heard.through(render(mixdown, file)),
            mix.rate,
            mixdown.mix.channels,
            format=format,
            depth=options.depth,
            bitrate_kbps=options.bitrate_kbps,
            tags=mix.tags,
            samples=mixdown.mix.length,
            dither_seed=options.seed,
        )
        entry = heard.report(job.path(model, file.name), part)
        return entry, part, written.clipped, [f"{file.name}: {note}" for note in written.notes]

    with ThreadPoolExecutor(min(cores(), len(mixdown.files))) as pool:
        tasks = [pool.submit(write_one, file) for file in mixdown.files]
        try:
            ended = wait(tasks, return_when=FIRST_EXCEPTION).done
            results = [task.result() for task in (*(task for task in ended if task.exception()), *tasks)]
        except BaseException:
            broken_off.set()
            raise
    parts = {file.name: (entry, part) for file, (entry, part, _, _) in zip(mixdown.files, results, strict=True)}
    notes = [note for *_, told in results for note in told]
    if options.residual and any(clipped for _, _, clipped, _ in results):
        notes.append("with clipped samples the files do not add up to the mix; --gain common or --depth float32 does")
    return parts, notes


def _write_stem_mp4(
    job: Job, model: str, mixdown: Mixdown, mix: Mix, folder: Path, stop_asked: StopAsked
) -> tuple[dict[str, tuple[FileReport, Path]], list[str]]:
    """One file with the mix and the four stems as streams; each stem's entry names that same file."""
    part = folder / "song.stem.mp4"
    path = job.path(model, job.track)
    heard = {file.name: _Heard(mix.rate, mixdown.mix.channels, stop_asked) for file in mixdown.files}
    written = write_stem_mp4(
        part,
        render(mixdown, Output("mix", 1, {})),
        {file.name: heard[file.name].through(render(mixdown, file)) for file in mixdown.files},
        mix.rate,
        mixdown.mix.channels,
        tags=mix.tags,
    )
    return {name: (each.report(path, part), part) for name, each in heard.items()}, list(written.notes)


class _Heard:
    """Measures what passes through it on its way into a file."""

    def __init__(self, rate: int, channels: int, stop_asked: StopAsked) -> None:
        self._loudness = Loudness(rate, channels) if rate >= SLOWEST_HZ else None
        self._peak, self._stop_asked = 0.0, stop_asked

    def through(self, samples: Iterator[Samples]) -> Iterator[Samples]:
        for block in samples:
            if self._stop_asked():
                raise Cancelled("stopped on request")
            self._peak = max(self._peak, float(np.abs(block).max()))
            if self._loudness is not None:
                self._loudness.push(block)
            yield block

    def report(self, path: Path, part: Path) -> FileReport:
        lufs = -np.inf if self._loudness is None else self._loudness.integrated()
        return FileReport(
            file=path.as_posix(),
            peak_dbfs=round(20 * float(np.log10(self._peak)), 2) if self._peak else None,
            lufs=round(lufs, 1) if np.isfinite(lufs) else None,
            bytes=part.stat().st_size,
        )


def publish(moves: list[tuple[Path, Path]]) -> None:
    """Give finished files their final names, the manifest as the last, so that it never speaks of missing files.

    An older one goes first: stopped in between, a run leaves none, and not one that speaks of other files.
    """
    manifest = moves[-1][1]
    with _named(manifest):
        manifest.unlink(missing_ok=True)
    for part, final in dict(moves).items():
        with _named(final):
            final.parent.mkdir(parents=True, exist_ok=True)
            part.replace(final)


@contextmanager
def _named(final: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{final}: cannot be written ({error.strerror})") from error


def write_text(path: Path, text: str) -> Path:
    """Write ``text``, JSON, and return ``path``. Raises OutputError.

    Names that are no text have lone surrogates for their bytes; what replaces these here is JSON's own escape.
    """
    try:
        path.write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise OutputError(f"{path.parent.parent}: cannot write here ({error.strerror})") from error
    return path
