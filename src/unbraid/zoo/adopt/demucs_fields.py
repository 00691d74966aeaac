"""How the arguments of demucs' classes are called here, and which of their values we build.

Tables only. An argument that stands in none of them does not exist in demucs 4.1 either, which drops it too.
"""

from __future__ import annotations

from types import MappingProxyType

_COMMON = {
    "sources": "stems",
    "audio_channels": "audio_channels",
    "channels": "channels",
    "growth": "growth",
    "depth": "depth",
    "rewrite": "rewrite",
    "kernel_size": "kernel",
    "stride": "stride",
    "samplerate": "rate",
    "segment": "segment",
    "rescale": "rescale",
}

_BRANCHES = {
    "context": "context",
    "norm_starts": "norm_starts",
    "norm_groups": "norm_groups",
    "dconv_mode": "branch_mode",
    "dconv_depth": "branch_depth",
    "dconv_comp": "branch_compress",
    "dconv_init": "branch_init",
}

_LOCAL = {"dconv_attn": "branch_attention", "dconv_lstm": "branch_lstm"}

_HYBRID = {
    **_COMMON,
    **_BRANCHES,
    "channels_time": "channels_time",
    "nfft": "n_fft",
    "cac": "complex_as_channels",
    "wiener_iters": "wiener_iterations",
    "wiener_residual": "wiener_residual",
    "multi_freqs": "band_borders",
    "multi_freqs_depth": "band_depth",
    "freq_emb": "freq_embedding",
    "emb_scale": "embedding_scale",
    "emb_smooth": "embedding_smooth",
    "time_stride": "time_stride",
    "context_enc": "context_encoder",
}

_WAVE = {"glu": "glu", "lstm_layers": "lstm_layers", "normalize": "normalize", "resample": "resample"}

DEMUCS = MappingProxyType({**_COMMON, **_BRANCHES, **_LOCAL, **_WAVE, "gelu": "gelu"})
"""``demucs.demucs.Demucs`` (versions 3 and 4) -> DemucsConfig."""

DEMUCS_OLD = MappingProxyType({**_COMMON, **_WAVE})
"""``demucs.model.Demucs`` (versions 1 and 2) -> DemucsConfig; its context is counted differently."""

HDEMUCS = MappingProxyType({**_HYBRID, **_LOCAL, "hybrid_old": "legacy_padding"})
"""``demucs.hdemucs.HDemucs`` -> HDemucsConfig."""

HTDEMUCS = MappingProxyType(
    {
        **_HYBRID,
        "use_train_segment": "fixed_segment",
        "bottom_channels": "bottom_channels",
        "t_layers": "layers",
        "t_heads": "heads",
        "t_hidden_scale": "hidden_scale",
        "t_dropout": "dropout",
        "t_gelu": "gelu",
        "t_layer_scale": "layer_scale",
        "t_norm_out": "norm_out",
        "t_cross_first": "cross_first",
        "t_weight_pos_embed": "position_weight",
        "t_max_period": "longest_period",
    }
)
"""``demucs.htdemucs.HTDemucs`` -> HTDemucsConfig."""

CONV_TASNET = MappingProxyType(
    {
        "sources": "stems",
        "audio_channels": "audio_channels",
        "samplerate": "rate",
        "N": "filters",
        "L": "window",
        "B": "bottleneck",
        "H": "hidden",
        "P": "kernel",
        "X": "blocks",
        "R": "repeats",
    }
)
"""``demucs.tasnet.ConvTasNet`` -> ConvTasNetConfig."""

REQUIRED = MappingProxyType(
    {
        "hybrid": True,
        "upsample": False,
        "t_emb": "sin",
        "t_norm_in": True,
        "t_norm_in_group": False,
        "t_norm_first": True,
        "t_group_norm": False,
        "t_sparse_self_attn": False,
        "t_sparse_cross_attn": False,
        "norm_type": "gLN",
        "causal": False,
    }
)
"""Switches of which no released net uses the other position, which is not built here.

What else has no place in a table concerns training alone (``t_lr``, ``end_iters``, ``t_cape_*``, ``t_sin_random_shift``
and the like), or, as ``t_sparsity``, does nothing where these have the values above.
"""
