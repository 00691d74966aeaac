"""What AudioSep promises whatever its weights are."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from unbraid.nets.audiosep import TINY, AudioSep, AudioSepConfig
from unbraid.nets.registry import classes

SMALL = AudioSepConfig(n_fft=128, hop=20, segment=4000, widths=(4, 6, 6, 8, 8, 8), embedding=16)


@pytest.fixture
def net() -> AudioSep:
    torch.manual_seed(0)
    return AudioSep(SMALL).eval()


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
@pytest.mark.parametrize("length", [1, 19, 64, 65, 1000, 4321])
def test_the_answer_is_as_long_as_the_mix(net: AudioSep, length: int) -> None:
    asked = net(noise(2, 2, length), noise(2, 3, 16))
    assert asked.shape == (2, 3, 2, length)
    assert asked.isfinite().all()


@torch.inference_mode()
def test_who_asks_nothing_gets_nothing(net: AudioSep) -> None:
    assert net(noise(2, 2, 1000), noise(2, 0, 16)).shape == (2, 0, 2, 1000)


@torch.inference_mode()
def test_channels_pieces_and_queries_do_not_hear_each_other(net: AudioSep) -> None:
    mix, queries = noise(2, 2, 1000), noise(2, 2, 16, seed=2)
    together = net(mix, queries)
    for piece in range(2):
        for query in range(2):
            for channel in range(2):
                alone = net(
                    mix[piece : piece + 1, channel : channel + 1], queries[piece : piece + 1, query : query + 1]
                )
                torch.testing.assert_close(together[piece, query, channel], alone[0, 0, 0], rtol=1e-4, atol=1e-5)
    assert (together[:, 0] - together[:, 1]).abs().max() > 1e-3


@torch.inference_mode()
def test_silence_stays_silent_without_a_gate(net: AudioSep) -> None:
    assert not net(torch.zeros(1, 2, 1000), noise(1, 2, 16)).any()


@torch.inference_mode()
def test_the_answer_has_no_more_energy_in_a_bin_than_the_mix(net: AudioSep) -> None:
    # The mask is at most one and the turn of the phase has length one.
    mix = noise(1, 1, 4000)
    asked = net(mix, 10 * noise(1, 1, 16))
    assert asked.square().sum() < 1.05 * mix.square().sum()


def test_every_weight_learns(net: AudioSep) -> None:
    net.train()(noise(2, 2, 2000), noise(2, 2, 16)).sub(noise(2, 2, 2, 2000, seed=3)).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_a_config_survives_json_and_makes_the_same_net(net: AudioSep) -> None:
    config_class, net_class = classes("audiosep")
    again = net_class(config_class(**json.loads(json.dumps(asdict(net.config)))))
    assert again.config == net.config
    assert list(again.state_dict()) == list(net.state_dict())


def test_the_tiny_one_is_a_27th_of_the_published_one() -> None:
    with torch.device("meta"):
        full, tiny = (sum(p.numel() for p in AudioSep(config).parameters()) for config in (AudioSepConfig(), TINY))
    assert 26 < full / tiny < 28
