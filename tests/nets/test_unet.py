"""What the spectrogram U-Nets promise, on tiny ones with random weights."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from unbraid.nets.unet import Convolution, Unconvolution, UNet, UNetConfig, magnitudes

TINY = {"n_fft": 256, "hop": 64, "bins": 96, "filters": (4, 8, 8), "segment": 64 * 31}


@pytest.fixture(params=["spleeter", "jansson"])
def net(request: pytest.FixtureRequest) -> UNet:
    torch.manual_seed(0)
    return UNet(UNetConfig(form=request.param, **TINY)).eval()  # type: ignore[arg-type]


@torch.inference_mode()
def test_stems_are_as_long_as_the_mix(net: UNet) -> None:
    for length in (1, 63, 64, 65, 3000):
        stems = net(torch.randn(2, 2, length))
        assert stems.shape == (2, 4, 2, length) and stems.isfinite().all()


@torch.inference_mode()
def test_masks_lie_between_nothing_and_all(net: UNet) -> None:
    masks = net.masks(net.stft(torch.randn(1, 2, 2000)))
    assert masks.min() >= 0 and masks.max() <= 1
    above = masks[:, :, :, net.config.bins :]
    assert bool((above == (0.5 if net.config.form == "jansson" else 0)).all())


@torch.inference_mode()
def test_in_use_spleeters_stems_share_every_bin_that_it_hears() -> None:
    net = UNet(UNetConfig(**TINY)).eval()  # type: ignore[arg-type]
    shares = net.masks(net.stft(torch.randn(1, 2, 2000))).sum(1)[:, :, : net.config.bins]
    torch.testing.assert_close(shares, torch.ones_like(shares))


@torch.inference_mode()
def test_shares_are_those_of_the_masked_magnitudes() -> None:
    """The published formula, with the mix's magnitudes in it."""
    net = UNet(UNetConfig(**TINY)).eval()  # type: ignore[arg-type]
    stft = net.stft(torch.randn(1, 2, 2000))
    masked = net.raw_masks(magnitudes(stft)) * magnitudes(stft)[:, None]
    energies = masked.square() + 1e-10 / 4
    expected = energies / (masked.square().sum(1, keepdim=True) + 1e-10)
    bins = net.config.bins
    torch.testing.assert_close(net.masks(stft)[:, :, :, :bins], expected[:, :, :, :bins], rtol=1e-3, atol=1e-4)


@torch.inference_mode()
def test_silence_gives_silence(net: UNet) -> None:
    assert net.spec("net").silence_exact and not net(torch.zeros(1, 2, 1000)).any()


def test_masks_may_be_shares_by_themselves() -> None:
    net = UNet(UNetConfig(masks="softmax", **TINY)).eval()  # type: ignore[arg-type]
    raw = net.raw_masks(torch.rand(1, 2, 129, 20))[:, :, :, :96]
    torch.testing.assert_close(raw.sum(1), torch.ones(1, 2, 96, 20))


def test_padding_is_one_before_and_two_after() -> None:
    """The second tap then lies on every other sample, and doubling is the transpose of halving."""
    down, up = Convolution(1, 1), Unconvolution(1, 1)
    with torch.no_grad():
        for layer in (down, up):
            layer.weight.zero_()
            layer.weight[0, 0, 1, 1] = 1
            layer.get_parameter("bias").zero_()
    x, y = torch.randn(1, 1, 8, 8), torch.randn(1, 1, 4, 4)
    torch.testing.assert_close(down(x), x[:, :, ::2, ::2])
    with torch.no_grad():
        down.weight.normal_()
        up.weight.copy_(down.weight)
    torch.testing.assert_close((down(x) * y).sum(), (x * up(y)).sum())


def test_a_config_survives_json_and_every_weight_learns(net: UNet) -> None:
    assert UNetConfig(**json.loads(json.dumps(asdict(net.config)))) == net.config
    net.train()
    stft = net.stft(torch.randn(2, 2, 2000))
    net.raw_masks(magnitudes(stft)).square().mean().backward()
    # A bias before a batch norm, and Spleeter's last norm down, which nothing reads, have no say.
    idle = {n for n, w in net.named_parameters() if w.grad is None}
    assert idle == ({n for n in idle if ".down.2.norm." in n} if net.config.form == "spleeter" else set())
