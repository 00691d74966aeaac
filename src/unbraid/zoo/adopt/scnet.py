"""SCNets, as their trainers save them: plain weights, and a YAML with the settings, which tells all sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unbraid.errors import ModelError
from unbraid.nets.scnet import SCNet, SCNetConfig, bands_of, missing, whole_length
from unbraid.spec import Spec
from unbraid.zoo.adopt.weights import load_strictly, without_memory
from unbraid.zoo.guard import Package
from unbraid.zoo.guard_names import shown
from unbraid.zoo.settings import Part, Settings

_FIRST = "encoder.0.SDlayer.convs.0.weight"
_MOST_FRAMES = 1 << 13
_LSTM = "separation_net.dp_modules.0.lstm_layers.0.weight_ih_l0"


def is_scnet(package: Package) -> bool:
    """Whether the weights are those of an SCNet."""
    return _FIRST in package.state


def build(package: Package, name: str, settings: Settings) -> tuple[SCNet, Spec]:
    """The net in ``package``, ready to be run, and its facts under ``name``. Raises ModelError, in one line."""
    try:
        if _LSTM not in package.state:
            raise ModelError("is a variety of SCNet without its LSTMs, which is not known here")
        config = _config(settings)
        with without_memory():
            net = SCNet(config)
        load_strictly(net, package.state)
        return net, net.spec(name)
    except ModelError as error:
        raise ModelError(f"{name}: refused: the checkpoint {error}") from error


def _config(settings: Settings) -> SCNetConfig:
    model = settings.model
    n_fft = model.size("nfft", 4096, 1 << 15)
    hop = model.size("hop_size", 1024, n_fft // 2)
    channels = model.size("audio_channels", 2, 2)
    widths = _numbers(model, "dims", (4, 32, 64, 128), int, 1 << 12)
    shares = _numbers(model, "band_SR", (0.175, 0.392, 0.433), float, 1)
    sizes = {
        "strides": _numbers(model, "band_stride", (1, 4, 16), int, 64),
        "kernels": _numbers(model, "band_kernel", (3, 4, 16), int, 64),
        "depths": _numbers(model, "conv_depths", (3, 2, 1), int, 16),
    }
    layers, reach = model.size("num_dplayer", 6, 64), model.size("conv_kernel", 3, 63)
    compress = model.size("compress", 4, 64)
    if model.size("win_size", n_fft, 1 << 16) != n_fft:
        raise ModelError("wants a window shorter than its transform, which is not known here")
    if settings.complement:
        raise ModelError("has one target of two instruments, which no SCNet is known to have")
    fits = widths[0] == 2 * channels and 2 <= len(widths) <= 9 and compress <= min(widths[1:])
    fits = fits and len(shares) == 3 and sum(shares) < 1.001 and all(len(each) == 3 for each in sizes.values())
    fits = fits and layers % 2 == 0 and reach % 2 == 1 and n_fft % 2 == 0
    fits = fits and n_fft < settings.segment <= hop * _MOST_FRAMES
    if not fits or not _bands_last(n_fft // 2 + 1, len(widths) - 1, shares, sizes["strides"], sizes["kernels"]):
        raise ModelError("has settings that do not fit each other")
    return SCNetConfig(
        stems=settings.stems,
        rate=settings.rate,
        audio_channels=channels,
        segment=whole_length(settings.segment, hop),
        n_fft=n_fft,
        hop=hop,
        normalized=model.flag("normalized", True),
        widths=widths[1:],
        shares=shares[:2],
        compress=compress,
        reach=reach,
        layers=layers,
        expand=model.size("expand", 1, 16),
        **sizes,
    )


def _bands_last(
    freqs: int, levels: int, shares: Sequence[float], strides: Sequence[int], kernels: Sequence[int]
) -> bool:
    """Whether at every level each band has frequencies left, enough for its kernel, and can be widened again."""
    if any(kernel < stride for kernel, stride in zip(kernels, strides, strict=True)):
        return False
    for _ in range(levels):
        sizes = bands_of(freqs, (shares[0], shares[1]))
        padded = [
            size + missing(size, *each) for size, each in zip(sizes, zip(kernels, strides, strict=True), strict=True)
        ]
        if any(size < 1 or wide < kernel for size, wide, kernel in zip(sizes, padded, kernels, strict=True)):
            return False
        freqs = sum(
            (wide - kernel) // stride + 1 for wide, kernel, stride in zip(padded, kernels, strides, strict=True)
        )
    return True


def _numbers(part: Part, key: str, usual: tuple[Any, ...], kind: type[Any], most: int) -> tuple[Any, ...]:
    value = part.get(key, usual)
    kinds = (int, float) if kind is float else (int,)
    if not isinstance(value, (list, tuple)) or not all(type(each) in kinds and 0 < each <= most for each in value):
        raise ModelError(f"has {key} = {shown(value)}; it must be a list of numbers above 0, at most {most}")
    return tuple(value)
