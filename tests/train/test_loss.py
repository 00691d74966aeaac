from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.train.tiny import recipe
from unbraid.train.loss import MaskLoss, MaskTask, Products, compressed_distance, log_error, target_masks
from unbraid.train.start import build


def products(mix: torch.Tensor, targets: torch.Tensor) -> Products:
    """Of complex ``mix[batch, channel, frame, bin]`` and ``targets[batch, target, ...]``."""
    return Products(mix.abs() ** 2, (targets * mix[:, None].conj()).real, targets.abs() ** 2)


@pytest.fixture
def spectra() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 3, 2, 5, 4, dtype=torch.complex64)


def test_log_error_is_the_energy_of_the_error(spectra: torch.Tensor) -> None:
    mix, masks = spectra.sum(1), torch.rand(spectra.shape)
    error = (masks * mix[:, None] - spectra).abs().square().sum((2, 3, 4))
    expected = torch.log(error / mix.abs().square().sum((1, 2, 3))[:, None] + 1e-3)
    torch.testing.assert_close(log_error(masks, products(mix, spectra), 1e-3), expected)


def test_a_perfect_mask_reaches_the_floor_and_no_distance() -> None:
    mix = torch.randn(1, 2, 5, 4, dtype=torch.complex64)
    masks = torch.rand(1, 3, 2, 5, 4)
    sums = products(mix, masks * mix[:, None])
    torch.testing.assert_close(log_error(masks, sums, 1e-3), torch.full((1, 3), 1e-3).log(), rtol=1e-3, atol=0)
    torch.testing.assert_close(compressed_distance(masks, sums), torch.zeros(1, 3), atol=1e-5, rtol=0)


def test_silence_has_a_finite_loss_and_gradient() -> None:
    masks = torch.rand(1, 2, 2, 5, 4, requires_grad=True)
    nothing = torch.zeros(1, 2, 5, 4, dtype=torch.complex64)
    sums = products(nothing, nothing[:, None].expand(1, 2, 2, 5, 4))
    (log_error(masks, sums, 1e-3).sum() + compressed_distance(masks, sums).sum()).backward()
    assert masks.grad is not None and torch.isfinite(masks.grad).all()


def test_a_sum_of_stems_is_asked_of_the_sum_of_their_masks(spectra: torch.Tensor) -> None:
    """Members share one error, so their gradients are equal and those of the lone stem are not theirs."""
    masks = torch.rand(2, 3, 2, 5, 4, requires_grad=True)
    members = torch.tensor([[1.0, 0, 0], [0, 1, 1]]).expand(2, 2, 3)
    targets = torch.stack([spectra[:, 0], spectra[:, 1] + spectra[:, 2]], 1)
    joined = target_masks(masks, members)
    torch.testing.assert_close(joined[:, 1], masks[:, 1] + masks[:, 2])
    log_error(joined, products(spectra.sum(1), targets), 1e-3)[:, 1].sum().backward()
    assert masks.grad is not None
    assert not masks.grad[:, 0].any()
    assert masks.grad[:, 1].any()
    torch.testing.assert_close(masks.grad[:, 1], masks.grad[:, 2])


def test_stems_count_as_much_as_the_recipe_says(tmp_path: Path) -> None:
    """A sum of stems counts as their mean; what a batch lacks makes the rest of it no heavier."""
    net = build(recipe(tmp_path / "songs"))
    wave, still = torch.randn(1, 4, 2, 64 * 31), torch.ones(1, 4, 129)

    def error(*stems: float, weight: torch.Tensor, members: torch.Tensor) -> float:
        terms = MaskTask(net, MaskLoss(stems=stems))(wave, still, members[None], weight[None])
        return terms["loss"].item()

    for members in (torch.eye(4), torch.tensor([[1.0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]])):
        there = members.amax(1)
        alone = [error(weight=row, members=members) for row in torch.diag(there)[: int(there.sum())]]
        counts = [float((row * torch.tensor([3.0, 1.0, 0.0, 0.0])).sum() / row.sum()) for row in members[: len(alone)]]
        wanted = sum(count * each for count, each in zip(counts, alone, strict=True)) / len(alone)
        assert error(3, 1, 0, 0, weight=there, members=members) == pytest.approx(wanted, rel=1e-4)
        assert error(1, 1, 1, 1, weight=there, members=members) == error(weight=there, members=members)


def test_the_task_measures_what_the_waves_are(tmp_path: Path) -> None:
    """With equal masks of a quarter the loss of four equal targets is that of a perfect answer."""
    net = build(recipe(tmp_path / "songs"))
    with torch.no_grad():
        for layer in net.head.out:
            layer.get_parameter("weight").zero_()
    wave = torch.randn(1, 1, 2, 64 * 31).expand(1, 4, 2, 64 * 31)
    still, members, weight = torch.ones(1, 4, 129), torch.eye(4)[None], torch.ones(1, 4)
    terms = MaskTask(net, MaskLoss())(wave, still, members, weight)
    assert terms["log_error"].item() == pytest.approx(-6.9078, abs=1e-2)
    assert terms["compressed"].item() == pytest.approx(0, abs=1e-4)
