"""A trained net as one ONNX graph with a JSON of facts beside it: what the torch-free runtimes read.

Weights are stored in half precision and widened when the graph is loaded. They are rounded before the export, so the
graph computes what the rounded torch net computes, and the check between both needs no allowance for the rounding.
"""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from unbraid.errors import ModelError
from unbraid.nets.compact import Compact

PARITY_DB = 80.0
"""The graph must agree with torch to this ratio of signal to difference."""

_SMALL = 64  # tensors with fewer values stay in float32: nothing to win
_OPSET = 17  # the first with LayerNormalization


class _Masks(nn.Module):
    """What is exported: the net from spectrum to masks, as the forward of a module."""

    def __init__(self, net: Compact) -> None:
        super().__init__()
        self.net = net

    def forward(self, stft: Tensor) -> Tensor:
        return self.net.masks(stft)


def rounded(net: Compact) -> Compact:
    """A copy of ``net`` whose weights went through half precision, in evaluation mode."""
    copied = copy.deepcopy(net).eval()
    with torch.no_grad():
        for weight in copied.parameters():
            if weight.numel() >= _SMALL:
                weight.copy_(weight.half().float())
    return copied


def export(net: Compact, folder: Path, name: str, facts: Mapping[str, Any]) -> float:
    """Write ``{name}.onnx`` and ``{name}.json`` into ``folder``; return the agreement with torch in dB.

    ``facts`` is what the JSON says beyond the graph's own (training, figures, licence).
    Raises ModelError if graph and net agree to less than PARITY_DB.
    """
    small = rounded(net)
    config = small.config
    frames = 1 + config.segment // config.hop
    noise = torch.randn(
        1, config.channels, 2, config.n_fft // 2 + 1, frames, generator=torch.Generator().manual_seed(0)
    )
    folder.mkdir(parents=True, exist_ok=True)
    path, partial = folder / f"{name}.onnx", folder / f".{name}.partial.onnx"
    _trace(small, noise, partial)
    onnx.save(_halved(onnx.load(partial)), partial)
    agreement = _agreement_db(small, partial, noise)
    if agreement < PARITY_DB:
        partial.unlink()
        raise ModelError(f"the graph of {name} agrees with torch to {agreement:.0f} dB; it must to {PARITY_DB:.0f} dB")
    partial.replace(path)
    known = _facts(small, name, hashlib.sha256(path.read_bytes()).hexdigest())
    (folder / f"{name}.json").write_text(json.dumps({**known, **facts}, indent=1) + "\n", "utf-8")
    return agreement


def _trace(net: Compact, example: Tensor, path: Path) -> None:
    with warnings.catch_warnings():
        # The newer exporter unrolls LSTM layers; the older one writes them as one node each and warns of its age.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Masks(net),
            (example,),
            str(path),
            input_names=["stft"],
            output_names=["mask"],
            dynamic_axes={"stft": {0: "batch"}, "mask": {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store every large weight as float16, with a node that widens it when the graph is loaded."""
    kept, casts = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALL:
            kept.append(tensor)
            continue
        half = f"{tensor.name}.half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def _agreement_db(net: Compact, path: Path, stft: Tensor) -> float:
    """Energy of torch's masks over the energy of the graph's difference, for a batch of two."""
    both = torch.cat([stft, stft.flip(-1)])
    with torch.no_grad():
        ours = net.masks(both).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    theirs = session.run(["mask"], {"stft": both.numpy()})[0]
    difference = float(np.square(ours - theirs).sum())
    return float(10 * np.log10(np.square(ours).sum() / max(difference, 1e-30)))


def _facts(net: Compact, name: str, sha256: str) -> dict[str, Any]:
    config = net.config
    return {
        "format": 1,
        "name": name,
        "graph": f"{name}.onnx",
        "sha256": sha256,
        "rate": config.rate,
        "channels": config.channels,
        "stems": list(config.stems),
        "segment": config.segment,
        "front": "stft",
        "answer": "mask",
        "stft": {"n_fft": config.n_fft, "hop": config.hop, "window": "hann", "pad": "zeros"},
        "scale_equivariant": True,
        "silence_exact": True,
        "normalize": "none",
        "embedding": None,
    }
