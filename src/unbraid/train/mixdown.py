"""Plans to sound, on the device where the songs are: cut, change of speed, channels, rooms, the common limiter.

What :mod:`unbraid.data.augment` does to one example in numpy, done here to all of a batch at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

_RATE = 44_100
_LONGEST_S = 1.3  # of a room's echoes


@dataclass(frozen=True)
class Mixdown:
    """rows: ``[batch, row, channel, time]``, each part as it is in its target, but for the room. targets: ``[batch,
    target, channel, time]``.
    """

    rows: Tensor
    targets: Tensor


def mixdown(samples: Tensor, length: int, plan: dict[str, Tensor]) -> Mixdown:
    """``samples[channel, sample]`` of the bank by the fields of a :class:`unbraid.data.plan.Plan`."""
    rows = cut(samples, length, plan["start"], plan["stop"], plan["speed"], plan["matrix"])
    targets = gathered(rows, plan["slot"], plan["members"].shape[1])
    targets = in_rooms(targets, plan["room_s"], plan["room_gain"], plan["room_delay_s"])
    gain = limiter_gain(targets.sum(1), plan["drive_db"])
    return Mixdown(rows * gain[:, None, None], targets * gain[:, None, None])


def cut(samples: Tensor, length: int, start: Tensor, stop: Tensor, speed: Tensor, matrix: Tensor) -> Tensor:
    """Rows of ``length`` samples ``[batch, row, channel, time]``; zeros beyond a part's end and where there is no row.

    Between samples a cubic goes through the four around it (Catmull & Rom 1974): of a speed within 12 % its error is
    below that of what speakers do to the top octave.
    """
    batch, count = start.shape
    used = (stop > start).flatten().nonzero()[:, 0]
    first, end, pace = (each.flatten()[used] for each in (start, stop, speed))
    at = torch.arange(length, device=samples.device) * pace.double()[:, None]
    whole = at.floor()
    part = (at - whole).float()
    index = first[:, None] + whole.long()
    taps = [_read(samples, index + step, first, end) for step in (-1, 0, 1, 2)]
    wave = _cubic(taps, part)
    wave = torch.einsum("roc,crt->rot", matrix.flatten(0, 1)[used], wave)
    rows = wave.new_zeros(batch * count, 2, length)
    rows[used] = wave
    return rows.reshape(batch, count, 2, length)


def _read(samples: Tensor, index: Tensor, first: Tensor, end: Tensor) -> Tensor:
    """``[channel, row, time]``; zeros outside of each row's part."""
    inside = (index >= first[:, None]) & (index < end[:, None])
    held = samples[:, index.clamp(0, samples.shape[1] - 1)]
    return torch.where(inside, held, 0) / 32768


def _cubic(taps: list[Tensor], part: Tensor) -> Tensor:
    before, here, there, beyond = taps
    first = (there - before) / 2
    third = 1.5 * (here - there) + (beyond - before) / 2
    second = there - here - first - third  # so that a part of 1 gives ``there``
    return here + part * (first + part * (second + part * third))


def gathered(rows: Tensor, slot: Tensor, targets: int) -> Tensor:
    """Rows summed up by ``slot[batch, row]``: ``[batch, target, channel, time]``."""
    into = nn.functional.one_hot(slot, targets).to(rows.dtype)
    return torch.einsum("brs,brct->bsct", into, rows)


def in_rooms(targets: Tensor, room_s: Tensor, gain: Tensor, delay_s: Tensor) -> Tensor:
    """The targets that have a room with its echoes: noise that falls by 60 dB in ``room_s`` (Moorer 1979)."""
    used = (room_s > 0).flatten().nonzero()[:, 0]
    if not len(used):
        return targets
    dry = targets.flatten(0, 1)
    decay, level, delay = (each.flatten()[used][:, None, None] for each in (room_s, gain, delay_s))
    time = torch.arange(int(_LONGEST_S * _RATE), device=targets.device) / _RATE
    echo = torch.randn(len(used), 2, len(time), device=targets.device) * 10 ** (-3 * time / decay)
    echo = echo * ((time >= delay) & (time < decay))
    echo = echo * level / echo.square().sum(-1, keepdim=True).sqrt().clamp(min=1e-9)
    size = dry.shape[-1] + len(time)
    wet = torch.fft.irfft(torch.fft.rfft(dry[used], size) * torch.fft.rfft(echo, size), size)[..., : dry.shape[-1]]
    return dry.index_add(0, used, wet).reshape(targets.shape)


def limiter_gain(mix: Tensor, drive_db: Tensor) -> Tensor:
    """``[batch, time]`` for ``mix[batch, channel, time]``, as :func:`unbraid.data.augment.limiter_gain`; ones where
    ``drive_db`` is 0.
    """
    block, length = _RATE // 100, mix.shape[-1]
    energy = nn.functional.pad(mix.square().sum(1), (0, -length % block))
    level = energy.reshape(len(mix), -1, block).mean(2).sqrt()
    knee = level.square().mean(1, keepdim=True).sqrt() * 10 ** ((6 - drive_db[:, None]) / 20)
    gain = 1 / (1 + (level / knee.clamp(min=1e-12)).square()).sqrt()
    smooth = nn.functional.avg_pool1d(nn.functional.pad(gain[:, None], (1, 1), mode="replicate"), 3, 1)
    at = (torch.arange(length, device=mix.device) + 0.5) / block - 0.5  # in blocks, from the middle of the first
    at = at.clamp(0, smooth.shape[-1] - 1)
    low = at.floor().long().clamp(max=max(smooth.shape[-1] - 2, 0))
    high = (low + 1).clamp(max=smooth.shape[-1] - 1)
    curve = torch.lerp(smooth[:, 0, low], smooth[:, 0, high], (at - low).expand(len(mix), -1))
    return torch.where(drive_db[:, None] > 0, curve, 1.0)
