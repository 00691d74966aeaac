"""What a graph's masks make of the mix: stems, and answers to questions.

Masks of a graph whose facts say ``spatial`` are taken together over both channels (:mod:`unbraid.transform.spatial`);
those of others are multiplied with the mix's spectrum as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unbraid.errors import ModelError
from unbraid.runtime.facts import GraphFacts
from unbraid.signal import Samples
from unbraid.transform.spatial import Places, places
from unbraid.transform.stft import Stft


@dataclass(frozen=True)
class Masks:
    """masks: of the stems, ``[batch, stem, channel, frame, row]``, as the graph gave them.

    mix: ``[batch, channel, time]``. parts: its spectrum, ``[batch, channel, 2, frame, freq]``.
    """

    facts: GraphFacts
    mix: Samples
    parts: Samples
    masks: Samples

    def __post_init__(self) -> None:
        """A mask of another size would be cut, or stretched, and sound of something. Raises ModelError."""
        self._check(self.masks, len(self.mix), len(self.facts.spec.stems))

    def stems(self) -> Samples:
        """``[batch, stem, channel, time]``."""
        count = len(self.facts.spec.stems)
        made = count - 1 if self.facts.sums_to_mix else count
        stems = np.empty((len(self.mix), count, *self.mix.shape[1:]), np.float32)
        if self._places is None:
            self._stft.inverse_masked(
                self.parts[:, None], self.masks[:, :made], self.facts.pooling, self._length, out=stems[:, :made]
            )
        else:
            chosen = np.eye(count, dtype=np.float32)
            for heard, known, answer in zip(self.parts, self._places, stems, strict=True):
                for stem in range(made):
                    self._filtered(heard, known.filters(chosen[stem]), answer[stem])
        if self.facts.sums_to_mix:
            # The transform is linear and its inverse exact, so this is the last one's but for rounding, and faster.
            stems[:, made] = self.mix
            for other in range(made):
                stems[:, made] -= stems[:, other]
        return stems

    def asked(self, mask: Samples, weights: Samples, out: Samples) -> None:
        """Into ``out[batch, channel, time]`` what ``mask[batch, channel, frame, row]`` lets through of some stems.

        weights: ``[batch, stem]``, how much of each stem; all ones for the mix as it is.
        """
        self._check(mask, len(self.mix))
        whole = bool((weights == 1).all())
        if whole or self._places is None:
            within = None if whole else np.einsum("bs,bscfr->bcfr", weights, self.masks)
            self._stft.inverse_masked(self.parts, mask, self.facts.pooling, self._length, within=within, out=out)
            return
        for heard, known, own, let, answer in zip(self.parts, self._places, weights, mask, out, strict=True):
            filters = known.filters(own)
            filters *= let[:, None]
            self._filtered(heard, filters, answer)

    @property
    def _length(self) -> int:
        length: int = self.mix.shape[-1]
        return length

    @property
    def _stft(self) -> Stft:
        assert self.facts.stft is not None, "graphs that answer with masks have one"
        return self.facts.stft

    @cached_property
    def _places(self) -> list[Places] | None:
        """Of each chunk; None for masks that are not taken together."""
        if not self.facts.spatial:
            return None
        return [places(*each, self.facts.pooling) for each in zip(self.parts, self.masks, strict=True)]

    def _filtered(self, parts: Samples, filters: Samples, out: Samples) -> None:
        self._stft.inverse_filtered(parts, filters, self.facts.pooling, self._length, out=out)

    def _check(self, mask: Samples, *front: int) -> None:
        wanted = (*front, self.parts.shape[1], self.parts.shape[-2], self.facts.pooling.rows)
        if mask.shape != wanted:
            raise ModelError(f"{self.facts.graph}: a mask has the shape {mask.shape} instead of {wanted}")
