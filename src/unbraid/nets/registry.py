"""Every net by its name: one line each.

A net is a plain ``torch.nn.Module`` built from one frozen dataclass, its config. It has

- ``config``: the dataclass it was built from; only JSON values in it, so that it can lie beside the weights;
- ``spec(name) -> Spec``: its facts;
- ``forward(mix[batch, channel, time]) -> stems[batch, stem, channel, time]``; a net without fixed stems takes
  ``queries[batch, query, embedding]`` too and gives ``asked[batch, query, channel, time]``.

Adding a net is one file, one line here, one file in zoo/adopt if others' weights exist, one parity test.
The tests of shape, length, silence, save and load, batch invariance and export run over this table.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from unbraid.errors import ModelError


class Entry(NamedTuple):
    """Where a net lives; the module is imported on first use, since it brings torch along."""

    module: str
    config: str
    net: str


NETS: dict[str, Entry] = {
    "audiosep": Entry("unbraid.nets.audiosep", "AudioSepConfig", "AudioSep"),
    "compact": Entry("unbraid.nets.compact", "CompactConfig", "Compact"),
    "compact-words": Entry("unbraid.nets.compact_words", "CompactWordsConfig", "CompactWords"),
    "convtasnet": Entry("unbraid.nets.convtasnet", "ConvTasNetConfig", "ConvTasNet"),
    "demucs": Entry("unbraid.nets.demucs", "DemucsConfig", "Demucs"),
    "hdemucs": Entry("unbraid.nets.hdemucs", "HDemucsConfig", "HDemucs"),
    "htdemucs": Entry("unbraid.nets.htdemucs", "HTDemucsConfig", "HTDemucs"),
    "mdx23c": Entry("unbraid.nets.mdx23c", "MDX23CConfig", "MDX23C"),
    "roformer": Entry("unbraid.nets.roformer", "RoformerConfig", "Roformer"),
    "scnet": Entry("unbraid.nets.scnet", "SCNetConfig", "SCNet"),
    "unet": Entry("unbraid.nets.unet", "UNetConfig", "UNet"),
    "waveunet": Entry("unbraid.nets.waveunet", "WaveUNetConfig", "WaveUNet"),
}


def classes(name: str) -> tuple[type[Any], type[Any]]:
    """The config class and the net class called ``name``."""
    if name not in NETS:
        raise ModelError(f"no net is called {name!r}; there are: {', '.join(sorted(NETS))}")
    entry = NETS[name]
    module = import_module(entry.module)
    return getattr(module, entry.config), getattr(module, entry.net)
