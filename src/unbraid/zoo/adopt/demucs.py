"""Nets of the Demucs family from the checkpoints of all its versions.

A package says which class it was made from; the class is looked up below, its arguments become one of our configs,
and the weights are loaded under the names they have, strictly: nothing may be missing, left over, of another shape,
or not a number. The net is first made without memory, so that a file cannot ask for more than it brings along.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from unbraid.errors import ModelError
from unbraid.nets.convtasnet import ConvTasNet, ConvTasNetConfig
from unbraid.nets.demucs import Demucs, DemucsConfig
from unbraid.nets.hdemucs import HDemucs, HDemucsConfig
from unbraid.nets.htdemucs import HTDemucs, HTDemucsConfig
from unbraid.spec import Spec
from unbraid.zoo.adopt import demucs_fields as tables
from unbraid.zoo.adopt.arguments import config_from, seconds
from unbraid.zoo.adopt.weights import State, count, load_strictly, shape, without_memory
from unbraid.zoo.diffq import decode
from unbraid.zoo.guard import Package
from unbraid.zoo.guard_names import reason, shown

Net = Demucs | HDemucs | HTDemucs | ConvTasNet
Config = DemucsConfig | HDemucsConfig | HTDemucsConfig | ConvTasNetConfig

_STEMS = ("drums", "bass", "other", "vocals")
_NEVER = 1 << 20


def build(package: Package, name: str = "demucs", segment_s: float | None = None) -> tuple[Net, Spec]:
    """The net in ``package``, ready to be run, and its facts under ``name``.

    segment_s: the length of chunks that a bag asks for; nets that work at the length they were trained on keep theirs
    if it is shorter. Raises ModelError, in one line.
    """
    try:
        config = _config(package)
        if segment_s is not None:
            samples = seconds(segment_s, config.rate)
            if not isinstance(config, HTDemucsConfig) or samples <= config.segment:
                config = replace(config, segment=samples)
        net = _empty(config)
        state = _current_names(net, package.state)
        if package.quantized is not None:
            state = decode(package.quantized, [(key, tuple(value.shape)) for key, value in net.named_parameters()])
        load_strictly(net, state)
        return net, net.spec(name)
    except ModelError as error:
        raise ModelError(f"{name}: refused: the checkpoint {error}") from error


def _config(package: Package) -> Config:
    given = dict(package.kwargs)
    if package.args:
        if len(package.args) > 1:
            raise ModelError("gives more than one argument without its name")
        given["sources"] = package.args[0]
    for key, value in tables.REQUIRED.items():
        if key in given and given[key] != value:
            raise ModelError(f"has {key} = {shown(given[key])}; only {value!r} is built")
    if not package.klass:
        return _config_from_shapes(package)
    if package.klass not in _BUILDERS:
        raise ModelError(f"is of class {package.klass}, which is none of the Demucs family")
    return _BUILDERS[package.klass](given)


def _demucs(given: dict[str, Any]) -> DemucsConfig:
    return config_from(DemucsConfig, tables.DEMUCS, given, **_segment(given, 40))


def _hdemucs(given: dict[str, Any]) -> HDemucsConfig:
    return config_from(HDemucsConfig, tables.HDEMUCS, given, **_segment(given, 40))


def _htdemucs(given: dict[str, Any]) -> HTDemucsConfig:
    return config_from(HTDemucsConfig, tables.HTDEMUCS, given, **_segment(given, 10))


def _segment(given: dict[str, Any], default_s: int) -> dict[str, int]:
    rate = given.get("samplerate", 44100)
    if type(rate) is not int or not 0 < rate <= 768_000:
        raise ModelError(f"has samplerate = {shown(rate)}, which makes no net")
    return {"segment": seconds(given.get("segment", default_s), rate)}


def _demucs_old(given: dict[str, Any]) -> DemucsConfig:
    """Versions 1 and 2 share a class name. The first counts its stems instead of naming them, and does not resample."""
    first = isinstance(given.get("sources", 4), int)
    context = given.get("context", 3)
    if type(context) is not int or context % 2 == 0 or not 0 < context < 64:
        raise ModelError(f"has context = {shown(context)}, which makes no net")
    defaults = {"lstm_layers": 2, "normalize": False, "resample": not first}
    return config_from(
        DemucsConfig,
        tables.DEMUCS_OLD,
        {**defaults, **_old_stems(given)},
        gelu=False,
        context=context // 2,
        context_padded=False,
        norm_starts=_NEVER,
        branch_mode=0,
    )


def _conv_tasnet(given: dict[str, Any]) -> ConvTasNetConfig:
    nonlinear = given.get("mask_nonlinear", "relu")
    if nonlinear not in ("relu", "softmax"):
        raise ModelError(f"has mask_nonlinear = {shown(nonlinear)}, which makes no net")
    # The defaults of the class, which differ from those of the released nets.
    return config_from(
        ConvTasNetConfig, tables.CONV_TASNET, {"X": 8, **_old_stems(given)}, softmax=nonlinear == "softmax"
    )


def _old_stems(given: dict[str, Any]) -> dict[str, Any]:
    """Arguments of versions 1 and 2 with the names of the stems, where a file has their number; no segment."""
    count = given.get("sources", given.get("C", len(_STEMS)))
    kept = {key: value for key, value in given.items() if key != "segment"}
    if not isinstance(count, int):
        return kept
    if count != len(_STEMS):
        raise ModelError(f"separates {shown(count)} stems without naming them")
    return {**kept, "sources": _STEMS}


_BUILDERS: dict[str, Callable[[dict[str, Any]], Config]] = {
    "demucs.demucs.Demucs": _demucs,
    "demucs.hdemucs.HDemucs": _hdemucs,
    "demucs.htdemucs.HTDemucs": _htdemucs,
    "demucs.model.Demucs": _demucs_old,
    "demucs.tasnet.ConvTasNet": _conv_tasnet,
    "demucs.wdemucs.WDemucs": _hdemucs,
}


def _config_from_shapes(package: Package) -> Config:
    """The released files of version 2 are weights and nothing else; their shapes say how large the net is."""
    if package.quantized is not None:
        return _demucs_old({"sources": _STEMS})
    state = package.state
    if "separator.network.0.gamma" in state and "encoder.conv1d_U.weight" in state:
        filters, channels, window = shape(state, "encoder.conv1d_U.weight", 3)
        bottleneck, hidden = shape(state, "separator.network.1.weight", 3)[0], _hidden(state)
        repeats, blocks = (
            count(state, r"separator\.network\.2\.(\d+)\."),
            count(state, r"separator\.network\.2\.0\.(\d+)\."),
        )
        sizes = {"N": filters, "L": window, "B": bottleneck, "H": hidden, "X": blocks, "R": repeats}
        return _conv_tasnet({"sources": _STEMS, "audio_channels": channels, **sizes})
    if "encoder.0.0.weight" in state and "lstm.linear.weight" in state:
        width, channels, _ = shape(state, "encoder.0.0.weight", 3)
        depth, layers = count(state, r"encoder\.(\d+)\."), count(state, r"lstm\.lstm\.weight_ih_l(\d+)$")
        sizes = {"channels": width, "audio_channels": channels, "depth": depth, "lstm_layers": layers}
        return _demucs_old({"sources": _STEMS, **sizes})
    raise ModelError("does not say what net its weights belong to")


def _hidden(state: State) -> int:
    return shape(state, "separator.network.2.0.0.net.0.weight", 3)[0]


def _empty(config: Config) -> Net:
    """The net with shapes but without memory."""
    classes: dict[type[Any], Callable[[Any], Net]] = {
        DemucsConfig: Demucs,
        HDemucsConfig: HDemucs,
        HTDemucsConfig: HTDemucs,
        ConvTasNetConfig: ConvTasNet,
    }
    try:
        with without_memory():
            return classes[type(config)](config)
    except (AssertionError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise ModelError(f"has arguments that make no net ({reason(error)})") from error


def _current_names(net: nn.Module, state: State) -> State:
    """Weights under the names of today: before version 3 there was no norm between convolution and activation."""
    if not isinstance(net, Demucs):
        return state
    renamed = {}
    for name, value in state.items():
        new = re.sub(r"^((?:en|de)coder\.\d+)\.2\.(weight|bias)$", r"\1.3.\2", name)
        renamed[name if new in state else new] = value
    return renamed
