"""Tiny demucs nets with random weights, saved by demucs' own functions, and how near ours come to them.

A quarter of the published sizes in every direction, so that all that the big ones have is there: layers with and
without norms, LSTM frames, local attention, the join of the branches, three Transformer layers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from demucs.demucs import Demucs
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs
from demucs.states import serialize_model
from numpy.typing import ArrayLike
from safetensors.torch import save_file
from torch import nn

FOUR = ["drums", "bass", "other", "vocals"]
SIX = [*FOUR, "guitar", "piano"]
RATE = 44100

WAVE: dict[str, Any] = {"channels": 8, "depth": 3, "norm_starts": 1, "norm_groups": 2, "dconv_attn": 1, "dconv_lstm": 2}
WAVE["segment"] = Fraction(8001, RATE)
HYBRID: dict[str, Any] = {"nfft": 256, "channels": 8, "depth": 4, "norm_starts": 2, "dconv_attn": 2, "dconv_lstm": 2}
HYBRID["segment"] = Fraction(14_001, RATE)
TRANSFORMER: dict[str, Any] = {
    **{"nfft": 256, "channels": 8, "depth": 2, "norm_starts": 1, "dconv_comp": 4, "t_layers": 3, "t_heads": 2},
    "segment": Fraction(4001, RATE),
}

NETS: dict[str, Callable[[], nn.Module]] = {
    "htdemucs": lambda: HTDemucs(FOUR, **TRANSFORMER, bottom_channels=16, dconv_mode=3),
    "htdemucs-6": lambda: HTDemucs(SIX, **TRANSFORMER, dconv_mode=3),
    "htdemucs-magnitude": lambda: HTDemucs(FOUR, **TRANSFORMER, cac=False, t_cross_first=True, t_gelu=False),
    "hdemucs": lambda: HDemucs(FOUR, **HYBRID),
    "hdemucs-old": lambda: HDemucs(FOUR, **HYBRID, hybrid_old=True, cac=False),
    "hdemucs-magnitude": lambda: HDemucs(FOUR, **HYBRID, cac=False),
    "hdemucs-bands": lambda: HDemucs(
        FOUR, **{**HYBRID, "norm_starts": 999}, multi_freqs=[0.2, 0.5], multi_freqs_depth=1, cac=False
    ),
    "hdemucs-wiener": lambda: HDemucs(
        FOUR, **HYBRID, cac=False, wiener_iters=2, end_iters=2, wiener_residual=True, dconv_mode=3
    ),
    "hdemucs-plain": lambda: HDemucs(FOUR, **HYBRID, rewrite=False, channels_time=12, freq_emb=0, dconv_mode=2),
    "demucs": lambda: Demucs(FOUR, **WAVE),
    "demucs-mdx": lambda: Demucs(FOUR, **WAVE, rewrite=False),
    "demucs-plain": lambda: Demucs(
        FOUR, **WAVE, lstm_layers=2, resample=False, normalize=False, glu=False, gelu=False, dconv_mode=0
    ),
}


def make(name: str, seed: int = 0) -> nn.Module:
    """The net ``name`` with weights that all matter: the layer scales of a fresh net would hide its branches."""
    torch.manual_seed(seed)
    net = NETS[name]().eval()
    for key, parameter in net.named_parameters():
        if key.endswith((".scale", "gamma_1.scale", "gamma_2.scale")):
            nn.init.uniform_(parameter, 0.3, 0.8)
    return net


def save_th(net: nn.Module, path: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Path:
    """As demucs exports: ``serialize_model``, weights in half precision, and the figures of its training."""
    config = SimpleNamespace(to_container=lambda value, resolve: value)
    monkeypatch.setitem(sys.modules, "omegaconf", SimpleNamespace(OmegaConf=config))
    package = serialize_model(net, {"epochs": 3, "model": None, "svd": {"penalty": 1e-5}})
    package["metrics"] = ({"main": {"loss": np.float64(0.25)}}, None)
    torch.save(package, path, **options)
    return path


def save_safetensors(net: nn.Module, path: Path) -> Path:
    """As the files of demucs 4.1 on Hugging Face: arguments as JSON in the header, fractions tagged."""
    args, kwargs = net._init_args_kwargs  # type: ignore[union-attr,misc]  # demucs notes them on every net
    notes = {
        "klass": f"{type(net).__module__}.{type(net).__qualname__}",
        "args": json.dumps(args, default=_fraction),
        "kwargs": json.dumps(kwargs, default=_fraction),
    }
    save_file({name: value.half().contiguous() for name, value in net.state_dict().items()}, path, metadata=notes)
    return path


def _fraction(value: object) -> dict[str, object]:
    assert isinstance(value, Fraction)
    return {"_type": "fraction", "numerator": value.numerator, "denominator": value.denominator}


def noise(channels: int, length: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(channels, length, generator=torch.Generator().manual_seed(seed))


def snr_db(reference: ArrayLike, other: ArrayLike) -> float:
    """Energy of ``reference`` over that of the difference."""
    wanted, given = np.asarray(reference, np.float64), np.asarray(other, np.float64)
    assert wanted.shape == given.shape
    assert np.square(wanted).sum() > 0
    return float(10 * np.log10(np.square(wanted).sum() / max(np.square(wanted - given).sum(), 1e-300)))
