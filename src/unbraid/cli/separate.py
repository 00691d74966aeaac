"""``unbraid separate``: songs and folders in, stems out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unbraid.cli.options import Device, Offline, Overlap, Runtime

if TYPE_CHECKING:
    from unbraid.api import Job, Options
    from unbraid.api.model import Model
    from unbraid.cli.screen import Screen


def command(
    songs: Annotated[list[Path], typer.Argument(metavar="SONG|FOLDER...", help="Audio or video files, or folders.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")] = Path("separated"),
    model: Annotated[str, typer.Option("-m", "--model", help="A name from `unbraid models`, or a file.")] = "compact",
    stems: Annotated[str | None, typer.Option(help="Only these, for example vocals,drums.")] = None,
    two_stems: Annotated[str | None, typer.Option(help="One stem and its complement, for example vocals.")] = None,
    karaoke: Annotated[bool, typer.Option("--karaoke", help="The same as --two-stems vocals.")] = False,
    ask: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Also this sound, in words; repeatable.")
    ] = None,
    ask_like: Annotated[
        list[Path] | None, typer.Option(metavar="CLIP", help="Also a sound like this one; needs AudioSep.")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="Also the mix without this sound.")] = None,
    rest: Annotated[bool, typer.Option("--rest", help="Also the mix without all asked sounds.")] = False,
    list_sounds: Annotated[bool, typer.Option("--list-sounds", help="Only say what can be heard in the song.")] = False,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Start here: 83.5 or 1:23.5.")] = None,
    stop: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Stop here.")] = None,
    format: Annotated[str, typer.Option(help="wav, flac, mp3, ogg, opus, m4a or stem.mp4.")] = "wav",
    depth: Annotated[str, typer.Option(help="16, 24 or float32, for wav and flac.")] = "24",
    gain: Annotated[str, typer.Option(help="common: lower all stems alike if one would clip. none: never.")] = "common",
    residual: Annotated[bool, typer.Option("--residual", help="Also write what no stem took.")] = False,
    overlap: Overlap = None,
    shifts: Annotated[int, typer.Option(help="Average over so many random delays: slower, a little better.")] = 0,
    seed: Annotated[int, typer.Option(help="Decides the delays and the dither.")] = 0,
    device: Device = "auto",
    runtime: Runtime = "auto",
    force: Annotated[bool, typer.Option("--force", help="Do songs again that are done.")] = False,
    offline: Offline = False,
    plot: Annotated[bool, typer.Option("--plot", help="Also draw waveforms and spectrograms to a PNG.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a song on standard output.")] = False,
    filename: Annotated[
        str, typer.Option(metavar="TEMPLATE", help="Of the results, below the output folder.")
    ] = "{model}/{track}/{stem}.{ext}",
) -> int:
    """Take songs apart: OUT/{model}/{track}/{stem}.wav for each stem."""
    from unbraid.api import Options
    from unbraid.errors import UsageError

    if karaoke and two_stems not in (None, "vocals"):
        raise UsageError(f"--karaoke is --two-stems vocals; it cannot be combined with --two-stems {two_stems}")
    options = Options(
        model=model,
        stems=tuple(name.strip() for name in stems.split(",")) if stems is not None else (),
        two_stems="vocals" if karaoke else two_stems,
        ask=tuple(ask or ()),
        ask_like=tuple(map(str, ask_like or ())),
        without=tuple(without or ()),
        rest=rest,
        start_s=seconds(start) if start is not None else 0.0,
        stop_s=seconds(stop) if stop is not None else None,
        format=format,  # type: ignore[arg-type]  # Options checks it
        depth=_depth(depth),
        gain=gain,  # type: ignore[arg-type]  # Options checks it
        residual=residual,
        plot=plot,
        overlap=overlap,
        shifts=shifts,
        seed=seed,
        device=device,  # type: ignore[arg-type]  # Options checks it
        runtime=runtime,  # type: ignore[arg-type]  # Options checks it
        offline=offline,
        template=filename,
    )
    if list_sounds:
        return _list(songs, options, json=json)
    return _separate(songs, out, options, force=force, json=json)


def seconds(text: str) -> float:
    """``83.5``, ``1:23.5`` or ``1:02:03`` as seconds. Raises UsageError."""
    from unbraid.errors import UsageError

    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    good = 1 <= len(parts) <= 3 and all(0 <= part < float("inf") for part in parts)
    if not good or any(part >= 60 for part in parts[1:]):
        raise UsageError(f"{text!r} is no time; write seconds (83.5) or minutes and seconds (1:23.5)")
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total


def _depth(text: str) -> Any:
    return int(text) if text in ("16", "24") else text


def _separate(songs: list[Path], out: Path, options: Options, *, force: bool, json: bool) -> int:
    """Do every song; one that fails is named and does not stop the others."""
    from unbraid.api import Job
    from unbraid.api.names import check_apart, check_template, track_names
    from unbraid.cli.screen import Screen
    from unbraid.errors import MissingExtra, ModelError, UnbraidError, UsageError

    check_template(options.template)
    screen = Screen(json=json)
    found, failed = _find(songs, screen, out)
    if not found:
        return 1
    jobs = [Job(song, track, out, options) for song, track in zip(found, track_names(found), strict=True)]
    check_apart([job.path("model", "stem") for job in jobs], found, options.template)
    model = _load(options, screen)
    for job in jobs:
        try:
            _one(job, model, screen, force=force)
        except (ModelError, UsageError, MissingExtra):
            raise  # would fail every other song too
        except UnbraidError as error:
            failed += 1
            screen.failed(str(error))
    screen.end(len(found), failed, options.model)
    return 1 if failed else 0


def _load(options: Options, screen: Screen) -> Model:
    from unbraid.api import load

    wanted = (options.two_stems,) if options.two_stems else options.stems
    with screen.download() as on_bytes:
        return load(
            options.model,
            runtime=options.runtime,
            device=options.device,
            offline=options.offline,
            wanted=() if options.asks else wanted,  # words may need any stem
            on_bytes=on_bytes,
        )


def _list(songs: list[Path], options: Options, *, json: bool) -> int:
    """What can be heard in each song."""
    from unbraid.api.listen import list_sounds
    from unbraid.cli.screen import Screen
    from unbraid.errors import AudioError

    screen = Screen(json=json)
    found, failed = _find(songs, screen, None)
    model = _load(options, screen)
    for song in found:
        try:
            screen.heard(song, list_sounds(song, model, screen.stop_asked))
        except AudioError as error:
            failed += 1
            screen.failed(str(error))
    return 1 if failed else 0


def _find(given: list[Path], screen: Screen, out: Path | None) -> tuple[list[Path], int]:
    """The songs of every argument, results in ``out`` left out; a folder without any is a failure of its own."""
    from unbraid.api.names import find_songs
    from unbraid.errors import AudioError

    found: list[Path] = []
    failed = 0
    for path in given:
        try:
            found += find_songs([path], out)
        except AudioError as error:
            failed += 1
            screen.failed(str(error))
    return list(dict.fromkeys(found)), failed


def _one(job: Job, model: Model, screen: Screen, *, force: bool) -> None:
    from unbraid.api import separate_file

    with screen.song(job.song) as progress:
        report = separate_file(job, model, force=force, progress=progress, stop_asked=screen.stop_asked)
    screen.report(job, report)
