"""unbraid takes a song apart: vocals, drums, bass, other, and any sound you name in words.

>>> import unbraid
>>> stems = unbraid.separate("song.mp3")        # doctest: +SKIP
>>> stems.save("out/")                          # doctest: +SKIP

Names are resolved on first use, so that ``import unbraid`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unbraid.api import load as load
    from unbraid.api import models as models
    from unbraid.api import separate as separate
    from unbraid.signal import Audio as Audio
    from unbraid.signal import Stems as Stems

__version__ = "0.1.0"
__all__ = ["Audio", "Stems", "__version__", "load", "models", "separate"]

_HOMES = {"separate": "api", "load": "api", "models": "api", "Audio": "signal", "Stems": "signal"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unbraid' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"unbraid.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
