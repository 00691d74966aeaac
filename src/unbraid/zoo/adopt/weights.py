"""Weights of a foreign file into one of our nets: nothing may be missing, left over, of another shape, or no number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from unbraid.errors import ModelError
from unbraid.zoo.guard_names import shown

State = Mapping[str, NDArray[Any]]
"""Name -> weights, as zoo/guard reads them."""

_NAMED_AT_MOST = 3


class _Undrawn(TorchFunctionMode):
    """Leaves tensors as they are where they would be filled by chance.

    Without memory there is nothing to fill, and torch takes three seconds to find that out for normal numbers: it loads
    its compiler.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func in (torch.Tensor.normal_, init.normal_):
            return given["tensor"] if "tensor" in given else args[0]
        return func(*args, **given)


@contextmanager
def without_memory() -> Iterator[None]:
    """Nets made in this context have shapes and names, and no memory; weights are put in their places."""
    with torch.device("meta"), _Undrawn():
        yield


def load_strictly(net: nn.Module, state: State) -> None:
    """Fill ``net`` with ``state``, whose names are the net's own, and set it to evaluation.

    Raises ModelError, whose message continues a sentence that begins with the file's name.
    """
    check_strictly(net, state)
    floating = _floating(net)
    tensors = {
        name: torch.from_numpy(np.array(value, np.float32 if name in floating else np.int64))
        for name, value in state.items()
    }
    net.load_state_dict(tensors, strict=True, assign=True)
    net.eval()


def check_strictly(net: nn.Module, state: State) -> None:
    """Raise ModelError if ``state`` does not fit ``net``, which may be one without memory."""
    wanted, floating = net.state_dict(), _floating(net)
    refuse("lacks", wanted.keys() - state.keys())
    refuse("holds, beyond what the net has,", state.keys() - wanted.keys())
    refuse(
        "has the wrong shape for",
        {f"{name} {list(state[name].shape)}" for name, value in wanted.items() if state[name].shape != value.shape},
    )
    refuse("holds nothing under", {name for name in wanted if not state[name].size})
    refuse("holds no floating point numbers for", {name for name in floating if state[name].dtype.kind != "f"})
    refuse("holds no whole numbers for", {name for name in wanted.keys() - floating if state[name].dtype.kind != "i"})
    refuse("holds NaN or infinity in", {name for name in floating if not np.isfinite(state[name]).all()})


def _floating(net: nn.Module) -> set[str]:
    return {name for name, value in net.state_dict().items() if value.is_floating_point()}


def shape(state: State, name: str, axes: int) -> tuple[int, ...]:
    """The shape of the weights ``name``, which must have so many axes."""
    if name not in state or state[name].ndim != axes:
        raise ModelError(f"lacks {name}, or it has another number of axes than {axes}")
    return state[name].shape


def count(state: State, pattern: str) -> int:
    """How many different numbers ``pattern`` finds in the names of the weights."""
    return len({match[1] for name in state if (match := re.match(pattern, name))})


def refuse(what: str, names: set[str]) -> None:
    """Raise ModelError that the file does ``what`` to ``names``, if there are any; the first few are told."""
    if names:
        more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
        listed = ", ".join(shown(name) for name in sorted(names)[:_NAMED_AT_MOST])
        raise ModelError(f"{what} {listed}{more}")
