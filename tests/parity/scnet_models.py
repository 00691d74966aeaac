"""SCNet written down twice: its weights by the published names, and what it computes with them.

The computation follows the published net step by step in double precision; nothing of unbraid is used. As
published, its transform has no window.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

State = dict[str, Tensor]
STEMS = ("drums", "bass", "other", "vocals")


@dataclass(frozen=True)
class Sizes:
    """As the settings call them."""

    nfft: int = 512
    hop: int = 128
    normalized: bool = True
    dims: tuple[int, ...] = (4, 8, 12, 16)
    shares: tuple[float, float, float] = (0.175, 0.392, 0.433)
    stride: tuple[int, int, int] = (1, 4, 16)
    kernel: tuple[int, int, int] = (3, 4, 16)
    depths: tuple[int, int, int] = (3, 2, 1)
    layers: int = 4
    expand: int = 1


def random_state(sizes: Sizes) -> State:
    torch.manual_seed(0)
    state: State = {}

    def layer(name: str, *shape: int, spread: float = 1.0) -> None:
        inner = max(1, torch.Size(shape[1:]).numel())
        state[f"{name}.weight"] = spread * torch.randn(*shape) / inner**0.5
        state[f"{name}.bias"] = 0.1 * torch.randn(shape[0])

    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = 1 + 0.2 * torch.randn(channels), 0.1 * torch.randn(channels)

    for level, (before, after) in enumerate(zip(sizes.dims, sizes.dims[1:], strict=False)):
        for band in range(3):
            layer(f"encoder.{level}.SDlayer.convs.{band}", after, before, sizes.kernel[band], 1)
            for depth in range(sizes.depths[band]):
                part = f"encoder.{level}.conv_modules.{band}.layers.{depth}"
                norm(f"{part}.0", after)
                layer(f"{part}.1", after // 4 * 2, after, 3)
                layer(f"{part}.3", after // 4, 1, 3)
                norm(f"{part}.4", after // 4)
                layer(f"{part}.6", after, after // 4, 1)
        layer(f"encoder.{level}.globalconv", after, after, 3, 3)
        place = len(sizes.dims) - 2 - level
        layer(f"decoder.{place}.0.conv", 2 * after, 2 * after, 3, 3)
        out = before if level else before * len(STEMS)
        for band in range(3):
            name = f"decoder.{place}.1.convtrs.{band}"
            state[f"{name}.weight"] = torch.randn(after, out, sizes.kernel[band], 1) / after**0.5
            state[f"{name}.bias"] = 0.1 * torch.randn(out)
    for number in range(sizes.layers):
        width, pair = sizes.dims[-1] * (1 + number % 2), f"separation_net.dp_modules.{number}"
        for way in range(2):
            lstm = nn.LSTM(width, width * sizes.expand, bidirectional=True, batch_first=True)
            state |= {f"{pair}.lstm_layers.{way}.{name}": each for name, each in lstm.state_dict().items()}
            layer(f"{pair}.linear_layers.{way}", width, 2 * width * sizes.expand)
            norm(f"{pair}.norm_layers.{way}", width)
    return state


def separate(state: State, sizes: Sizes, mix: Tensor) -> Tensor:
    """``mix[channel, time]``, of any length: ``[stem, channel, time]``."""
    held = {name: value.double() for name, value in state.items()}
    missing = sizes.hop - mix.shape[-1] % sizes.hop
    if (mix.shape[-1] + missing) // sizes.hop % 2 == 0:
        missing += sizes.hop
    padded = F.pad(mix.double(), (0, missing))
    told = {"n_fft": sizes.nfft, "hop_length": sizes.hop, "normalized": sizes.normalized}
    window = torch.ones(sizes.nfft, dtype=torch.float64)
    spectrum = torch.stft(padded, **told, window=window, return_complex=True)
    x = torch.view_as_real(spectrum).permute(0, 3, 1, 2).reshape(1, 4, *spectrum.shape[1:])
    kept = []
    levels = len(sizes.dims) - 1
    for level in range(levels):
        x, skip, before, after = _encode(held, sizes, f"encoder.{level}", x)
        kept.append((skip, before, after))
    for number in range(sizes.layers):
        x = _pair(held, sizes, number, x)
        if number % 2 == 0:
            turned = torch.fft.rfft(x, norm="ortho")
            x = torch.cat([turned.real, turned.imag], 1)
        else:
            real, imaginary = x.chunk(2, 1)
            x = torch.fft.irfft(torch.complex(real, imaginary), norm="ortho")
    for place in range(levels):
        skip, before, after = kept.pop()
        name = f"decoder.{place}"
        doubled = torch.cat([x + skip, x + skip], 1)
        x = F.glu(F.conv2d(doubled, held[f"{name}.0.conv.weight"], held[f"{name}.0.conv.bias"], padding=1), 1)
        bands = []
        for band, part in enumerate(x.split(after, 2)):
            conv = f"{name}.1.convtrs.{band}"
            wide = F.conv_transpose2d(
                part, held[f"{conv}.weight"], held[f"{conv}.bias"], stride=(sizes.stride[band], 1)
            )
            edge = (wide.shape[2] - before[band]) // 2
            bands.append(wide[:, :, edge : edge + before[band]])
        x = torch.cat(bands, 2)
    parts = x.reshape(len(STEMS) * 2, 2, *x.shape[2:]).permute(0, 2, 3, 1).contiguous()
    waves = torch.istft(torch.view_as_complex(parts), **told, window=window)
    return waves.reshape(len(STEMS), 2, -1)[..., : mix.shape[-1]]


def _encode(held: State, sizes: Sizes, name: str, x: Tensor) -> tuple[Tensor, Tensor, list[int], list[int]]:
    freqs = x.shape[2]
    edges = [0, ceil(freqs * sizes.shares[0]), ceil(freqs * (sizes.shares[0] + sizes.shares[1])), freqs]
    bands, before, after = [], [], []
    for band in range(3):
        kernel, stride = sizes.kernel[band], sizes.stride[band]
        part = x[:, :, edges[band] : edges[band + 1]]
        size = part.shape[2]
        missing = kernel - stride if stride == 1 else (stride - size % stride) % stride
        part = F.pad(part, (0, 0, missing // 2, missing - missing // 2))
        conv = f"{name}.SDlayer.convs.{band}"
        part = F.conv2d(part, held[f"{conv}.weight"], held[f"{conv}.bias"], stride=(stride, 1))
        before.append(size)
        after.append(part.shape[2])
        rows = part[0].transpose(0, 1)  # freq, channel, frame
        for depth in range(sizes.depths[band]):
            rows = rows + _convolved(held, f"{name}.conv_modules.{band}.layers.{depth}", rows)
        bands.append(F.gelu(rows.transpose(0, 1)[None]))
    skip = torch.cat(bands, 2)
    whole = F.conv2d(skip, held[f"{name}.globalconv.weight"], held[f"{name}.globalconv.bias"], padding=1)
    return whole, skip, before, after


def _convolved(held: State, name: str, rows: Tensor) -> Tensor:
    def w(part: int) -> tuple[Tensor, Tensor]:
        return held[f"{name}.{part}.weight"], held[f"{name}.{part}.bias"]

    y = F.glu(F.conv1d(F.group_norm(rows, 1, *w(0)), *w(1), padding=1), 1)
    y = F.group_norm(F.conv1d(y, *w(3), padding=1, groups=y.shape[1]), 1, *w(4))
    return F.conv1d(y * y.sigmoid(), *w(6))


def _pair(held: State, sizes: Sizes, number: int, x: Tensor) -> Tensor:
    name, width = f"separation_net.dp_modules.{number}", x.shape[1]
    for way, order in enumerate([(3, 2), (2, 3)]):  # rows and steps: along frequency, then along time
        lstm = nn.LSTM(width, width * sizes.expand, bidirectional=True, batch_first=True).double()
        prefix = f"{name}.lstm_layers.{way}."
        lstm.load_state_dict({key.removeprefix(prefix): each for key, each in held.items() if key.startswith(prefix)})
        normed = F.group_norm(x, 1, held[f"{name}.norm_layers.{way}.weight"], held[f"{name}.norm_layers.{way}.bias"])
        with torch.no_grad():
            heard, _ = lstm(normed.permute(0, *order, 1)[0])
        linear = f"{name}.linear_layers.{way}"
        answer = F.linear(heard, held[f"{linear}.weight"], held[f"{linear}.bias"])[None]
        x = x + answer.permute(0, 3, *((2, 1) if way == 0 else (1, 2)))
    return x


def settings(sizes: Sizes, segment: int, **changes: str) -> str:
    """As in the wild."""
    told = {"dims": str(list(sizes.dims)), "band_SR": str(list(sizes.shares)), "num_dplayer": str(sizes.layers)}
    told |= {"band_kernel": str(list(sizes.kernel))}
    told |= {"win_size": str(sizes.nfft), "conv_depths": str(list(sizes.depths)), **changes}
    return f"""audio:
  chunk_size: {segment}
  num_channels: 2
  sample_rate: 44100

model:
  sources: [{", ".join(STEMS)}]
  audio_channels: 2
  dims: {told["dims"]}
  nfft: {sizes.nfft}
  hop_size: {sizes.hop}
  win_size: {told["win_size"]}
  normalized: {sizes.normalized}
  band_SR: {told["band_SR"]}
  band_stride: {list(sizes.stride)}
  band_kernel: {told["band_kernel"]}
  conv_depths: {told["conv_depths"]}
  compress: 4
  conv_kernel: 3
  num_dplayer: {told["num_dplayer"]}
  expand: {sizes.expand}

training:
  instruments: [{", ".join(STEMS)}]
  target_instrument: null
"""


def saved(folder: Path, sizes: Sizes, segment: int, state: State | None = None, **changes: str) -> Path:
    path = folder / "scnet_checkpoint_musdb18.ckpt"
    torch.save(random_state(sizes) if state is None else state, path)
    path.with_suffix(".yaml").write_text(settings(sizes, segment, **changes), "utf-8")
    return path
