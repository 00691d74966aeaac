"""torch: the runtime that runs any net on any device (extra ``torch``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from threading import Condition, Lock
from typing import Any, Literal, Self

import numpy as np

from unbraid.engine.contract import Separated
from unbraid.engine.cores import cores
from unbraid.errors import MissingExtra, ModelError, UsageError
from unbraid.signal import Samples
from unbraid.spec import Spec

try:
    import torch
    from torch import nn
    from torch.nn.attention import SDPBackend, sdpa_kernel
except ImportError as error:
    raise MissingExtra("torch is not installed; pip install 'unbraid[torch]'") from error

Device = Literal["auto", "cpu", "cuda", "mps"]

_ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""All but that of cuDNN, which saves a quarter of a millisecond a call of HTDemucs and plans anew for every shape, in
every thread: half of a profiled minute of music, by eleven threads."""

_ALONE = Lock()
"""Held during a call on a GPU, see :func:`_attention`."""

_TOGETHER = 4
"""Chunks in one call on CUDA: in a call of HTDemucs on an H200, 37 ms long, the sixteen kernels that take most of the
card's time had 5 ms of it; in much of the rest a processor tells it what."""

_CALLS = 8
"""Calls at once on a CPU, at most, since a large net's holds hundreds of megabytes."""


def pick_device(wanted: Device = "auto") -> torch.device:
    """The device called ``wanted``, or the fastest there is. Raises UsageError if it is not there."""
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, there in found.items() if there))
    if not found.get(wanted, False):
        there = ", ".join(name for name, yes in found.items() if yes)
        raise UsageError(f"device {wanted!r} is not there or not seen by torch {torch.__version__}; there is: {there}")
    return torch.device(wanted)


class TorchSeparator:
    """``net`` on ``device``; safe to be called from several threads at once.

    threads: of one call on the CPU; None for one, on many cores for an eighth of them. Calls wait until the cores have
        room for them.
    half: compute convolutions and products in 16 bits; None for where that is faster and exact enough, CUDA. An
        answer that leaves the range of 16 bits is computed again in 32.
    together: chunks that the engine shall give it at once, and to which calls of fewer are filled up; None for one, on
        CUDA in 16 bits some.
    """

    def __init__(
        self,
        net: nn.Module,
        spec: Spec,
        device: torch.device | str = "cpu",
        *,
        threads: int | None = None,
        half: bool | None = None,
        together: int | None = None,
    ) -> None:
        self._device = torch.device(device)
        self._net, self._spec = net.to(self._device).eval(), spec
        self._threads = max(1, cores() // _CALLS) if threads is None else threads
        self._pool, self._room = _pool(self.callers), _Room(max(cores(), self._threads))
        self._half = self._device.type == "cuda" if half is None else half
        wanted = _TOGETHER if self._device.type == "cuda" and self._half else 1
        self._together, self._one_by_one = together or wanted, False

    @property
    def spec(self) -> Spec:
        return self._spec

    @property
    def callers(self) -> int:
        return max(1, cores() // self._threads) if self._device.type == "cpu" else 1

    @property
    def together(self) -> int:
        return self._together

    def among(self, callers: int) -> Self:
        other = copy(self)
        other._threads = max(1, cores() // callers)
        other._pool = _pool(other.callers)
        return other

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        if queries is not None:
            raise ModelError(f"model {self._spec.name!r} takes no queries")
        return Separated(self._answer(mix))

    def _answer(self, *inputs: Samples) -> Samples:
        """What the net makes of ``inputs``; once the device had no room for many, of each alone from then on."""
        count = len(inputs[0])
        if max(count, self._together) > 1 and not self._one_by_one:
            answer = self._tried([_filled(each, self._together) for each in inputs])
            if answer is not None:
                return answer[:count]
            self._one_by_one = True
        if count > 1:
            return np.concatenate([self._answer(*(each[row : row + 1] for each in inputs)) for row in range(count)])
        answer = self._tried(inputs)
        if answer is None:
            raise ModelError(
                f"model {self._spec.name!r} needs more memory than {self._device} has free; use --device cpu"
            )
        return answer

    def _tried(self, inputs: Sequence[Samples]) -> Samples | None:
        """None for want of memory, told in this way since a raised error would hold on to what it has."""
        try:
            answer = self._placed(inputs, self._half)
            if self._half and not np.isfinite(answer).all():
                answer = self._placed(inputs, False)
        except torch.OutOfMemoryError:
            return None
        return answer

    def _placed(self, inputs: Sequence[Samples], half: bool) -> Samples:
        # On a GPU, too: cuDNN finds its way through a layer anew in every thread, which took longer than a song.
        run = self._run_in_turn if self._device.type == "cpu" else self._run
        return self._pool.submit(run, inputs, half).result()

    def _run_in_turn(self, inputs: Sequence[Samples], half: bool) -> Samples:
        with self._room.for_threads(self._threads):
            return self._run(inputs, half)

    def _run(self, inputs: Sequence[Samples], half: bool) -> Samples:
        context: Any = torch.autocast(self._device.type, torch.float16) if half else nullcontext()
        with self._settings(), torch.inference_mode(), context:
            given = [torch.from_numpy(np.array(each)).to(self._device) for each in inputs]
            answer: Samples = self._net(*given).float().cpu().numpy()
            return answer

    def _settings(self) -> AbstractContextManager[Any]:
        """What torch is told for a call."""
        if self._device.type == "cuda":
            return _attention()
        return threads(self._threads if self._device.type == "cpu" else None)


def _filled(examples: Samples, count: int) -> Samples:
    """``examples[batch, ...]``, the last one again up to ``count``: cuDNN plans anew for each size of a batch."""
    missing = count - len(examples)
    return np.concatenate([examples, *[examples[-1:]] * missing]) if missing > 0 else examples


class _Room:
    """The cores, shared with the copies of a separator that :meth:`TorchSeparator.among` makes."""

    def __init__(self, cores: int) -> None:
        self._free, self._changed = cores, Condition()

    @contextmanager
    def for_threads(self, threads: int) -> Iterator[None]:
        """Waits until so many cores are free."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= threads)
            self._free -= threads
        try:
            yield
        finally:
            with self._changed:
                self._free += threads
                self._changed.notify_all()


def _pool(count: int) -> ThreadPoolExecutor:
    """Threads of our own, since each thread that calls torch has a team of workers, and teams wait for each other."""
    return ThreadPoolExecutor(count, thread_name_prefix="unbraid-torch")


@contextmanager
def _attention() -> Iterator[None]:
    """Without cuDNN's. What is allowed holds for the whole process, so calls of several models wait for each other; a
    card computes one of them at a time anyway."""
    with _ALONE, sdpa_kernel(_ATTENTION):
        yield


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch use ``count`` threads in calls from this thread; None for as many as before."""
    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
