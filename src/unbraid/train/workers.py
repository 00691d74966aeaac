"""The processes of a run, on one machine or many; the only file that knows Lightning Fabric.

Fabric starts the processes itself, or finds that torchrun has started them. It wraps a module so that its gradients are
averaged over all, and its forward runs in the precision that was asked for.

On a CPU two processes of one thread are twice as fast as one, while one process of two threads waits at the barriers
of LSTM layers; so a process has one thread unless the recipe says otherwise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.optim import Optimizer

from unbraid.errors import UsageError
from unbraid.train.recipe import RunSection

_T = TypeVar("_T")

_LEAVE_S = 0.5
"""For what gloo's threads have to let go of; they take milliseconds."""


class Workers:
    """This process among those of its run."""

    def __init__(self, run: RunSection) -> None:
        torch.set_num_threads(run.threads)
        _check_accelerator(run.accelerator)
        devices, machines = _counts(run.processes)
        on_cpu = run.accelerator == "cpu" or (run.accelerator == "auto" and not _sees_gpu())
        several = DDPStrategy(process_group_backend="gloo" if on_cpu else None)
        self._mixed = None if run.precision == "32-true" else _Mixed(run.precision, _kind(on_cpu))
        self._fabric = Fabric(
            accelerator="cpu" if on_cpu else run.accelerator,
            devices=devices,
            num_nodes=machines,
            strategy=several if devices * machines > 1 else "auto",
            plugins=[] if self._mixed is None else [self._mixed],
        )
        if not on_cpu:
            # Products of GPUs with 10 bits behind the point, as torch has convolutions and LSTMs by default.
            torch.set_float32_matmul_precision("high")
        self._fabric.launch()

    @property
    def device(self) -> torch.device:
        return self._fabric.device

    @property
    def rank(self) -> int:
        """Number of this process, from 0, over all machines."""
        return self._fabric.global_rank

    @property
    def count(self) -> int:
        return self._fabric.world_size

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and validates."""
        return self._fabric.is_global_zero

    @property
    def scaled(self) -> bool:
        """Whether losses are scaled to the range of 16 bits, so that a step may be skipped while the scale is found."""
        return self._mixed is not None and self._mixed.scaler is not None

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[Any, Any]:
        """Both wrapped; the weights of the first process are sent to all."""
        wrapped, stepper = self._fabric.setup(module, optimizer)
        return wrapped, stepper

    def backward(self, loss: Tensor) -> None:
        self._fabric.backward(loss)

    def unsynchronised(self, module: Any, enabled: bool) -> AbstractContextManager[Any]:
        """Inside, gradients are gathered in this process alone."""
        return self._fabric.no_backward_sync(module, enabled=enabled)

    def clip(self, module: Any, optimizer: Any, norm: float) -> Tensor:
        """Clip the gradients' norm to ``norm``, if that is not zero; returns what it was."""
        found = self._fabric.clip_gradients(module, optimizer, max_norm=norm or torch.inf, error_if_nonfinite=False)
        assert found is not None
        return found

    def skip(self) -> None:
        """Go on without the step that gradients were clipped for: a scale is made smaller, as its optimiser would."""
        if self._mixed is not None and self._mixed.scaler is not None:
            self._mixed.scaler.update()

    def means(self, values: dict[str, Tensor]) -> dict[str, float]:
        """Each value's mean over all processes."""
        stacked = torch.stack([value.detach().to("cpu").double() for value in values.values()])  # MPS has no doubles
        if self.count > 1:
            reduced = self._fabric.all_reduce(stacked.to(self.device), reduce_op="mean")
            assert isinstance(reduced, Tensor)
            stacked = reduced
        return dict(zip(values, stacked.tolist(), strict=True))

    def broadcast(self, value: _T) -> _T:
        """The first process's ``value``."""
        return self._fabric.broadcast(value)

    def close(self) -> None:
        """Take leave of the others, who must do so, too; to be called while what :meth:`setup` wrapped is still there.

        The threads of gloo need Python's lock to let go of what they sent. What a module was wrapped in waits for their
        end as it goes, and holds that lock: if they are not done by then, both wait for ever (torch 2.13).
        """
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.barrier()
            time.sleep(_LEAVE_S)
            torch.distributed.destroy_process_group()

    def on_device(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """The same where the net is; from pinned memory without waiting for it."""
        return [tensor.to(self.device, non_blocking=tensor.is_pinned()) for tensor in tensors]

    def precision_state(self) -> dict[str, Any]:
        """What the precision has learnt: the scale of losses."""
        return dict(self._fabric.strategy.precision.state_dict())

    def set_precision_state(self, state: dict[str, Any]) -> None:
        if state:
            self._fabric.strategy.precision.load_state_dict(state)


class _Mixed(MixedPrecision):
    """Products in 16 bits, but not the waves that go in, as Fabric would have it.

    The 8 bits that bf16 has before rounding are noise at -50 dB of a song, all over the spectrum: what a net would then
    hear above 10 kHz, and be told to answer with, is that noise.
    """

    def convert_input(self, data: Any) -> Any:
        return data


def _kind(on_cpu: bool) -> str:
    return "cpu" if on_cpu else "cuda" if torch.cuda.is_available() else "mps"


def _counts(processes: int) -> tuple[int, int]:
    """Processes a machine, and machines: what torchrun says, or ``processes`` on this machine."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return processes, 1
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    return local, int(os.environ["WORLD_SIZE"]) // local


def _sees_gpu() -> bool:
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _check_accelerator(wanted: str) -> None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(wanted, True):
        raise UsageError(f"run.accelerator is {wanted!r}, which torch {torch.__version__} does not see here; use auto")
