"""Learning from plans: songs stay on the device, which cuts and mixes its own examples (``run.resident``).

These tasks stand in front of those that take batches of sound, and take the fields of plans.
"""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor, nn

from unbraid.data.plan import Plan
from unbraid.errors import UsageError
from unbraid.nets.audiosep import AudioSep
from unbraid.train.bank import Bank
from unbraid.train.loss import Products, products_of
from unbraid.train.mixdown import Mixdown, mixdown
from unbraid.train.query_data import AUDIBLE, HEARD, Asking
from unbraid.train.query_loss import frames_of
from unbraid.train.words_plan import WordsPlan
from unbraid.train.words_task import WordsTask

_PLAN = [field.name for field in fields(Plan)]
_WORDS = [field.name for field in fields(WordsPlan)]
_STEMS = ("curve", "members", "weight")


class Resident(nn.Module):
    """``task`` of a :class:`unbraid.data.batch.Batch`, from plans over ``bank``. length: of a piece in samples."""

    names = _PLAN

    def __init__(self, task: nn.Module, bank: Bank, length: int) -> None:
        super().__init__()
        self.task, self._bank, self.length = task, [bank], length

    def forward(self, *given: Tensor) -> dict[str, Tensor]:
        plan = dict(zip(self.names, given, strict=True))
        return self._learn(plan, self.mix(plan))

    @torch.no_grad()
    def mix(self, plan: dict[str, Tensor]) -> Mixdown:
        with torch.autocast(plan["curve"].device.type, enabled=False):
            return mixdown(self._bank[0].samples, self.length, plan)

    def measure(self, *given: Tensor) -> None:
        """Fit the net's input constants to the plans."""
        plan = dict(zip(self.names, given, strict=True))
        measure = getattr(self.task, "measure", None)
        if measure is not None:
            measure(self.mix(plan).targets, plan["curve"])

    def _learn(self, plan: dict[str, Tensor], sound: Mixdown) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = self.task(sound.targets, *(plan[name] for name in _STEMS))
        return terms


class ResidentWords(Resident):
    """The same of a net that learns stems and words at once: its trunk hears each example once, for both."""

    names = _WORDS
    task: WordsTask

    def _learn(self, plan: dict[str, Tensor], sound: Mixdown) -> dict[str, Tensor]:
        stems, asked, net = self.task.stems, self.task.asked[0], self.task.stems.net
        with torch.no_grad(), torch.autocast(sound.rows.device.type, enabled=False):
            stft, products = stems.heard(sound.targets, plan["curve"])
            wave = sound.summed(plan["asked"])
            present = self._present(plan["asked"], wave, sound.targets)
            of_questions = self._products(stft, wave, _taken(plan["curve"], plan["slot_of"]))
            heard = self._heard(plan["holds"], sound, net.config.hop)
        tokens = net.trunk(stft)
        masks = net.head(tokens)
        with torch.autocast(stft.device.type, enabled=False):
            learnt = stems.terms(masks.float(), products, plan["members"], plan["weight"])
        every = asked.every
        words = asked.answered(
            tokens[:, ::every],
            frames_of(masks.detach(), every),
            of_questions,
            plan["query"],
            plan["weights"],
            present,
            plan["called"],
            plan["known"],
            heard,
        )
        return self.task.joined(learnt, words)

    def _present(self, asked: Tensor, wave: Tensor, targets: Tensor) -> Tensor:
        """``[batch, query]``, 1 where something of what is asked is to be heard."""
        whole = targets.sum(1).square().sum((1, 2)).clamp(min=1e-9)
        energy = wave.square().sum((2, 3)) / whole[:, None]
        return (energy > Asking().silent).to(wave.dtype) * asked.amax(2)

    def _products(self, stft: Tensor, wave: Tensor, curve: Tensor) -> Products:
        """Of the questions' targets, where they are learned from."""
        net, every = self.task.stems.net, self.task.asked[0].every
        targets = frames_of(net.spectrum(wave), every) * curve[:, :, None, None]
        mix = torch.view_as_complex(frames_of(stft, every).movedim(2, -1).contiguous())
        return products_of(net.layout, mix, targets)

    def _heard(self, holds: Tensor, sound: Mixdown, hop: int) -> Tensor:
        """``[batch, sound, token]``, as :class:`unbraid.train.query_data.Questions` has it."""
        energy = _energy(sound.rows, hop)
        of_rows = energy.new_zeros(len(holds), holds.shape[2], energy.shape[1])
        of_rows[sound.item, sound.place] = energy
        rows = torch.einsum("bsr,brk->bsk", holds, of_rows)
        whole = _energy(sound.targets.sum(1), hop)
        least = HEARD * whole + AUDIBLE * whole.mean(-1, keepdim=True)
        return (rows > least[:, None]).to(rows.dtype)


def _taken(curve: Tensor, slot: Tensor) -> Tensor:
    """``curve[batch, target, freq]`` of each question's target: ``[batch, query, freq]``."""
    return curve.gather(1, slot[:, :, None].expand(-1, -1, curve.shape[2]))


def _energy(wave: Tensor, hop: int) -> Tensor:
    """``[..., channel, time]`` to ``[..., token]``, high frequencies lifted."""
    wave = wave[..., : wave.shape[-1] // hop * hop]
    lifted = torch.diff(wave, prepend=wave[..., :1]).square().sum(-2)
    padded = nn.functional.pad(lifted, (hop // 2, hop // 2))
    return padded.reshape(*padded.shape[:-1], -1, 2 * hop).sum(-1)


def bank_for(net: nn.Module, device: torch.device) -> Bank:
    """An empty bank; UsageError if ``net`` does not learn from plans."""
    if isinstance(net, AudioSep):
        raise UsageError("run.resident is for nets of stems; AudioSep is asked: leave it out")
    return Bank(device)


def resident(task: nn.Module, bank: Bank, length: int) -> Resident:
    """``task`` in front of which plans are mixed."""
    kind: type[Resident] = ResidentWords if isinstance(task, WordsTask) else Resident
    return kind(task, bank, length)
