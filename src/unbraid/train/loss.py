"""The loss of a net that answers with real masks, without an inverse STFT.

Let X be the mix's STFT, T a target's, m the net's mask. By Parseval the energy of the error's windowed frames is the
sum over bins of

    |m X - T|^2 = m^2 |X|^2 - 2 m Re(X T*) + |T|^2,

so three real numbers a bin, found once without a gradient, are all that the loss needs. Where neighbouring bins
share a mask the three are added up over them first: the loss stays exact and works on half as many numbers.

What teaches a net from nothing fastest is the third term: let q be a target's share of the targets' energy in a bin.
The cross entropy of q with the masks, which sum to one as shares do, has a straight gradient (mask minus share at the
softmax) where the squared error's vanishes at both ends. Its minimum, the expected share, is the Wiener filter, so it
agrees with the squared error where it matters. Bins count by their magnitude to a power below one.

Per target the first term is log(error + eps * mix energy), a signal-to-distortion ratio in nepers that stops paying
below eps, so a silent target has a finite one; plus an L1 distance of compressed magnitudes (power 0.5), which hears
quiet highs. A target may be a sum of stems: its mask is the sum of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unbraid.nets.bands import BandLayout, pooled_sum
from unbraid.nets.compact import Compact, parts


@dataclass(frozen=True)
class MaskLoss:
    """floor: eps above, as a ratio of energies (1e-3 is -30 dB). ratio, compressed, shares: weights of the three terms.

    loudness: power of the mix's energy in a bin by which the bin counts in the third. stems: how much each stem
    counts in the first two; all alike if empty.
    """

    floor: float = 1e-3
    ratio: float = 1.0
    compressed: float = 0.3
    shares: float = 0.0
    loudness: float = 0.35
    stems: tuple[float, ...] = ()


@dataclass(frozen=True)
class Products:
    """The three sums of the module's docstring.

    mix: ``[batch, channel, frame, bin]``. cross, target: ``[batch, target, channel, frame, bin]``.
    """

    mix: Tensor
    cross: Tensor
    target: Tensor


class MaskTask(nn.Module):
    """A net and its loss as one module, so that whatever wraps the module (DDP) sees one forward."""

    def __init__(self, net: Compact, loss: MaskLoss) -> None:
        super().__init__()
        self.net, self._loss = net, loss

    def forward(self, wave: Tensor, curve: Tensor, members: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """The shapes of :class:`unbraid.data.sample.Batch`; returns the total under "loss", and its terms."""
        stft, products = self.heard(wave, curve)
        return self.terms(self.net.pooled_masks(stft), products, members, weight)

    @torch.no_grad()
    def heard(self, wave: Tensor, curve: Tensor) -> tuple[Tensor, Products]:
        """The mix's STFT, as the net takes it, and what the loss needs of it and the targets."""
        targets = self._spectra(wave, curve)
        mix = targets.sum(1)
        return parts(mix), products_of(self.net.layout, mix, targets)

    def terms(self, stems: Tensor, products: Products, members: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """The total under "loss", and its terms, of the stems' masks ``[batch, stem, channel, frame, bin]``."""
        # In single precision, whatever the net was computed in: the logarithms are of small differences.
        with torch.autocast(stems.device.type, enabled=False):
            return self._terms(target_masks(stems.float(), members), products, self._counts(members, weight), weight)

    def _terms(self, masks: Tensor, products: Products, counts: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """Of the targets' ``masks[batch, target, channel, frame, bin]``."""
        kinds, terms = self._loss, {}
        # Not the sum of the counts, beside which one quiet stem alone in a batch would count in full.
        total = weight.sum() * (sum(kinds.stems) / len(kinds.stems) if kinds.stems else 1)
        # What counts for nothing is not computed: each is a pass or more over all bins, there and back.
        if kinds.ratio:
            terms["log_error"] = (log_error(masks, products, kinds.floor) * counts).sum() / total
        if kinds.compressed:
            terms["compressed"] = (compressed_distance(masks, products) * counts).sum() / total
        if kinds.shares:
            terms["shares"] = share_entropy(masks, products, weight, kinds.loudness)
        share_of = {"log_error": kinds.ratio, "compressed": kinds.compressed, "shares": kinds.shares}
        loss = sum((share_of[name] * value for name, value in terms.items()), weight.new_zeros(()))
        return {**terms, "loss": loss}

    def _counts(self, members: Tensor, weight: Tensor) -> Tensor:
        """``[batch, target]``: ``weight``, times the mean over a target's stems of how much they count."""
        if not self._loss.stems:
            return weight
        of_sums = torch.stack([part * count for part, count in zip(members.unbind(-1), self._loss.stems, strict=True)])
        of_sums = of_sums.sum(0)
        return weight * of_sums / members.sum(-1).clamp(min=1)

    @torch.no_grad()
    def measure(self, wave: Tensor, curve: Tensor) -> None:
        """Fit the net's input constants to a batch of examples."""
        self.net.measure(parts(self._spectra(wave, curve).sum(1)))

    def _spectra(self, wave: Tensor, curve: Tensor) -> Tensor:
        """``[batch, target, channel, frame, freq]``, complex."""
        return self.net.spectrum(wave) * curve[:, :, None, None]


def products_of(layout: BandLayout, mix: Tensor, targets: Tensor) -> Products:
    """Of ``mix[batch, channel, frame, freq]`` and ``targets[batch, target, channel, frame, freq]``, complex."""
    ours, theirs = torch.view_as_real(mix), torch.view_as_real(targets)
    return Products(
        pooled_sum(layout, ours.square().sum(-1)),
        pooled_sum(layout, (theirs * ours[:, None]).sum(-1)),
        pooled_sum(layout, theirs.square().sum(-1)),
    )


def target_masks(masks: Tensor, members: Tensor) -> Tensor:
    """Stems' masks ``[batch, stem, ...]`` added up by ``members[batch, target, stem]``: ``[batch, target, ...]``."""
    return torch.bmm(members, masks.flatten(2)).reshape(*members.shape[:2], *masks.shape[2:])


def log_error(masks: Tensor, products: Products, floor: float) -> Tensor:
    """``[batch, target]``: the log of the error's energy over the mix's, plus ``floor``."""
    error = masks * (masks * products.mix[:, None] - 2 * products.cross) + products.target
    energy = products.mix.sum((1, 2, 3))[:, None].clamp(min=1e-12)
    # Rounding may leave a perfect mask a hair below zero.
    return torch.log(error.sum((2, 3, 4)).clamp(min=0) / energy + floor)


def compressed_distance(masks: Tensor, products: Products) -> Tensor:
    """``[batch, target]``: mean | sqrt|m X| - sqrt|T| | over the mean of sqrt|X|."""
    # The root's slope is infinite at zero; -60 dB under the mean energy is as good as zero.
    tiny = products.mix.mean((1, 2, 3), keepdim=True)[:, None] * 1e-6 + 1e-20
    ours = (masks.square() * products.mix[:, None] + tiny).sqrt().sqrt()
    theirs = (products.target + tiny).sqrt().sqrt()
    whole = (products.mix[:, None] + tiny).sqrt().sqrt().mean((2, 3, 4))
    return (ours - theirs).abs().mean((2, 3, 4)) / whole


def share_entropy(masks: Tensor, products: Products, weight: Tensor, loudness: float) -> Tensor:
    """The divergence of the masks ``[batch, target, ...]`` from the targets' shares of energy, mean over bins.

    ``weight[batch, target]`` says which targets exist. A scalar: shares are of all targets at once.
    """
    shares = products.target * (weight > 0)[:, :, None, None, None]
    shares = shares / (shares.sum(1, keepdim=True) + 1e-12)
    whole = products.mix.mean((1, 2, 3), keepdim=True)
    loud = (products.mix / (whole + 1e-12)) ** loudness
    loud = loud / (loud.mean((1, 2, 3), keepdim=True) + 1e-6)
    tiny = 1e-4  # a mask of -40 dB of energy is as good as none
    counts = shares * loud[:, None]
    return (counts * (torch.log(shares + tiny) - torch.log(masks + tiny))).sum() / loud.numel()
