"""The compact net: one small trunk over bands and time, with masks for four stems.

The net sees magnitudes and answers with real masks, so it can live in a graph without complex numbers. The masks of
all stems sum to one on every bin (softmax): the stems sum to the mix by construction, silence gives silence, and the
net cannot invent sound when music is unlike its training data. The ideal ratio mask's ceiling is far above what a net
of this size reaches, so phases are not worth their weights here.

The input's level is normalised inside the graph by the RMS of the segment: twice as loud gives the same masks.

Time is halved first: a token holds two STFT frames of one band. A block looks along time, either near (an MLP over a
token and two others, with weights of its own for each few bands) or far (a BiLSTM, shared by all bands), and then
across all bands by an MLP shared by all channels: the band-split RNN of Luo & Yu 2023 with its second LSTM replaced by
the token mixing of MLP-Mixer (Tolstikhin et al. 2021: the bands are few and always the same, so a matrix does) and part
of its first by products of matrices, which a CPU computes faster than an LSTM's.

Bands are the first axis of all tokens, so that each of these products is one call on memory as it lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unbraid.nets.bands import BandGroup, layout, spread
from unbraid.nets.blocks.band_blocks import BandLinear, Block, Far, Near, Standardise
from unbraid.nets.blocks.spatial import filtered
from unbraid.spec import Spec

_FEATURES = 5  # left, right, mid, side, correlation
_FRAMES = 2  # STFT frames in a token
_SILENCE = 1e-8  # of full scale: below it a segment's level is no longer normalised


@dataclass(frozen=True)
class CompactConfig:
    """All that shapes the net; JSON values only.

    segment: samples of one piece, at most; a multiple of ``hop``; ``segment / hop + 1`` frames must be even.
    bands: (count, width in pooled bins, STFT bins pooled into one) from the bottom up.
    width: channels of a token. blocks: what each looks at, "far", or a number n: near, at a distance of n tokens.
    hidden: of the LSTM in each direction. near: hidden size of the MLP over neighbouring tokens; alike: how many
    neighbouring bands share its weights. mixer: hidden size of the MLP over bands. head: of a band's mask network.
    """

    stems: tuple[str, ...] = ("vocals", "drums", "bass", "other")
    rate: int = 44_100
    channels: int = 2
    n_fft: int = 4096
    hop: int = 1024
    segment: int = 517 * 1024
    bands: tuple[tuple[int, int, int], ...] = (
        (8, 6, 1),
        (8, 12, 1),
        (6, 24, 1),
        (5, 48, 1),
        (5, 48, 2),
        (4, 66, 4),
    )
    width: int = 80
    hidden: int = 80
    near: int = 160
    alike: int = 4
    blocks: tuple[str | int, ...] = (1, 4, "far", 1, 4, "far", 1, 4, "far", 1, 4, "far")
    mixer: int = 72
    head: int = 128

    def __post_init__(self) -> None:
        # JSON has no tuples.
        object.__setattr__(self, "stems", tuple(self.stems))
        object.__setattr__(self, "bands", tuple(tuple(triple) for triple in self.bands))
        object.__setattr__(self, "blocks", tuple(self.blocks))
        assert self.channels == 2, "mid, side and correlation need two channels"
        assert self.near >= 1 and self.alike >= 1, f"near is {self.near}, alike {self.alike}; both must be 1 or more"
        count = sum(count for count, _, _ in self.bands)
        hops = self.segment / self.hop
        assert hops % 2 == 1, f"segment is {hops:g} hops; it must be an odd number of them, for frames in pairs"
        assert count % self.alike == 0, f"{count} bands do not part into groups of {self.alike} alike"


class Encoder(nn.Module):
    """Magnitudes of the mix to tokens."""

    tilt: Tensor

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.layout = layout(config.bands, config.n_fft // 2 + 1)
        sizes = [_FEATURES * _FRAMES * group.width for group in self.layout.groups]
        counts = [group.count for group in self.layout.groups]
        self.standardise = nn.ModuleList(map(Standardise, counts, sizes))
        self.into = nn.ModuleList(
            BandLinear(count, size, config.width) for count, size in zip(counts, sizes, strict=True)
        )
        # Music falls by about 5 dB an octave above 100 Hz; lifting it puts all inputs into one range from the start.
        hz = torch.arange(self.layout.covered) * (config.rate / config.n_fft)
        self.register_buffer("tilt", (hz.clamp(min=100) / 1000) ** 1.7, persistent=False)

    def forward(self, stft: Tensor) -> Tensor:
        """``stft[batch, channel, 2, frame, freq]`` to tokens ``[band, time, batch, width]``."""
        steps = zip(self.features(stft), self.standardise, self.into, strict=True)
        rows = torch.cat([into(standardise(features)) for features, standardise, into in steps], 0)
        return rows.reshape(self.layout.bands, -1, stft.shape[0], rows.shape[-1])

    def features(self, stft: Tensor) -> list[Tensor]:
        """For each group of bands ``[band, time * batch, feature]``."""
        real, imaginary = stft.unbind(2)
        power = real * real + imaginary * imaginary
        cross = real[:, :1] * real[:, 1:] + imaginary[:, :1] * imaginary[:, 1:]
        level = power.mean((1, 2, 3), keepdim=True).clamp(min=_SILENCE**2)
        # [batch, (left, right, cross), frame, freq]
        parts = nn.functional.pad(torch.cat([power, cross], 1), (0, self.layout.padding))
        parts = parts * (self.tilt / level)
        return [
            self._features(parts[..., start : start + group.bins], group)
            for start, group in zip(self.layout.starts(), self.layout.groups, strict=True)
        ]

    def _features(self, parts: Tensor, group: BandGroup) -> Tensor:
        """``[batch, 3, frame, bins]`` to ``[band, time * batch, feature]``."""
        batch, _, frames, bins = parts.shape
        if group.pool > 1:
            pooled = parts.reshape(batch, 3, frames, bins // group.pool, group.pool)
            parts = sum(pooled.unbind(4)[1:], pooled[..., 0]) / group.pool
        left, right, cross = parts.unbind(1)
        half = (left + right) / 2
        # |M|^2 and |S|^2 of M = (L + R) / sqrt 2, S = (L - R) / sqrt 2, without another complex product.
        powers = torch.stack([left, right, half + cross, half - cross], 1).clamp(min=0)
        # The fourth root of a magnitude: three roots of its square, each one fast instruction.
        magnitudes = (powers + 1e-9).sqrt().sqrt().sqrt()
        both = torch.cat([magnitudes, (cross / (half + 1e-6))[:, None]], 1)
        both = both.reshape(batch, _FEATURES, frames // _FRAMES, _FRAMES, group.count, group.width)
        return both.permute(4, 2, 0, 1, 3, 5).reshape(group.count, -1, _FEATURES * _FRAMES * group.width)


class MaskHead(nn.Module):
    """Tokens to one mask a stem, summing to one over the stems."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.layout = layout(config.bands, config.n_fft // 2 + 1)
        self.stems, self.channels = len(config.stems), config.channels
        self.norm = nn.LayerNorm(config.width)
        self.hidden = BandLinear(self.layout.bands, config.width, config.head)
        size = self.stems * self.channels * _FRAMES
        self.out = nn.ModuleList(BandLinear(g.count, config.head, size * g.width) for g in self.layout.groups)
        with torch.no_grad():
            for layer in self.out:
                layer.get_parameter("weight").mul_(0.1)  # starts near equal shares

    def forward(self, tokens: Tensor) -> Tensor:
        """``tokens[band, time, batch, width]`` to ``mask[batch, stem, channel, frame, pooled bin]``."""
        bands, time, batch, width = tokens.shape
        rows = nn.functional.silu(self.hidden(self.norm(tokens).reshape(bands, time * batch, width)))
        masks, first = [], 0
        for group, out in zip(self.layout.groups, self.out, strict=True):
            logits = out(rows[first : first + group.count])
            first += group.count
            shape = (group.count, time, batch, self.stems, self.channels, _FRAMES, group.width)
            mask = _shares(logits.reshape(shape)).permute(2, 3, 4, 1, 5, 0, 6)
            masks.append(mask.reshape(batch, self.stems, self.channels, time * _FRAMES, group.pooled))
        return torch.cat(masks, 4)


