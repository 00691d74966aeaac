from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from tests.runtime.words import CONFIG, HEAD, nets
from unbraid.nets.compact import Compact
from unbraid.nets.query_head import QueryConfig, QueryHead


@pytest.fixture
def both() -> tuple[Compact, QueryHead]:
    return nets()


def ask(net: Compact, head: QueryHead, mix: torch.Tensor, query: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        mask, presence = head(net.trunk(net.stft(mix)), query)
    return mask, presence


def test_masks_fit_those_of_the_stems_and_are_shares(both: tuple[Compact, QueryHead]) -> None:
    net, head = both
    mix = torch.randn(2, 2, 128 * 31)
    mask, presence = ask(net, head, mix, torch.randn(2, head.query_size))
    assert mask.shape == net.pooled_masks(net.stft(mix))[:, 0].shape
    assert presence.shape == (2,)
    assert mask.min() >= 0 and mask.max() <= 1


def test_the_query_decides(both: tuple[Compact, QueryHead]) -> None:
    net, head = both
    mix = torch.randn(1, 2, 128 * 31).repeat(2, 1, 1)
    mask, presence = ask(net, head, mix, torch.randn(2, head.query_size))
    assert (mask[0] - mask[1]).abs().max() > 1e-2
    assert presence[0] != presence[1]


def test_an_item_does_not_see_its_neighbours(both: tuple[Compact, QueryHead]) -> None:
    net, head = both
    mix, query = torch.randn(3, 2, 128 * 31), torch.randn(3, head.query_size)
    whole, alone = ask(net, head, mix, query), ask(net, head, mix[1:2], query[1:2])
    torch.testing.assert_close(whole[0][1:2], alone[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(whole[1][1:2], alone[1], atol=1e-5, rtol=1e-4)


def test_what_is_surely_absent_is_at_least_25_db_down(both: tuple[Compact, QueryHead]) -> None:
    net, head = both
    with torch.no_grad():
        head.listener.pool.weight.zero_()
        head.listener.pool.bias.fill_(-4.75)  # a presence of 0.05, at even odds
    mask, _ = ask(net, head, torch.randn(1, 2, 128 * 31), torch.randn(1, head.query_size))
    assert 20 * torch.log10(mask.max()) < -25


def test_every_weight_has_a_gradient(both: tuple[Compact, QueryHead]) -> None:
    net, head = both
    tokens, query = net.trunk(net.stft(torch.randn(2, 2, 128 * 31))), torch.randn(2, head.query_size)
    mask, presence = head(tokens, query)
    (mask.square().mean() + presence.square().mean()).backward()
    assert [name for name, weight in head.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_many_queries_are_heard_as_one_is(both: tuple[Compact, QueryHead]) -> None:
    net, head = both
    tokens, queries = net.trunk(net.stft(torch.randn(2, 2, 128 * 31))), torch.randn(2, 3, head.query_size)
    moments, whole = head.listen(tokens, queries)
    assert moments.shape == (2, 3, tokens.shape[1]) and whole.shape == (2, 3)
    for number in range(3):
        torch.testing.assert_close(whole[:, number] + 1.8, head(tokens, queries[:, number])[1])


def test_config_survives_json() -> None:
    assert QueryConfig(**json.loads(json.dumps(asdict(HEAD)))) == HEAD
    assert QueryHead(HEAD, CONFIG).query_size == HEAD.words + 4
