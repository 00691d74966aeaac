"""What the head for words learns from: masks of sounds that are there, and when a sound is heard."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor, nn

from unbraid.nets.compact import Compact, parts
from unbraid.nets.query_head import FRAMES, QueryHead
from unbraid.train.loss import Products, log_error, products_of
from unbraid.train.query_data import Questions
from unbraid.train.query_settings import Settings


class QueryTask(nn.Module):
    """The head and its loss; the trunk hears without a gradient, unless it is to learn, too."""

    def __init__(self, trunk: Compact, head: QueryHead, given: Settings, *, learn_trunk: bool = False) -> None:
        super().__init__()
        self.head, self._trunk, self._given, self._learn_trunk = head, [trunk], given, learn_trunk

    @property
    def every(self) -> int:
        """Which tokens are learned from: the first of so many."""
        return self._given.every

    def forward(self, drawn: Questions) -> dict[str, Tensor]:
        """The total under "loss", and its terms."""
        return self.terms(*tensors(drawn))

    def terms(
        self,
        mix: Tensor,
        target: Tensor,
        query: Tensor,
        weights: Tensor,
        present: Tensor,
        called: Tensor,
        known: Tensor,
        heard: Tensor,
    ) -> dict[str, Tensor]:
        """As :meth:`forward`, of the arrays of :class:`Questions`."""
        trunk = self._trunk[0]
        with torch.no_grad():
            spectrum, every = trunk.spectrum(mix), self._given.every
            stft = parts(spectrum)
            targets = frames_of(trunk.spectrum(target), every)
            products = products_of(trunk.layout, frames_of(spectrum, every), targets)
        with torch.set_grad_enabled(self._learn_trunk and torch.is_grad_enabled()):
            tokens = trunk.trunk(stft)[:, :: self._given.every]
        with torch.no_grad():
            # The stems' masks are taught by stems alone.
            stems = trunk.head(tokens)
        return self.answered(tokens, stems, products, query, weights, present, called, known, heard)

    def answered(
        self,
        tokens: Tensor,
        stems: Tensor,
        products: Products,
        query: Tensor,
        weights: Tensor,
        present: Tensor,
        called: Tensor,
        known: Tensor,
        heard: Tensor,
    ) -> dict[str, Tensor]:
        """As :meth:`terms`, of the tokens that are learned from, the stems' masks and :class:`Products` there."""
        given = self._given
        mask = self.head.if_there(tokens.repeat_interleave(query.shape[1], 2), query.flatten(0, 1))
        with torch.autocast(mask.device.type, enabled=False):  # as in MaskTask
            within = torch.einsum("bqs,bs...->bq...", weights, stems.float())
            masks, count = within * mask.float().reshape(within.shape), present.sum().clamp(min=1)
            error = (log_error(masks, products, given.floor) * present).sum() / count
            shares = (share_entropy(masks, products, given.loudness) * present).sum() / count
        there, moments = self._presence(tokens, called, known, heard[..., :: given.every])
        total = error + given.presence * (there + moments) + given.shares * shares
        return {"loss": total, "log_error": error, "presence": there, "moments": moments, "shares": shares}

    def _presence(self, tokens: Tensor, called: Tensor, known: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
        """Cross entropies of every sound's presence in all, and in each token."""
        moments, whole = self.head.listen(tokens, called)
        entropy = nn.functional.binary_cross_entropy_with_logits
        count = known.sum().clamp(min=1)
        in_all = entropy(whole, heard.amax(-1), known, reduction="sum") / count
        now = entropy(moments, heard, known[..., None].expand_as(heard), reduction="sum") / (count * heard.shape[-1])
        return in_all, now


def frames_of(values: Tensor, every: int) -> Tensor:
    """``values[..., frame, bin]`` of each ``every``-th token alone."""
    pairs = values.reshape(*values.shape[:-2], -1, FRAMES, values.shape[-1])
    return pairs[..., ::every, :, :].flatten(-3, -2)


def tensors(drawn: Questions) -> list[Tensor]:
    return [torch.from_numpy(getattr(drawn, each.name)) for each in fields(drawn)]


def share_entropy(masks: Tensor, products: Products, loudness: float) -> Tensor:
    """How far ``masks[batch, query, ...]`` are from each target's share of energy beside all else: ``[batch, query]``.

    The divergence of :func:`unbraid.train.loss.share_entropy` for two: a target and the rest of the mix.
    """
    tiny = 1e-4  # a mask of -40 dB of energy is as good as none
    rest = (products.mix[:, None] - 2 * products.cross + products.target).clamp(min=0)
    share = products.target / (products.target + rest + 1e-12)
    loud = (products.mix / (products.mix.mean((1, 2, 3), keepdim=True) + 1e-12)) ** loudness
    loud = loud / (loud.mean((1, 2, 3), keepdim=True) + 1e-6)
    divergence = share * (torch.log(share + tiny) - torch.log(masks + tiny))
    divergence = divergence + (1 - share) * (torch.log(1 - share + tiny) - torch.log((1 - masks).clamp(min=0) + tiny))
    return (divergence * loud[:, None]).mean((2, 3, 4))
