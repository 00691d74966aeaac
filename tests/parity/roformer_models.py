"""RoFormers of the package BS-RoFormer, small and random, and files as those who train them publish them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

HOP, SEGMENT, RATE = 441, 441 * 40, 44_100
SIZES: dict[str, Any] = {
    **{"dim": 16, "depth": 2, "dim_head": 8, "heads": 3, "stereo": True, "num_stems": 1, "stft_hop_length": HOP},
    **{"time_transformer_depth": 1, "freq_transformer_depth": 1, "flash_attn": False, "mask_estimator_depth": 2},
}


def band_split(**changes: Any) -> nn.Module:
    from bs_roformer import BSRoformer

    return _stirred(lambda: BSRoformer(**{**SIZES, **changes}))


def mel_band(**changes: Any) -> nn.Module:
    from bs_roformer import MelBandRoformer

    usual = {**SIZES, "num_bands": 60, "linear_transformer_depth": 0, "match_input_audio_length": True}
    return _stirred(lambda: MelBandRoformer(**{**usual, **changes}))


def _stirred(make: Any) -> nn.Module:
    """Weights that all matter: a fresh net's norms are all ones, and its gates all alike."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks torch for a transform without a window, to count its frequencies
        net: nn.Module = make().eval()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if "rotary" not in name:
                weight.add_(0.1 * torch.randn_like(weight))
    return net


def saved(folder: Path, net: nn.Module, settings: str, name: str = "model_bs_roformer_ep_1_sdr_9.5") -> Path:
    """The weights, and the settings beside them."""
    path = folder / f"{name}.ckpt"
    torch.save(net.state_dict(), path)
    (folder / f"{name}.yaml").write_text(settings, "utf-8")
    return path


def settings(instruments: str = "[vocals, other]", target: str = "vocals", **changes: str) -> str:
    """As in the wild: keys that matter among many that do not, and Python's tuples."""
    told = {"chunk_size": str(SEGMENT), "stereo": "true", "stft_hop_length": str(HOP), "stft_n_fft": "2048"}
    told |= {"zero_dc": "false", "normalize": "false", **changes}
    return f"""audio:
  chunk_size: {told["chunk_size"]}
  dim_t: 801 # don't work (use in model)
  num_channels: 2
  sample_rate: {RATE}
  min_mean_abs: 0.000

model:
  dim: 16
  stereo: {told["stereo"]}
  freqs_per_bands: !!python/tuple
    - 2
    - 2
  stft_n_fft: {told["stft_n_fft"]}
  stft_hop_length: {told["stft_hop_length"]}
  stft_win_length: 2048
  stft_normalized: False
  zero_dc: {told["zero_dc"]} # the package knows no such thing, so it never is

training:
  instruments: {instruments}
  target_instrument: {target}
  lr: 1.0e-05
  use_amp: true

inference:
  batch_size: 4
  num_overlap: 2
  normalize: {told["normalize"]}
"""


def answer(net: nn.Module, mix: Tensor) -> Tensor:
    """``mix[batch, channel, time] -> [batch, stem, channel, time]``; the package drops the axis of a single stem."""
    with torch.inference_mode():
        waves: Tensor = net(mix)
    return waves if waves.ndim == 4 else waves[:, None]
