"""The loss of a net that learns stems and words at once: that of its stems, and a share of that of its head."""

from __future__ import annotations

from dataclasses import fields as fields_of

from torch import Tensor, nn

from unbraid.data.batch import Batch
from unbraid.nets.compact_words import CompactWords
from unbraid.train.loss import MaskLoss, MaskTask
from unbraid.train.query_loss import QueryTask
from unbraid.train.query_settings import Settings

_STEMS = len(fields_of(Batch))


class WordsTask(nn.Module):
    """``forward`` takes the fields of :class:`unbraid.train.words_data.WordsBatch`; weight: of the questions' loss."""

    def __init__(self, net: CompactWords, loss: MaskLoss, given: Settings, weight: float) -> None:
        super().__init__()
        self.stems = MaskTask(net, loss)
        self.asked, self.weight = [QueryTask(net, net.words, given, learn_trunk=True)], weight

    def forward(
        self, wave: Tensor, curve: Tensor, members: Tensor, weight: Tensor, *asked: Tensor
    ) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = self.stems(wave, curve, members, weight)
        words = self.asked[0].terms(*asked)
        return self.joined(terms, words)

    def joined(self, stems: dict[str, Tensor], words: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms of both, and the sum of their losses."""
        named = {f"words_{name}": value for name, value in words.items()}
        return {**stems, **named, "loss": stems["loss"] + self.weight * words["loss"]}

    def measure(self, wave: Tensor, curve: Tensor) -> None:
        """Fit the net's input constants to a batch of examples."""
        self.stems.measure(wave, curve)
