from __future__ import annotations

import subprocess
import sys

import torch
from torch import nn

from unbraid.zoo.adopt.weights import without_memory

CODE = """
import sys
from torch import nn
from unbraid.zoo.adopt.weights import without_memory
with without_memory():
    nn.Embedding(8, 4), nn.Linear(3, 5)
print("sympy" in sys.modules)
"""


def test_a_net_without_memory_has_shapes_alone() -> None:
    with without_memory():
        net = nn.Sequential(nn.Embedding(8, 4), nn.Linear(4, 2))
    assert all(each.is_meta for each in net.parameters())
    assert [tuple(each.shape) for each in net.parameters()] == [(8, 4), (2, 4), (2,)]
    assert not torch.empty(1).is_meta


def test_torch_does_not_load_its_compiler_for_that() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
