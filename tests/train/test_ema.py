from __future__ import annotations

import pytest
import torch
from torch import nn

from unbraid.train.ema import Averages, Ema


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


def test_unbiased_average_is_the_weighted_mean_of_all_that_was() -> None:
    net = nn.Linear(1, 1, bias=False)
    ema, decay = Ema(net, 0.9, "unbiased"), 0.9
    for update in range(7):
        nn.init.constant_(net.weight, float(update))
        ema.update(net)
    weights = [decay ** (6 - update) for update in range(7)]
    mean = sum(update * weight for update, weight in enumerate(weights)) / sum(weights)
    assert ema.shadow["weight"].item() == pytest.approx(mean, rel=1e-6)


def test_applied_lends_the_average_and_gives_the_weights_back() -> None:
    net = nn.Linear(2, 2)
    ema = Ema(net, 0.9)
    before = ema.shadow["weight"].clone()
    nn.init.ones_(net.weight)
    with ema.applied(net):
        torch.testing.assert_close(net.weight.detach(), before)
    assert bool((net.weight == 1).all())


def test_the_statistics_of_norms_are_averaged_and_what_they_count_is_not() -> None:
    net = nn.BatchNorm1d(2)
    ema = Ema(net, 0.9, "unbiased")
    net(torch.randn(4, 2, 5) + 3)
    ema.update(net)
    assert set(ema.shadow) == {"weight", "bias", "running_mean", "running_var"}
    torch.testing.assert_close(ema.shadow["running_mean"], net.running_mean)


def test_averages_of_epochs_wait_for_their_end() -> None:
    net = nn.Linear(1, 1)
    averages = Averages(net, 0.0, (0.9, 0.99), (0.5,))
    averages.after_batch(net)
    assert averages.candidates() == ["net", "batch-0.9", "batch-0.99"]
    averages.after_epoch(net)
    assert averages.candidates() == ["net", "batch-0.9", "batch-0.99", "epoch-0.5"]
    assert Averages(net, 0.99, (), ()).held.keys() == {"ema"}
    assert Averages(net, 0.0, (), ()).candidates() == ["net"]
