from __future__ import annotations

import torch
from torch import nn

from unbraid.train.ema import Ema


def test_average_follows_its_definition_after_the_warm_up() -> None:
    net = nn.Linear(1, 1, bias=False)
    ema = Ema(net, 0.5)
    expected = net.weight.item()
    for update in range(20):
        nn.init.constant_(net.weight, float(update))
        ema.update(net)
        decay = min(0.5, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * update
    torch.testing.assert_close(ema.shadow["weight"].item(), expected)


def test_applied_lends_the_average_and_gives_the_weights_back() -> None:
    net = nn.Linear(2, 2)
    ema = Ema(net, 0.9)
    before = ema.shadow["weight"].clone()
    nn.init.ones_(net.weight)
    with ema.applied(net):
        torch.testing.assert_close(net.weight.detach(), before)
    assert bool((net.weight == 1).all())
