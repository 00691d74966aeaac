from __future__ import annotations

import pytest
import torch

from unbraid.errors import ModelError
from unbraid.nets.bands import layout, pooled_sum, spread
from unbraid.nets.compact import CompactConfig

SMALL = layout(((2, 3, 1), (1, 4, 2), (1, 2, 4)), 20)


def test_groups_follow_each_other_without_a_gap() -> None:
    assert SMALL.starts() == [0, 6, 14]
    assert (SMALL.bands, SMALL.covered, SMALL.padding) == (4, 22, 2)


def test_spread_repeats_and_pooling_adds() -> None:
    pooled = torch.rand(2, 5, 12)
    whole = spread(SMALL, pooled)
    assert whole.shape == (2, 5, 20)
    # The last pooled bin lies half beyond the spectrum: two of its four bins are there.
    sizes = torch.tensor([1.0] * 6 + [2.0] * 4 + [4.0, 2.0])
    torch.testing.assert_close(pooled_sum(SMALL, whole), pooled * sizes)


def test_pooling_keeps_the_energy() -> None:
    values = torch.rand(3, 5, 20)
    torch.testing.assert_close(pooled_sum(SMALL, values).sum(2), values.sum(2))


def test_the_shipped_layout_fits_its_stft() -> None:
    config = CompactConfig()
    assert layout(config.bands, config.n_fft // 2 + 1).bands == 36


@pytest.mark.parametrize("triples", [((2, 3, 1),), ((2, 3, 1), (2, 20, 1)), (), ((0, 3, 1), (1, 20, 1))])
def test_a_layout_that_does_not_fit_is_refused(triples: tuple[tuple[int, int, int], ...]) -> None:
    with pytest.raises(ModelError, match="bands"):
        layout(triples, 20)
