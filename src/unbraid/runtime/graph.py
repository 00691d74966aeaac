"""A graph as a separator: the transforms around it, whatever runs it.

The graph holds the net alone. STFT and inverse are ours, in numpy, since exporters and runtimes disagree about complex
numbers. Which of them a graph needs is in its facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from unbraid.engine.contract import Separated
from unbraid.errors import ModelError
from unbraid.runtime.facts import GraphFacts
from unbraid.signal import Samples
from unbraid.spec import Spec
from unbraid.transform.stft import Spectrum, Stft

Backend = Callable[[Mapping[str, Samples]], Mapping[str, Samples]]
"""Runs the graph: named inputs -> named outputs. Safe to be called from several threads at once."""


class GraphSeparator:
    """``facts`` and a ``backend`` that runs the graph they describe."""

    def __init__(self, facts: GraphFacts, backend: Backend) -> None:
        self._facts, self._backend = facts, backend

    @property
    def spec(self) -> Spec:
        return self._facts.spec

    @property
    def facts(self) -> GraphFacts:
        return self._facts

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        if queries is not None:
            raise ModelError(f"model {self.spec.name!r} takes no queries")
        stft, length = self._facts.stft, mix.shape[-1]
        spectrum = stft.forward(mix) if stft is not None else None
        inputs: dict[str, Samples] = {}
        if self._facts.front != "stft":
            inputs["mix"] = mix
        if self._facts.front != "wave":
            assert spectrum is not None
            inputs["stft"] = _as_real(spectrum)
        return Separated(self._stems(self._backend(inputs), stft, spectrum, length))

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
            return stft.inverse(spectrum[:, None] * outputs["mask"], length)
        return outputs["wave"] + stft.inverse(_as_complex(outputs["spectrum"]), length)


def _as_real(spectrum: Spectrum) -> Samples:
    """``[..., freq, frame]`` complex -> ``[..., 2, freq, frame]`` real and imaginary part."""
    return np.stack([spectrum.real, spectrum.imag], axis=-3)


def _as_complex(parts: Samples) -> Spectrum:
    """The inverse of :func:`_as_real`."""
    spectrum = np.empty((*parts.shape[:-3], *parts.shape[-2:]), np.complex64)
    spectrum.real, spectrum.imag = parts[..., 0, :, :], parts[..., 1, :, :]
    return spectrum
