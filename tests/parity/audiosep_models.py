"""AudioSep written down twice: its checkpoint, weight by weight under the published names, and what it computes.

The computation follows the published net step by step, one channel at a time, in double precision, with the transforms
as sums of sines and cosines; nothing of unbraid is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

N_FFT, HOP, FREQS = 2048, 320, 1025
PUBLISHED = (32, 64, 128, 256, 384, 384)
SMALL = (4, 6, 6, 8, 8, 10)
POOLS = ((2, 2), (2, 2), (2, 2), (2, 2), (2, 2), (1, 2))

State = dict[str, Tensor]
BASE, FILM = "ss_model.base.", "ss_model.film."


def shapes(widths: tuple[int, ...], embedding: int = 512) -> dict[str, tuple[int, ...]]:
    """Every weight of ``ss_model`` but the transforms, by its published name."""
    return dict(_shapes(widths, embedding))


def _shapes(widths: tuple[int, ...], embedding: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _norm("bn0", FREQS)
    yield from {f"{BASE}pre_conv.weight": (widths[0], 1, 1, 1), f"{BASE}pre_conv.bias": (widths[0],)}.items()
    before = widths[0]
    for number, width in enumerate(widths, 1):
        yield from _block((f"encoder_block{number}", "conv_block1"), before, width, embedding)
        before = width
    yield from _block(("conv_block7a", "conv_block1"), before, before, embedding)
    for number, width in enumerate(reversed(widths), 1):
        block = f"decoder_block{number}"
        yield f"{BASE}{block}.conv1.weight", (before, width, *POOLS[-number])
        for norm in (1, 2):
            yield from _norm(f"{block}.bn{norm}", before)
            yield from _beta(f"{block}->beta{norm}", before, embedding)
        yield from _block((block, "conv_block2"), 2 * width, width, embedding)
        before = width
    yield from {f"{BASE}after_conv.weight": (3, before, 1, 1), f"{BASE}after_conv.bias": (3,)}.items()


def _block(path: tuple[str, str], inner: int, outer: int, embedding: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    name = ".".join(path)
    for norm, channels in ((1, inner), (2, outer)):
        yield from _norm(f"{name}.bn{norm}", channels)
        yield from _beta("->".join((*path, f"beta{norm}")), channels, embedding)
        yield f"{BASE}{name}.conv{norm}.weight", (outer, channels, 3, 3)
    if inner != outer:
        yield f"{BASE}{name}.shortcut.weight", (outer, inner, 1, 1)
        yield f"{BASE}{name}.shortcut.bias", (outer,)


def _norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{BASE}{name}.{part}", (channels,)
    yield f"{BASE}{name}.num_batches_tracked", ()


def _beta(name: str, channels: int, embedding: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{FILM}{name}.weight", (channels, embedding)
    yield f"{FILM}{name}.bias", (channels,)


def _angles(freqs: int) -> Tensor:
    """``2 pi k n / N`` for each freq k and sample n of a frame."""
    return 2 * math.pi / N_FFT * (torch.arange(freqs).double()[:, None] * torch.arange(N_FFT) % N_FFT)


@cache
def transforms() -> State:
    """The four frozen convolutions, each a table of windowed cosines or sines."""
    window = torch.hann_window(N_FFT, dtype=torch.float64)
    angle = _angles(N_FFT)
    forward = [angle.cos(), -angle.sin()]
    backward = [angle.cos() / N_FFT * window, angle.sin() / N_FFT * window]
    kernels = {}
    for part, table, inverse in zip(("real", "imag"), forward, backward, strict=True):
        kernels[f"{BASE}stft.conv_{part}.weight"] = (table * window)[:FREQS, None].float()
        kernels[f"{BASE}istft.conv_{part}.weight"] = inverse.T[:, :, None].float().contiguous()
    return kernels


def random_state(widths: tuple[int, ...], embedding: int = 512, seed: int = 0) -> State:
    """A state of which every weight matters."""
    generator = torch.Generator().manual_seed(seed)
    state: State = {}
    for name, shape in shapes(widths, embedding).items():
        noise = torch.randn(shape, generator=generator)
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(1000)
        elif name.endswith("running_var"):
            state[name] = 0.5 + noise.abs()
        elif name.startswith(FILM):
            state[name] = 0.5 * noise
        elif name.endswith("weight") and len(shape) == 1:
            state[name] = 1 + 0.2 * noise
        elif name.endswith("weight"):
            state[name] = noise * (2 / math.prod(shape[1:])) ** 0.5
        else:
            state[name] = 0.2 * noise
    return state


def lightning(state: State, clap: State) -> dict[str, Any]:
    """What Lightning's ``trainer.save_checkpoint`` writes, training state and all."""
    query = {f"query_encoder.model.{name}": value for name, value in clap.items()}
    parameter = state[f"{BASE}after_conv.bias"]
    moments = {"step": torch.tensor(4.0), "exp_avg": parameter * 0, "max_exp_avg_sq": parameter * 0}
    return {
        "epoch": 3,
        "global_step": 4_000_000,
        "pytorch-lightning_version": "1.9.0",
        "state_dict": {**state, **transforms(), **query},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 1, "completed": 0}}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": None, "best_k_models": {}}},
        "optimizer_states": [{"state": {0: moments}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999)}]}],
        "lr_schedulers": [{"base_lrs": [1e-3], "last_epoch": 4, "_last_lr": [1e-3], "lr_lambdas": [None]}],
    }


