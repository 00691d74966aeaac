"""CLAP, which puts texts and sounds into one space (Wu et al. 2023, arXiv 2211.06687).

A text and a clip that mean the same have embeddings that point the same way, so AudioSep takes either as its query. The
towers are those of ``transformers``: RoBERTa for texts and HTSAT, a Swin Transformer on log-mel pictures, for sounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.errors import MissingExtra
from unbraid.nets.blocks.centred_stft import analyse

try:
    from transformers import ClapAudioConfig as HTSATConfig
    from transformers import ClapAudioModel as HTSAT
    from transformers import RobertaConfig, RobertaModel
except ImportError as error:
    raise MissingExtra("transformers is not installed; pip install 'unbraid[audiosep]'") from error

_N_FFT = 1024
_HOP = 480
_MELS = 64
_LEAST_POWER = 1e-10


@dataclass(frozen=True)
class ClapTextConfig:
    """Sizes of the tower for texts; the defaults are those of RoBERTa base. embedding: size of the answer."""

    vocabulary: int = 50_265
    positions: int = 514
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    embedding: int = 512


class ClapText(nn.Module):
    """Tokens to unit vectors."""

    def __init__(self, config: ClapTextConfig) -> None:
        super().__init__()
        self.config = config
        self.tower = RobertaModel(
            RobertaConfig(
                vocab_size=config.vocabulary,
                max_position_embeddings=config.positions,
                hidden_size=config.width,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                intermediate_size=config.hidden,
                type_vocab_size=1,
                layer_norm_eps=1e-5,
            )
        )
        self.projection = _projection(config.width, config.embedding)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """``tokens[query, token]`` and ``mask``, 1 where there is one, to ``[query, embedding]`` of length 1."""
        pooled = self.tower(input_ids=tokens, attention_mask=mask).pooler_output
        return F.normalize(self.projection(pooled), dim=-1)


@dataclass(frozen=True)
class ClapAudioConfig:
    """Sizes of the tower for sounds; the defaults are those of HTSAT base. width: of a patch at the first stage.

    depths, heads: of the stages, each of which doubles the width.
    """

    width: int = 128
    depths: tuple[int, ...] = (2, 2, 12, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    embedding: int = 512


class ClapAudio(nn.Module):
    """Clips to unit vectors. The mel bank is part of the weights."""

    mel: Tensor

    def __init__(self, config: ClapAudioConfig) -> None:
        super().__init__()
        self.config = config
        last = config.width * 2 ** (len(config.depths) - 1)
        self.register_buffer("mel", torch.zeros(_N_FFT // 2 + 1, _MELS))
        self.tower = HTSAT(
            HTSATConfig(
                num_mel_bins=_MELS,
                hidden_size=last,
                depths=list(config.depths),
                num_attention_heads=list(config.heads),
                patch_embeds_hidden_size=config.width,
            )
        )
        self.projection = _projection(last, config.embedding)

    def forward(self, clips: Tensor) -> Tensor:
        """``clips[clip, time]`` at 48 kHz, at most 10.24 s long, to ``[clip, embedding]`` of length 1."""
        pooled = self.tower(input_features=self.log_mel(clips)).pooler_output
        return F.normalize(self.projection(pooled), dim=-1)

    def log_mel(self, clips: Tensor) -> Tensor:
        """``[clip, time] -> [clip, 1, frame, band]``: power in dB, not less than -100."""
        power = torch.view_as_real(analyse(clips, _N_FFT, _HOP)).square().sum(-1)
        bands = power.transpose(1, 2) @ self.mel
        return 10 * bands.clamp(min=_LEAST_POWER).log10()[:, None]


def _projection(width: int, embedding: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, embedding), nn.ReLU(), nn.Linear(embedding, embedding))
