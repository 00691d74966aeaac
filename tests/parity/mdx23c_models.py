"""TFC-TDF-UNet version 3 written down twice: its weights by the published names, and what it computes with them.

The computation follows the published net step by step in double precision; nothing of unbraid is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


@dataclass(frozen=True)
class Sizes:
    """As the settings call them."""

    n_fft: int = 512
    hop: int = 128
    dim_f: int = 192
    frames: int = 16
    subbands: int = 4
    scales: int = 2
    scale: tuple[int, int] = (2, 2)
    blocks: int = 2
    channels: int = 8
    growth: int = 4
    bottleneck: int = 3
    norm: str = "InstanceNorm"
    act: str = "gelu"
    instruments: tuple[str, ...] = ("vocals", "other")
    target: str | None = None

    @property
    def answers(self) -> int:
        return len(self.instruments) if self.target is None else 1


def random_state(sizes: Sizes) -> State:
    torch.manual_seed(0)
    state: State = {}

    def weight(name: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(*shape) / max(1, shape[1] * shape[-1]) ** 0.5

    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = 1 + 0.2 * torch.randn(channels), 0.2 * torch.randn(channels)
        if sizes.norm == "BatchNorm":
            state[f"{name}.running_mean"] = 0.1 * torch.randn(channels)
            state[f"{name}.running_var"] = 1 + 0.2 * torch.rand(channels)
            state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def level(name: str, inputs: int, channels: int, size: int) -> None:
        for number in range(sizes.blocks):
            block = f"{name}.blocks.{number}"
            norm(f"{block}.tfc1.0", inputs)
            weight(f"{block}.tfc1.2", channels, inputs, 3, 3)
            norm(f"{block}.tdf.0", channels)
            weight(f"{block}.tdf.2", size // sizes.bottleneck, size)
            norm(f"{block}.tdf.3", channels)
            weight(f"{block}.tdf.5", size, size // sizes.bottleneck)
            norm(f"{block}.tfc2.0", channels)
            weight(f"{block}.tfc2.2", channels, channels, 3, 3)
            weight(f"{block}.shortcut", channels, inputs, 1, 1)
            inputs = channels

    inputs, channels, size = 4 * sizes.subbands, sizes.channels, sizes.dim_f // sizes.subbands
    weight("first_conv", channels, inputs, 1, 1)
    for number in range(sizes.scales):
        level(f"encoder_blocks.{number}.tfc_tdf", channels, channels, size)
        norm(f"encoder_blocks.{number}.downscale.conv.0", channels)
        weight(f"encoder_blocks.{number}.downscale.conv.2", channels + sizes.growth, channels, *sizes.scale)
        channels, size = channels + sizes.growth, size // sizes.scale[1]
    level("bottleneck_block", channels, channels, size)
    for number in range(sizes.scales):
        norm(f"decoder_blocks.{number}.upscale.conv.0", channels)
        weight(f"decoder_blocks.{number}.upscale.conv.2", channels, channels - sizes.growth, *sizes.scale)
        channels, size = channels - sizes.growth, size * sizes.scale[1]
        level(f"decoder_blocks.{number}.tfc_tdf", 2 * channels, channels, size)
    weight("final_conv.0", channels, channels + inputs, 1, 1)
    weight("final_conv.2", sizes.answers * inputs, channels, 1, 1)
    return state


def separate(state: State, sizes: Sizes, mix: Tensor) -> Tensor:
    """``mix[channel, time]`` of one segment: ``[stem, channel, time]``."""
    held = {name: value.double() for name, value in state.items()}
    window = torch.hann_window(sizes.n_fft, dtype=torch.float64)
    spectrum = torch.stft(mix.double(), sizes.n_fft, sizes.hop, window=window, return_complex=True)
    parts = torch.view_as_real(spectrum).permute(0, 3, 1, 2).reshape(1, 4, -1, sizes.frames)
    low = parts[:, :, : sizes.dim_f].reshape(1, 4 * sizes.subbands, sizes.dim_f // sizes.subbands, sizes.frames)
    first = F.conv2d(low, held["first_conv.weight"])
    x, kept = first.transpose(2, 3), []
    for number in range(sizes.scales):
        x = _level(held, sizes, f"encoder_blocks.{number}.tfc_tdf", x)
        kept.append(x)
        name = f"encoder_blocks.{number}.downscale.conv"
        x = F.conv2d(_before(held, sizes, f"{name}.0", x), held[f"{name}.2.weight"], stride=sizes.scale)
    x = _level(held, sizes, "bottleneck_block", x)
    for number in range(sizes.scales):
        name = f"decoder_blocks.{number}.upscale.conv"
        x = F.conv_transpose2d(_before(held, sizes, f"{name}.0", x), held[f"{name}.2.weight"], stride=sizes.scale)
        x = _level(held, sizes, f"decoder_blocks.{number}.tfc_tdf", torch.cat([x, kept.pop()], 1))
    joined = torch.cat([low, x.transpose(2, 3) * first], 1)
    hidden = _active(sizes, F.conv2d(joined, held["final_conv.0.weight"]))
    answer = F.conv2d(hidden, held["final_conv.2.weight"]).reshape(sizes.answers, 4, sizes.dim_f, sizes.frames)
    whole = F.pad(answer, (0, 0, 0, sizes.n_fft // 2 + 1 - sizes.dim_f)).reshape(sizes.answers * 2, 2, -1, sizes.frames)
    waves = torch.istft(
        torch.view_as_complex(whole.permute(0, 2, 3, 1).contiguous()), sizes.n_fft, sizes.hop, window=window
    )
    return waves.reshape(sizes.answers, 2, -1)


def _level(held: State, sizes: Sizes, name: str, x: Tensor) -> Tensor:
    for number in range(sizes.blocks):
        block = f"{name}.blocks.{number}"
        kept = F.conv2d(x, held[f"{block}.shortcut.weight"])
        y = F.conv2d(_before(held, sizes, f"{block}.tfc1.0", x), held[f"{block}.tfc1.2.weight"], padding=1)
        z = F.linear(_before(held, sizes, f"{block}.tdf.0", y), held[f"{block}.tdf.2.weight"])
        z = F.linear(_before(held, sizes, f"{block}.tdf.3", z), held[f"{block}.tdf.5.weight"])
        x = F.conv2d(_before(held, sizes, f"{block}.tfc2.0", y + z), held[f"{block}.tfc2.2.weight"], padding=1) + kept
    return x


def _before(held: State, sizes: Sizes, name: str, x: Tensor) -> Tensor:
    """Norm and activation."""
    if sizes.norm == "BatchNorm":
        mean, var = held[f"{name}.running_mean"][:, None, None], held[f"{name}.running_var"][:, None, None]
    else:
        groups = x.shape[1] if sizes.norm == "InstanceNorm" else int(sizes.norm.removeprefix("GroupNorm"))
        grouped = x.reshape(1, groups, -1)
        shape = (1, groups, x.shape[1] // groups, 1, 1)
        mean, var = (
            each[:, :, None, None, None].expand(shape).reshape(1, -1, 1, 1)
            for each in (grouped.mean(2), grouped.var(2, unbiased=False))
        )
    normed = (x - mean) / (var + 1e-5).sqrt()
    return _active(sizes, normed * held[f"{name}.weight"][:, None, None] + held[f"{name}.bias"][:, None, None])


def _active(sizes: Sizes, x: Tensor) -> Tensor:
    if sizes.act == "gelu":
        return x * 0.5 * (1 + torch.erf(x / 2**0.5))
    return x.clamp(min=0) if sizes.act == "relu" else torch.where(x > 0, x, torch.expm1(x))


def settings(sizes: Sizes, **changes: str) -> str:
    """As in the wild."""
    told = {"norm": sizes.norm, "act": sizes.act, "num_scales": str(sizes.scales), "scale": str(list(sizes.scale))}
    told |= {
        "dim_f": str(sizes.dim_f),
        "n_fft": str(sizes.n_fft),
        "bottleneck_factor": str(sizes.bottleneck),
        **changes,
    }
    return f"""audio:
  chunk_size: {sizes.hop * (sizes.frames - 1)}
  dim_f: {told["dim_f"]}
  dim_t: {sizes.frames}
  hop_length: {sizes.hop}
  n_fft: {told["n_fft"]}
  num_channels: 2
  sample_rate: 44100

model:
  act: {told["act"]}
  bottleneck_factor: {told["bottleneck_factor"]}
  growth: {sizes.growth}
  norm: {told["norm"]}
  num_blocks_per_scale: {sizes.blocks}
  num_channels: {sizes.channels}
  num_scales: {told["num_scales"]}
  num_subbands: {sizes.subbands}
  scale: {told["scale"]}

training:
  instruments: [{", ".join(sizes.instruments)}]
  target_instrument: {sizes.target or "null"}
"""


def saved(folder: Path, sizes: Sizes, state: State | None = None, **changes: str) -> Path:
    path = folder / "model_mdx23c_ep_1_sdr_9.5.ckpt"
    torch.save(random_state(sizes) if state is None else state, path)
    path.with_suffix(".yaml").write_text(settings(sizes, **changes), "utf-8")
    return path
