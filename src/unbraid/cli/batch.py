"""Songs one after the other, here or on a cluster: one that fails is named and does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

from unbraid.api import Job, Model, Options, load_for, separate_file
from unbraid.api.lists import songs_listed
from unbraid.api.manifest import Report
from unbraid.api.names import check_apart, check_template, find_songs, track_names
from unbraid.cli.screen import Screen
from unbraid.engine.cores import CORES
from unbraid.errors import AudioError, MissingExtra, ModelError, UnbraidError, UsageError


def separate_all(
    given: Sequence[Path],
    out: Path,
    options: Options,
    screen: Screen,
    *,
    cluster: str | None,
    cores: int | None,
    force: bool,
) -> int:
    """Every song of the files and folders ``given``; returns the exit code."""
    check_template(options.template)
    found, failed = _find(given, screen, out)
    if not found:
        return 1
    jobs = [Job(song, track, out, options) for song, track in zip(found, track_names(found), strict=True)]
    check_apart([job.path("model", "stem") for job in jobs], found, options.template)
    done = _here(jobs, screen, force) if cluster is None else _over(cluster, jobs, cores, force)
    with closing(done) as outcomes:
        for job, outcome in outcomes:
            if isinstance(outcome, UnbraidError):
                failed += 1
                screen.failed(outcome)
            else:
                screen.report(job, outcome)
    screen.end(len(found), failed, options.model)
    return 1 if failed else 0


def list_all(given: Sequence[Path], options: Options, screen: Screen) -> int:
    """What can be heard in each song; returns the exit code."""
    from unbraid.api.listen import list_sounds

    found, failed = _find(given, screen, None)
    model = _load(options, screen)
    for song in found:
        try:
            screen.heard(song, list_sounds(song, model, screen.stop_asked))
        except AudioError as error:
            failed += 1
            screen.failed(error)
    return 1 if failed else 0


def given_songs(songs: Sequence[Path], listed: Path | None) -> list[Path]:
    """Files and folders named one by one, and those that a list names. Raises UsageError if there are none."""
    if not songs and listed is None:
        raise UsageError("no song was given; name files or folders, or a list of them with --songs-from")
    return [*songs, *(songs_listed(listed) if listed is not None else ())]


def use_cores(cores: int | None) -> None:
    """Of this machine, at most; None for all."""
    if cores is not None:
        os.environ[CORES] = str(cores)


def _here(jobs: Sequence[Job], screen: Screen, force: bool) -> Generator[tuple[Job, Report | UnbraidError]]:
    model = _load(jobs[0].options, screen)
    for job in jobs:
        yield job, _one(job, model, screen, force)


def _one(job: Job, model: Model, screen: Screen, force: bool) -> Report | UnbraidError:
    try:
        with screen.song(job.song) as progress:
            return separate_file(job, model, force=force, progress=progress, stop_asked=screen.stop_asked)
    except (ModelError, UsageError, MissingExtra):
        raise  # would fail every other song too
    except UnbraidError as error:
        return error


def _over(
    address: str, jobs: Sequence[Job], cores: int | None, force: bool
) -> Generator[tuple[Job, Report | UnbraidError]]:
    from unbraid.cluster import CORES_A_SONG, separate_songs

    return separate_songs(jobs, address, cores_a_song=cores or CORES_A_SONG, force=force)


def _load(options: Options, screen: Screen) -> Model:
    with screen.download() as on_bytes:
        return load_for(options, on_bytes)


def _find(given: Sequence[Path], screen: Screen, out: Path | None) -> tuple[list[Path], int]:
    """The songs of every argument, results in ``out`` left out; a folder without any is a failure of its own."""
    found: list[Path] = []
    failed: list[AudioError] = []

    def tell(error: AudioError) -> None:
        failed.append(error)
        screen.failed(error)

    for path in given:
        try:
            found += find_songs([path], out, tell)
        except AudioError as error:
            tell(error)
    return list(dict.fromkeys(found)), len(failed)
