"""A separator as the judge of what is silent: a stem that it answers far below the mixture is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from unbraid.data.unlabeled.detector import silences
from unbraid.data.unlabeled.settings import Settings
from unbraid.errors import UsageError
from unbraid.signal import Samples

Separate = Callable[[Samples, int], Mapping[str, Samples]]
"""``(mix[channel, time], rate) -> stem -> samples`` of the mix's shape."""
Judge = Callable[[Samples, int], Mapping[str, list[bool]]]
"""``(mix[channel, time], rate) -> stem -> whether it is silent``, second by second."""


def by_separator(separate: Separate, settings: Settings) -> Judge:
    """A judge that asks ``separate``, with the settings' ``absent_db``."""

    def judge(mix: Samples, rate: int) -> dict[str, list[bool]]:
        stems = separate(mix, rate)
        missing = [stem for stem in settings.stems if stem not in stems]
        if missing:
            raise UsageError(f"the separator answers {', '.join(stems)}; {', '.join(missing)} cannot be judged by it")
        found = silences(mix, {stem: stems[stem] for stem in settings.stems}, rate, settings)
        return {stem: rows.tolist() for stem, rows in found.items()}

    return judge
