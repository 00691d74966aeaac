"""AudioSep from its published checkpoint, which PyTorch Lightning wrote.

The file holds the separator under ``ss_model`` and, under ``query_encoder.model``, all of CLAP (see adopt/clap). Every
weight is either used, or is one of those that the original does not use either and that are listed here; anything else
is refused. What size the net has is told by the shapes of its weights.
"""

from __future__ import annotations

import re

import numpy as np
import torch

from unbraid.errors import ModelError
from unbraid.nets.audiosep import AudioSep, AudioSepConfig
from unbraid.spec import Spec
from unbraid.zoo.adopt.clap import check_clap
from unbraid.zoo.adopt.weights import State, load_strictly, refuse, shape, without_memory
from unbraid.zoo.guard import Package

_CLAP = "query_encoder.model."
_BASE, _FILM = "ss_model.base.", "ss_model.film."
_N_FFT = 2048
_LEVELS = 6

_UNUSED = re.compile(
    r"ss_model\.base\.(stft|istft)\.conv_(real|imag)\.weight"
    r"|ss_model\.base\.istft\.ola_window"
    r"|ss_model\.base\.decoder_block\d\.bn2\.(weight|bias|running_mean|running_var|num_batches_tracked)"
    r"|ss_model\.film\.decoder_block\d->beta2\.(weight|bias)"
)
"""The transforms, written as convolutions, and a norm that the decoders make and pass by."""

_BLOCKS = (
    (r"norm\.", "bn0."),
    (r"into\.", "pre_conv."),
    (r"out\.", "after_conv."),
    (r"bottom\.", "conv_block7a.conv_block1."),
    (r"encoder\.(\d)\.", "encoder_block{}.conv_block1."),
    (r"decoder\.(\d)\.block\.", "decoder_block{}.conv_block2."),
    (r"decoder\.(\d)\.norm\.", "decoder_block{}.norm1."),
    (r"decoder\.(\d)\.up\.", "decoder_block{}.conv1."),
)
"""Where a part of our net stands in the file; parts are counted from 1 there."""


def is_audiosep(package: Package) -> bool:
    """Whether the weights are those of an AudioSep checkpoint."""
    return any(name.startswith(_BASE) for name in package.state)


def clap_within(package: Package) -> State:
    """The weights of CLAP in an AudioSep checkpoint, by their own names; empty if there are none."""
    return {name.removeprefix(_CLAP): value for name, value in package.state.items() if name.startswith(_CLAP)}


def build(package: Package, name: str = "audiosep") -> tuple[AudioSep, Spec]:
    """The separator in ``package``, ready to be run, and its facts under ``name``. Raises ModelError, in one line."""
    state = package.state
    try:
        check_clap(clap_within(package))
        _check_transform(state)
        with without_memory():
            net = AudioSep(_config(state))
        used = {theirs_of(ours): ours for ours in net.state_dict()}
        own = {key for key in state if not key.startswith(_CLAP)}
        refuse("holds, beyond what AudioSep has,", {key for key in own - used.keys() if not _UNUSED.fullmatch(key)})
        refuse("lacks", used.keys() - own)
        load_strictly(net, {ours: state[theirs] for theirs, ours in used.items()})
        # Channels innermost: the same convolutions take about a sixth less time on CPUs.
        return net.to(memory_format=torch.channels_last), net.spec(name)  # type: ignore[call-overload]  # torch's stub
    except ModelError as error:
        raise ModelError(f"{name}: refused: the checkpoint {error}") from error


def theirs_of(ours: str) -> str:
    """The name in the file of the weight that our net calls ``ours``."""
    for pattern, block in _BLOCKS:
        if found := re.match(pattern, ours):
            number = int(found[1]) + 1 if found.groups() else 0
            path = block.format(number) + ours[found.end() :]
            break
    else:
        raise AssertionError(ours)
    norm = re.fullmatch(r"(.+\.)?norm([12])\.(norm|shift)\.(\w+)", path)
    if norm is None:
        return _BASE + path
    if norm[3] == "norm":
        return f"{_BASE}{norm[1]}bn{norm[2]}.{norm[4]}"
    return f"{_FILM}{norm[1].replace('.', '->')}beta{norm[2]}.{norm[4]}"


def _config(state: State) -> AudioSepConfig:
    (freqs,) = shape(state, f"{_BASE}bn0.weight", 1)
    if freqs != _N_FFT // 2 + 1:
        raise ModelError(f"has {freqs} frequencies; only nets of {_N_FFT // 2 + 1} are known")
    levels = range(1, _LEVELS + 1)
    return AudioSepConfig(
        widths=tuple(shape(state, f"{_BASE}encoder_block{k}.conv_block1.conv1.weight", 4)[0] for k in levels),
        embedding=shape(state, f"{_FILM}encoder_block1->conv_block1->beta1.weight", 2)[1],
    )


def _check_transform(state: State) -> None:
    """A net trained on another transform would have the same shapes; the kernels in the file tell which it was."""
    kernel = state.get(f"{_BASE}stft.conv_real.weight")
    if kernel is None:
        return
    time, freq = np.arange(_N_FFT), np.arange(_N_FFT // 2 + 1)[:, None]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * time / _N_FFT)
    expected = hann * np.cos(2 * np.pi * (freq * time % _N_FFT) / _N_FFT)
    if kernel.shape != (len(freq), 1, _N_FFT) or not np.abs(kernel[:, 0] - expected).max() < 1e-3:
        raise ModelError(f"was trained on another transform than a Hann window of {_N_FFT} samples")
