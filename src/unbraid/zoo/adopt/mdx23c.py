"""MDX23C nets (TFC-TDF-UNet version 3), as their trainers save them: plain weights, and a YAML with the settings.

The YAML tells all sizes; that the weights are of these is checked, one by one.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from unbraid.errors import ModelError
from unbraid.nets.mdx23c import MDX23C, MDX23CConfig
from unbraid.spec import Spec
from unbraid.zoo.adopt.weights import load_strictly, without_memory
from unbraid.zoo.guard import Package
from unbraid.zoo.guard_names import shown
from unbraid.zoo.settings import Settings

_FIRST = "encoder_blocks.0.tfc_tdf.blocks.0.tfc1.2.weight"
_NORMS = {"InstanceNorm": "instance", "BatchNorm": "batch", None: "none"}
_MOST_FRAMES = 1 << 13
_ACTIVATIONS: dict[str, Literal["gelu", "relu", "elu"]] = {
    "gelu": "gelu",
    "relu": "relu",
    "elu1": "elu",
    "elu1.0": "elu",
}


def is_mdx23c(package: Package) -> bool:
    """Whether the weights are those of an MDX23C net."""
    return _FIRST in package.state


def build(package: Package, name: str, settings: Settings) -> tuple[MDX23C, Spec]:
    """The net in ``package``, ready to be run, and its facts under ``name``. Raises ModelError, in one line."""
    try:
        config = _config(settings)
        try:
            with without_memory():
                net = MDX23C(config)
        except ValueError as error:  # groups of a norm that do not divide its channels
            raise ModelError(f"has settings that make no net ({shown(error)})") from error
        load_strictly(net, package.state)
        return net, net.spec(name)
    except ModelError as error:
        raise ModelError(f"{name}: refused: the checkpoint {error}") from error


def _config(settings: Settings) -> MDX23CConfig:
    audio, model = settings.audio, settings.model
    n_fft, hop = audio.size("n_fft", None, 1 << 16), audio.size("hop_length", None, 1 << 15)
    frames = settings.segment // hop + 1
    norm, groups = _norm(model.get("norm"))
    activation = _ACTIVATIONS.get(str(model.get("act", "gelu")))
    if activation is None:
        raise ModelError(f"has settings with act = {shown(model.get('act'))}; known are gelu, relu and elu1")
    scale = model.get("scale", (2, 2))
    plain = isinstance(scale, (list, tuple)) and len(scale) == 2 and all(type(by) is int and 0 < by < 9 for by in scale)
    if not plain:
        raise ModelError(f"has settings with scale = {shown(scale)}; it must be two small whole numbers")
    freqs, subbands = audio.size("dim_f", None, 1 << 15), model.size("num_subbands", None, 64)
    scales = model.size("num_scales", None, 10)
    coarsest = subbands * scale[1] ** scales
    bottleneck = model.size("bottleneck_factor", None, 256)
    fits = frames % scale[0] ** scales == 0 and freqs % coarsest == 0 and freqs // coarsest >= bottleneck
    fits = fits and frames // scale[0] ** scales * (freqs // coarsest) > 1  # a norm of one number is none
    fits = fits and n_fft % 2 == 0 and freqs <= n_fft // 2 + 1 and 2 * hop <= n_fft < 2 * settings.segment
    if not fits or frames > _MOST_FRAMES:
        raise ModelError(
            f"has settings that do not fit each other: {frames} frames of {freqs} frequencies in {subbands} sub-bands, "
            f"of an STFT of {n_fft} samples, for {scales} levels and a bottleneck of {bottleneck}"
        )
    return MDX23CConfig(
        stems=settings.stems,
        complement=settings.complement,
        rate=settings.rate,
        audio_channels=audio.size("num_channels", None, 2),
        n_fft=n_fft,
        hop=hop,
        freqs=freqs,
        subbands=subbands,
        frames=frames,
        scales=scales,
        scale=tuple(scale),
        blocks=model.size("num_blocks_per_scale", None, 16),
        channels=model.size("num_channels", None, 4096),
        growth=model.size("growth", None, 4096),
        bottleneck=bottleneck,
        norm=norm,
        groups=groups,
        activation=activation,
    )


def _norm(told: Any) -> tuple[Any, int]:
    grouped = re.fullmatch(r"GroupNorm(\d{1,4})", told) if isinstance(told, str) else None
    if grouped is not None and int(grouped[1]) > 0:
        return "group", int(grouped[1])
    if not isinstance(told, str | None) or told not in _NORMS:
        raise ModelError(f"has settings with norm = {shown(told)}, which is not known here")
    return _NORMS[told], 1
