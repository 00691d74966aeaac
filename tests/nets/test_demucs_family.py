"""What every net of the family promises, on tiny ones with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import pytest
import torch
from torch import nn

from unbraid.nets.blocks import channels_last, quick_attention, quick_gpu
from unbraid.nets.blocks.channels_last import has_onednn, product
from unbraid.nets.blocks.quick_attention import attended
from unbraid.nets.blocks.quick_encoder import QuickEncoder
from unbraid.nets.blocks.quick_hybrid import quicken
from unbraid.nets.convtasnet import ConvTasNet, ConvTasNetConfig
from unbraid.nets.demucs import Demucs, DemucsConfig
from unbraid.nets.hdemucs import HDemucs, HDemucsConfig
from unbraid.nets.htdemucs import HTDemucs, HTDemucsConfig
from unbraid.nets.registry import classes

BRANCHES = {"norm_starts": 1, "norm_groups": 2, "branch_attention": 1, "branch_lstm": 1}
NETS: dict[str, Callable[[], nn.Module]] = {
    "demucs": lambda: Demucs(DemucsConfig(channels=8, depth=2, segment=3000, **BRANCHES)),
    "demucs-v2": lambda: Demucs(
        DemucsConfig(channels=8, depth=2, lstm_layers=1, branch_mode=0, context_padded=False, normalize=False)
    ),
    "hdemucs": lambda: HDemucs(HDemucsConfig(n_fft=256, channels=8, depth=4, segment=3000, **BRANCHES)),
    "htdemucs": lambda: HTDemucs(
        HTDemucsConfig(n_fft=256, channels=8, depth=2, segment=3000, layers=2, heads=2, bottom_channels=16)
    ),
    "convtasnet": lambda: ConvTasNet(ConvTasNetConfig(filters=16, bottleneck=8, hidden=12, blocks=3, repeats=2)),
}


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return NETS[request.param]().eval()


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_stems_are_as_long_as_the_mix(net: nn.Module) -> None:
    for length in (1, 2, 19, 1000, 3000):
        stems = net(noise(1, 2, length))
        assert stems.shape == (1, 4, 2, length)
        assert stems.isfinite().all()


@torch.inference_mode()
def test_a_piece_does_not_see_its_neighbours_in_the_batch(net: nn.Module) -> None:
    mix = noise(3, 2, 2000) * torch.tensor([1.0, 10.0, 0.1])[:, None, None]
    torch.testing.assert_close(net(mix)[1:2], net(mix[1:2]), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_the_answer_has_no_chance_in_it(net: nn.Module) -> None:
    before = torch.random.get_rng_state()
    first, second = net(noise(1, 2, 2000)), net(noise(1, 2, 2000))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


@torch.inference_mode()
def test_silence_is_exact_where_the_spec_says_so(net: nn.Module) -> None:
    if net.spec("x").silence_exact:
        assert not net(torch.zeros(1, 2, 2000)).any()
    else:
        assert not isinstance(net, (HDemucs, HTDemucs))


def test_a_config_survives_json_and_makes_the_same_net(net: nn.Module) -> None:
    name = type(net).__name__.lower()
    config_class, net_class = classes(name)
    assert isinstance(net, net_class)
    again = net_class(config_class(**json.loads(json.dumps(asdict(net.config)))))
    assert again.config == net.config
    assert list(again.state_dict()) == list(net.state_dict())


def test_every_weight_learns(net: nn.Module) -> None:
    stems = net.train()(noise(2, 2, 2000))
    (stems - noise(*stems.shape)).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@torch.inference_mode()
@pytest.mark.parametrize("length", [1, 17, 2000, 4321])
def test_a_valid_length_needs_no_padding_and_is_the_next_one(length: int) -> None:
    for name in ("demucs", "demucs-v2"):
        config = NETS[name]().config
        valid = config.valid_length(length)
        assert valid >= length
        if config.context_padded:
            assert config.valid_length(valid) == valid
            assert config.valid_length(valid + 1) > valid
            assert NETS[name]().spec(name).valid_length(length) == valid


@torch.inference_mode()
@pytest.mark.parametrize("name", ["htdemucs", "hdemucs"])
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("onednn", [True, False])
def test_quick_layers_answer_as_the_plain_ones(
    name: str, wide: bool, onednn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On processors of every kind; oneDNN is there in all of torch's builds for x86."""
    if onednn and not has_onednn():
        pytest.skip("this torch has no oneDNN")
    for module in (channels_last, quick_attention):
        monkeypatch.setattr(module, "has_onednn", lambda: onednn)
    monkeypatch.setattr(quick_attention, "is_wide", lambda: wide)
    torch.manual_seed(0)
    net, mix = NETS[name]().eval(), noise(2, 2, 3000)
    for key, parameter in net.named_parameters():
        if key.endswith("scale"):
            nn.init.uniform_(parameter, 0.3, 0.8)
    wanted = net(mix)
    quick = quicken(net)
    assert any(isinstance(part, QuickEncoder) for part in quick.modules())
    error = (quick(mix) - wanted).square().sum() / wanted.square().sum()
    assert error < 1e-11


@torch.inference_mode()
@pytest.mark.parametrize("name", ["demucs", "hdemucs", "htdemucs"])
@pytest.mark.parametrize("batch", [1, 65])
def test_layers_for_gpus_answer_as_the_plain_ones(name: str, batch: int) -> None:
    torch.manual_seed(0)
    net = NETS[name]().eval()
    for key, parameter in net.named_parameters():
        if key.endswith("scale"):
            nn.init.uniform_(parameter, 0.3, 0.8)
    mix = noise(batch, 2, 3000)
    wanted = net(mix)
    quick = quick_gpu.quicken(net)
    kinds = [type(part) for part in quick.modules()]
    assert quick_gpu.OverlapAdd in kinds and (quick_gpu.WholeNorm in kinds or name == "demucs")
    assert not {nn.ConvTranspose1d, nn.ConvTranspose2d} & set(kinds)
    assert (quick(mix) - wanted).square().sum() / wanted.square().sum() < 1e-11


@torch.inference_mode()
def test_attention_by_products_is_that_of_torch() -> None:
    """Which of the two is used depends on the processor."""
    q, (k, v) = 2 * noise(2, 4, 900, 16), noise(2, 2, 4, 1300, 16)
    wanted = nn.functional.scaled_dot_product_attention(q, k, v, scale=1.0).transpose(1, 2).flatten(2)
    torch.testing.assert_close(attended(q, k, v), wanted, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("rows", [1, 7, 300])
@pytest.mark.parametrize("bias", [True, False])
def test_a_product_is_that_of_torch(rows: int, bias: bool) -> None:
    x, weight = noise(2, rows, 48), noise(20, 48)
    level = noise(20) if bias else None
    torch.testing.assert_close(product(x, weight, level), nn.functional.linear(x, weight, level))
    torch.testing.assert_close(product(x[..., 16:32], weight[:, 16:32]), x[..., 16:32] @ weight[:, 16:32].T)


@torch.inference_mode()
def test_what_a_hybrid_net_is_given_beside_its_segment_is_padded_by_zeros_and_cut_again() -> None:
    torch.manual_seed(0)
    net, mix = NETS["htdemucs"]().eval(), noise(1, 2, 1000)
    padded = nn.functional.pad(mix, (0, 2000))
    torch.testing.assert_close(net(mix), net(padded)[..., :1000])
