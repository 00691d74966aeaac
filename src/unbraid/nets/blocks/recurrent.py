"""A bidirectional LSTM over time that can work on overlapping frames of long inputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BidirectionalLSTM(nn.Module):
    """``[batch, channel, time] -> [batch, channel, time]``: a BiLSTM of ``channels`` units and a linear layer back.

    frame: inputs longer than this many steps are cut into frames of that length, half overlapping, so that cost and
        the distance that a gradient travels do not grow with the input (Hybrid Demucs, section 3.2). It divides by 4.
    residual: add the input to the output.
    """

    def __init__(self, channels: int, layers: int, frame: int | None = None, residual: bool = False) -> None:
        super().__init__()
        assert frame is None or frame % 4 == 0
        self.frame, self.residual = frame, residual
        self.lstm = nn.LSTM(channels, channels, layers, bidirectional=True)
        self.linear = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        frame = self.frame
        y = self._whole(x) if frame is None else _join(self._whole(_cut(x, frame)), x, frame)
        return x + y if self.residual else y

    def _whole(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(self.lstm(x.permute(2, 0, 1))[0])
        return y.permute(1, 2, 0)


# With blocks of half a frame, x = b0 b1 b2 ..., frame k is b_k b_k+1, and every frame answers for its middle half; the
# first and the last also for their outer quarter:
#
#     frame 0   [ b0 | b1 ]           answers  ..b0..|..b1      up to the middle of b1
#     frame 1        [ b1 | b2 ]      answers        b1..|..b2  from there to the middle of b2
#
# so the answers follow each other without a gap, and none but the outer ones is next to a frame's edge.


def _frames_of(x: Tensor, frame: int) -> Tensor:
    """``[batch, channel, time]`` as frames ``[batch * frame, channel, step]``; a short input is the one frame."""
    if x.shape[-1] <= frame:
        return x
    half = frame // 2
    batch, channels, length = x.shape[0], x.shape[1], x.shape[2]
    frames = (length + half - 1) // half
    blocks = F.pad(x, (0, (frames + 1) * half - length)).reshape(batch, channels, frames + 1, half)
    framed = torch.cat([blocks[:, :, :-1], blocks[:, :, 1:]], -1)
    return framed.transpose(1, 2).reshape(batch * frames, channels, 2 * half)


def _joined(answers: Tensor, x: Tensor, frame: int) -> Tensor:
    """The inverse of :func:`_frames_of`, for what became of the frames of ``x``."""
    length = x.shape[-1]
    if length <= frame:
        return answers
    batch, channels, half = x.shape[0], x.shape[1], frame // 2
    quarter = half // 2
    frames = (length + half - 1) // half
    answer = answers.reshape(batch, frames, channels, 2 * half).transpose(1, 2)
    middle = answer[..., quarter : quarter + half].reshape(batch, channels, frames * half)
    joined = torch.cat([answer[:, :, 0, :quarter], middle, answer[:, :, -1, quarter + half :]], -1)
    return joined[..., :length]


# Whether there is more than one frame depends on the input. Compiled while a net is exported, that question becomes a
# part of the graph, which then takes inputs of any length.
_cut: Callable[[Tensor, int], Tensor] = torch.jit.script_if_tracing(_frames_of)  # type: ignore[no-untyped-call]
_join: Callable[[Tensor, Tensor, int], Tensor] = torch.jit.script_if_tracing(_joined)  # type: ignore[no-untyped-call]
