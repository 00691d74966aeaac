from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from unbraid.nets.compact import Compact, CompactConfig

TINY = CompactConfig(
    n_fft=256,
    hop=64,
    segment=64 * 31,
    bands=((4, 4, 1), (3, 8, 1), (3, 15, 2)),
    width=8,
    hidden=8,
    near=16,
    alike=2,
    blocks=(2, "far"),
    mixer=8,
    head=8,
)


@pytest.fixture
def net() -> Compact:
    torch.manual_seed(0)
    built = Compact(TINY).eval()
    for layer in built.head.out:  # masks that differ, as a trained net's do
        torch.nn.init.normal_(layer.get_parameter("weight"))
    return built


@pytest.mark.parametrize("length", [1, 63, 64, 1000, 64 * 31, 5001])
def test_stems_have_the_mix_s_shape_and_sum_to_it(net: Compact, length: int) -> None:
    mix = torch.randn(2, 2, length)
    stems = net(mix)
    assert stems.shape == (2, 4, 2, length)
    torch.testing.assert_close(stems.sum(1), mix, atol=1e-5, rtol=1e-5)


def test_silence_gives_exact_zeros(net: Compact) -> None:
    assert not net(torch.zeros(1, 2, 1000)).any()


@pytest.mark.parametrize("factor", [0.01, 2.0, 50.0])
def test_louder_in_is_louder_out_by_as_much(net: Compact, factor: float) -> None:
    mix = torch.randn(1, 2, 3000)
    torch.testing.assert_close(net(factor * mix), factor * net(mix), rtol=1e-4, atol=1e-4 * factor)


def test_a_piece_does_not_see_its_neighbours_in_the_batch(net: Compact) -> None:
    mix = torch.randn(3, 2, 2000) * torch.tensor([1.0, 10.0, 0.1])[:, None, None]
    torch.testing.assert_close(net(mix)[1:2], net(mix[1:2]), rtol=1e-4, atol=1e-4)


def test_a_swap_of_stems_needs_more_than_equal_masks(net: Compact) -> None:
    masks = net.masks(net.stft(torch.randn(1, 2, 64 * 31)))
    assert masks.min() >= 0
    assert (masks[:, 0] - masks[:, 1]).abs().max() > 0.1
    torch.testing.assert_close(masks.sum(1), torch.ones_like(masks[:, 0]))


def test_every_weight_has_a_gradient(net: Compact) -> None:
    net.masks(net.stft(torch.randn(2, 2, 64 * 31)))[:, 0].square().mean().backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_config_survives_json() -> None:
    assert CompactConfig(**json.loads(json.dumps(asdict(TINY)))) == TINY
