"""A graph as a separator: the transforms around it, whatever runs it.

The graph holds the net alone. STFT and inverse are ours, in numpy, since exporters and runtimes disagree about complex
numbers. Which of them a graph needs is in its facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from unbraid.engine.contract import Separated
from unbraid.errors import ModelError
from unbraid.runtime.facts import GraphFacts
from unbraid.runtime.words import Words
from unbraid.signal import Samples
from unbraid.spec import Spec
from unbraid.transform.pooling import Spectrum
from unbraid.transform.stft import Stft

Backend = Callable[[Mapping[str, Samples]], Mapping[str, Samples]]
"""Runs the graph: named inputs -> named outputs. Safe to be called from several threads at once."""


class GraphSeparator:
    """``facts`` and a ``backend`` that runs the graph they describe; ``words`` answers queries."""

    def __init__(self, facts: GraphFacts, backend: Backend, words: Words | None = None) -> None:
        self._facts, self._backend, self._words = facts, backend, words
        self._spec = facts.spec if words is None else replace(facts.spec, embedding=words.embedding)

    @property
    def spec(self) -> Spec:
        return self._spec

    @property
    def facts(self) -> GraphFacts:
        return self._facts

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        stft, length = self._facts.stft, mix.shape[-1]
        spectrum = stft.forward(mix) if stft is not None else None
        outputs = self._backend(self._inputs(mix, spectrum))
        stems = self._stems(outputs, stft, spectrum, length)
        if queries is None:
            return Separated(stems)
        if self._words is None or stft is None or spectrum is None:
            raise ModelError(f"model {self.spec.name!r} takes no queries")
        asked = np.empty((len(mix), queries.shape[1], *mix.shape[1:]), np.float32)
        presence = np.empty(asked.shape[:2], np.float32)
        for number, query in enumerate(np.moveaxis(queries, 1, 0)):
            mask, presence[:, number] = self._words.answer(outputs, query)
            self._check_mask(mask, (len(mix),), spectrum)
            within = self._words.asked(outputs["mask"], query)
            stft.inverse_masked(spectrum, mask, self._facts.pooling, length, within=within, out=asked[:, number])
        return Separated(stems, asked, presence)

    def hear(self, mix: Samples, queries: Samples) -> Samples:
        """``presence[batch, query]`` alone, for ``mix[batch, channel, time]`` and ``queries[batch, query, size]``."""
        if self._words is None or self._facts.stft is None:
            raise ModelError(f"model {self.spec.name!r} takes no queries")
        outputs = self._backend(self._inputs(mix, self._facts.stft.forward(mix)))
        return np.stack([self._words.answer(outputs, query)[1] for query in np.moveaxis(queries, 1, 0)], 1)

    def _inputs(self, mix: Samples, spectrum: Spectrum | None) -> dict[str, Samples]:
        inputs: dict[str, Samples] = {}
        if self._facts.front != "stft":
            inputs["mix"] = mix
        if self._facts.front != "wave":
            assert spectrum is not None
            inputs["stft"] = _as_real(spectrum)
        return inputs

    def _stems(
        self, outputs: Mapping[str, Samples], stft: Stft | None, spectrum: Spectrum | None, length: int
    ) -> Samples:
        missing = {"wave": ["wave"], "mask": ["mask"], "both": ["wave", "spectrum"]}[self._facts.answer]
        missing = [name for name in missing if name not in outputs]
        if missing:
            raise ModelError(f"{self._facts.graph}: the graph has no output called {', '.join(missing)}")
        if self._facts.answer == "wave":
            return outputs["wave"]
        assert stft is not None and spectrum is not None
        if self._facts.answer == "mask":
            self._check_mask(outputs["mask"], (len(spectrum), len(self._facts.spec.stems)), spectrum)
            return stft.inverse_masked(spectrum[:, None], outputs["mask"], self._facts.pooling, length)
        return outputs["wave"] + stft.inverse(_as_complex(outputs["spectrum"]), length)

    def _check_mask(self, mask: Samples, front: tuple[int, ...], spectrum: Spectrum) -> None:
        """One of another size would be cut, or stretched, and sound of something."""
        wanted = (*front, spectrum.shape[1], self._facts.pooling.rows, spectrum.shape[-1])
        if mask.shape != wanted:
            raise ModelError(f"{self._facts.graph}: a mask has the shape {mask.shape} instead of {wanted}")


def _as_real(spectrum: Spectrum) -> Samples:
    """``[..., freq, frame]`` complex -> ``[..., 2, freq, frame]`` real and imaginary part."""
    return np.stack([spectrum.real, spectrum.imag], axis=-3)


def _as_complex(parts: Samples) -> Spectrum:
    """The inverse of :func:`_as_real`."""
    spectrum = np.empty((*parts.shape[:-3], *parts.shape[-2:]), np.complex64)
    spectrum.real, spectrum.imag = parts[..., 0, :, :], parts[..., 1, :, :]
    return spectrum