def save(path: Path, state: State, clap: State, **options: Any) -> Path:
    torch.save(lightning(state, clap), path, **options)
    return path


def separate(state: State, mix: Tensor, query: Tensor) -> Tensor:
    """``mix[time]`` and ``query[embedding]`` to the sound ``[time]``, step by step as published, in float64."""
    weights = {name: value.double() for name, value in state.items()}
    samples = F.pad(mix.double()[None, None], (N_FFT // 2, N_FFT // 2), mode="reflect")[0, 0]
    frames = samples.unfold(0, N_FFT, HOP) * torch.hann_window(N_FFT, dtype=torch.float64)
    angle = _angles(FREQS)
    real, imaginary = frames @ angle.cos().T, -frames @ angle.sin().T
    magnitude = (real.square() + imaginary.square()).clamp(min=1e-10).sqrt()
    cosine, sine = real / magnitude, imaginary / magnitude
    answer = _unet(weights, magnitude, query.double())
    mask = answer[0].sigmoid()
    turn_real, turn_imaginary = answer[1].tanh(), answer[2].tanh()
    length = (turn_real.square() + turn_imaginary.square()).sqrt().clamp(min=1e-10)
    turn_real, turn_imaginary = turn_real / length, turn_imaginary / length
    out = (magnitude * mask).relu()
    out_real = out * (cosine * turn_real - sine * turn_imaginary)
    out_imaginary = out * (sine * turn_real + cosine * turn_imaginary)
    return _overlap_add(out_real, out_imaginary, angle, len(mix))


def _unet(weights: State, magnitude: Tensor, query: Tensor) -> Tensor:
    """``[frame, freq]`` to the three answers ``[3, frame, freq]``."""
    frames = len(magnitude)
    x = _batch_norm(weights, "bn0", magnitude.T[None, :, :, None])[0, :, :, 0].T[None, None]
    x = F.pad(x, (0, 0, 0, math.ceil(frames / 32) * 32 - frames))[..., : FREQS - 1]
    x = F.conv2d(x, weights[f"{BASE}pre_conv.weight"], weights[f"{BASE}pre_conv.bias"])
    skips = []
    for number, pool in enumerate(POOLS, 1):
        x = _conv_block(weights, (f"encoder_block{number}", "conv_block1"), x, query)
        skips.append(x)
        x = F.avg_pool2d(x, pool)
    x = _conv_block(weights, ("conv_block7a", "conv_block1"), x, query)
    for number, pool in enumerate(reversed(POOLS), 1):
        block = f"decoder_block{number}"
        x = _batch_norm(weights, f"{block}.bn1", x) + _shift(weights, f"{block}->beta1", query)
        x = F.conv_transpose2d(F.leaky_relu(x, 0.01), weights[f"{BASE}{block}.conv1.weight"], stride=pool)
        x = _conv_block(weights, (block, "conv_block2"), torch.cat([x, skips.pop()], 1), query)
    x = F.conv2d(x, weights[f"{BASE}after_conv.weight"], weights[f"{BASE}after_conv.bias"])
    return F.pad(x, (0, 1))[0, :, :frames]


def _conv_block(weights: State, path: tuple[str, str], x: Tensor, query: Tensor) -> Tensor:
    name, deep = ".".join(path), x
    for number in (1, 2):
        deep = _batch_norm(weights, f"{name}.bn{number}", deep)
        deep = F.leaky_relu(deep + _shift(weights, "->".join((*path, f"beta{number}")), query), 0.01)
        deep = F.conv2d(deep, weights[f"{BASE}{name}.conv{number}.weight"], padding=1)
    if f"{BASE}{name}.shortcut.weight" in weights:
        x = F.conv2d(x, weights[f"{BASE}{name}.shortcut.weight"], weights[f"{BASE}{name}.shortcut.bias"])
    return x + deep


def _batch_norm(weights: State, name: str, x: Tensor) -> Tensor:
    mean, variance, scale, offset = (
        weights[f"{BASE}{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + 1e-5).sqrt() * scale + offset


def _shift(weights: State, name: str, query: Tensor) -> Tensor:
    return (weights[f"{FILM}{name}.weight"] @ query + weights[f"{FILM}{name}.bias"])[:, None, None]


def _overlap_add(real: Tensor, imaginary: Tensor, angle: Tensor, length: int) -> Tensor:
    window = torch.hann_window(N_FFT, dtype=torch.float64)
    twice = torch.full((FREQS, 1), 2.0, dtype=torch.float64)
    twice[0] = twice[-1] = 1
    frames = (real @ (twice * angle.cos()) - imaginary @ (twice * angle.sin())) / N_FFT * window
    total = torch.zeros(N_FFT + HOP * (len(frames) - 1), dtype=torch.float64)
    weight = torch.zeros_like(total)
    for number, frame in enumerate(frames):
        total[number * HOP : number * HOP + N_FFT] += frame
        weight[number * HOP : number * HOP + N_FFT] += window.square()
    return (total / weight.clamp(min=1e-11))[N_FFT // 2 : N_FFT // 2 + length]
