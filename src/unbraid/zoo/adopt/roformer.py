"""BS-RoFormers and Mel-Band RoFormers, as their trainers save them: plain weights, and a YAML with the settings.

What size the net has is told by the shapes of its weights, and checked weight by weight. What these do not tell, the
hop of the STFT, the length of a piece and what the stems are called, is in the YAML (:mod:`unbraid.zoo.settings`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from unbraid.errors import ModelError
from unbraid.nets.blocks.rotary_attention import angles
from unbraid.nets.roformer import Roformer, RoformerConfig
from unbraid.spec import Spec
from unbraid.zoo.adopt.weights import State, check_strictly, count, load_strictly, refuse, shape, without_memory
from unbraid.zoo.guard import Package
from unbraid.zoo.settings import Settings

_FIRST = "band_split.to_features.0.0.gamma"
_TURNS = re.compile(r"layers\.\d+\.[012]\.layers\.\d+\.0\.rotary_embed\.freqs")
_LARGEST = 1 << 14
_MOST_BANDS = 256
_MOST_FRAMES = 1 << 13
_DEEPEST = 128

_WAY = {"time": 0, "freq": 1}
_ATTENTION = {"norm.gamma": "norm.gamma", "qkv.weight": "to_qkv.weight", "out.weight": "to_out.0.weight"}
_FEED = {"norm.gamma": "0.gamma", "into": "1", "out": "4"}
"""What a part of ours is called in the file, inside of an attention and of a feed-forward."""


def is_roformer(package: Package) -> bool:
    """Whether the weights are those of a RoFormer."""
    return _FIRST in package.state


def build(package: Package, name: str, settings: Settings) -> tuple[Roformer, Spec]:
    """The net in ``package``, ready to be run, and its facts under ``name``. Raises ModelError, in one line."""
    state = package.state
    try:
        config = _config(state, settings, *_transform(settings))
        _check_turns(state, config)
        with without_memory():
            net = Roformer(config)
        first = _first(state)
        used = {theirs_of(ours, first): ours for ours in net.state_dict()}
        refuse("holds, beyond what a RoFormer has,", {key for key in state.keys() - used if not _TURNS.fullmatch(key)})
        refuse("lacks", used.keys() - state.keys())
        renamed = {ours: state[theirs] for theirs, ours in used.items()}
        check_strictly(net, renamed)
        # With memory, whose size is now known to be that of the file: where bands lie is not in it.
        net = Roformer(config)
        load_strictly(net, renamed)
        return net, net.spec(name)
    except ModelError as error:
        raise ModelError(f"{name}: refused: the checkpoint {error}") from error


def theirs_of(ours: str, first: int = 0) -> str:
    """What the file calls the weight that our net calls ``ours``; ``first``: see :func:`_first`."""
    room, *rest = ours.split(".")
    if room == "split":
        band, part, kind = rest
        return f"band_split.to_features.{band}.{'0' if part == 'norm' else '1'}.{kind}"
    if room == "masks":
        stem, band, _, layer, kind = rest
        return f"mask_estimators.{stem}.to_freqs.{band}.0.{2 * int(layer)}.{kind}"
    if room == "norm":
        return "final_norm.gamma"
    number, way, part, *inner = rest
    block = f"layers.{number}.{first + _WAY[way]}"
    if part == "norm":
        return f"{block}.norm.gamma"
    layer, *path = inner
    name = ".".join(path)
    if part == "attention":
        return f"{block}.layers.{layer}.0.{_ATTENTION.get(name, 'to_' + name)}"
    return f"{block}.layers.{layer}.1.net.{_FEED.get(name) or _FEED[path[0]] + '.' + path[1]}"


def _transform(settings: Settings) -> tuple[int, int, int]:
    """Length and hop of the STFT, and how many channels it has, from the settings."""
    model = settings.model
    n_fft = model.size("stft_n_fft", 2048, 1 << 14)
    hop = model.size("stft_hop_length", 512, n_fft // 2)
    if model.size("stft_win_length", n_fft, 1 << 16) != n_fft or model.get("stft_normalized", False):
        raise ModelError("wants a window shorter than its transform or one that is normalised, which is not known here")
    if n_fft % 2 or settings.segment <= n_fft or settings.segment // hop > _MOST_FRAMES:
        raise ModelError(
            f"has pieces of {settings.segment} samples, an STFT of {n_fft} and a hop of {hop}; a piece must be longer "
            f"than a frame, of an even number of samples, and have at most {_MOST_FRAMES} frames"
        )
    for key in ("skip_connection", "use_pope"):
        if model.get(key, False):
            raise ModelError(f"says {key}, which is not known here")
    return n_fft, hop, 2 if model.flag("stereo", False) else 1


def _config(state: State, settings: Settings, n_fft: int, hop: int, channels: int) -> RoformerConfig:
    """Sizes from the shapes of the weights; those that no net can have are refused by name."""
    first = _first(state)
    time, freq = f"layers.0.{first}.layers", f"layers.0.{first + 1}.layers"
    features = list(_features(state))
    whole = sum(features) // 2 // channels
    heads, width = shape(state, f"{time}.0.0.to_gates.weight", 2)
    stems = count(state, r"mask_estimators\.(\d+)\.")
    if stems != len(settings.stems) - settings.complement:
        told = ", ".join(settings.stems[: len(settings.stems) - settings.complement])
        raise ModelError(f"has masks for {stems} stems, where its settings want some for {told}")
    each = "final_norm.gamma" not in state
    bands = tuple(size // 2 // channels for size in features)
    if not each and whole != n_fft // 2 + 1:
        raise ModelError(f"has bands of {whole} frequencies in all, where an STFT of {n_fft} samples has others")
    layers = count(state, r"mask_estimators\.0\.to_freqs\.0\.0\.(\d+)\.")
    depths = [
        count(state, r"layers\.(\d+)\."),
        count(state, re.escape(time) + r"\.(\d+)\."),
        count(state, re.escape(freq) + r"\.(\d+)\."),
    ]
    if max(*depths, layers, stems) > _DEEPEST or depths[0] * (depths[1] + depths[2]) > _DEEPEST:
        raise ModelError(f"has {depths} and {layers} layers and {stems} stems; at most {_DEEPEST} are believed")
    head_width = shape(state, f"{time}.0.0.to_qkv.weight", 2)[0] // 3 // max(1, heads)
    hidden = shape(state, f"{time}.0.1.net.1.weight", 2)[0]
    mask_hidden = shape(state, "mask_estimators.0.to_freqs.0.0.0.weight", 2)[0]
    sizes = (width, hidden, mask_hidden, heads, head_width)
    if not all(0 < size <= _LARGEST for size in sizes) or head_width % 2:
        raise ModelError(f"has layers of {', '.join(map(str, sizes))} channels, which make no net")
    config = RoformerConfig(
        stems=settings.stems,
        complement=settings.complement,
        rate=settings.rate,
        audio_channels=channels,
        segment=settings.segment,
        n_fft=n_fft,
        hop=hop,
        bands=() if each else bands,
        mel_bands=len(bands) if each else 0,
        width=width,
        depth=depths[0],
        time_depth=depths[1],
        freq_depth=depths[2],
        heads=heads,
        head_width=head_width,
        hidden=hidden,
        mask_hidden=mask_hidden,
        mask_layers=layers,
        norm_each=each,
        zero_dc=settings.model.flag("zero_dc", True),
    )
    if each:
        _check_mel(config, bands)
    return config


def _first(state: State) -> int:
    """The number of a block's first Transformer: some versions leave a place for linear attention before them."""
    numbers = {int(found[1]) for key in state if (found := re.match(r"layers\.0\.(\d{1,2})\.", key))}
    if len(numbers) != 2:
        raise ModelError(f"has {len(numbers)} kinds of attention in a block, where RoFormers here have two")
    return min(numbers)


def _features(state: State) -> Iterator[int]:
    bands = count(state, r"band_split\.to_features\.(\d+)\.")
    if bands > _MOST_BANDS:
        raise ModelError(f"has {bands} bands; at most {_MOST_BANDS} are believed")
    for band in range(bands):
        yield shape(state, f"band_split.to_features.{band}.0.gamma", 1)[0]


def _check_mel(config: RoformerConfig, bands: tuple[int, ...]) -> None:
    try:
        expected = tuple(len(band) for band in config.held())
    except ValueError as error:
        raise ModelError(f"has bands that fit no transform: {error}") from error
    if bands != expected:
        raise ModelError(
            f"has {len(bands)} bands that are not those of the mel scale for an STFT of {config.n_fft} samples at "
            f"{config.rate} Hz"
        )


def _check_turns(state: State, config: RoformerConfig) -> None:
    """Angles are in the file, too; trained with others, the net would have the same shapes."""
    expected = angles(config.head_width).numpy()
    for key, value in state.items():
        if _TURNS.fullmatch(key) and (value.shape != expected.shape or not np.abs(value - expected).max() < 1e-3):
            raise ModelError(f"turns its tokens by other angles than those known here ({key})")
