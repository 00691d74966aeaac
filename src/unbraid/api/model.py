"""A loaded model: takes any source apart into stores, and arrays into stems."""

from __future__ import annotations

from collections.abc import Sequence

from unbraid.api.stream import NewStore, StemStores, heard_by
from unbraid.engine.finish import outputs
from unbraid.engine.progress import OnProgress, StopAsked, never
from unbraid.engine.refine import passes, run_passes
from unbraid.engine.run import Schedule
from unbraid.engine.source import ArraySource, Source
from unbraid.engine.store import ArrayStore
from unbraid.errors import UsageError
from unbraid.signal import Stems, as_samples
from unbraid.spec import Spec
from unbraid.zoo.load import Loaded


class Model:
    """Loads once, separates often. Made by :func:`unbraid.load`."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    @property
    def name(self) -> str:
        return self._loaded.name

    @property
    def spec(self) -> Spec:
        """Rate, channels, stems and the rest of the model's facts."""
        return self._loaded.members[0].separator.spec

    @property
    def loaded(self) -> Loaded:
        return self._loaded

    def separate(
        self,
        samples: object,
        rate: int,
        *,
        stems: Sequence[str] = (),
        overlap: float | None = None,
        shifts: int = 0,
        seed: int = 0,
        progress: OnProgress | None = None,
        stop_asked: StopAsked = never,
    ) -> Stems:
        """Take ``samples[channel, time]`` (floats, mono or stereo, any length, ``rate`` Hz) apart.

        The stems have the same shape and rate. Raises UsageError, ModelError, or Cancelled once ``stop_asked()``.
        """
        song = ArraySource(as_samples(samples))
        if song.channels not in (1, 2):
            raise UsageError(f"samples have {song.channels} channels; give mono or stereo, [channel, time]")
        stores: dict[str, ArrayStore] = {}

        def new_store(name: str, channels: int) -> ArrayStore:
            stores[name] = ArrayStore(channels, song.length)
            return stores[name]

        wanted = tuple(stems) or self.spec.stems
        self.into(song, rate, wanted, new_store, overlap, shifts, seed, progress, stop_asked)
        return Stems({name: stores[name].samples for name in self.spec.stems if name in wanted}, rate)

    def into(
        self,
        song: Source,
        rate: int,
        wanted: Sequence[str],
        new_store: NewStore,
        overlap: float | None,
        shifts: int,
        seed: int,
        progress: OnProgress | None,
        stop_asked: StopAsked,
    ) -> dict[str, Source]:
        """The ``wanted`` stems of ``song``, each in a store that ``new_store`` made."""
        outputs(self.spec.stems, tuple(wanted), None, residual=False)  # refuses unknown names
        todo = passes(self._loaded.members, wanted, shifts, seed)
        stores = StemStores(self.spec, wanted, song, rate, new_store)
        schedule = Schedule(overlap=self.spec.overlap if overlap is None else overlap)
        heard = heard_by(self.spec, song, rate, new_store)
        run_passes(todo, heard, schedule, stores, progress, stop_asked)
        return stores.finish()
