"""The studio: multitrack songs with four stems and labelled parts, made from what free packages give.

``make_songs`` renders them; ``python -m unbraid.data.studio`` is its command. docs/data-sources.md lists the material.
"""

from __future__ import annotations

from unbraid.data.studio.rendering import make_songs

__all__ = ["make_songs"]
