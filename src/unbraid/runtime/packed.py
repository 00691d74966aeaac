"""Graphs of MDX-Net as graphs of ours (Kim, Choi, Chung, Lee & Jung 2021, "KUIELab-MDX-Net").

They take the real and imaginary parts of both channels as four channels, of the lowest frequencies alone and without
the three lowest of these, and answer with one stem in the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from unbraid.errors import ModelError
from unbraid.signal import Samples

_SILENT = 3
"""Lowest frequencies that the nets were trained without."""

_Run = Callable[[Mapping[str, Samples]], Mapping[str, Samples]]


@dataclass(frozen=True)
class Packed:
    """freqs: what the graph hears of a frame. gain: of its answer. The stem it does not give is the rest of the mix."""

    freqs: int
    gain: float = 1.0

    def around(self, run: _Run) -> _Run:
        """``run``, which takes ``input`` and gives one output, as one that takes ``stft`` and gives ``spectrum``."""

        def unpacked(inputs: Mapping[str, Samples]) -> Mapping[str, Samples]:
            stft = inputs["stft"]  # batch, channel, part, freq, frame
            low = stft[..., : self.freqs, :]
            heard = low.reshape(len(stft), -1, *low.shape[3:]).copy()
            heard[:, :, :_SILENT] = 0
            spectrum = np.zeros((len(stft), 2, *stft.shape[1:]), np.float32)
            answers = list(run({"input": heard}).values())
            answer = np.asarray(answers[0]) if len(answers) == 1 else None
            if answer is None or answer.shape != heard.shape or answer.dtype.kind != "f":
                raise ModelError("the graph does not answer as one of MDX-Net does: an output like its input")
            np.multiply(answer.reshape(low.shape), np.float32(self.gain), out=spectrum[:, 0, ..., : self.freqs, :])
            np.subtract(stft, spectrum[:, 0], out=spectrum[:, 1])
            return {"spectrum": spectrum}

        return unpacked
