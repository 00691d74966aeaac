"""CLAP's towers from the weights that LAION published, under the names that they have there.

They come in a checkpoint of AudioSep or in one of CLAP itself. RoBERTa has its own names in both; those of HTSAT are
translated into those of ``transformers``, which keeps query, key and value apart. A weight that is neither used nor
known to be of no use for embeddings is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from unbraid.errors import ModelError
from unbraid.zoo.adopt.weights import State, check_strictly, count, load_strictly, refuse, shape, without_memory
from unbraid.zoo.guard_names import reason

if TYPE_CHECKING:
    from unbraid.nets.clap import ClapAudio, ClapText

Net = TypeVar("Net", bound=nn.Module)

_WIDTH_OF_A_HEAD = 64
"""Of RoBERTa, in every published size; the weights do not tell."""

_MELS = 64

_USED = re.compile(
    r"text_branch\.(embeddings|encoder|pooler)\..+|text_projection\.[02]\.(weight|bias)"
    r"|audio_branch\.(bn0|patch_embed|layers|norm)\..+|audio_branch\.logmel_extractor\.melW"
    r"|audio_projection\.[02]\.(weight|bias)"
)

_UNUSED = re.compile(
    r"text_branch\.embeddings\.(position_ids|token_type_ids)"
    r"|audio_branch\.spectrogram_extractor\.stft\.conv_(real|imag)\.weight"
    r"|audio_branch\.layers\.\d\.blocks\.\d+\.(attn_mask|attn\.relative_position_index)"
    r"|audio_branch\.(tscam_conv|head)\.(weight|bias)"
    r"|(text|audio)_transform\.sequential\.[03]\.(weight|bias)"
    r"|logit_scale_[at]"
)
"""Tables that follow from the shapes, the classifier of HTSAT, and what only the training of CLAP needs."""

_AUDIO_NAMES = (
    ("audio_branch.logmel_extractor.melW", "mel"),
    ("audio_branch.bn0.", "tower.audio_encoder.batch_norm."),
    ("audio_branch.", "tower.audio_encoder."),
    ("audio_projection.", "projection."),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".attn.proj.", ".attention.output.dense."),
    (".attn.", ".attention.self."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
)
"""LAION -> nets/clap, carried out one after the other."""


def clap_state(state: State) -> State:
    """The weights of a checkpoint of CLAP by their plain names: data parallel training puts ``module.`` before them."""
    return {name.removeprefix("module."): value for name, value in state.items()}


def check_clap(state: State) -> None:
    """Raise ModelError if something in ``state`` is unknown."""
    refuse("holds, beyond what CLAP has,", {n for n in state if not (_USED.fullmatch(n) or _UNUSED.fullmatch(n))})


def build_text(state: State) -> ClapText:
    """The tower for texts. Raises ModelError, whose message continues a sentence that begins with the file's name."""
    from unbraid.nets.clap import ClapText, ClapTextConfig

    check_clap(state)
    words, width = shape(state, "text_branch.embeddings.word_embeddings.weight", 2)
    if width % _WIDTH_OF_A_HEAD:
        raise ModelError(f"has a text branch {width} wide, which is not a multiple of {_WIDTH_OF_A_HEAD}")
    config = ClapTextConfig(
        vocabulary=words,
        positions=shape(state, "text_branch.embeddings.position_embeddings.weight", 2)[0],
        width=width,
        layers=count(state, r"text_branch\.encoder\.layer\.(\d+)\."),
        heads=width // _WIDTH_OF_A_HEAD,
        hidden=shape(state, "text_branch.encoder.layer.0.intermediate.dense.weight", 2)[0],
        embedding=shape(state, "text_projection.2.weight", 2)[0],
    )
    return _filled(lambda: ClapText(config), dict(_text(state)))


def build_audio(state: State) -> ClapAudio:
    """The tower for sounds. Raises ModelError, as :func:`build_text` does."""
    from unbraid.nets.clap import ClapAudio, ClapAudioConfig

    check_clap(state)
    stages = count(state, r"audio_branch\.layers\.(\d+)\.")
    if shape(state, "audio_branch.bn0.weight", 1) != (_MELS,):
        raise ModelError(f"has an audio branch of other than {_MELS} mel bands")
    config = ClapAudioConfig(
        width=shape(state, "audio_branch.patch_embed.proj.weight", 4)[0],
        depths=tuple(count(state, rf"audio_branch\.layers\.{stage}\.blocks\.(\d+)\.") for stage in range(stages)),
        heads=tuple(
            shape(state, f"audio_branch.layers.{stage}.blocks.0.attn.relative_position_bias_table", 2)[1]
            for stage in range(stages)
        ),
        embedding=shape(state, "audio_projection.2.weight", 2)[0],
    )
    return _filled(lambda: ClapAudio(config), dict(_audio(state)))


def _filled(make: Callable[[], Net], state: State) -> Net:
    """The net with the weights of ``state``.

    It is first made without memory, so that a file cannot ask for more than it brings along.
    """
    try:
        with without_memory():
            drawn = make()
    except (AssertionError, ValueError, RuntimeError, ArithmeticError) as error:
        raise ModelError(f"has shapes that make no net ({reason(error)})") from error
    tables = [name for name in drawn.state_dict() if name.endswith("relative_position_index")]
    check_strictly(drawn, {**state, **{name: np.zeros(drawn.state_dict()[name].shape, np.int64) for name in tables}})
    net = make()
    load_strictly(net, {**state, **{name: net.state_dict()[name].numpy() for name in tables}})
    return net


def _text(state: State) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, value in state.items():
        if name.startswith("text_") and not _UNUSED.fullmatch(name):
            yield name.replace("text_branch.", "tower.").replace("text_projection.", "projection."), value


def _audio(state: State) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, value in state.items():
        if not name.startswith("audio_") or _UNUSED.fullmatch(name):
            continue
        for theirs, ours in _AUDIO_NAMES:
            name = name.replace(theirs, ours)
        if ".self.qkv." not in name:
            yield name, value
            continue
        if value.ndim == 0 or len(value) % 3:
            raise ModelError(f"has the wrong shape for {name}")
        for part, third in zip(("query", "key", "value"), np.split(value, 3), strict=True):
            yield name.replace("qkv", part), third
