"""RoFormers: attention along time and across bands in turn, complex masks on the STFT.

Lu, Wang, Kong & Hung 2023, "Music Source Separation with Band-Split RoPE Transformer" (BS-RoFormer, arXiv 2309.02612),
whose bands lie side by side; Wang, Lu & Won 2023, "Mel-Band RoFormer for Music Source Separation" (arXiv 2310.01809),
whose bands are as wide as the ear's and overlap. As they are trained outside of the papers:

- a band's features are the real and imaginary parts of all its frequencies in all channels, divided by their RMS, so
  that a song twice as loud gives the same masks;
- a mask of a frequency that is in two bands is the mean of both;
- most have masks for one stem alone; the other is then the ``complement``, what that leaves of the mix.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.centred_stft import through
from unbraid.nets.blocks.mel_bands import mel_bands
from unbraid.nets.blocks.rotary_attention import RootMeanSquareNorm, Transformer
from unbraid.spec import Spec

BANDS = (2,) * 24 + (4,) * 12 + (12,) * 8 + (24,) * 8 + (48,) * 8 + (128, 129)
"""Frequencies in each band of the published BS-RoFormers."""


@dataclass(frozen=True, kw_only=True)
class RoformerConfig:
    """Sizes of the net; the defaults are those of the usual BS-RoFormer for vocals.

    stems: what the net gives; complement: whether the last of them is what the others leave of the mix, instead of
    having masks of its own. rate (Hz), audio_channels, segment (samples). n_fft, hop: of the STFT, with a Hann window.
    bands: frequencies in each, or mel_bands: how many of those there are. width: of a token, depth: pairs of
    Transformers, time_depth and freq_depth: layers in each. heads, head_width, hidden: of a layer. mask_hidden,
    mask_layers: of the MLP from a token to a band's mask. norm_each: a norm behind every Transformer, instead of one
    behind all of them. zero_dc: the stems that have masks have nothing at 0 Hz, whatever these say.

    A net of one channel hears both of a stereo song, each alone.
    """

    stems: tuple[str, ...] = ("vocals", "other")
    complement: bool = True
    rate: int = 44100
    audio_channels: int = 2
    segment: int = 352_800
    n_fft: int = 2048
    hop: int = 441
    bands: tuple[int, ...] = BANDS
    mel_bands: int = 0
    width: int = 512
    depth: int = 12
    time_depth: int = 1
    freq_depth: int = 1
    heads: int = 8
    head_width: int = 64
    hidden: int = 2048
    mask_hidden: int = 2048
    mask_layers: int = 2
    norm_each: bool = False
    zero_dc: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "stems", tuple(self.stems))  # JSON has lists only
        object.__setattr__(self, "bands", tuple(self.bands))
        assert self.mel_bands or sum(self.bands) == self.n_fft // 2 + 1
        assert self.head_width % 2 == 0 and self.mask_layers >= 1
        assert len(self.stems) > self.complement

    @property
    def masked(self) -> tuple[str, ...]:
        """The stems that have masks of their own."""
        return self.stems[:-1] if self.complement else self.stems

    def held(self) -> list[list[int]]:
        """The frequencies of each band."""
        if self.mel_bands:
            return mel_bands(self.mel_bands, self.n_fft, self.rate)
        return [list(range(first, last)) for first, last in pairwise(accumulate(self.bands, initial=0))]


class Roformer(nn.Module):
    """``forward`` takes waves apart; ``core`` is what is exported."""

    where: Tensor
    both: Tensor

    def __init__(self, config: RoformerConfig) -> None:
        super().__init__()
        self.config = config
        held = config.held()
        self._features = [2 * config.audio_channels * len(band) for band in held]
        width = config.width
        self.split = nn.ModuleList(Band(features, width) for features in self._features)
        sizes = (config.heads, config.head_width, config.hidden)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "time": Transformer(width, config.time_depth, *sizes, norm_out=config.norm_each),
                    "freq": Transformer(width, config.freq_depth, *sizes, norm_out=config.norm_each),
                }
            )
            for _ in range(config.depth)
        )
        self.norm = nn.Identity() if config.norm_each else RootMeanSquareNorm(width)
        self.masks = nn.ModuleList(
            nn.ModuleList(BandMask(config, features) for features in self._features) for _ in config.masked
        )
        where = [freq for band in held for freq in band]
        self.register_buffer("where", torch.tensor(where), persistent=False)
        self.register_buffer("both", _both(where, config.n_fft // 2 + 1), persistent=False)

    def spec(self, name: str) -> Spec:
        config = self.config
        return Spec(
            name,
            config.rate,
            max(2, config.audio_channels),
            config.stems,
            config.segment,
            fixed_length=True,
            scale_equivariant=True,
            silence_exact=True,
        )

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time] -> stems[batch, stem, channel, time]``."""
        config, length = self.config, mix.shape[-1]
        whole = max(length, config.n_fft // 2 + 1)  # what is reflected at the edges
        return through(self.core, mix, whole, config.n_fft, config.hop)

    def core(self, stft: Tensor) -> Tensor:
        """``stft[batch, channel, 2, freq, frame] -> [batch, stem, channel, 2, freq, frame]``: the spectra."""
        config = self.config
        rows = stft.reshape(-1, config.audio_channels, *stft.shape[2:])
        heard = rows.permute(0, 4, 3, 1, 2)  # row, frame, freq, channel, part
        tokens = self._tokens(heard)
        answers = [_times(heard, self._mask(masks, tokens)) for masks in self.masks]
        if config.zero_dc:
            answers = [F.pad(answer[:, :, 1:], (0, 0, 0, 0, 1, 0)) for answer in answers]
        if config.complement:
            answers.append(heard - sum(answers))
        spectra = torch.stack(answers, 1).permute(0, 1, 4, 5, 3, 2)  # row, stem, channel, part, freq, frame
        apart = spectra.reshape(len(stft), -1, *spectra.shape[1:]).transpose(1, 2)
        return apart.reshape(len(stft), len(config.stems), *stft.shape[1:])

    def _tokens(self, heard: Tensor) -> Tensor:
        """``heard[batch, frame, freq, channel, part] -> [batch, frame, band, width]``."""
        of_bands = heard if self._apart else heard.index_select(2, self.where)
        bands = torch.split(of_bands.flatten(2), self._features, -1)
        x = torch.stack([into(band) for into, band in zip(self.split, bands, strict=True)], 2)
        batch, frames, count, width = x.shape
        for block in self.blocks:
            assert isinstance(block, nn.ModuleDict)
            x = x.transpose(1, 2).reshape(batch * count, frames, width)
            x = block["time"](x).reshape(batch, count, frames, width)
            x = x.transpose(1, 2).reshape(batch * frames, count, width)
            x = block["freq"](x).reshape(batch, frames, count, width)
        answer: Tensor = self.norm(x)
        return answer

    def _mask(self, masks: nn.Module, tokens: Tensor) -> Tensor:
        """Of one stem: ``tokens[batch, frame, band, width] -> [batch, frame, freq, channel, part]``."""
        assert isinstance(masks, nn.ModuleList)
        whole = torch.cat([mask(tokens[:, :, band]) for band, mask in enumerate(masks)], -1)
        whole = whole.reshape(*tokens.shape[:2], -1, self.config.audio_channels, 2)
        if self._apart:
            return whole
        return (whole.index_select(2, self.both[0]) + whole.index_select(2, self.both[1])) / 2

    @property
    def _apart(self) -> bool:
        """Whether every frequency is in one band, and bands are in their order."""
        return not self.config.mel_bands


class Band(nn.Module):
    """The features of one band to its token."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.norm = RootMeanSquareNorm(features)
        self.into = nn.Linear(features, width)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.into(self.norm(x))
        return answer


class BandMask(nn.Module):
    """A band's token to its mask: an MLP whose last layer is gated."""

    def __init__(self, config: RoformerConfig, features: int) -> None:
        super().__init__()
        inner = [config.mask_hidden] * (config.mask_layers - 1)
        self.layers = nn.ModuleList(
            nn.Linear(before, after) for before, after in pairwise((config.width, *inner, 2 * features))
        )

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.layers
        x = first(x)
        for layer in others:
            x = layer(x.tanh())
        return F.glu(x, -1)


def _times(spectrum: Tensor, mask: Tensor) -> Tensor:
    """The product of complex numbers ``[..., part]``."""
    (a, b), (c, d) = spectrum.unbind(-1), mask.unbind(-1)
    return torch.stack([a * c - b * d, a * d + b * c], -1)


def _both(where: list[int], freqs: int) -> Tensor:
    """At which places of ``where`` each frequency stands: ``[2, freq]``, the same twice if there is one."""
    places: list[list[int]] = [[] for _ in range(freqs)]
    for place, freq in enumerate(where):
        places[freq].append(place)
    assert all(1 <= len(each) <= 2 for each in places), "neighbouring bands overlap, and no others"
    return torch.tensor([[each[0] for each in places], [each[-1] for each in places]])
