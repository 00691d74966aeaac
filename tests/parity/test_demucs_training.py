"""What demucs 4.1.0 trains with against ours: averages, the SVD penalty, and its augmentations for the same draw."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from demucs import augment, ema, svd
from torch import nn

from unbraid.data.augment import Change, change_wave
from unbraid.data.batch import Batch, remixed
from unbraid.train.ema import Ema
from unbraid.train.recipe import SvdSection
from unbraid.train.svd import svd_penalty


def net() -> nn.Module:
    """Layers of every kind that the penalty tells apart."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(4, 12, 8), nn.BatchNorm1d(12), nn.ConvTranspose1d(12, 6, 8), nn.Conv2d(3, 8, 3), nn.LSTM(6, 8),
        nn.ConvTranspose2d(8, 5, 4), nn.GroupNorm(2, 8), nn.Linear(8, 9),
    )  # fmt: skip


@pytest.mark.parametrize("decay", [0.5, 0.9995])
def test_averages(decay: float) -> None:
    trained = net()
    theirs, ours = ema.ModelEMA(trained, decay), Ema(trained, decay, "unbiased")
    for _ in range(12):
        with torch.no_grad():
            for weight in trained.parameters():
                weight.add_(torch.randn_like(weight))
        theirs.update()
        ours.update(trained)
    assert ours.shadow.keys() == theirs.state.keys()
    for name, value in theirs.state.items():
        torch.testing.assert_close(ours.shadow[name], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("min_size_mb", [0, 1e-3])
def test_svd_penalty_and_its_gradients(transposed: bool, min_size_mb: float) -> None:
    gradients = []
    for ours in (True, False):
        trained = net()
        torch.manual_seed(7)
        if ours:
            settings = SvdSection(min_size_mb=min_size_mb, dim=3, iterations=4, transposed=transposed)
            penalty = svd_penalty(trained, settings)
        else:
            penalty = svd.svd_penalty(trained, min_size_mb, dim=3, niters=4, convtr=transposed)
        penalty.backward()
        flat = [torch.zeros(0) if w.grad is None else w.grad.flatten() for w in trained.parameters()]
        gradients.append((penalty.detach(), torch.cat(flat)))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_svd_penalty_is_near_the_exact_one() -> None:
    trained = net()
    exact = svd.svd_penalty(trained, 0, convtr=True, exact=True)
    ours = svd_penalty(trained, SvdSection(min_size_mb=0, dim=4, iterations=6))
    torch.testing.assert_close(ours, exact, rtol=1e-3, atol=0)


def waves() -> torch.Tensor:
    return torch.randn(8, 3, 2, 50, generator=torch.Generator().manual_seed(1))


def ours(change: Change, wave: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(change_wave(change, wave.numpy(), 44_100, wave.shape[-1]))


def test_flipping_channels_and_sign() -> None:
    wave = waves()
    torch.manual_seed(3)
    flipped = augment.FlipSign()(augment.FlipChannels()(wave))
    torch.manual_seed(3)
    left = torch.randint(2, (8, 3, 1, 1))
    signs = torch.randint(2, (8, 3, 1, 1), dtype=torch.float32)
    for item, stem in np.ndindex(8, 3):
        change = Change(swap=bool(left[item, stem] == 1), invert=bool(signs[item, stem] == 0))
        torch.testing.assert_close(ours(change, wave[item, stem]), flipped[item, stem])


def test_scaling() -> None:
    wave = waves()
    torch.manual_seed(3)
    scaled = augment.Scale(proba=1, min=0.25, max=1.25)(wave.clone())
    torch.manual_seed(3)
    factors = torch.empty(8, 3, 1, 1).uniform_(0.25, 1.25)
    for item, stem in np.ndindex(8, 3):
        change = Change(gain_db=20 * float(torch.log10(factors[item, stem])))
        torch.testing.assert_close(ours(change, wave[item, stem]), scaled[item, stem])


class Drawn:
    """A generator that permutes as theirs has drawn: group by group, stem by stem."""

    def __init__(self, orders: torch.Tensor) -> None:
        self._orders = [orders[group, :, stem].tolist() for group, stem in np.ndindex(*orders.shape[::2])]

    def permutation(self, items: list[int]) -> list[int]:
        order = self._orders.pop(0)
        return [items[place] for place in order]


def test_remixing() -> None:
    wave = waves()
    random.seed(0)
    torch.manual_seed(3)
    theirs = augment.Remix(proba=1, group_size=4)(wave)
    torch.manual_seed(3)
    drawn: Any = Drawn(torch.argsort(torch.rand(2, 4, 3, 1, 1), dim=1)[..., 0, 0])
    members = np.broadcast_to(np.eye(3, dtype=np.float32), (8, 3, 3))
    batch = Batch(wave.numpy(), np.ones((8, 3, 2), np.float32), members, np.ones((8, 3), np.float32))
    np.testing.assert_array_equal(remixed(batch, drawn, 4).wave, theirs)
