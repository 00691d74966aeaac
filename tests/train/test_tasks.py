"""What nets are asked to do, on tiny ones: every kind learns, and what the losses count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.laws.tiny import SIZES
from unbraid.data.augment import Change, curve, filtered
from unbraid.errors import UsageError
from unbraid.nets.registry import NETS
from unbraid.train.magnitude_loss import MagnitudeTask
from unbraid.train.pieces import Shaper
from unbraid.train.recipe import LossSection, Recipe
from unbraid.train.recipe_file import parse
from unbraid.train.start import fresh
from unbraid.train.tasks import loss_name, task_for
from unbraid.train.wave_loss import WaveTask, normalized, weighted

RATE = 44_100
STEREO = Shaper(RATE, RATE, 2)
TRAINED = sorted(set(NETS) - {"compact", "compact-words", "audiosep"})  # these have tests of their own
_Fields = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def fields(stems: int = 4, batch: int = 2, length: int = 4000, seed: int = 0) -> _Fields:
    """A batch of noise whose stems are all known."""
    wave = torch.randn(batch, stems, 2, length, generator=torch.Generator().manual_seed(seed))
    return (
        wave,
        torch.ones(batch, stems, length // 2 + 1),
        torch.eye(stems).expand(batch, -1, -1),
        torch.ones(batch, stems),
    )


def recipe(name: str, **loss: Any) -> Recipe:
    return parse({"net": {"name": name}, "data": {"root": "."}, "loss": loss, "schedule": {"steps": 1}})


class Answers(nn.Module):
    """A net that answers what it was told."""

    def __init__(self, stems: torch.Tensor) -> None:
        super().__init__()
        self.stems = nn.Parameter(stems.clone())

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        return self.stems


@pytest.mark.parametrize("name", TRAINED)
def test_every_net_of_the_registry_learns(name: str) -> None:
    torch.manual_seed(0)
    net = fresh(name, SIZES[name]).train()
    batch = fields(len(net.config.stems), length=4410)
    task = task_for(recipe(name), net, RATE)
    optimizer = torch.optim.Adam([weight for weight in net.parameters() if weight.requires_grad], 3e-3)
    losses = []
    for _ in range(8):
        loss = task(*batch)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert min(losses[4:]) < losses[0]


@pytest.mark.parametrize(("kind", "expected"), [("l1", 0.5), ("mse", 0.25)])
def test_the_error_is_a_mean_over_channels_time_stems_and_examples(kind: Any, expected: float) -> None:
    batch = fields()
    task = WaveTask(Answers(batch[0] + 0.5), STEREO, kind, torch.ones(4))
    assert task(*batch)["loss"].item() == pytest.approx(expected, rel=1e-4)


def test_the_edge_is_heard_but_not_asked_for() -> None:
    batch = fields()
    answers = batch[0].clone()
    answers[..., :100] = answers[..., -100:] = 9
    assert WaveTask(Answers(answers), STEREO, "l1", torch.ones(4), edge=100)(*batch)["loss"] < 1e-5
    assert WaveTask(Answers(answers), STEREO, "l1", torch.ones(4), edge=99)(*batch)["loss"] > 1e-3


def test_a_stem_that_does_not_count_is_not_learnt() -> None:
    batch = fields()
    net = Answers(torch.zeros_like(batch[0]))
    WaveTask(net, STEREO, "l1", torch.tensor([0.0, 0, 0, 1]))(*batch)["loss"].backward()
    assert net.stems.grad is not None
    assert not net.stems.grad[:, :3].any()
    assert net.stems.grad[:, 3].all()


def test_a_known_sum_is_asked_of_the_sum_of_the_stems() -> None:
    """What is answered for each is free, as long as the sum is right."""
    wave, gains, _, _ = fields(3)
    band = torch.stack([wave[:, 0], wave[:, 1] + wave[:, 2], torch.zeros_like(wave[:, 0])], 1)
    members = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 0]]).expand(2, 3, 3)
    weight = torch.tensor([[1.0, 1, 0]]).expand(2, 3)
    shifted = torch.stack([wave[:, 0], wave[:, 1] + 7, wave[:, 2] - 7], 1)
    net = Answers(shifted)
    assert WaveTask(net, STEREO, "l1", torch.ones(3))(band, gains, members, weight)["loss"] < 1e-5


def test_examples_count_alike_however_they_are_split() -> None:
    """Also where one of them knows less than the others."""
    error, weight = torch.rand(4, 3), torch.ones(4, 3)
    weight[0, 1:] = 0
    members, stems = torch.eye(3).expand(4, -1, -1), torch.tensor([1.0, 0.5, 2])
    whole = weighted(error, members, weight, stems)
    halves = [weighted(error[part], members[part], weight[part], stems) for part in (slice(2), slice(2, 4))]
    torch.testing.assert_close((halves[0] + halves[1]) / 2, whole)


def test_normalized_targets_sum_to_a_mix_of_deviation_one() -> None:
    wave, _, members, _ = fields()
    mono = normalized(0.1 * wave + 0.02, members).sum(1).mean(1)
    torch.testing.assert_close(mono.std(1), torch.ones(2))
    torch.testing.assert_close(mono.mean(1), torch.zeros(2), atol=1e-5, rtol=0)
    silence = torch.zeros_like(wave)
    assert not normalized(silence, members).any()


def test_a_curve_is_applied_as_the_augmentation_says() -> None:
    wave = torch.randn(2, 5000)
    change = Change(tilt_db=6, lowpass_hz=9000)
    hz = np.fft.rfftfreq(5000, 1 / RATE).astype(np.float32)
    ours = STEREO.waves(wave, torch.from_numpy(curve(change, hz)))
    np.testing.assert_allclose(ours, filtered(wave.numpy(), change, RATE), atol=1e-5)


@pytest.mark.parametrize("rate", [22_050, 8820, 48_000])
def test_a_tone_keeps_its_pitch_and_level_at_another_rate(rate: int) -> None:
    def tone(at: int) -> torch.Tensor:
        return torch.sin(2 * torch.pi * 1000 * torch.arange(at // 2) / at).expand(2, -1)

    shaped = Shaper(RATE, rate, 1).waves(tone(RATE), torch.ones(RATE // 4 + 1))
    torch.testing.assert_close(shaped[0], tone(rate)[0], atol=1e-3, rtol=0)


def test_perfect_masks_have_no_magnitude_loss() -> None:
    net = fresh("unet", SIZES["unet"])
    wave, gains, members, weight = fields()
    stem = torch.zeros_like(wave)
    stem[:, 1] = wave[:, 1]  # one stem alone: its mask is one, the others' are nothing
    net.raw_masks = lambda magnitude: torch.eye(4)[1][:, None, None, None].expand(2, 4, *magnitude.shape[1:])
    assert MagnitudeTask(net, STEREO, torch.ones(4))(stem, gains, members, weight)["loss"] < 1e-6


def test_what_a_net_cannot_answer_is_named() -> None:
    net = fresh("waveunet", SIZES["waveunet"])
    assert loss_name(net, LossSection()) == "mse"
    with pytest.raises(UsageError, match=r"loss.name is 'masks', which a WaveUNet does not answer to"):
        loss_name(net, LossSection(name="masks"))
    with pytest.raises(UsageError, match=r"loss.stems names harp; the net has bass"):
        task_for(recipe("waveunet", stems={"harp": 1.0}), net, RATE)
    with pytest.raises(UsageError, match="nothing would be learnt"):
        task_for(recipe("waveunet", stems=dict.fromkeys(net.config.stems, 0.0)), net, RATE)


def test_the_penalty_is_added() -> None:
    net = fresh("demucs", SIZES["demucs"])
    settings = {"penalty": 1e-3, "min_size_mb": 0.0, "dim": 4}
    terms = task_for(recipe("demucs", svd=settings), net, RATE)(*fields())
    plain = task_for(recipe("demucs"), net, RATE)(*fields())
    assert terms["svd"] > 0
    torch.testing.assert_close(terms["loss"], plain["loss"] + 1e-3 * terms["svd"])
