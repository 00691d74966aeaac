"""A loaded model: takes any source apart into stores, and arrays into stems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unbraid.api.asker import bundled_words, find_asker
from unbraid.api.balance import balance_of
from unbraid.api.stream import NewStore, StemStores, heard_by
from unbraid.api.way import Taken, Way
from unbraid.engine.finish import outputs
from unbraid.engine.progress import OnProgress, StopAsked, never
from unbraid.engine.refine import passes, run_passes
from unbraid.engine.run import Schedule
from unbraid.engine.source import Source
from unbraid.errors import ModelError, UsageError
from unbraid.signal import Samples
from unbraid.spec import Spec
from unbraid.zoo.load import Loaded

if TYPE_CHECKING:
    from unbraid.api.asking import Answered


class Model:
    """Loads once, separates often. Made by :func:`unbraid.load`.

    asker: a second model for questions, if this one takes none; None for what :func:`find_asker` finds.
    """

    def __init__(self, loaded: Loaded, asker: Model | None = None) -> None:
        self._loaded, self._asker = loaded, asker

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

    def asker(self) -> Model:
        """The model that answers questions: itself if it does, else another one. Raises ModelError if there is none."""
        if all(member.separator.spec.embedding is not None for member in self._loaded.members):
            return self
        if self._asker is None:
            self._asker = Model(find_asker())
        return self._asker

    def encode(self, text: str) -> Samples:
        """``[size]``: ``text`` as this model understands it. Raises UsageError for a text that names nothing."""
        encoder = self._loaded.encoder or bundled_words()
        answer: Samples = encoder.encode([text])[0]
        return answer

    def encode_clip(self, samples: Samples, rate: int) -> Samples:
        """``[size]``: a sound as a query. Raises UsageError if this model understands words only."""
        if self._loaded.encoder is None:
            raise UsageError(
                f"model {self.name!r} understands words, not sounds; --ask-like needs AudioSep (unbraid models)"
            )
        answer: Samples = self._loaded.encoder.encode_clip(samples, rate)
        return answer

    def separate(
        self,
        samples: object,
        rate: int,
        *,
        stems: str | Sequence[str] = (),
        ask: str | Sequence[str] = (),
        without: str | Sequence[str] = (),
        rest: bool = False,
        two_stems: str | None = None,
        residual: bool = False,
        overlap: float | None = None,
        shifts: int = 0,
        seed: int = 0,
        progress: OnProgress | None = None,
        stop_asked: StopAsked = never,
    ) -> Answered:
        """Take ``samples[channel, time]`` (floats, mono or stereo, any length, ``rate`` Hz) apart.

        ask: sounds in words, each a stem more, named by the letters and digits of its text. without: sounds in words;
        "no_..." is the mix without one. rest: also what is left of the mix without the asked sounds. two_stems: only
        this stem, and "no_..." of it. residual: also what no stem took, so that all add up to the mix.

        The stems have the same shape and rate. Raises UsageError, ModelError, or Cancelled once ``stop_asked()``.
        """
        from unbraid.api.arrays import separate_array

        way = Way(overlap, shifts, seed, progress, stop_asked)
        words: dict[str, Any] = {"ask": ask, "without": without, "rest": rest}
        return separate_array(self, samples, rate, stems, way, two_stems=two_stems, residual=residual, **words)

    def into(
        self,
        song: Source,
        rate: int,
        wanted: Sequence[str],
        new_store: NewStore,
        way: Way,
        queries: Mapping[str, Samples] | None = None,
    ) -> Taken:
        """The ``wanted`` stems of ``song``, each in a store that ``new_store`` made, and the answers to ``queries``.

        queries: a name for each answer, and its vector ``[embedding]``.
        """
        outputs(self.spec.stems, tuple(wanted), None, residual=False)  # refuses unknown names
        asked = dict(queries or {})
        if asked and self.asker() is not self:
            raise ModelError(f"model {self.name!r} takes no queries")
        todo = passes(self._loaded.members, wanted, way.shifts, way.seed, asked=bool(asked))
        balance = balance_of(self.spec, song)
        stores = StemStores(self.spec, wanted, song, rate, new_store, tuple(asked), balance)
        schedule = Schedule(overlap=self.spec.overlap if way.overlap is None else way.overlap)
        heard = heard_by(self.spec, song, rate, new_store, balance)
        vectors = np.stack(list(asked.values())) if asked else None
        presence = run_passes(todo, heard, schedule, stores, way.progress, way.stop_asked, vectors)
        told = {} if presence is None else dict(zip(asked, map(float, presence), strict=True))
        return Taken(stores.finish(), told)
