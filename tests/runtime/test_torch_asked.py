from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unbraid.engine.progress import Meter
from unbraid.engine.run import Passage, Schedule, run, steps
from unbraid.engine.source import ArraySource
from unbraid.errors import ModelError
from unbraid.runtime.torch_asked import AskedSeparator
from unbraid.signal import Samples
from unbraid.spec import Spec

SPEC = Spec("scaler", 32_000, 2, (), 1000, fixed_length=True, silence_exact=True, embedding=3)


class Scaler(nn.Module):
    """Answers with the mix times the first number of the query."""

    def forward(self, mix: Tensor, queries: Tensor) -> Tensor:
        return mix[:, None] * queries[..., :1, None]


def noise(*shape: int) -> Samples:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def ask(mix: Samples, queries: Samples | None, schedule: Schedule = Schedule()) -> list[Passage]:  # noqa: B008 (frozen)
    separator = AskedSeparator(Scaler(), SPEC)
    meter = Meter("separate", steps(mix.shape[1], separator, schedule), None, lambda: False)
    return list(run(separator, ArraySource(mix), schedule, meter, queries))


@pytest.mark.parametrize("length", [0, 1, 999, 1000, 1001, 5432])
def test_songs_of_any_length_go_through_the_engine(length: int) -> None:
    mix, queries = noise(2, length), noise(4, 3)
    passages = ask(mix, queries)
    asked = [passage.asked for passage in passages if passage.asked is not None]
    assert sum(passage.stems.shape[-1] for passage in passages) == length
    if length:
        expected = mix * queries[:, 0, None, None]
        np.testing.assert_allclose(np.concatenate(asked, -1), expected, rtol=1e-5, atol=1e-6)


def test_a_song_with_silence_in_it_is_answered_too() -> None:
    mix = noise(2, 5000)
    mix[:, 1500:4000] = 0
    asked = np.concatenate([passage.asked for passage in ask(mix, noise(1, 3)) if passage.asked is not None], -1)
    assert asked.shape == (1, 2, 5000)
    assert not asked[..., 1500:4000].any()


def test_who_asks_nothing_gets_no_stems_and_no_answers() -> None:
    answer = AskedSeparator(Scaler(), SPEC)(noise(3, 2, 1000))
    assert answer.stems.shape == (3, 0, 2, 1000)
    assert answer.asked is None


def test_no_presence_is_claimed() -> None:
    assert AskedSeparator(Scaler(), SPEC)(noise(1, 2, 1000), noise(1, 2, 3)).presence is None


@pytest.mark.parametrize("shape", [(1, 2, 4), (2, 2, 3)])
def test_queries_of_another_size_or_number_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="it takes"):
        AskedSeparator(Scaler(), SPEC)(noise(1, 2, 1000), noise(*shape))


def test_an_answer_that_is_no_number_is_refused() -> None:
    queries = np.full((1, 1, 3), np.nan, np.float32)
    with pytest.raises(ModelError, match="NaN"):
        AskedSeparator(Scaler(), SPEC)(noise(1, 2, 1000), queries)


def test_calls_leave_the_number_of_threads_as_it_was() -> None:
    before = torch.get_num_threads()
    AskedSeparator(Scaler(), SPEC)(noise(1, 2, 1000), noise(1, 2, 3))
    assert torch.get_num_threads() == before
