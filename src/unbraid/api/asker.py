"""Who answers questions, if the chosen model does not: AudioSep where it is installed, else the bundled model."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from unbraid.errors import ModelError
from unbraid.home import home
from unbraid.query.encoder import TableEncoder
from unbraid.runtime.facts import read_facts
from unbraid.runtime.words import words_facts
from unbraid.zoo import bundled
from unbraid.zoo.load import Loaded, load

AUDIOSEP_FILE = "audiosep_base_4M_steps.ckpt"
"""The name under which AudioSep's authors published it."""


def find_asker() -> Loaded:
    """A model that takes queries. Raises ModelError saying what can be asked without one."""
    path = installed_audiosep()
    if path is not None:
        return load(str(path))
    if words_facts(read_facts(bundled.facts_path())) is not None:
        return load(bundled.NAME)
    raise ModelError(
        "the model in this version of unbraid answers words only for whole stems (vocals, drums, bass, other) and for "
        "the mix without them; for a part of a stem, or any other sound, AudioSep is needed: "
        f"put {AUDIOSEP_FILE} into {home()} and pip install 'unbraid[audiosep]'"
    )


def installed_audiosep() -> Path | None:
    """AudioSep's checkpoint in unbraid's own folder, if what runs it is installed too."""
    path = home() / AUDIOSEP_FILE
    ready = path.is_file() and find_spec("torch") is not None and find_spec("transformers") is not None
    return path if ready else None


@cache
def bundled_words() -> TableEncoder:
    """The encoder in the package, read once."""
    return TableEncoder()
