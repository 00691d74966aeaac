"""AudioSep: any sound, named by an embedding (Liu et al. 2023, "Separate Anything You Describe", arXiv 2308.05037).

A residual U-Net of 30 layers (ResUNet30) sees the mix's magnitudes and answers, for every bin, how much belongs to
the sound that is asked for and by how much its phase differs from the mix's. With the mix's spectrum S, the answers
a, b, c of the last layer and sigma the logistic function, the sound's spectrum is

    Y = S sigma(a) (tanh b + i tanh c) / |tanh b + i tanh c|.

The original takes S apart into magnitude and phase first, which comes to the same: |S| times the cosine and sine of its
phase is S again. So silence stays silence, whatever the query.

The net hears one channel. Channels are rows of the batch here, so that a stereo song takes one pass of two rows. The
query enters before the first convolution, so all that queries share is the transform, the first norm and the layer that
makes features of it; everything behind is computed once for each query.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbraid.nets.blocks.centred_stft import analyse, grown, synthesise
from unbraid.nets.blocks.film import ResidualBlock, UpBlock
from unbraid.spec import Spec

_MOMENTUM = 0.01
_STEPS = ((2, 2), (2, 2), (2, 2), (2, 2), (2, 2), (1, 2))
"""By which each level of the U-Net halves (frames, freqs)."""

_FRAMES = 32
_FREQS = 64
"""What number of frames and of freqs those halvings must divide."""

_LEAST = 1e-10


@dataclass(frozen=True)
class AudioSepConfig:
    """All that shapes the net; JSON values only. The defaults are those of the published net.

    channels: of the audio, each heard alone. segment: samples of one piece; the net was trained on 5 s.
    widths: channels of the features at each of the six levels. embedding: size of a query.
    """

    rate: int = 32_000
    channels: int = 2
    segment: int = 5 * 32_000
    n_fft: int = 2048
    hop: int = 320
    widths: tuple[int, ...] = (32, 64, 128, 256, 384, 384)
    embedding: int = 512

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON has no tuples
        assert len(self.widths) == len(_STEPS)
        assert self.n_fft // 2 % _FREQS == 0


TINY = AudioSepConfig(widths=(8, 16, 24, 32, 48, 48))
"""For training on little: a 27th of the weights, and at the finest level a sixteenth of the work."""


class AudioSep(nn.Module):
    """``mix`` and ``queries`` in, one answer for each query out; there are no fixed stems."""

    def __init__(self, config: AudioSepConfig) -> None:
        super().__init__()
        self.config = config
        widths, embedding = config.widths, config.embedding
        self.norm = nn.BatchNorm2d(config.n_fft // 2 + 1, momentum=_MOMENTUM)
        self.into = nn.Conv2d(1, widths[0], 1)
        self.encoder = nn.ModuleList(
            ResidualBlock(before, after, embedding) for before, after in pairwise((widths[0], *widths))
        )
        self.bottom = ResidualBlock(widths[-1], widths[-1], embedding)
        self.decoder = nn.ModuleList(
            UpBlock(before, after, step, embedding)
            for (before, after), step in zip(pairwise((widths[-1], *widths[::-1])), _STEPS[::-1], strict=True)
        )
        self.out = nn.Conv2d(widths[0], 3, 1)

    def spec(self, name: str) -> Spec:
        config = self.config
        return Spec(
            name,
            config.rate,
            config.channels,
            (),
            config.segment,
            fixed_length=True,
            silence_exact=True,
            embedding=config.embedding,
        )

    def forward(self, mix: Tensor, queries: Tensor) -> Tensor:
        """``mix[batch, channel, time], queries[batch, query, embedding] -> asked[batch, query, channel, time]``."""
        batch, channels, length = mix.shape
        rows = grown(mix.flatten(0, 1), self.config.n_fft)
        spectrum = analyse(rows, self.config.n_fft, self.config.hop)
        power = torch.view_as_real(spectrum).square().sum(-1).to(mix.device)
        features = self._features(power.clamp(min=_LEAST).sqrt())
        answers = []
        for query in queries.unbind(1):
            # One query after the other: the features of one fill hundreds of megabytes.
            gain = self._gain(features, query.repeat_interleave(channels, 0), spectrum)
            sound = synthesise(spectrum * gain, rows.shape[-1], self.config.hop)
            answers.append(sound[:, :length].to(mix.device))
        if not answers:
            return mix.new_zeros(batch, 0, channels, length)
        return torch.stack(answers, 1).reshape(batch, channels, -1, length).transpose(1, 2)

    def _features(self, magnitude: Tensor) -> Tensor:
        """``[row, freq, frame] -> [row, width, frame, freq]``, without the highest freq, frames padded."""
        normed = self.norm(magnitude[..., None])[..., 0].transpose(1, 2)
        padded = F.pad(normed[:, None, :, :-1], (0, 0, 0, -normed.shape[1] % _FRAMES))
        return self.into(padded)  # type: ignore[no-any-return]  # a module's call is Any

    def _gain(self, x: Tensor, query: Tensor, spectrum: Tensor) -> Tensor:
        """The complex factor of every bin of ``spectrum[row, freq, frame]``; that of the highest freq is zero."""
        skips = []
        for block, step in zip(self.encoder, _STEPS, strict=True):
            skips.append(block(x, query))
            x = F.avg_pool2d(skips[-1], step)
        x = self.bottom(x, query)
        for up in self.decoder:
            x = up(x, skips.pop(), query)
        answer = self.out(x)[:, :, : spectrum.shape[-1]].transpose(2, 3).float().to(spectrum.device)
        turn = torch.complex(answer[:, 1].tanh(), answer[:, 2].tanh())
        return F.pad(turn * (answer[:, 0].sigmoid() / turn.abs().clamp(min=_LEAST)), (0, 0, 0, 1))
