"""How loud a piece of audio is: K-weighted integrated loudness (ITU-R BS.1770-4), and its sample peak.

Conventions. Samples are floats ``[channel, time]`` with full scale 1.0, one or two channels, at any rate.
Loudness is in LUFS: the mean power of the K-weighted channels over gating blocks of 400 ms that start
every 100 ms; blocks below -70 LUFS do not count, nor do blocks more than 10 LU below the mean of those
that are left (BS.1770-4, annex 1). Audio that is shorter than one gating block has no such block: the
mean power of all of it is taken instead. Digital silence is ``-inf``.

K-weighting. The standard gives two biquads, for 48 kHz only. Each is the bilinear image of an analogue
prototype: with ``v = (1 - 1/z) / (1 + 1/z)`` it is ``(n0 + n1 v + n2 v^2) / (d0 + d1 v + d2 v^2)``, which
resonates at f0 = 48000 / pi * atan(sqrt(d0 / d2)) Hz. At another rate the same prototype is used with its
axis stretched so that it resonates at ``tan(pi f0 / rate)``: f0 and the gains at both ends of the spectrum stay.

Speed. A recursive filter is a loop over samples, which numpy does not have, so it is run by blocks. In
state-space form, ``s[t+1] = A s[t] + B x[t]`` and ``y[t] = C s[t] + D x[t]``, and over a block of N samples

    y = H x + O s                  H[i, j] = h[i - j] (the impulse response),  O[i] = C A^i
    s' = P s + R x                 P = A^N,                                    R[:, j] = A^(N-1-j) B

so all blocks at once are three matrix products, once the state ``s`` at the head of each block is known.
The states obey ``s[k+1] = P s[k] + u[k]``, a linear recursion. Within a group of G blocks one matrix of the powers
of P solves it; from group to group, with P^G, a prefix sum by doubling: after step j each state holds the effect of
the last 2^j groups. It stops when P^(G 2^j) is nothing beside the rounding of float64, so the response is not
truncated. The products with samples are in float32, whose rounding lies some 140 dB below the loudest sample; the
recursion is in float64.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import UsageError

Float64 = NDArray[np.float64]

SLOWEST_HZ = 4000
"""Rates below it leave no room for the shelf."""

ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
_OFFSET_LUFS = -0.691
_HOPS_PER_BLOCK = 4
_FILTER_BLOCK = 64
_GROUP = 16  # blocks whose states are solved for by one matrix
_SLICE = 512 * _FILTER_BLOCK  # samples filtered at once: the working set stays within a core's cache

# BS.1770-4, annex 1, tables 1 and 2: (b0, b1, b2) and (a0, a1, a2) at 48 kHz.
_SHELF_48K = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS_48K = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))

# p0 + p1/z + p2/z^2 = (1 + 1/z)^2 (c0 + c1 v + c2 v^2) / 4 with c = _BILINEAR @ p; the square cancels in b/a.
_BILINEAR = np.array([[1.0, 1.0, 1.0], [2.0, 0.0, -2.0], [1.0, -1.0, 1.0]])


class StateSpace(NamedTuple):
    """A linear system of one input and one output: ``s' = step s + drive x``, ``y = observe s + direct x``."""

    step: Float64
    drive: Float64
    observe: Float64
    direct: float


def k_weighting(rate: int) -> StateSpace:
    """The K-weighting filter at ``rate`` Hz.

    The analogue sections are joined first, then mapped to discrete time by the trapezoidal rule, which is the
    bilinear transform written for states. Such states stay of the size of the signal, where those of a
    direct-form biquad grow without bound as the rate grows: squaring their matrices lost all digits at 192 kHz.
    """
    shelf, high_pass = (_analogue(rate, *section) for section in (_SHELF_48K, _HIGH_PASS_48K))
    step = np.block([[shelf.step, np.zeros((2, 2))], [np.outer(high_pass.drive, shelf.observe), high_pass.step]])
    drive = np.concatenate([shelf.drive, high_pass.drive * shelf.direct])
    observe = np.concatenate([high_pass.direct * shelf.observe, high_pass.observe])
    solved = np.linalg.inv(np.eye(4) - step)
    return StateSpace(
        step=solved @ (np.eye(4) + step),
        drive=math.sqrt(2) * solved @ drive,
        observe=math.sqrt(2) * observe @ solved,
        direct=float(high_pass.direct * shelf.direct + observe @ solved @ drive),
    )


def _analogue(rate: int, b_48k: tuple[float, ...], a_48k: tuple[float, ...]) -> StateSpace:
    """The prototype of a biquad, its axis ``v`` stretched for ``rate``.

    With v = w s and w the resonance on the stretched axis, the denominator becomes 1 + damping s + s^2, and
    the states are those of a state-variable filter: the band-pass and the low-pass output.
    """
    numerator, denominator = _BILINEAR @ np.array(b_48k), _BILINEAR @ np.array(a_48k)
    warp_48k = math.sqrt(denominator[0] / denominator[2])
    low, band, high = numerator / denominator[0] * warp_48k ** np.arange(3)
    damping = denominator[1] / denominator[0] * warp_48k
    resonance_hz = 48000 / math.pi * math.atan(warp_48k)
    warp = math.tan(math.pi * resonance_hz / rate)
    return StateSpace(
        step=warp * np.array([[-damping, -1.0], [1.0, 0.0]]),
        drive=np.array([warp, 0.0]),
        observe=np.array([band - high * damping, low - high]),
        direct=float(high),
    )


