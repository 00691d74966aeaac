"""BSS-Eval: ours against museval 0.4.1, ten songs in turn.

Each song is scored by two fresh processes, ours and museval's, one after the other; wall and processor time are
summed over the songs, the memory is the largest peak. The songs are 20 s of four stereo stems (seeded noise with
a spectrum, one stem silent for a while) with estimates that leak, lag and hiss, so that anyone can repeat this.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.peers import peer
from bench.process import Cost, cost

SONGS, SECONDS, RATE = 10, 20, 44100
PROGRAMS = ("unbraid", "museval")


def report() -> str:
    costs: dict[str, list[Cost]] = {program: [] for program in PROGRAMS}
    frames, songs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(SONGS):
            np.save(Path(folder, "song.npy"), _song(seed))
            for program in PROGRAMS:
                command = [sys.executable, "-W", "ignore", "-m", "bench.metrics", program, folder]
                costs[program].append(cost(command))
            ours, theirs = (np.load(Path(folder, f"{program}.npy")) for program in PROGRAMS)
            assert (np.isnan(ours) == np.isnan(theirs)).all()
            frames.append(np.nanmax(np.abs(ours - theirs)))
            songs.append(np.abs(np.nanmedian(ours, axis=2) - np.nanmedian(theirs, axis=2)).max())
    totals = {program: _total(costs[program]) for program in PROGRAMS}
    ours_total, theirs_total = totals.values()
    faster = [b.wall_s / a.wall_s for a, b in zip(*costs.values(), strict=True)]
    rows = [f"| {SONGS} songs of {SECONDS} s, four stereo stems | wall, s | processor, s | peak, MiB |"]
    rows += ["|---|---|---|---|"]
    rows += [
        f"| {name} | {all_.wall_s:.1f} | {all_.cpu_s:.1f} | {all_.peak_mib:.0f} |" for name, all_ in totals.items()
    ]
    summary = (
        f"{theirs_total.wall_s / ours_total.wall_s:.1f}x faster ({min(faster):.1f}x to {max(faster):.1f}x by song), "
        f"{ours_total.peak_mib / theirs_total.peak_mib:.2f} of the memory. "
        f"Largest difference: {max(frames):.1e} dB on frames, {max(songs):.1e} dB on the medians of songs."
    )
    return "\n".join([*rows, "", summary])


def _total(costs: list[Cost]) -> Cost:
    return Cost(
        sum(each.wall_s for each in costs), sum(each.cpu_s for each in costs), max(each.peak_mib for each in costs)
    )


def _song(seed: int) -> np.ndarray:
    """``[reference or estimate, stem, channel, time]`` in float32."""
    rng = np.random.default_rng(seed)
    true = 0.1 * rng.standard_normal((4, 2, SECONDS * RATE), dtype=np.float32)
    for stem, reach in zip(true, (1, 2, 8, 4), strict=True):
        stem += sum(np.roll(stem, lag, axis=1) for lag in range(1, reach))
    true += np.float32(0.6) * true[:, ::-1]
    true[0, :, 3 * RATE : 5 * RATE] = 0
    got = true + np.float32(0.1) * true.sum(axis=0)
    got[..., 7:] += np.float32(0.1) * true[..., :-7]
    got += np.float32(0.01) * rng.standard_normal(got.shape, dtype=np.float32)
    return np.stack([true, got])


def _score(program: str, folder: str) -> None:
    true, got = np.load(Path(folder, "song.npy"), mmap_mode="r")
    if program == "unbraid":
        from unbraid.metrics.bss_eval import bss_eval

        scores = bss_eval(true, got, RATE)
    else:
        museval = peer("museval")

        # museval works in the precision it is given; float64 is what its users' readers give it.
        true, got = true.swapaxes(1, 2).astype(np.float64), got.swapaxes(1, 2).astype(np.float64)
        scores = museval.evaluate(true, got, win=RATE, hop=RATE)
    np.save(Path(folder, f"{program}.npy"), np.array(scores))


if __name__ == "__main__":
    _score(*sys.argv[1:])
