"""What is scored: a model by its name, or any function that separates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from unbraid.api import load
from unbraid.engine.progress import StopAsked, never
from unbraid.evaluate.song import Song
from unbraid.runtime.pick import Runtime
from unbraid.signal import Samples
from unbraid.zoo import catalogue
from unbraid.zoo.checkpoint import Device

Separate = Callable[[Samples, int], Mapping[str, Samples]]
"""``(mixture[channel, time], rate) -> stem -> samples`` of the mixture's shape."""
Ask = Callable[[Samples, int, Sequence[str]], Mapping[str, Samples]]
"""The same for sounds named in words."""


@dataclass(frozen=True)
class Entrant:
    """One row of the table.

    identity: changes whenever what it answers may change (weights, options); stored scores of another one do not count.
    estimate: song -> stem -> samples. ask: the same for words, None if it takes none.
    trained_on_test: which test set it was trained on, "" if on none. bound: it knows the answer.
    """

    name: str
    identity: str
    estimate: Callable[[Song], Mapping[str, Samples]]
    ask: Callable[[Song, Sequence[str]], Mapping[str, Samples]] | None = None
    trained_on_test: str = ""
    bound: bool = False


def model(
    name: str,
    *,
    overlap: float | None = None,
    shifts: int = 0,
    seed: int = 0,
    runtime: Runtime = "auto",
    device: Device = "auto",
    offline: bool = False,
    stop_asked: StopAsked = never,
) -> Entrant:
    """The model that :func:`unbraid.load` knows by ``name``, loaded now, run as its users run it.

    Raises ModelError, or MissingExtra if what would run it is not installed.
    """
    loaded = load(name, runtime=runtime, device=device, offline=offline)

    def separate(mixture: Samples, rate: int) -> Mapping[str, Samples]:
        return loaded.separate(mixture, rate, overlap=overlap, shifts=shifts, seed=seed, stop_asked=stop_asked)

    def ask(mixture: Samples, rate: int, words: Sequence[str]) -> Mapping[str, Samples]:
        each = list(dict.fromkeys(words))
        answered = loaded.separate(
            mixture, rate, ask=each, overlap=overlap, shifts=shifts, seed=seed, stop_asked=stop_asked
        )
        # In the order of the words: two of them may not share a name.
        return {word: answered[name] for word, name in zip(each, answered.routes, strict=True)}

    seen = str(loaded.loaded.card.get("trained_on_test", ""))
    if name in catalogue.names() and catalogue.find(name).musdb_test_seen:
        seen = "the MUSDB18 test set"
    identity = f"{loaded.loaded.identity} {loaded.loaded.runtime} overlap={overlap} shifts={shifts} seed={seed}"
    return separator(loaded.name, identity, separate, ask, trained_on_test=seen)


def separator(
    name: str, identity: str, separate: Separate, ask: Ask | None = None, trained_on_test: str = ""
) -> Entrant:
    """An entrant that hears the mixture and nothing else."""
    return Entrant(
        name,
        identity,
        lambda song: separate(song.mixture, song.rate),
        None if ask is None else lambda song, words: ask(song.mixture, song.rate, words),
        trained_on_test,
    )
