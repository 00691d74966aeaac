"""Who draws a batch, and when, changes nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.train.tiny import recipe
from unbraid.errors import AudioError
from unbraid.train import checkpoint
from unbraid.train.loop import train
from unbraid.train.material import sampler_for, songs_for
from unbraid.train.reading import ReadingError, reading
from unbraid.train.start import build


def test_batches_drawn_ahead_are_those_drawn_at_once(tmp_path: Path) -> None:
    given = recipe(tmp_path / "songs")
    net = build(given)
    sampler = sampler_for(given, net, songs_for(given, net, lambda error: pytest.fail(str(error))), late=False)
    at_once, ahead = (reading(sampler, (5, 1), 2, readers, pinned=False) for readers in (0, 2))
    for step in (0, 1, 2, 9, 10, 3):  # also where a run goes on, and goes back
        one, other = at_once.batch(step), ahead.batch(step)
        assert list(one) == list(other) == ["wave", "curve", "members", "weight"]
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_with_readers_ends_bit_equal_to_one_without(tmp_path: Path) -> None:
    """Also where songs join and the decay begins on the way."""
    changes = ("schedule.decay=0.5", "data.rescan_s=1e-9")
    for readers in (0, 2):
        run = recipe(tmp_path / "songs", f"run.readers={readers}", *changes)
        assert train(run, tmp_path / str(readers)).step == 8
    states = [load_file(found / "state.safetensors") for name in "02" if (found := checkpoint.newest(tmp_path / name))]
    assert len(states) == 2 and states[0].keys() == states[1].keys()
    assert [name for name in states[0] if not torch.equal(states[0][name], states[1][name])] == []


class Broken:
    def batch(self, seed: list[int], size: int) -> None:
        if seed[2] == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        raise AudioError("drums.wav: cannot be read")


def test_an_error_of_a_reader_is_told_in_its_own_words() -> None:
    with pytest.raises(AudioError, match=r"^drums\.wav: cannot be read$"):
        reading(Broken(), (0, 0), 2, 1, pinned=False).batch(0)  # type: ignore[arg-type]


def test_a_reader_that_was_killed_is_told_in_a_sentence() -> None:
    with pytest.raises(ReadingError, match=r"killed .*run\.readers"):
        reading(Broken(), (0, 0), 2, 1, pinned=False).batch(7)  # type: ignore[arg-type]
