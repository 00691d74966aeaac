from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unbraid.engine.cores import cores
from unbraid.errors import ModelError, UsageError
from unbraid.runtime.torch import TorchSeparator, pick_device
from unbraid.spec import Spec

SPEC = Spec("halves", 44100, 2, ("left", "right"), 100)


class Halves(nn.Module):
    """Half the mix for each of two stems; notes how many threads it may use, and overflows in half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.product = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.product.weight, 0.5)
        self.threads: list[int] = []

    def forward(self, mix: Tensor) -> Tensor:
        self.threads.append(torch.get_num_threads())
        half = self.product(mix[..., None])[..., 0]
        return torch.stack([half, half], 1)


def noise(batch: int = 1) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, 2, 100)).astype(np.float32)


def test_the_answer_is_float32_and_in_the_order_of_the_spec() -> None:
    stems = TorchSeparator(Halves(), SPEC)(noise(3)).stems
    assert (stems.dtype, stems.shape) == (np.float32, (3, 2, 2, 100))
    np.testing.assert_allclose(stems[:, 0], noise(3) / 2, rtol=1e-6)


def test_samples_that_cannot_be_written_are_taken_too() -> None:
    mix = noise()
    mix.flags.writeable = False
    assert TorchSeparator(Halves(), SPEC)(mix).stems.shape == (1, 2, 2, 100)


def test_calls_at_once_use_the_threads_they_are_given_and_give_them_back() -> None:
    net, before = Halves(), torch.get_num_threads()
    separator = TorchSeparator(net, SPEC, threads=1)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: separator(noise()).stems, range(20)))
    assert all(np.array_equal(answer, answers[0]) for answer in answers)
    assert set(net.threads) == {1}
    assert torch.get_num_threads() == before


def test_fewer_calls_at_once_have_more_threads_each() -> None:
    net = Halves()
    separator = TorchSeparator(net, SPEC, threads=1)
    assert separator.callers == cores()
    alone = separator.among(1)
    np.testing.assert_array_equal(alone(noise()).stems, separator(noise()).stems)
    assert net.threads == [cores(), 1] and alone.callers == 1


def test_songs_at_once_share_the_cores_also_in_their_last_round(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, most, lock = 0, 0, threading.Lock()

    class Slow(Halves):
        def forward(self, mix: Tensor) -> Tensor:
            nonlocal busy, most
            with lock:
                busy += torch.get_num_threads()
                most = max(most, busy)
            time.sleep(0.01)
            with lock:
                busy -= torch.get_num_threads()
            return super().forward(mix)

    monkeypatch.setattr("unbraid.runtime.torch.cores", lambda: 4)
    separator = TorchSeparator(Slow(), SPEC, threads=1)
    last = [separator.among(1), separator.among(1), separator.among(3), separator]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda number: last[number % 4](noise()), range(24)))
    assert most == 4


def test_what_leaves_the_range_of_16_bits_is_computed_again() -> None:
    loud = 1e6 * noise()
    stems = TorchSeparator(Halves(), SPEC, half=True)(loud).stems
    np.testing.assert_allclose(stems[:, 1], loud / 2, rtol=1e-6)


class Small(Halves):
    """Has room for ``room`` examples at once; notes how many it was given."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.given = room, list[int]()

    def forward(self, mix: Tensor) -> Tensor:
        self.given.append(len(mix))
        if len(mix) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(mix)


def test_calls_for_many_chunks_are_always_of_as_many() -> None:
    net = Small(room=4)
    separator = TorchSeparator(net, SPEC, together=4)
    for count in (1, 3, 4):
        np.testing.assert_allclose(separator(noise(count)).stems[:, 0], noise(count) / 2, rtol=1e-6)
    assert separator.together == 4 and net.given == [4, 4, 4]


def test_what_has_no_room_for_many_is_given_one_by_one() -> None:
    net = Small(room=1)
    separator = TorchSeparator(net, SPEC, together=4)
    for count in (3, 2):
        np.testing.assert_allclose(separator(noise(count)).stems[:, 0], noise(count) / 2, rtol=1e-6)
    assert net.given == [4, 1, 1, 1, 1, 1]
    with pytest.raises(ModelError, match="needs more memory than cpu has free"):
        TorchSeparator(Small(room=0), SPEC, together=4)(noise())


def test_queries_are_refused() -> None:
    with pytest.raises(ModelError, match="no queries"):
        TorchSeparator(Halves(), SPEC)(noise(), np.zeros((1, 1, 8), np.float32))


def test_a_device_that_is_not_there_is_told_from_those_that_are() -> None:
    assert pick_device("cpu").type == "cpu"
    missing = "cuda" if not torch.cuda.is_available() else "mps"
    with pytest.raises(UsageError, match=f"{missing}.*there is: .*cpu"):
        pick_device(missing)
