"""What two channels tell together is the same in torch, which trains, and in numpy, which users run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tests.runtime.words import nets
from unbraid.runtime import onnx
from unbraid.runtime.facts import read_facts
from unbraid.train.export import export
from unbraid.train.graphs import ratio_db
from unbraid.train.storing import rounded


def test_a_compact_net_and_its_graph_give_the_same_stems(tmp_path: Path) -> None:
    net, _ = nets()
    export(net, tmp_path, "tiny", {})
    facts = read_facts(tmp_path / "tiny.json")
    assert facts.spatial
    # Two places, so that the channels have something to tell.
    sources = np.random.default_rng(0).standard_normal((2, 2, facts.spec.segment)).astype(np.float32)
    mix = np.einsum("cs,bst->bct", np.array([[1, 0.2], [0.3, 0.8]], np.float32), sources)
    with torch.inference_mode():
        ours = rounded(net)(torch.from_numpy(mix)).numpy()
    assert ratio_db(ours, onnx.load(facts)(mix).stems) > 80
