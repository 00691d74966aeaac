"""What a net is asked to do: which loss, on which pieces, with which penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from unbraid.errors import UsageError
from unbraid.nets.audiosep import AudioSep
from unbraid.nets.compact import Compact
from unbraid.nets.compact_words import CompactWords
from unbraid.nets.unet import UNet
from unbraid.nets.waveunet import WaveUNet
from unbraid.spec import Spec
from unbraid.train.asked_loss import AskedTask
from unbraid.train.loss import MaskLoss, MaskTask
from unbraid.train.magnitude_loss import MagnitudeTask
from unbraid.train.pieces import Pieces, Shaper, mask_pieces, wave_pieces
from unbraid.train.query_settings import Settings
from unbraid.train.recipe import LossSection, Recipe, SvdSection
from unbraid.train.svd import svd_penalty
from unbraid.train.wave_loss import WaveTask
from unbraid.train.words_task import WordsTask

Kind = Literal["masks", "magnitude", "l1", "mse"]


class Penalized(nn.Module):
    """``task`` with the SVD penalty on its net added to the loss."""

    def __init__(self, task: nn.Module, net: nn.Module, settings: SvdSection) -> None:
        super().__init__()
        self.task, self._settings = task, settings
        self._penalized = [net]  # in a list, so that its weights have one name only

    def forward(self, *fields: Tensor) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = self.task(*fields)
        penalty = svd_penalty(self._penalized[0], self._settings)
        return {**terms, "svd": penalty, "loss": terms["loss"] + self._settings.penalty * penalty}


def loss_name(net: nn.Module, loss: LossSection) -> Kind:
    """Which loss ``net`` is trained with; UsageError if it is none for this net."""
    masks, magnitude = isinstance(net, Compact), isinstance(net, UNet)
    if loss.name == "auto":
        return "masks" if masks else "magnitude" if magnitude else "mse" if isinstance(net, WaveUNet) else "l1"
    if (loss.name == "masks" and not masks) or (loss.name == "magnitude" and not magnitude):
        raise UsageError(f"loss.name is {loss.name!r}, which a {type(net).__name__} does not answer to; leave it out")
    return loss.name


def pieces_for(recipe: Recipe, net: Any, song_rate: int, late: bool) -> Pieces:
    """The pieces that ``net`` is trained on, in the final decay if ``late``."""
    make = mask_pieces if loss_name(net, recipe.loss) == "masks" else wave_pieces
    return make(recipe.data, net, song_rate, late)


def task_for(recipe: Recipe, net: Any, song_rate: int) -> nn.Module:
    """``net`` and its loss as one module, so that whatever wraps it (DDP) sees one forward."""
    if isinstance(net, CompactWords):
        words = recipe.words
        return WordsTask(net, _mask_loss(recipe.loss, net.config.stems), Settings(every=words.every), words.weight)
    task = _task(recipe.loss, net, song_rate)
    return Penalized(task, net, recipe.loss.svd) if recipe.loss.svd.penalty else task


def _task(loss: LossSection, net: Any, song_rate: int) -> nn.Module:
    spec: Spec = net.spec("net")
    kind = loss_name(net, loss)
    if isinstance(net, AudioSep):
        assert kind in ("l1", "mse")
        return AskedTask(net, Shaper(song_rate, spec.rate, 1), kind)
    shaper, weights = Shaper(song_rate, spec.rate, spec.channels), _stem_weights(loss, spec.stems)
    match kind:
        case "masks":
            return MaskTask(net, _mask_loss(loss, spec.stems))
        case "magnitude":
            return MagnitudeTask(net, shaper, weights)
        case "l1" | "mse":
            normalize = spec.normalize == "track"
            return WaveTask(net, shaper, kind, weights, normalize=normalize, edge=_edge(net))


def _mask_loss(loss: LossSection, stems: Sequence[str]) -> MaskLoss:
    counts = tuple(_stem_weights(loss, stems).tolist()) if loss.stems else ()
    if counts and not (loss.ratio or loss.compressed):
        raise UsageError("loss.stems is given, but shares are of all stems at once; also set loss.ratio or compressed")
    return MaskLoss(loss.floor, loss.ratio, loss.compressed, loss.shares, loss.loudness, counts)


def _stem_weights(loss: LossSection, stems: Sequence[str]) -> Tensor:
    unknown = set(loss.stems) - set(stems)
    if unknown:
        raise UsageError(f"loss.stems names {', '.join(sorted(unknown))}; the net has {', '.join(stems)}")
    weights = torch.tensor([loss.stems.get(stem, 1.0) for stem in stems])
    if not weights.any():
        raise UsageError("loss.stems gives every stem a weight of zero, so nothing would be learnt")
    return weights


def _edge(net: nn.Module) -> int:
    """What a Wave-U-Net hears at either end for the sake of the rest (Stoller et al. 2018, section 3.2.2)."""
    return net.context if isinstance(net, WaveUNet) else 0
