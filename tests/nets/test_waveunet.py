"""What the Wave-U-Net promises, on tiny ones with random weights."""

from __future__ import annotations

import pytest
import torch

from unbraid.nets.waveunet import Downsample, Upsample, WaveUNet, WaveUNetConfig, sinc_kernel

TINY = {"levels": 4, "features": 8, "growth": "add", "stems": ("bass", "vocals")}


def net(**changes: object) -> WaveUNet:
    torch.manual_seed(0)
    return WaveUNet(WaveUNetConfig(**{**TINY, **changes})).eval()  # type: ignore[arg-type]


def test_two_seconds_take_as_much_context_as_in_the_authors_version() -> None:
    """Their two seconds are rounded up to 88,409 samples, for which 97,961 are heard."""
    assert WaveUNetConfig().sizes(88_200) == (97_961, 88_409)
    assert WaveUNetConfig().sizes(88_410)[1] > 88_410


def test_weights_have_the_names_and_shapes_of_the_authors_version() -> None:
    shapes = {name: tuple(weight.shape) for name, weight in net(stems=("bass",)).state_dict().items()}
    expected: dict[str, tuple[int, ...]] = {}

    def convolution(name: str, inputs: int, outputs: int) -> None:
        expected[f"{name}.filter.weight"], expected[f"{name}.filter.bias"] = (outputs, inputs, 5), (outputs,)
        expected[f"{name}.norm.weight"] = expected[f"{name}.norm.bias"] = (outputs,)

    trunk = "waveunets.bass"
    for level, (inputs, width, below) in enumerate([(2, 8, 16), (16, 16, 24), (24, 24, 32)]):
        block = f"{trunk}.downsampling_blocks.{level}"
        convolution(f"{block}.pre_shortcut_convs.0", inputs, width)
        convolution(f"{block}.post_shortcut_convs.0", width, below)
        expected[f"{block}.downconv.filter"] = (below, 1, 15)
    for level, (below, width) in enumerate([(32, 24), (24, 16), (16, 8)]):
        block = f"{trunk}.upsampling_blocks.{level}"
        expected[f"{block}.upconv.filter"] = (below, 1, 15)
        convolution(f"{block}.pre_shortcut_convs.0", below, width)
        convolution(f"{block}.post_shortcut_convs.0", 2 * width, width)
    convolution(f"{trunk}.bottlenecks.0", 32, 32)
    expected[f"{trunk}.output_conv.weight"], expected[f"{trunk}.output_conv.bias"] = (2, 8, 1), (2,)
    assert shapes == expected


def test_filters_are_kept_but_never_trained() -> None:
    frozen = {name for name, weight in net().named_parameters() if not weight.requires_grad}
    assert {name.rpartition(".")[0].rpartition(".")[2] for name in frozen} == {"downconv", "upconv"}


@torch.inference_mode()
@pytest.mark.parametrize("resampling", ["sinc", "learned"])
def test_beyond_its_context_a_sample_is_not_heard(resampling: str) -> None:
    built = net(norm="none", resampling=resampling)
    context, length = built.context, 6 * built.context
    mix = torch.randn(1, 2, length)
    changed = mix.clone()
    changed[..., :context] = 5
    # The low-pass filters reach a little further than the convolutions that the context is of.
    reach = context + 8 * 4**3 * (resampling == "sinc")
    before, after = built(mix), built(changed)
    torch.testing.assert_close(before[..., context + reach :], after[..., context + reach :])
    assert not torch.allclose(before[..., :context], after[..., :context])


@torch.inference_mode()
def test_the_engine_hears_the_context_of_what_it_asks_for() -> None:
    built = net()
    spec = built.spec("net")
    for length in (1, 500, 4001):
        heard = spec.valid_length(length)
        assert heard - length >= 2 * built.context
        assert built.config.sizes(heard).answered == heard, "nothing is padded on the right"


@torch.inference_mode()
def test_the_difference_makes_the_stems_sum_to_the_mix() -> None:
    built, mix = net(difference=True), torch.randn(2, 2, 3000)
    assert list(built.waveunets) == ["bass"]
    torch.testing.assert_close(built(mix).sum(1), mix)


@torch.inference_mode()
def test_one_net_may_answer_for_all() -> None:
    built = net(separate=False)
    assert list(built.waveunets) == ["ALL"]
    assert built(torch.randn(1, 2, 100)).shape == (1, 2, 2, 100)


def test_the_filter_is_that_of_the_authors_version() -> None:
    """Values of the published formula with its misprint, worked out by hand for two taps."""
    kernel = sinc_kernel(4)
    assert kernel.sum().item() == pytest.approx(1)
    torch.testing.assert_close(kernel, kernel.flip(0))
    # tap 7 is pi / 4; tap 6 is sin(pi / 4) (0.42 - 0.5 cos(6 pi / 7) + 0.08)
    assert (kernel[6] / kernel[7]).item() == pytest.approx(0.70711 * 0.95048 / 0.78540, rel=1e-4)


def test_rates_change_on_a_grid_that_keeps_both_ends() -> None:
    x = torch.randn(1, 3, 41)
    assert Downsample(3, 4)(x).shape[-1] == 11
    assert Upsample(3, 4)(Downsample(3, 4)(x)).shape[-1] == 41


def test_every_weight_learns() -> None:
    built = net().train()
    built(torch.randn(2, 2, 2000)).square().mean().backward()
    learnt = {name: weight for name, weight in built.named_parameters() if weight.requires_grad}
    assert all(weight.grad is not None and weight.grad.any() for weight in learnt.values())
