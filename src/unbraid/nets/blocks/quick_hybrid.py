"""The layers of Hybrid Demucs rearranged for inference on CPUs: the same numbers up to rounding, in less time.

Between layers the channels lie last in memory (``[batch, freq, frame, channel]``), though tensors keep their logical
order, so that quick layers and others can follow each other. Then

1. a convolution is one of oneDNN's, which need not reorder what lies so (:mod:`unbraid.nets.blocks.channels_last`), and
   so are the products of the Transformers, and with AVX-512 those of their attention;
2. the transpose of one of kernel 2s and stride s is one product to ``[2, s * output]`` for each step, of which the
   second half is added to the first of the next step; what is cut off at the edges is not copied first;
3. in the residual branch the last norm is folded into the 1x1 convolution before it. For ``y = W h + b`` with
   ``h`` of mean m and covariance C over time, the mean of y over time and channels is that of ``W m + b``, and its
   variance ``mean_c(w_c' C w_c) + var_c(W m + b)``; so norm and layer scale are factors of W and b, and no pass is
   made over y;
4. all this is done for a few frequencies, or a short time, from the layer's first step to its last, so that what lies
   between is small. Layers answer into the memory they were given where they can.

"""

from __future__ import annotations

from typing import TypeVar, cast

from torch import nn

from unbraid.nets.blocks.attention import CrossAttentionLayer, SelfAttentionLayer
from unbraid.nets.blocks.cross_transformer import CrossTransformer
from unbraid.nets.blocks.hybrid_layer import DecoderLayer, EncoderLayer
from unbraid.nets.blocks.hybrid_unet import HybridUNet
from unbraid.nets.blocks.quick_attention import QuickLayer
from unbraid.nets.blocks.quick_decoder import QuickDecoder
from unbraid.nets.blocks.quick_encoder import QuickEncoder
from unbraid.nets.blocks.residual_branch import LayerScale, ResidualBranch

_Net = TypeVar("_Net", bound=nn.Module)


def quicken(net: _Net) -> _Net:
    """Replace in ``net``, in place, every layer that has a quick form. For inference only."""
    if isinstance(net, HybridUNet):
        for layers in (net.encoder, net.tencoder, net.decoder, net.tdecoder):
            for index, layer in enumerate(layers):
                if isinstance(layer, EncoderLayer) and _fits(layer) and _branch_fits(layer.dconv):
                    layers[index] = QuickEncoder(layer)
                elif isinstance(layer, DecoderLayer) and _fits(layer) and layer.dconv is None:
                    layers[index] = QuickDecoder(layer)
    for part in list(net.modules()):
        if isinstance(part, CrossTransformer):
            for layers in (part.layers, part.layers_t):
                for index, layer in enumerate(layers):
                    if isinstance(layer, SelfAttentionLayer | CrossAttentionLayer):
                        layers[index] = QuickLayer(layer)
    return net


def _fits(layer: EncoderLayer | DecoderLayer) -> bool:
    config = layer.layer
    regular = config.padded and config.kernel == 2 * config.stride and config.stride % 2 == 0
    if layer.lone or not regular or config.norm_groups is not None or layer.rewrite is None:
        return False
    width = 1 if isinstance(layer, EncoderLayer) else 3
    return all(size == width for size in layer.rewrite.kernel_size)


def _branch_fits(branch: nn.Module | None) -> bool:
    if branch is None:
        return True
    if not isinstance(branch, ResidualBranch):
        return False
    kinds = [nn.Conv1d, nn.GroupNorm, nn.GELU, nn.Conv1d, nn.GroupNorm, nn.GLU, LayerScale]
    return all([type(part) for part in cast(nn.Sequential, step)] == kinds for step in branch.layers)
