"""CLAP as LAION publishes it: every weight by its name, a tokenizer, and the way back from transformers' names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import ByteLevelBPETokenizer
from torch import Tensor, nn

State = dict[str, Tensor]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
WORDS = ["acoustic guitar", "the harp", "a dog barks while rain falls", "low end", "snare", "ein Klavier", "🎸 solo!"]


@dataclass(frozen=True)
class Sizes:
    """The defaults are those of the published model."""

    vocabulary: int = 50_265
    positions: int = 514
    text_width: int = 768
    text_layers: int = 12
    text_hidden: int = 3072
    audio_width: int = 128
    depths: tuple[int, ...] = (2, 2, 12, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    joint: int = 512
    classes: int = 527


TINY = Sizes(300, 70, 64, 2, 96, 8, (2, 2, 2, 2), (1, 2, 2, 4), 16, 5)


def shapes(sizes: Sizes = Sizes()) -> dict[str, tuple[int, ...]]:
    """Every name in the state and the shape that goes with it."""
    return dict(_shapes(sizes))


def _shapes(sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, joint, last = sizes.text_width, sizes.joint, sizes.audio_width * 8
    yield "logit_scale_a", ()
    yield "logit_scale_t", ()
    yield from _text_branch(sizes)
    yield from _audio_branch(sizes)
    for side, inputs in (("text", width), ("audio", last)):
        yield from _linear(f"{side}_projection.0", inputs, joint)
        yield from _linear(f"{side}_projection.2", joint, joint)
        yield from _linear(f"{side}_transform.sequential.0", joint, joint)
        yield from _linear(f"{side}_transform.sequential.3", joint, joint)


def _text_branch(sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, root = sizes.text_width, "text_branch.embeddings."
    yield f"{root}position_ids", (1, sizes.positions)
    yield f"{root}word_embeddings.weight", (sizes.vocabulary, width)
    yield f"{root}position_embeddings.weight", (sizes.positions, width)
    yield f"{root}token_type_embeddings.weight", (1, width)
    yield from _affine(f"{root}LayerNorm", width)
    for number in range(sizes.text_layers):
        layer = f"text_branch.encoder.layer.{number}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            yield from _linear(f"{layer}attention.{part}", width, width)
        yield from _affine(f"{layer}attention.output.LayerNorm", width)
        yield from _linear(f"{layer}intermediate.dense", width, sizes.text_hidden)
        yield from _linear(f"{layer}output.dense", sizes.text_hidden, width)
        yield from _affine(f"{layer}output.LayerNorm", width)
    yield from _linear("text_branch.pooler.dense", width, width)


def _audio_branch(sizes: Sizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    root, width = "audio_branch.", sizes.audio_width
    for part in ("real", "imag"):
        yield f"{root}spectrogram_extractor.stft.conv_{part}.weight", (513, 1, 1024)
    yield f"{root}logmel_extractor.melW", (513, 64)
    yield from _affine(f"{root}bn0", 64)
    yield from {f"{root}bn0.running_mean": (64,), f"{root}bn0.running_var": (64,)}.items()
    yield f"{root}bn0.num_batches_tracked", ()
    yield from {f"{root}patch_embed.proj.weight": (width, 1, 4, 4), f"{root}patch_embed.proj.bias": (width,)}.items()
    yield from _affine(f"{root}patch_embed.norm", width)
    for stage, (depth, heads) in enumerate(zip(sizes.depths, sizes.heads, strict=True)):
        for number in range(depth):
            # A picture of 64 x 64 patches in windows of 8 x 8; the last stage is one window, which is not shifted.
            windows = (64 // 2**stage // 8) ** 2
            shifted = number % 2 == 1 and windows > 1
            yield from _swin(f"{root}layers.{stage}.blocks.{number}.", width, heads, windows if shifted else 0)
        if stage < len(sizes.depths) - 1:
            yield f"{root}layers.{stage}.downsample.reduction.weight", (2 * width, 4 * width)
            yield from _affine(f"{root}layers.{stage}.downsample.norm", 4 * width)
            width *= 2
    yield from _affine(f"{root}norm", width)
    yield f"{root}tscam_conv.weight", (sizes.classes, width, 2, 3)
    yield f"{root}tscam_conv.bias", (sizes.classes,)
    yield from _linear(f"{root}head", sizes.classes, sizes.classes)


def _swin(block: str, width: int, heads: int, windows: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    if windows:
        yield f"{block}attn_mask", (windows, 64, 64)
    yield f"{block}attn.relative_position_bias_table", (225, heads)
    yield f"{block}attn.relative_position_index", (64, 64)
    yield from _linear(f"{block}attn.qkv", width, 3 * width)
    yield from _linear(f"{block}attn.proj", width, width)
    yield from _linear(f"{block}mlp.fc1", width, 4 * width)
    yield from _linear(f"{block}mlp.fc2", 4 * width, width)
    yield from _affine(f"{block}norm1", width)
    yield from _affine(f"{block}norm2", width)


def _linear(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _affine(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def random_state(sizes: Sizes = TINY, seed: int = 0) -> State:
    generator = torch.Generator().manual_seed(seed)
    state: State = {}
    for name, shape in shapes(sizes).items():
        noise = torch.randn(shape, generator=generator)
        if name.endswith(("position_ids", "relative_position_index", "num_batches_tracked")):
            state[name] = torch.zeros(shape, dtype=torch.int64)
        elif name.endswith(("running_var", "melW")):
            state[name] = 0.1 + noise.abs()
        elif name.endswith("weight") and len(shape) == 1:
            state[name] = 1 + 0.2 * noise
        else:
            state[name] = noise * (shape[-1] ** -0.5 if len(shape) > 1 else 0.2)
    return state


def audio_state_of(tower: nn.Module) -> State:
    """The weights of transformers' ``ClapAudioModel`` under LAION's names: its own conversion, backwards."""
    renamed: State = {}
    for name, value in tower.state_dict().items():
        name = name.replace("audio_encoder.", "audio_branch.").replace("batch_norm.", "bn0.")
        name = name.replace("layernorm_before", "norm1").replace("layernorm_after", "norm2")
        name = name.replace("intermediate.dense", "mlp.fc1").replace("attention.output.dense", "attn.proj")
        name = name.replace("output.dense", "mlp.fc2").replace("attention.self.", "attn.")
        renamed[name] = value
    for name in [name for name in renamed if ".attn.query." in name]:
        parts = [renamed.pop(name.replace("query", part)) for part in ("query", "key", "value")]
        renamed[name.replace("query", "qkv")] = torch.cat(parts)
    return renamed


def projection_state_of(projection: nn.Module, side: str) -> State:
    """The weights of transformers' ``ClapProjectionLayer`` under LAION's names."""
    state = projection.state_dict()
    return {re.sub(r"linear(\d)", lambda m: f"{side}_projection.{2 * int(m[1]) - 2}", n): v for n, v in state.items()}


def save_tokenizer(folder: Path) -> ByteLevelBPETokenizer:
    """A small byte-level BPE with the ids of RoBERTa's special tokens, in ``folder`` as the original keeps it."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(WORDS, vocab_size=290, special_tokens=SPECIAL, show_progress=False)
    folder.mkdir(parents=True)
    tokenizer.save_model(str(folder))
    return tokenizer


def clip(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """A tone in noise, ``[time]``."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (0.3 * np.sin(2 * np.pi * 440 * time) + 0.05 * noise).astype(np.float32)
