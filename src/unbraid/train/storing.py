"""Weights stored small in a graph, and widened when it is loaded.

Matrices are stored as whole numbers of 8 bits with a scale for each output, other large tensors in half precision.
Nodes in front of the graph make them single precision again; runtimes compute these once, when they load it. A net is
rounded before it is exported, so that the graph computes what the rounded net computes, and the check between both
needs no allowance for the rounding.

A scale has 16 bits, so a weight, 7 bits times these, is exact in single precision. Hence it does not matter how the
exporter turns and joins matrices: whole numbers and scales are found again in what it writes, to the bit.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from unbraid.nets.blocks.band_blocks import BandLinear
from unbraid.signal import Samples

Net = TypeVar("Net", bound=nn.Module)

_SMALL = 64  # tensors with fewer values stay in float32: nothing to win
_LARGE = 4096  # matrices with as many become whole numbers
_MOST = 127
_HALF, _WHOLE, _SCALE = ".half", ".int8", ".int8.scale"


def rounded(net: Net) -> Net:
    """A copy of ``net`` with its weights as a graph will hold them, in evaluation mode."""
    copied = copy.deepcopy(net).eval()
    matrices = _matrices(copied)
    with torch.no_grad():
        for name, weight in copied.state_dict().items():
            if name in matrices and weight.numel() >= _LARGE:
                whole, scale = _whole(weight.numpy(), 1)
                weight.copy_(torch.from_numpy(whole * scale))
            elif weight.numel() >= _SMALL:
                weight.copy_(weight.half().float())
    return copied


def _matrices(net: nn.Module) -> set[str]:
    """Names of the weights whose inputs lie on axis 1: ``[out, in]`` or ``[set, in, out]``."""
    names = set()
    for path, module in net.named_modules():
        if isinstance(module, BandLinear | nn.Linear | nn.LSTM):
            own = (name for name, weight in module.named_parameters(recurse=False) if weight.dim() > 1)
            names |= {f"{path}.{name}" for name in own if not name.startswith("bias")}
    return names


def _whole(values: Samples, axis: int) -> tuple[Samples, Samples]:
    """Whole numbers of at most 127, and scales, such that ``whole * scale`` is near ``values``.

    axis: of the inputs; they share a scale.
    """
    largest = np.abs(values).max(axis, keepdims=True)
    mantissa, exponent = np.frexp(np.where(largest > 0, largest, 1) / np.float32(_MOST))
    scale = np.ldexp(np.rint(mantissa * 2**16), exponent - 16).astype(np.float32)
    return np.rint(values / scale).clip(-_MOST, _MOST).astype(np.float32), scale


def stored(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store every large weight of a rounded net's graph small, with nodes that widen it when the graph is loaded."""
    kept: list[TensorProto] = []
    widen: list[Any] = []
    for tensor in model.graph.initializer:
        values, name = numpy_helper.to_array(tensor), tensor.name
        if values.dtype != np.float32 or values.size < _SMALL:
            kept.append(tensor)
            continue
        found = _found(values)
        if found is None:
            kept.append(numpy_helper.from_array(values.astype(np.float16), name + _HALF))
            widen.append(helper.make_node("Cast", [name + _HALF], [name], to=TensorProto.FLOAT))
            continue
        whole, scale = found
        kept.append(numpy_helper.from_array(whole.astype(np.int8), name + _WHOLE))
        kept.append(numpy_helper.from_array(scale, name + _SCALE))
        widen.append(helper.make_node("Cast", [name + _WHOLE], [f"{name}.int8.wide"], to=TensorProto.FLOAT))
        widen.append(helper.make_node("Mul", [f"{name}.int8.wide", name + _SCALE], [name]))
    nodes = [*widen, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def _found(values: Samples) -> tuple[Samples, Samples] | None:
    """Whole numbers and scales that give ``values`` to the bit, along whichever axis; None if there are none."""
    if values.size >= _LARGE and values.ndim > 1:
        for axis in range(values.ndim):
            whole, scale = _whole(values, axis)
            if np.array_equal(whole * scale, values):
                return whole, scale
    return None


def widened(model: onnx.ModelProto) -> dict[str, Samples]:
    """The weights of a graph in single precision, by the names that they had before :func:`stored`."""
    values: dict[str, Samples] = {}
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if tensor.name.endswith(_SCALE):  # its whole numbers came before it
            values[tensor.name.removesuffix(_SCALE)] *= array
        elif array.dtype in (np.float32, np.float16, np.int8):
            values[tensor.name.removesuffix(_HALF).removesuffix(_WHOLE)] = array.astype(np.float32)
    return values
