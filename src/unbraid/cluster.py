"""Many songs over a Ray cluster: each goes to a machine that has cores to spare, and answers when it is done.

The machines share a disk, so that songs and results have the same paths on all of them, and have this version of
unbraid installed. What becomes of a song does not depend on where it was done; one that was done before is skipped, and
one whose machine died is done by another. A Ray cluster runs what anyone sends who reaches it: keep strangers out.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from unbraid import __version__
from unbraid.api import Job, Model, load_for, separate_file
from unbraid.api.manifest import Report
from unbraid.api.options import Options
from unbraid.engine.cores import CORES, cores
from unbraid.errors import MissingExtra, ModelError, UnbraidError, UsageError
from unbraid.runtime.heap import StageHeap

Outcome = Report | UnbraidError

CORES_A_SONG = 4
_UNDER_WAY = 1000  # songs that Ray is told of at once: enough for a cluster that grows with its work
_KNOCK_S, _STOP_S = 5.0, 15.0
_ANSWERS = 100 << 20  # bytes for what songs answer, which is a page of text each

_START = "start one with `ray start --head`; RAY_AUTH_MODE must be as it was there"


@dataclass(frozen=True)
class _Home:
    """What a machine must have in common with the one that sent it a song."""

    folder: str
    version: str


def separate_songs(
    jobs: Sequence[Job], address: str = "auto", *, cores_a_song: int = CORES_A_SONG, force: bool = False
) -> Generator[tuple[Job, Outcome]]:
    """Do ``jobs`` on the cluster; each with its report, or with the error that stopped it, in the order of their ends.

    address: "auto" is the cluster that this machine belongs to, "local" one of this machine's cores that ends with the
    iterator, else what ``ray.init`` takes (HOST:PORT). A cluster that the process is connected to already is used.
    cores_a_song: no more than the largest machine has. With ``device`` "cuda" each song has a GPU to itself, too.

    Closing the iterator stops what is under way; the same call goes on from there. Raises UsageError (no such cluster,
    other versions, no common folder), ModelError or MissingExtra, which would fail every song; errors of one song are
    answers.
    """
    ray = _ray()
    if cores_a_song < 1:
        raise UsageError(f"{cores_a_song} cores for a song; give 1 or more")
    with _connected(ray, address):
        home = _Home(str(Path.cwd()), __version__)
        # Futures, since a signal that comes while Ray itself waits is turned into an error of the interpreter.
        todo, under_way = iter(jobs), dict[Future[Outcome], tuple[Job, Any]]()
        do = _on_each(ray, cores_a_song, gpus=any(job.options.device == "cuda" for job in jobs))
        try:
            while True:
                for job in islice(todo, _UNDER_WAY - len(under_way)):
                    task = do.remote(job, home, force)
                    under_way[task.future()] = job, task
                if not under_way:
                    return
                for answer in wait(under_way, return_when=FIRST_COMPLETED).done:
                    yield under_way.pop(answer)[0], _outcome(ray, answer)
        finally:
            for _, task in under_way.values():
                ray.cancel(task)
            wait(under_way, timeout=_STOP_S)  # what they have begun they tidy up themselves, if they get the time


def _one(job: Job, home: _Home, force: bool) -> Outcome:
    """One song, on whichever machine this is. Errors are answers: raised ones would come back as Ray's own."""
    heap = StageHeap()
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        # Ray cancels by it, and who was started in the background has it ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if home.version != __version__:
            here = f"{socket.gethostname()} of the cluster has unbraid {__version__}"
            raise UsageError(f"{here}, this machine {home.version}; install the same everywhere")
        try:
            os.chdir(home.folder)
        except OSError as error:
            raise UsageError(
                f"{socket.gethostname()} of the cluster has no folder {home.folder} ({error.strerror}); "
                "songs and results must lie on a disk that all machines see under the same path"
            ) from error
        model = _model(job.options)
        return separate_file(job, model, force=force, progress=lambda progress: heap.enter(progress.stage))
    except UnbraidError as error:
        return error
    finally:
        heap.enter("")


@lru_cache(maxsize=1)
def _model(options: Options) -> Model:
    """Loaded once in each of Ray's processes, which do one song after the other."""
    return load_for(options)


def _outcome(ray: Any, answer: Future[Outcome]) -> Outcome:
    try:
        outcome = answer.result()
    except ray.exceptions.RayError as error:
        if "No module named 'unbraid" in str(error):
            raise UsageError(
                "a machine of the cluster has no unbraid, or an older one; install the same there"
            ) from error
        told = getattr(error, "cause", error)
        return UnbraidError(f"the cluster gave a song up: {type(told).__name__}: {_first_line(told)}")
    if isinstance(outcome, ModelError | UsageError | MissingExtra):
        raise outcome  # would fail every other song too
    return outcome


def _on_each(ray: Any, cores_a_song: int, *, gpus: bool) -> Any:
    """:func:`_one` as Ray calls it: with as many cores as some machine has, and a GPU of its own if it wants one."""
    has = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if gpus:
        has = [each for each in has if each.get("GPU")]
        if not has:
            raise UsageError("--device cuda: no machine of the cluster has a GPU that Ray knows of")
    largest = max((int(each.get("CPU", 0)) for each in has), default=0)
    share = min(cores_a_song, largest) or cores_a_song  # one without cores yet is taken to grow as asked
    own = {CORES: str(share), "OPENBLAS_NUM_THREADS": "1"}
    return ray.remote(_one).options(num_cpus=share, num_gpus=int(gpus), runtime_env={"env_vars": own})


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    if ray.is_initialized():
        yield
        return
    if not address:
        raise UsageError("no address of a cluster was given; auto is the one that this machine belongs to")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # of a cluster that is started here: nothing is sent home
    where: dict[str, Any] = {"address": address}
    if address == "local":
        where = {"num_cpus": cores(), "include_dashboard": False, "object_store_memory": _ANSWERS}
    _knock(address)
    before = signal.getsignal(signal.SIGTERM) or signal.SIG_DFL
    try:
        ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"no Ray cluster at {address!r} ({_first_line(error)}); {_START}") from error
    finally:
        with suppress(ValueError):  # another thread than the main one has no say in signals
            signal.signal(signal.SIGTERM, before)  # Ray puts its own there
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raises UsageError if nobody answers at HOST:PORT, which takes Ray itself minutes to find out."""
    host, colon, port = address.rpartition(":")
    if not colon or "://" in address:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UsageError(f"no Ray cluster at {address!r} ({error}); {_START}") from error


def _first_line(error: BaseException) -> str:
    """What Ray says, without the traceback that it puts behind."""
    return next(iter(str(error).strip().splitlines()), "no reason given")


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("a cluster needs ray; pip install 'unbraid[cluster]'") from error
    return ray
