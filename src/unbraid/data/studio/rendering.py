"""Many songs by many processes. A song that is there is not made again, so a run can be stopped and taken up."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from unbraid.data.studio import assets
from unbraid.data.studio.song import Studio, make_song
from unbraid.data.studio.soundfont import Fonts
from unbraid.data.studio.split import Split, split_of_song
from unbraid.data.studio.voice import load_voices
from unbraid.errors import UnbraidError, UsageError

FORMAT = 1
VERSION = "3"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One song to make. ``seconds`` it took, or the error that stopped it, are in the answer."""

    out: Path
    root: Path
    seed: int
    number: int

    @property
    def split(self) -> Split:
        return split_of_song(self.number)

    @property
    def folder(self) -> Path:
        return self.out / self.split / f"song-{self.seed}-{self.number:05d}"


def make_songs(
    out: Path, songs: int, seed: int, assets_folder: Path, workers: int = 1, progress: Progress | None = None
) -> int:
    """Make songs 0 to ``songs - 1`` of ``seed`` under ``out/{train,valid,test}``; answers how many were made now.

    A song depends on its number and the seed alone, not on the workers or on what else was made.

    Raises:
        UsageError: a number is out of range.
        AudioError, MissingExtra: material or a program is missing (checked before anything is made).
    """
    if songs < 1 or workers < 1:
        raise UsageError(f"songs is {songs} and workers is {workers}; both must be at least 1")
    assets.check(assets_folder)
    out.mkdir(parents=True, exist_ok=True)
    described = {"format": FORMAT, "seed": seed, "version": VERSION}
    (out / "studio.json").write_text(json.dumps(described) + "\n", "utf-8")
    jobs = [Job(out, assets_folder, seed, number) for number in range(songs)]
    open_jobs = [job for job in jobs if not job.folder.exists()]
    made = 0
    for done, (job, seconds, error) in enumerate(_run(open_jobs, workers), start=1):
        made += error is None
        if progress is not None:
            what = f"{seconds:.1f} s" if error is None else f"failed: {error}"
            progress(f"{done}/{len(open_jobs)} {job.split}/{job.folder.name} {what}")
    return made


def _run(jobs: list[Job], workers: int) -> Iterable[tuple[Job, float, str | None]]:
    """Answers in the order in which songs are finished; one worker needs no other process."""
    if workers == 1:
        yield from map(_work, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(_work, jobs)


def _work(job: Job) -> tuple[Job, float, str | None]:
    start = time.perf_counter()
    try:
        make_song(job.folder, job.seed, job.number, _studio(job.root, job.split))
    except UnbraidError as error:
        return job, time.perf_counter() - start, f"{type(error).__name__}: {error}"
    return job, time.perf_counter() - start, None


@lru_cache(maxsize=3)
def _studio(root: Path, split: Split) -> Studio:
    """The material of a split, loaded once in each process."""
    return Studio(assets.gather(root, split), Fonts(), load_voices(root, split))
