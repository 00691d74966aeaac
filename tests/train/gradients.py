"""Run by torchrun: the gradients of a batch of which each process has its share, into a file.

python -m torch.distributed.run ... gradients.py BATCH.safetensors OUT.safetensors
"""

from __future__ import annotations

import sys

import torch
from safetensors.torch import load_file, save_file

from tests.laws.tiny import SIZES
from unbraid.train.recipe_file import parse
from unbraid.train.start import fresh
from unbraid.train.tasks import task_for
from unbraid.train.workers import Workers

RECIPE = {
    "net": {"name": "demucs", "config": {}},
    "data": {"root": "."},
    "schedule": {"steps": 1},
    "loss": {"svd": {"penalty": 1e-3, "min_size_mb": 0.0, "dim": 2}},
}


def main(source: str, out: str) -> None:
    recipe = parse({**RECIPE})
    workers = Workers(recipe.run)
    torch.manual_seed(workers.rank)  # the weights must come from the first process all the same
    net = fresh("demucs", SIZES["demucs"])
    optimizer = torch.optim.Adam(net.parameters())
    task, _ = workers.setup(task_for(recipe, net, 44_100), optimizer)
    fields = [field.chunk(workers.count)[workers.rank] for field in load_file(source).values()]
    torch.manual_seed(0)
    workers.backward(task(*fields)["loss"])
    workers.broadcast(None)
    if workers.first:
        named = {name: weight for name, weight in net.named_parameters() if weight.grad is not None}
        save_file({name: weight.grad for name, weight in named.items()}, out)
    workers.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
