"""Songs over a cluster of this machine alone: what comes out is what comes out here."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import noise, write_song
from tests.runtime.graphs import write_graph
from unbraid import cluster
from unbraid.api import Job, Options, load, separate_file
from unbraid.api.manifest import Report
from unbraid.cluster import separate_songs
from unbraid.errors import AudioError, MissingExtra, ModelError, UsageError

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def running() -> Iterator[None]:
    """One cluster for all tests, since each takes seconds to start; they are connected to it already."""
    with cluster._connected(ray, "local"):
        yield


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Three songs of relative paths, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    options = Options(model=str(write_graph(Path("model"), "mask").with_suffix(".onnx")))
    songs = [write_song(Path(f"{name}.wav"), noise(0.4, seed=seed)) for seed, name in enumerate("abc")]
    return [Job(song, song.stem, Path("out"), options) for song in songs]


def stems_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.wav"))}


@pytest.mark.usefixtures("running")
def test_a_cluster_does_what_this_machine_does(jobs: list[Job]) -> None:
    done = dict(separate_songs(jobs))
    assert set(done) == set(jobs)
    model = load(jobs[0].options.model)
    for job in jobs:
        report = done[job]
        assert isinstance(report, Report) and not report.skipped
        here = separate_file(replace(job, out=Path("here")), model)
        assert replace(report, took_s=0.0) == replace(here, took_s=0.0)
    assert stems_below(Path("out")) == stems_below(Path("here"))
    assert len(stems_below(Path("out"))) == 6


@pytest.mark.usefixtures("running")
def test_what_is_done_is_done_once_wherever_it_was(jobs: list[Job]) -> None:
    separate_file(jobs[0], load(jobs[0].options.model))
    first = {job.track: report for job, report in separate_songs(jobs)}
    assert [first[track].skipped for track in "abc" if isinstance(first[track], Report)] == [True, False, False]
    assert all(isinstance(report, Report) and report.skipped for _, report in separate_songs(jobs))
    assert all(isinstance(report, Report) and not report.skipped for _, report in separate_songs(jobs, force=True))


@pytest.mark.usefixtures("running")
def test_a_song_that_fails_does_not_stop_the_others(jobs: list[Job]) -> None:
    jobs[1].song.write_bytes(b"no sound")
    done = {job.track: outcome for job, outcome in separate_songs(jobs)}
    assert isinstance(done["a"], Report) and isinstance(done["c"], Report)
    assert isinstance(done["b"], AudioError) and "b.wav" in str(done["b"])


@pytest.mark.usefixtures("running")
def test_more_songs_than_ray_is_told_of_at_once(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_UNDER_WAY", 2)
    assert {job.track for job, _ in separate_songs(jobs, cores_a_song=1000)} == {"a", "b", "c"}


@pytest.mark.usefixtures("running")
def test_what_would_fail_every_song_ends_it(jobs: list[Job]) -> None:
    unknown = replace(jobs[0].options, model="no-such-model")
    with pytest.raises((ModelError, UsageError), match="no-such-model"):
        list(separate_songs([replace(job, options=unknown) for job in jobs]))


@pytest.mark.usefixtures("running")
def test_other_versions_are_not_mixed(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "__version__", "99.0")
    with pytest.raises(UsageError, match=r"this machine 99\.0; install the same"):
        list(separate_songs(jobs))


@pytest.mark.usefixtures("running")
def test_stopping_leaves_nothing_half_done(jobs: list[Job]) -> None:
    # Some seconds each, with thousands of steps in which a request to stop is heard.
    long = [
        replace(
            job,
            song=write_song(Path(f"long-{job.track}.wav"), noise(200.0, 8000, 1), 8000, "PCM_16"),
            track=f"long-{job.track}",
            options=replace(job.options, overlap=0.9),
        )
        for job in jobs
    ]
    outcomes = separate_songs([jobs[0], *long])
    next(outcomes)
    deadline = time.monotonic() + 60
    while not list(Path("out").glob(".unbraid-*/vocals.f32")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(Path("out").glob(".unbraid-*/vocals.f32")), "nothing was under way that could be stopped"
    outcomes.close()
    assert not list(Path("out").glob(".unbraid-*"))
    for folder in {path.parent for path in Path("out").rglob("*.wav")}:
        assert (folder / "unbraid.json").exists()
    again = dict(separate_songs(jobs))
    assert all(isinstance(report, Report) for report in again.values())


def test_a_machine_that_does_not_see_the_folder_says_so(jobs: list[Job]) -> None:
    answer = cluster._one(jobs[0], cluster._Home("/no/such/folder", cluster.__version__), False)
    assert isinstance(answer, UsageError)
    assert "/no/such/folder" in str(answer) and "all machines see" in str(answer)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "no.such.host.invalid:6379", "127.0.0.1:port", "127.0.0.1:99999999"]
)
def test_no_cluster_there_is_told_at_once(address: str, jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(UsageError, match="no Ray cluster at"):
        next(separate_songs(jobs, address))


def test_numbers_that_make_no_sense(jobs: list[Job]) -> None:
    with pytest.raises(UsageError, match="give 1 or more"):
        next(separate_songs(jobs, cores_a_song=0))


def test_without_ray_the_extra_is_named(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "ray", missing)
    with pytest.raises(MissingExtra, match=r"unbraid\[cluster\]"):
        next(separate_songs(jobs))


@pytest.mark.usefixtures("running")
def test_a_gpu_that_is_not_there_is_refused(jobs: list[Job]) -> None:
    wanting = [replace(job, options=replace(job.options, device="cuda")) for job in jobs]
    with pytest.raises(UsageError, match="GPU"):
        next(separate_songs(wanting))
