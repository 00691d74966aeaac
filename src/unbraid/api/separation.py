"""A song in memory: one call from a file or an array to stems that can be saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unbraid.api.arrays import separate_array
from unbraid.api.asking import Answered
from unbraid.api.ingest import ingest
from unbraid.api.model import Model
from unbraid.api.names import stem_path, track_names
from unbraid.api.options import Options
from unbraid.api.way import Way
from unbraid.audio.formats import Format
from unbraid.audio.tags import Tags
from unbraid.audio.write import write_audio
from unbraid.engine.finish import Depth
from unbraid.engine.progress import OnProgress, StopAsked, never
from unbraid.engine.store import ArrayStore
from unbraid.errors import OutputError, UsageError
from unbraid.signal import Audio
from unbraid.zoo.load import load


@dataclass(frozen=True)
class Separation(Answered):
    """Stems, and where they come from. warnings: what the listener should know about the file and the words.

    tags: of the file that was taken apart, and its cover; they go into what :meth:`save` writes.
    """

    track: str = "song"
    model: str = ""
    warnings: tuple[str, ...] = ()
    tags: Tags = field(default_factory=Tags)

    def save(
        self, out: str | Path, *, format: Format = "wav", depth: Depth = "float32", bitrate_kbps: int | None = None
    ) -> list[Path]:
        """Write every stem to ``out/{stem}.{format}``; float32 WAV by default, which cannot clip.

        bitrate_kbps: of lossy formats, None for a generous one.

        Returns the paths. Integer depths and lossy formats clip above full scale, which ``unbraid separate`` avoids by
        lowering all stems alike. Raises OutputError, UsageError.
        """
        depth = 24 if format == "flac" and depth == "float32" else depth
        options = Options(format=format, depth=depth, bitrate_kbps=bitrate_kbps)
        folder = Path(out)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot write here ({error.strerror})") from error
        paths = []
        for name, samples in self.items():
            path = folder / stem_path("{stem}.{ext}", self.model, self.track, name, format)
            write_audio(
                path,
                [samples],
                self.rate,
                len(samples),
                format=format,
                depth=options.depth,
                bitrate_kbps=options.bitrate_kbps,
                tags=self.tags,
                samples=samples.shape[1],
            )
            paths.append(path)
        return paths


def separate(
    song: str | Path | Audio,
    *,
    model: str | Path | Model = "compact",
    stems: str | Sequence[str] = (),
    ask: str | Sequence[str] = (),
    ask_like: str | Path | Sequence[str | Path] = (),
    without: str | Sequence[str] = (),
    rest: bool = False,
    two_stems: str | None = None,
    residual: bool = False,
    overlap: float | None = None,
    shifts: int = 0,
    seed: int = 0,
    progress: OnProgress | None = None,
    stop_asked: StopAsked = never,
) -> Separation:
    """Take a song apart in memory: a file's path, or an :class:`unbraid.Audio`.

    ask: sounds in words ("the harp"), each a stem more, named by its letters and digits ("the_harp"). ask_like: clips
    with a sound to look for. without: sounds in words; "no_..." is the mix without one. rest: what is left of the mix
    without the asked sounds. two_stems: only this stem, and "no_..." of it. residual: also what no stem took.

    Returns stem name -> float32 ``[channel, time]`` at the song's own rate, channels and length (more than two channels
    are down-mixed to stereo; ``warnings`` says so). Raises AudioError, ModelError, UsageError.
    """
    if not isinstance(song, str | Path | Audio):
        raise UsageError(f"song is a {type(song).__name__}; give a path or unbraid.Audio(samples, rate)")
    chosen = model if isinstance(model, Model) else Model(load(str(model)))
    audio, track, warnings, tags = _given(song, stop_asked)
    way = Way(overlap, shifts, seed, progress, stop_asked)
    clips = (str(ask_like),) if isinstance(ask_like, str | Path) else tuple(map(str, ask_like))
    taken = separate_array(
        chosen,
        audio.samples,
        audio.rate,
        stems,
        way,
        ask=ask,
        without=without,
        like=clips,
        rest=rest,
        two_stems=two_stems,
        residual=residual,
    )
    notes = [note for route in taken.routes.values() for note in route.notes]
    told = tuple(dict.fromkeys([*warnings, *notes]))
    return Separation(taken.samples, taken.rate, taken.routes, taken.presence, track, chosen.name, told, tags)


def _given(song: str | Path | Audio, stop_asked: StopAsked) -> tuple[Audio, str, tuple[str, ...], Tags]:
    """The samples, a name for them, what should be known of them, and their tags."""
    if isinstance(song, Audio):
        return song, "song", (), Tags()
    path = Path(song)
    stores: list[ArrayStore] = []

    def new_store(_: str, channels: int) -> ArrayStore:
        stores.append(ArrayStore(channels))
        return stores[-1]

    mix = ingest(path, new_store, stop_asked=stop_asked)
    return Audio(stores[0].samples, mix.rate), track_names([path])[0], tuple(mix.warnings), mix.tags
