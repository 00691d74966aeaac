"""Every separator there is, small enough for a test: each net with random weights, and the bundled model."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch

from unbraid.engine.contract import Separated, Separator
from unbraid.nets.registry import NETS, classes
from unbraid.runtime.torch import TorchSeparator
from unbraid.runtime.torch_asked import AskedSeparator
from unbraid.signal import Samples
from unbraid.zoo.load import load

SIZES: dict[str, dict[str, Any]] = {
    "audiosep": {"segment": 4001, "n_fft": 128, "hop": 20, "widths": (4, 4, 4, 4, 4, 4), "embedding": 8},
    "compact": {
        **{"n_fft": 256, "hop": 64, "segment": 64 * 31, "bands": ((4, 4, 1), (3, 8, 1), (3, 15, 2))},
        **{"width": 8, "hidden": 8, "near": 16, "alike": 2, "blocks": (1, "far"), "mixer": 8, "head": 8},
    },
    "compact-words": {
        **{"n_fft": 256, "hop": 64, "segment": 64 * 31, "bands": ((4, 4, 1), (3, 8, 1), (3, 15, 2))},
        **{"width": 8, "hidden": 8, "near": 16, "alike": 2, "blocks": (1, "far"), "mixer": 8, "head": 8},
        "words": {"mixer": 8, "channels": 8, "steer": 16, "head": 8, "listen": 12},
    },
    "convtasnet": {"segment": 4000, "filters": 8, "bottleneck": 8, "hidden": 8, "blocks": 2, "repeats": 1},
    "demucs": {
        **{"segment": 4001, "channels": 8, "depth": 3, "norm_starts": 1, "norm_groups": 2},
        **{"branch_attention": 1, "branch_lstm": 2},
    },
    "hdemucs": {
        **{"segment": 4001, "n_fft": 256, "channels": 8, "depth": 4, "norm_starts": 2},
        **{"branch_attention": 2, "branch_lstm": 2},
    },
    "htdemucs": {"segment": 4001, "n_fft": 256, "channels": 8, "depth": 2, "norm_starts": 1, "layers": 3, "heads": 2},
    "mdx23c": {
        **{"n_fft": 256, "hop": 64, "freqs": 96, "subbands": 2, "frames": 64, "scales": 2, "blocks": 1},
        **{"channels": 6, "growth": 4},
    },
    "roformer": {
        **{"segment": 4001, "n_fft": 256, "hop": 60, "bands": (9, 20, 40, 60), "width": 8, "depth": 2},
        **{"heads": 2, "head_width": 4, "hidden": 12, "mask_hidden": 10},
    },
    "scnet": {"segment": 63 * 64, "n_fft": 256, "hop": 64, "widths": (8, 8), "layers": 2},
    "unet": {"segment": 31 * 64, "n_fft": 256, "hop": 64, "bins": 96, "filters": (4, 8, 8)},
    "waveunet": {"segment": 4001, "levels": 4, "features": 8, "growth": "add"},
}
BUNDLED = "bundled"
NAMES = (*sorted(NETS), BUNDLED)


@cache
def separator(name: str) -> Separator:
    """The separator ``name``; built once."""
    if name == BUNDLED:
        return load("compact").members[0].separator
    config, net = classes(name)
    torch.manual_seed(0)
    built = net(config(**SIZES[name])).eval()
    spec = built.spec(name)
    return TorchSeparator(built, spec) if spec.stems else Asking(AskedSeparator(built, spec))


class Asking:
    """A separator that answers nothing but queries, as one of two stems: it always asks for the same two sounds."""

    def __init__(self, separator: Separator) -> None:
        assert separator.spec.embedding is not None
        self._separator = separator
        self._queries = np.random.default_rng(0).standard_normal((2, separator.spec.embedding)).astype(np.float32)
        self.spec = replace(separator.spec, stems=("first", "second"), embedding=None)

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        asked = self._separator(mix, np.repeat(self._queries[None], len(mix), 0)).asked
        assert queries is None and asked is not None
        return Separated(asked)
