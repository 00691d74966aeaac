"""Plans to sound, on the device where the songs are: cut, change of speed, channels, rooms, the common limiter.

What :mod:`unbraid.data.augment` does to one example in numpy, done here to all of a batch at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unbraid.data.plan import LONGEST_ROOM_S

_RATE = 44_100


@dataclass(frozen=True)
class Mixdown:
    """targets: ``[batch, target, channel, time]``. rows: ``[used, channel, time]``, the parts in them without rooms;
    item, place: ``[used]``, where in ``[batch, row]`` of the plan each is.
    """

    targets: Tensor
    rows: Tensor
    item: Tensor
    place: Tensor

    def summed(self, into: Tensor) -> Tensor:
        """Sums of rows: ``into[batch, sum, row]``, 1 where a row is in a sum, to ``[batch, sum, channel, time]``."""
        used, which = into[self.item, :, self.place].nonzero(as_tuple=True)
        return _sums(self.rows[used], self.item[used] * into.shape[1] + which, into.shape[:2])


def mixdown(samples: Tensor, length: int, plan: dict[str, Tensor]) -> Mixdown:
    """``samples[channel, sample]`` of the bank by the fields of a :class:`unbraid.data.plan.Plan`."""
    item, place = (plan["stop"] > plan["start"]).nonzero(as_tuple=True)
    start, stop, speed, matrix, slot = (
        plan[name][item, place] for name in ("start", "stop", "speed", "matrix", "slot")
    )
    rows = cut(samples, length, start, stop, speed, matrix)
    shape = plan["members"].shape[:2]
    targets = _sums(rows, item * shape[1] + slot, shape)
    targets = in_rooms(targets, plan["room_s"], plan["room_gain"], plan["room_delay_s"])
    gain = limiter_gain(targets.sum(1), plan["drive_db"])
    targets, rows = targets.mul_(gain[:, None, None]), rows.mul_(gain[item][:, None])
    return Mixdown(folded(targets, plan["mono"]), folded(rows, plan["mono"][item]), item, place)


def folded(sound: Tensor, mono: Tensor) -> Tensor:
    """``sound[item, ..., channel, time]``, from the middle alone where ``mono[item]`` is not 0."""
    middle = sound.mean(-2, keepdim=True)
    return torch.where(mono.reshape(-1, *[1] * (sound.dim() - 1)) > 0, middle, sound)


def cut(samples: Tensor, length: int, start: Tensor, stop: Tensor, speed: Tensor, matrix: Tensor) -> Tensor:
    """Rows ``[row, channel, time]`` of ``length`` samples, zeros beyond a part's end.

    start, stop, speed: ``[row]``. matrix: ``[row, 2, 2]``. Between samples a cubic goes through the four around it
    (Catmull & Rom 1974); a tone of 2 kHz is right to 55 dB.
    """
    at = torch.arange(length, device=samples.device) * speed.double()[:, None]
    whole = at.floor()
    index, part = start[:, None] + whole.long(), (at - whole).float()
    taps = [_read(samples, index + step, start, stop) for step in (-1, 0, 1, 2)]
    left, right = _cubic(taps, part)
    # Not as a product of matrices, which GPUs round to 10 bits.
    rows: Tensor = matrix[:, :, :1] * left[:, None] + matrix[:, :, 1:] * right[:, None]
    return rows


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


def _sums(rows: Tensor, into: Tensor, shape: Sequence[int]) -> Tensor:
    """``rows[row, channel, time]`` added up at the places ``into[row]`` of ``shape``, taken as one axis."""
    sums = rows.new_zeros(math.prod(shape), *rows.shape[1:])
    return sums.index_add_(0, into, rows).reshape(*shape, *rows.shape[1:])


def in_rooms(targets: Tensor, room_s: Tensor, gain: Tensor, delay_s: Tensor) -> Tensor:
    """The targets that have a room with its echoes: noise that falls by 60 dB in ``room_s`` (Moorer 1979)."""
    used = (room_s > 0).flatten().nonzero()[:, 0]
    if not len(used):
        return targets
    dry = targets.flatten(0, 1)
    decay, level, delay = (each.flatten()[used][:, None, None] for each in (room_s, gain, delay_s))
    time = torch.arange(int(LONGEST_ROOM_S * _RATE), device=targets.device) / _RATE
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
    at = torch.arange(length, device=mix.device) / block - 0.5  # in blocks, from the middle of the first
    at = at.clamp(0, smooth.shape[-1] - 1)
    low = at.floor().long().clamp(max=max(smooth.shape[-1] - 2, 0))
    high = (low + 1).clamp(max=smooth.shape[-1] - 1)
    curve = torch.lerp(smooth[:, 0, low], smooth[:, 0, high], (at - low).expand(len(mix), -1))
    return torch.where(drive_db[:, None] > 0, curve, 1.0)
