"""Every separator there is, small enough for a test: each net with random weights, and the bundled model."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from unbraid.engine.contract import Separator
from unbraid.nets.registry import NETS, classes
from unbraid.runtime.torch import TorchSeparator
from unbraid.zoo.load import load

SIZES: dict[str, dict[str, Any]] = {
    "compact": {
        **{"n_fft": 256, "hop": 64, "segment": 64 * 31, "bands": ((4, 4, 1), (3, 8, 1), (3, 15, 2))},
        **{"width": 8, "hidden": 8, "blocks": 2, "mixer": 8, "head": 8},
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
    return TorchSeparator(built, built.spec(name))
