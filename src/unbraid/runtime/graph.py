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
from unbraid.runtime.masks import Masks
from unbraid.runtime.words import Words
from unbraid.signal import Samples
from unbraid.spec import Spec
from unbraid.transform.pooling import Spectrum

Backend = Callable[[Mapping[str, Samples]], Mapping[str, Samples]]
"""Runs the graph: named inputs -> named outputs. Safe to be called from several threads at once."""


class GraphSeparator:
    """``facts`` and a ``backend`` that runs the graph they describe; ``words`` answers queries."""

    def __init__(self, facts: GraphFacts, backend: Backend, words: Words | None = None) -> None:
        self._facts, self._words = facts, words
        self._backend = backend if facts.packed is None else facts.packed.around(backend)
        self._spec = facts.spec if words is None else replace(facts.spec, embedding=words.embedding)

    @property
    def spec(self) -> Spec:
        return self._spec

    @property
    def facts(self) -> GraphFacts:
        return self._facts

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        parts = self._parts(mix)
        outputs = self._backend(self._inputs(mix, parts))
        masks = self._masks(outputs, mix, parts)
        stems = self._waves(outputs, mix) if masks is None else masks.stems()
        if queries is None:
            return Separated(stems)
        if self._words is None or masks is None:
            raise ModelError(f"model {self.spec.name!r} takes no queries")
        asked = np.empty((len(mix), queries.shape[1], *mix.shape[1:]), np.float32)
        presence = np.empty(asked.shape[:2], np.float32)
        for number, query in enumerate(np.moveaxis(queries, 1, 0)):
            mask, presence[:, number] = self._words.answer(outputs, query)
            masks.asked(mask, self._words.weights(query), asked[:, number])
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

    def _masks(self, outputs: Mapping[str, Samples], mix: Samples, parts: Samples | None) -> Masks | None:
        """None of a graph that answers with something else."""
        self._check(outputs)
        if self._facts.answer != "mask":
            return None
        assert parts is not None
        return Masks(self._facts, mix, parts, outputs["mask"])

    def _waves(self, outputs: Mapping[str, Samples], mix: Samples) -> Samples:
        if self._facts.answer == "wave":
            return outputs["wave"]
        assert self._facts.stft is not None
        waves = self._facts.stft.inverse(_as_complex(outputs["spectrum"]), mix.shape[-1])
        return waves if self._facts.answer == "spectrum" else outputs["wave"] + waves

    def _check(self, outputs: Mapping[str, Samples]) -> None:
        wanted = {"wave": ["wave"], "mask": ["mask"], "spectrum": ["spectrum"], "both": ["wave", "spectrum"]}[
            self._facts.answer
        ]
        missing = [name for name in wanted if name not in outputs]
        if missing:
            raise ModelError(f"{self._facts.graph}: the graph has no output called {', '.join(missing)}")


def _as_real(spectrum: Spectrum) -> Samples:
    """``[..., freq, frame]`` complex -> ``[..., 2, freq, frame]`` real and imaginary part."""
    return np.stack([spectrum.real, spectrum.imag], axis=-3)


def _as_complex(parts: Samples) -> Spectrum:
    """The inverse of :func:`_as_real`."""
    spectrum = np.empty((*parts.shape[:-3], *parts.shape[-2:]), np.complex64)
    spectrum.real, spectrum.imag = parts[..., 0, :, :], parts[..., 1, :, :]
    return spectrum