def parts(spectrum: Tensor) -> Tensor:
    """``[..., frame, freq]`` complex to ``[..., 2, frame, freq]``: real and imaginary part."""
    return torch.view_as_real(spectrum).movedim(-1, -3)


def _shares(logits: Tensor) -> Tensor:
    """Softmax over stems, axis 3.

    Written out since the runtimes' own takes a quarter of the whole net's time on an axis of four. Clamping
    keeps the exponentials finite, and masks of e^-40 are zeros to the ear.
    """
    weights = logits.clamp(-20, 20).exp()
    return weights / weights.sum(3, keepdim=True)


def _block(config: CompactConfig, kind: str | int, bands: int) -> Block:
    far = kind == "far"
    time = Far(config.width, config.hidden) if far else Near(config.width, config.near, int(kind), bands, config.alike)
    return Block(time, config.width, bands, config.mixer, len(config.blocks))


class Compact(nn.Module):
    """``forward`` takes waves apart; ``pooled_masks`` is what is exported."""

    window: Tensor

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.layout = layout(config.bands, config.n_fft // 2 + 1)
        bands = self.layout.bands
        self.encoder = Encoder(config)
        self.band_place = nn.Parameter(torch.randn(bands, 1, 1, config.width) * 0.1)
        self.blocks = nn.ModuleList(_block(config, kind, bands) for kind in config.blocks)
        self.head = MaskHead(config)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    def spec(self, name: str) -> Spec:
        config = self.config
        hops = config.segment // config.hop
        return Spec(
            name=name,
            rate=config.rate,
            channels=config.channels,
            stems=config.stems,
            segment=config.segment,
            scale_equivariant=True,
            silence_exact=True,
            overlap=0.07,
            balanced=True,
            # Frames, one more than hops, must be even; and the end of a song is heard with some of what was before it.
            shortest=(hops // 4 | 1) * config.hop,
            multiple=_FRAMES * config.hop,
        )

    @torch.no_grad()
    def measure(self, stft: Tensor) -> None:
        """Fit the input's constants to music: ``stft[batch, channel, 2, frame, freq]``, some minutes of it, once."""
        loud = stft[stft.abs().amax((1, 2, 3, 4)) > 0]
        for features, standardise in zip(self.encoder.features(loud), self.encoder.standardise, strict=True):
            assert isinstance(standardise, Standardise)
            standardise.measure(features)

    def trunk(self, stft: Tensor) -> Tensor:
        """``stft[batch, channel, 2, frame, freq]``, frames even, to tokens ``[band, time, batch, width]``."""
        x: Tensor = self.encoder(stft) + self.band_place
        for block in self.blocks:
            x = block(x)
        return x

    def pooled_masks(self, stft: Tensor) -> Tensor:
        """:meth:`masks` before they are repeated, as losses and graphs want them.

        ``stft[batch, channel, 2, frame, freq]`` to ``[batch, stem, channel, frame, pooled bin]``.
        """
        masks: Tensor = self.head(self.trunk(stft))
        return masks

    def masks(self, stft: Tensor) -> Tensor:
        """``stft[batch, channel, 2, frame, freq]`` to ``[batch, stem, channel, frame, freq]``; stems sum to one."""
        return spread(self.layout, self.pooled_masks(stft))

    def stft(self, wave: Tensor) -> Tensor:
        """``wave[..., time]`` to ``[..., 2, frame, freq]``; zeros beyond the ends, frame k centred on ``k * hop``."""
        return parts(self.spectrum(wave))

    def spectrum(self, wave: Tensor) -> Tensor:
        """:meth:`stft` as complex numbers, ``[..., frame, freq]``."""
        whole = self._transform(wave.reshape(-1, wave.shape[-1])).transpose(1, 2)
        return whole.reshape(*wave.shape[:-1], *whole.shape[1:])

    def forward(self, mix: Tensor) -> Tensor:
        """``mix[batch, channel, time]`` of any length to ``stems[batch, stem, channel, time]``."""
        hop, length = self.config.hop, mix.shape[-1]
        # An even number of frames, 1 + length / hop, needs an odd number of hops.
        hops = max(1, -(-length // hop)) // 2 * 2 + 1
        padded = nn.functional.pad(mix, (0, hops * hop - length))
        stft = self.stft(padded)
        stems = filtered(self.layout, stft, self.pooled_masks(stft))
        spectra = torch.view_as_complex(stems.permute(0, 1, 2, 5, 4, 3).contiguous())
        waves = torch.istft(spectra.flatten(0, 2), self.config.n_fft, hop, window=self.window, length=padded.shape[-1])
        return waves.reshape(*stems.shape[:3], -1)[..., :length]

    def _transform(self, flat: Tensor) -> Tensor:
        config = self.config
        return torch.stft(
            flat, config.n_fft, config.hop, window=self.window, center=True, pad_mode="constant", return_complex=True
        )
