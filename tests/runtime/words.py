"""A small compact net with a random head for words, as files."""

from __future__ import annotations

from pathlib import Path

import torch

from unbraid.nets.compact import Compact, CompactConfig
from unbraid.nets.query_head import QueryConfig, QueryHead
from unbraid.query.encoder import TableEncoder
from unbraid.train.query_export import export_words

CONFIG = CompactConfig(
    n_fft=512,
    hop=128,
    segment=128 * 31,
    bands=((4, 4, 1), (4, 9, 1), (4, 53, 1)),
    width=8,
    hidden=8,
    near=16,
    alike=2,
    blocks=(1, "far"),
    mixer=8,
    head=8,
)
HEAD = QueryConfig(words=TableEncoder().size, mixer=8, channels=8, steer=16, head=8, listen=12)


def nets(seed: int = 0) -> tuple[Compact, QueryHead]:
    """Both with random weights, and masks that differ as trained ones do."""
    torch.manual_seed(seed)
    net, head = Compact(CONFIG).eval(), QueryHead(HEAD, CONFIG).eval()
    for layer in net.head.out:
        torch.nn.init.normal_(layer.get_parameter("weight"))
    # As likely there as not, so that the gate is open or nearly so, and different for each query.
    torch.nn.init.normal_(head.listener.out.weight, std=0.5)
    torch.nn.init.ones_(head.listener.pool.bias)
    return net, head


def write_words(folder: Path, seed: int = 0) -> Path:
    """The four files of a model called "tiny" in ``folder``; returns the graph's path."""
    net, head = nets(seed)
    export_words(net, head, folder, "tiny", {})
    return folder / "tiny.onnx"
