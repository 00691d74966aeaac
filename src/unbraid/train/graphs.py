"""The two graphs that the bundled net is in use, as modules that can be traced."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unbraid.nets.compact import Compact
from unbraid.nets.query_head import QueryHead
from unbraid.signal import Samples

_OPSET = 17

OPEN = {0: "batch", 3: "frames"}
"""Axes of any size, of spectra and of stems' masks."""

_BATCH, _TOKENS = {0: "batch"}, {1: "time", 2: "batch"}


class TrunkGraph(nn.Module):
    """The first graph: from the spectrum to masks of pooled bins, and to tokens for the second."""

    inputs, outputs = ("stft",), ("mask", "tokens")
    axes: ClassVar = {"stft": OPEN, "mask": OPEN, "tokens": _TOKENS}

    def __init__(self, net: Compact) -> None:
        super().__init__()
        self.net = net

    def forward(self, stft: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.net.trunk(stft)
        return self.net.head(tokens), tokens


class HeadGraph(nn.Module):
    """The second graph: from tokens and a query to a mask of pooled bins and presence."""

    inputs, outputs = ("tokens", "query"), ("mask", "presence")
    axes: ClassVar = {"tokens": _TOKENS, "query": _BATCH, "mask": {0: "batch", 2: "frames"}, "presence": _BATCH}

    def __init__(self, head: QueryHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        mask, logit = self.head(tokens, query)
        return mask, logit.sigmoid()


def examples(net: Compact, head: QueryHead, samples: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Noise of the graphs' input shapes, for a piece of ``samples`` or a segment: a spectrum, its tokens, a query."""
    config, generator = net.config, torch.Generator().manual_seed(0)
    frames = 1 + (samples or config.segment) // config.hop
    stft = torch.randn(1, config.channels, 2, frames, config.n_fft // 2 + 1, generator=generator)
    # A text's vector is of length one; it is asked of all stems.
    query = torch.ones(1, head.query_size)
    query[:, : head.config.words] = functional.normalize(torch.randn(1, head.config.words, generator=generator))
    with torch.no_grad():
        return stft, net.trunk(stft), query


def trace(module: TrunkGraph | HeadGraph, example: Sequence[Tensor], path: Path) -> None:
    """Write ``module`` as a graph in single precision, for batches of any size and pieces of any length."""
    with warnings.catch_warnings(), torch.inference_mode():
        # The newer exporter unrolls LSTM layers; the older one writes them as one node each and warns of its age.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(example),
            str(path),
            input_names=list(module.inputs),
            output_names=list(module.outputs),
            dynamic_axes=module.axes,
            opset_version=_OPSET,
            dynamo=False,
        )


def ratio_db(ours: Samples, theirs: Samples) -> float:
    """How far a graph agrees with torch: the energy of an answer over that of the difference, in dB."""
    difference = float(np.square(ours - theirs).sum())
    return float(10 * np.log10(np.square(ours).sum() / max(difference, 1e-30)))
