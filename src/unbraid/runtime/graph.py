"""A graph as a separator: the transforms around it, whatever runs it.

The graph holds the net alone. STFT and inverse are ours, in numpy, since exporters and runtimes disagree about complex
numbers. Which of them a graph needs is in its facts. Graphs that answer with masks have frames before frequencies, as
numpy's transforms do.
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
        stft, parts = self._facts.stft, self._parts(mix)
        outputs = self._backend(self._inputs(mix, parts))
        stems = self._stems(outputs, mix, parts)
        if queries is None:
            return Separated(stems)
        if self._words is None or stft is None or parts is None:
            raise ModelError(f"model {self.spec.name!r} takes no queries")
        asked = np.empty((len(mix), queries.shape[1], *mix.shape[1:]), np.float32)
        presence = np.empty(asked.shape[:2], np.float32)
        for number, query in enumerate(np.moveaxis(queries, 1, 0)):
            mask, presence[:, number] = self._words.answer(outputs, query)
            self._check_mask(mask, (len(mix),), parts)
            within, out = self._words.asked(outputs["mask"], query), asked[:, number]
            stft.inverse_masked(parts, mask, self._facts.pooling, mix.shape[-1], within=within, out=out)
        return Separated(stems, asked, presence)

    def hear(self, mix: Samples, queries: Samples) -> Samples:
        """``presence[batch, query]`` alone, for ``mix[batch, channel, time]`` and ``queries[batch, query, size]``."""
        if self._words is None or self._facts.stft is None:
            raise ModelError(f"model {self.spec.name!r} takes no queries")
        outputs = self._backend(self._inputs(mix, self._parts(mix)))
        return np.stack([self._words.answer(outputs, query)[1] for query in np.moveaxis(queries, 1, 0)], 1)

    def _parts(self, mix: Samples) -> Samples | None:
        """The mix's spectrum, real and imaginary part, as the graph has it and the masks need it; see GraphFacts."""
        stft = self._facts.stft
        if stft is None:
            return None
        return stft.parts(mix) if self._facts.answer == "mask" else _as_real(stft.forward(mix))

    def _inputs(self, mix: Samples, parts: Samples | None) -> dict[str, Samples]:
        inputs: dict[str, Samples] = {}
        if self._facts.front != "stft":
            inputs["mix"] = mix
        if self._facts.front != "wave":
            assert parts is not None
            inputs["stft"] = parts
        return inputs

    def _stems(self, outputs: Mapping[str, Samples], mix: Samples, parts: Samples | None) -> Samples:
        missing = {"wave": ["wave"], "mask": ["mask"], "both": ["wave", "spectrum"]}[self._facts.answer]
        missing = [name for name in missing if name not in outputs]
        if missing:
            raise ModelError(f"{self._facts.graph}: the graph has no output called {', '.join(missing)}")
        if self._facts.answer == "wave":
            return outputs["wave"]
        stft = self._facts.stft
        assert stft is not None and parts is not None
        if self._facts.answer == "mask":
            return self._masked(outputs["mask"], mix, parts, stft)
        return outputs["wave"] + stft.inverse(_as_complex(outputs["spectrum"]), mix.shape[-1])

    def _masked(self, masks: Samples, mix: Samples, parts: Samples, stft: Stft) -> Samples:
        count = len(self._facts.spec.stems)
        self._check_mask(masks, (len(mix), count), parts)
        stems = np.empty((len(mix), count, *mix.shape[1:]), np.float32)
        made = count - 1 if self._facts.sums_to_mix else count
        stft.inverse_masked(parts[:, None], masks[:, :made], self._facts.pooling, mix.shape[-1], out=stems[:, :made])
        if self._facts.sums_to_mix:
            # The transform is linear and its inverse exact, so this is the last one's but for rounding, and faster.
            stems[:, made] = mix
            for other in range(made):
                stems[:, made] -= stems[:, other]
        return stems

    def _check_mask(self, mask: Samples, front: tuple[int, ...], parts: Samples) -> None:
        """One of another size would be cut, or stretched, and sound of something."""
        wanted = (*front, parts.shape[1], parts.shape[-2], self._facts.pooling.rows)
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
