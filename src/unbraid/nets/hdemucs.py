"""Hybrid Demucs, version 3 (Défossez 2021, "Hybrid Spectrogram and Waveform Source Separation")."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unbraid.nets.blocks.hybrid_unet import HybridConfig, HybridUNet
from unbraid.spec import Spec


@dataclass(frozen=True, kw_only=True)
class HDemucsConfig(HybridConfig):
    """Sizes of the net; the defaults are those of the released ``hdemucs_mmi``.

    legacy_padding (inherited): pad the STFT with zeros, as the nets called ``hybrid_old`` were trained.
    """


class HDemucs(HybridUNet):
    """Six levels; the branches join at the fifth. Nothing lies between encoder and decoder."""

    def __init__(self, config: HDemucsConfig) -> None:
        super().__init__(config)
        self.config = config

    def spec(self, name: str) -> Spec:
        config = self.config
        return Spec(
            name,
            config.rate,
            config.audio_channels,
            config.stems,
            config.segment,
            normalize="track",
            silence_exact=True,
        )

    def bottleneck(self, spectrum: Tensor, wave: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder starts from zero: everything it knows comes through the skip connections."""
        return torch.zeros_like(spectrum), torch.zeros_like(wave)
