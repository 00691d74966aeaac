"""The head that answers words: tokens of the trunk and a query to one mask, and to whether the sound is there.

The trunk of the compact net runs once, for its four stems and for every query. A query is a text's vector with a weight
for each stem behind it: which of them it is asked of (one for a part of a stem, all ones for the mix). The answer is a
share of these stems, so the words' mask is the sigmoid below times the stems' masks, and no word changes a stem. (So it
is taught; in use the sigmoid is laid on the stems as they are given, filtered over both channels.)

The query steers blocks of the trunk's cheaper kind, an MLP over bands (Tolstikhin et al. 2021) and one over
channels, side by side, by a gain and an offset for each channel (FiLM; Perez et al. 2018).

The mask is what a sound's share would be if it is there, and is taught by sounds that are there alone; whether it is
there is a question of its own. Taught together, a head that cannot tell two basses apart would answer half of each.
So presence has ears of its own (:class:`Listener`), which are taught token by token which of all sounds are heard.
What is likely absent, with a presence under a quarter, is turned down in the end (0.05 becomes -28 dB).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unbraid.nets.bands import layout
from unbraid.nets.blocks.band_blocks import BandLinear, over_bands
from unbraid.nets.compact import CompactConfig

FRAMES = 2
"""STFT frames in a token."""

_EVEN = 1.8
"""Logit: of the sounds called in training one in seven is there; of those that users ask for, let it be one in two."""


_OPEN = 4.0
"""One over the presence from which on a sound is not turned down."""


@dataclass(frozen=True)
class QueryConfig:
    """All that shapes the head; JSON values only.

    words: size of a text's vector. mixer: hidden size of the MLP over bands; channels: of that over channels.
    steer: of the one from query to gains and offsets. head: of a band's mask network. blocks: how many. listen: what
    presence hears of a token's bands.
    """

    words: int = 96
    mixer: int = 72
    channels: int = 64
    steer: int = 128
    head: int = 48
    blocks: int = 2
    listen: int = 128


class Steered(nn.Module):
    """``[band, time, batch, width]`` to the same, under a gain and an offset ``[batch, width]``."""

    def __init__(self, config: QueryConfig, width: int, bands: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.band_in = nn.Linear(bands, config.mixer)
        self.band_out = nn.Linear(config.mixer, bands)
        self.channel_in = nn.Linear(width, config.channels)
        self.channel_out = nn.Linear(config.channels, width)

    def forward(self, x: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
        # Both hear y + offset, side by side: a norm costs as much as a small matrix. The offset is the same at all
        # times, so it joins the biases, W (y + offset) + b = W y + (W offset + b), and makes no pass over y.
        y, bands, channels = self.norm(x) * (1 + gain), self.band_in, self.channel_in
        mixed = torch.matmul(bands.weight, y.reshape(y.shape[0], -1)).reshape(-1, *y.shape[1:])
        mixed = mixed + (bands.weight.sum(1)[:, None, None, None] * offset + bands.bias[:, None, None, None])
        mixed = over_bands(self.band_out, nn.functional.silu(mixed))
        over_channels = nn.functional.linear(y, channels.weight)
        over_channels = over_channels + nn.functional.linear(offset, channels.weight, channels.bias)
        answer: Tensor = x + mixed + self.channel_out(nn.functional.silu(over_channels))
        return answer


class Listener(nn.Module):
    """Whether a sound is heard in each token of time: a small MLP over all bands at once, steered by FiLM."""

    def __init__(self, config: QueryConfig, width: int, bands: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.into = nn.Linear(bands * width, config.listen)
        self.steer = nn.Linear(config.steer, 2 * config.listen)
        self.hidden = nn.Linear(config.listen, config.steer)
        self.out = nn.Linear(config.steer, 1)
        self.pool = nn.Linear(2, 1)
        with torch.no_grad():
            self.out.weight.mul_(0.1)  # starts near even odds, whatever it hears
            self.out.bias.zero_()
            self.pool.weight.fill_(0.5)
            self.pool.bias.zero_()

    def hear(self, tokens: Tensor) -> Tensor:
        """``tokens[band, time, batch, width]`` to ``[time, batch, listen]``, whatever is asked."""
        heard: Tensor = nn.functional.silu(self.into(self.norm(tokens).permute(1, 2, 0, 3).flatten(2)))
        return heard

    def judge(self, heard: Tensor, steer: Tensor) -> tuple[Tensor, Tensor]:
        """``heard[time, batch, listen]``, ``steer[batch, steer]`` to logits: ``[time, batch]`` of each moment, and
        ``[batch]`` of the whole: from the mean over time, and from a mean that weighs a moment by its own odds.
        """
        gain, offset = self.steer(steer).chunk(2, 1)
        moments = self.out(nn.functional.silu(self.hidden(heard * (1 + gain) + offset)))[:, :, 0]
        likeliest = (moments.softmax(0) * moments).sum(0)
        whole: Tensor = self.pool(torch.stack([moments.mean(0), likeliest], 1))[:, 0]
        return moments, whole


class QueryHead(nn.Module):
    """``forward(tokens, query) -> (mask, presence)``; see the module's docstring."""

    def __init__(self, config: QueryConfig, trunk: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.layout = layout(trunk.bands, trunk.n_fft // 2 + 1)
        self.channels, self.width = trunk.channels, trunk.width
        self.query_size = config.words + len(trunk.stems)
        bands, width = self.layout.bands, trunk.width
        self.steer_in = nn.Linear(self.query_size, config.steer)
        self.steer_out = nn.Linear(config.steer, 2 * width * config.blocks)
        self.blocks = nn.ModuleList(Steered(config, width, bands) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(width)
        self.hidden = BandLinear(bands, width, config.head)
        size = self.channels * FRAMES
        self.out = nn.ModuleList(BandLinear(g.count, config.head, size * g.width) for g in self.layout.groups)
        self.listener = Listener(config, width, bands)

    def forward(self, tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """``tokens[band, time, batch, width]``, ``query[batch, words + stem]``; one query for each item.

        Returns ``mask[batch, channel, frame, pooled bin]``, 0 to 1, and ``presence[batch]``, a logit.
        """
        mask, steer = self._if_there(tokens, query)
        _, whole = self.listener.judge(self.listener.hear(tokens), steer)
        presence = whole + _EVEN
        return mask * _gate(presence), presence

    def if_there(self, tokens: Tensor, query: Tensor) -> Tensor:
        """The mask of :meth:`forward`, of a sound that is known to be there."""
        return self._if_there(tokens, query)[0]

    def listen(self, tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """``tokens[band, time, batch, width]``, ``query[batch, query, words + stem]`` to logits of presence.

        ``[batch, query, time]`` in each token, and ``[batch, query]`` in all.
        """
        heard = self.listener.hear(tokens).repeat_interleave(query.shape[1], 1)
        moments, whole = self.listener.judge(heard, nn.functional.silu(self.steer_in(query.flatten(0, 1))))
        return moments.T.reshape(*query.shape[:2], -1), whole.reshape(query.shape[:2])

    def _if_there(self, tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        steer = nn.functional.silu(self.steer_in(query))
        film = self.steer_out(steer).reshape(-1, self.config.blocks, 2, self.width)
        x = tokens
        for index, block in enumerate(self.blocks):
            x = block(x, film[:, index, 0], film[:, index, 1])
        return self._mask(self.norm(x)), steer

    def _mask(self, x: Tensor) -> Tensor:
        bands, time, batch, width = x.shape
        rows = nn.functional.silu(self.hidden(x.reshape(bands, time * batch, width)))
        masks, first = [], 0
        for group, out in zip(self.layout.groups, self.out, strict=True):
            logits = out(rows[first : first + group.count])
            first += group.count
            mask = logits.reshape(group.count, time, batch, self.channels, FRAMES, group.width).permute(
                2, 3, 1, 4, 0, 5
            )
            masks.append(mask.reshape(batch, self.channels, time * FRAMES, group.pooled))
        return torch.cat(masks, 3).sigmoid()


def _gate(presence: Tensor) -> Tensor:
    """What is likely absent, turned down: ``[batch]`` logits to factors ``[batch, 1, 1, 1]``."""
    return (_OPEN * presence.sigmoid()).clamp(max=1).square()[:, None, None, None]
