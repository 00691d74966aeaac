"""A net that takes queries, in torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from unbraid.engine.contract import Separated
from unbraid.engine.cores import cores
from unbraid.errors import ModelError
from unbraid.runtime.torch import TorchSeparator
from unbraid.signal import Samples
from unbraid.spec import Spec

_CALLS = 4
"""Calls at once on a CPU, each of which may need more than a gigabyte; many cores are shared out among them."""


class AskedSeparator(TorchSeparator):
    """``net`` (mix, queries -> asked) on ``device``: no fixed stems, an answer for each query, no presence.

    Nothing in such a net tells whether a sound is there, so none is claimed. Computed in 32 bits.
    """

    def __init__(self, net: nn.Module, spec: Spec, device: torch.device | str = "cpu") -> None:
        super().__init__(net, spec, device, threads=max(1, cores() // _CALLS), half=False)

    def __call__(self, mix: Samples, queries: Samples | None = None) -> Separated:
        batch, *shape = mix.shape
        stems = np.zeros((batch, 0, *shape), np.float32)
        if queries is None:
            return Separated(stems)
        if queries.shape[::2] != (batch, self.spec.embedding):
            raise ModelError(
                f"model {self.spec.name!r} was asked with queries of shape {queries.shape}; "
                f"it takes [{batch}, query, {self.spec.embedding}]"
            )
        asked = self._answer(mix, queries)
        if not np.isfinite(asked).all():
            raise ModelError(f"model {self.spec.name!r} answered with NaN or infinity; its weights are broken")
        return Separated(stems, asked)