class _BlockFilter:
    """A recursive filter over a stream, run by blocks (see the module's docstring)."""

    def __init__(self, system: StateSpace, channels: int, block: int = _FILTER_BLOCK) -> None:
        order = len(system.step)
        observe, enter = np.zeros((block, order)), np.zeros((order, block))
        row, column = system.observe, system.drive
        for i in range(block):
            observe[i], enter[:, block - 1 - i] = row, column
            row, column = row @ system.step, system.step @ column
        impulse = np.concatenate([[system.direct], observe[:-1] @ system.drive])
        lag = np.subtract.outer(np.arange(block), np.arange(block))
        respond = np.where(lag >= 0, impulse[np.maximum(lag, 0)], 0.0)
        self._respond = respond.T.astype(np.float32)  # H
        self._observe = observe.T.astype(np.float32)  # O
        self._enter = enter.T.astype(np.float32)  # R
        self._step = system.step
        self._state = np.zeros((channels, order))
        powers = [np.eye(order)]  # of P, turned: states are rows
        carry = np.linalg.matrix_power(system.step, block).T
        while len(powers) <= _GROUP:
            powers.append(powers[-1] @ carry)
        none = np.zeros_like(carry)
        rows = [[powers[to - since] if to >= since else none for to in range(_GROUP)] for since in range(_GROUP)]
        self._within, self._after = np.block(rows), np.hstack(powers[1:])
        self._carries = [powers[_GROUP]]  # P^(G 2^j)
        while np.abs(self._carries[-1]).max() > np.finfo(np.float64).eps ** 2:
            self._carries.append(self._carries[-1] @ self._carries[-1])

    def __call__(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Filter the next ``samples[channel, time]`` of the stream."""
        channels, length = samples.shape
        block = len(self._respond)
        whole, rest = divmod(length, block)
        blocks = np.zeros((channels, whole + 1, block), np.float32)
        blocks.reshape(channels, -1)[:, :length] = samples
        heads = self._heads(blocks @ self._enter)
        filtered = blocks @ self._respond
        filtered += heads.astype(np.float32) @ self._observe
        self._state = heads[:, -1] @ np.linalg.matrix_power(self._step, rest).T
        self._state += blocks[:, -1, :rest] @ self._enter[block - rest :]
        return filtered.reshape(channels, -1)[:, :length]

    def _heads(self, entering: NDArray[np.float32]) -> Float64:
        """The state at the head of each block ``[channel, block, order]``, from what enters in each block."""
        channels, count, order = entering.shape
        groups = -(-count // _GROUP)
        inputs = np.zeros((channels, groups * _GROUP, order))
        inputs[:, 0], inputs[:, 1:count] = self._state, entering[:, :-1]
        states = inputs.reshape(channels, groups, _GROUP * order) @ self._within
        ends, span = states[..., -order:].copy(), 1
        for carry in self._carries:
            if span >= groups:
                break
            ends[:, span:] += ends[:, :-span] @ carry
            span *= 2
        states[:, 1:] += ends[:, :-1] @ self._after
        heads: Float64 = states.reshape(channels, -1, order)[:, :count]
        return heads


class Loudness:
    """Integrated loudness of a stream, in bounded memory: a few bytes for every 100 ms.

    >>> loudness = Loudness(rate=48000, channels=2)
    >>> for block in blocks:  # float [channel, time], any lengths
    ...     loudness.push(block)
    >>> loudness.integrated()
    -14.2
    """

    def __init__(self, rate: int, channels: int) -> None:
        """Raise UsageError for a rate below ``SLOWEST_HZ``, or over two channels."""
        if rate < SLOWEST_HZ:
            raise UsageError(f"rate is {rate} Hz; loudness needs at least {SLOWEST_HZ} Hz")
        if channels not in (1, 2):
            raise UsageError(f"audio has {channels} channels; loudness is measured on 1 or 2: mix it down first")
        self._channels = channels
        self._hop = round(rate / 10)
        self._filter = _BlockFilter(k_weighting(rate), channels)
        self._pending = np.zeros(0)
        self._hop_powers: list[Float64] = []

    def push(self, samples: NDArray[Any]) -> None:
        """Hear the next ``samples[channel, time]``."""
        if samples.ndim != 2 or samples.shape[0] != self._channels:
            raise UsageError(f"samples have shape {samples.shape}; give [channel, time] with {self._channels} channels")
        for start in range(0, samples.shape[1], _SLICE):
            filtered = self._filter(samples[:, start : start + _SLICE])
            power = np.einsum("ct,ct->t", filtered, filtered)
            self._pending = np.concatenate([self._pending, power])
            whole = len(self._pending) // self._hop * self._hop
            self._hop_powers.append(self._pending[:whole].reshape(-1, self._hop).mean(axis=1))
            self._pending = self._pending[whole:]

    def integrated(self) -> float:
        """Loudness in LUFS of all that was pushed so far; ``-inf`` if nothing passes the gates."""
        hops = np.concatenate([*self._hop_powers, np.zeros(0)])
        if len(hops) < _HOPS_PER_BLOCK:
            heard = len(hops) * self._hop + len(self._pending)
            return _lufs((hops.sum() * self._hop + self._pending.sum()) / max(heard, 1))
        power = np.lib.stride_tricks.sliding_window_view(hops, _HOPS_PER_BLOCK).mean(axis=1)
        power = power[power > _power(ABSOLUTE_GATE_LUFS)]
        if not len(power):
            return -math.inf
        gate = power.mean() * 10 ** (RELATIVE_GATE_LU / 10)
        return _lufs(power[power > gate].mean())


def peak_dbfs(samples: NDArray[Any]) -> float:
    """The largest sample of an array of any shape, in dB below full scale (1.0 is 0 dBFS); silence is ``-inf``."""
    peak = max(float(samples.max()), -float(samples.min())) if samples.size else 0.0
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def _lufs(power: float) -> float:
    return _OFFSET_LUFS + 10 * math.log10(power) if power > 0 else -math.inf


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LUFS) / 10))
