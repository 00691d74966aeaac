"""``unbraid separate``: songs and folders in, stems out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from unbraid.cli.options import Device, Offline, Overlap, Runtime


def command(
    songs: Annotated[
        list[Path] | None, typer.Argument(metavar="SONG|FOLDER...", help="Audio or video files, or folders.")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")] = Path("separated"),
    model: Annotated[str, typer.Option("-m", "--model", help="A name from `unbraid models`, or a file.")] = "compact",
    stems: Annotated[str | None, typer.Option(help="Only these, for example vocals,drums.")] = None,
    two_stems: Annotated[str | None, typer.Option(help="One stem and its complement, for example vocals.")] = None,
    karaoke: Annotated[bool, typer.Option("--karaoke", help="The same as --two-stems vocals.")] = False,
    ask: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Also this sound, in words, beside the stems; repeatable.")
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
    depth: Annotated[str, typer.Option(help="16, 24, or float32 (wav alone).")] = "24",
    bitrate: Annotated[int | None, typer.Option(metavar="KBPS", help="Of mp3, ogg, opus and m4a: 32 to 320.")] = None,
    gain: Annotated[
        str, typer.Option(help="common: lower all files alike if one would clip (float32 never does). none: never.")
    ] = "common",
    residual: Annotated[bool, typer.Option("--residual", help="Also write what no stem took.")] = False,
    overlap: Overlap = None,
    shifts: Annotated[int, typer.Option(help="Average over so many random delays: slower, a little better.")] = 0,
    seed: Annotated[int, typer.Option(help="Decides the delays and the dither.")] = 0,
    device: Device = "auto",
    runtime: Runtime = "auto",
    songs_from: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also those that a list or playlist names; - is standard input."),
    ] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="To use for a song.  [default: all; on a cluster 4]")] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Share songs out over a Ray cluster: auto, local, HOST:PORT."),
    ] = None,
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
    from unbraid.cli.batch import given_songs, list_all, separate_all, use_cores
    from unbraid.cli.screen import Screen
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
        format=format.lower(),  # type: ignore[arg-type]  # Options checks it
        depth=_depth(depth),
        bitrate_kbps=bitrate,
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
    given, screen = given_songs(songs or (), songs_from), Screen(json=json)
    if cluster is None:
        use_cores(cores)
    if not list_sounds:
        return separate_all(given, out, options, screen, cluster=cluster, cores=cores, force=force)
    if cluster is not None:
        raise UsageError("--list-sounds listens on this machine; leave out --cluster")
    return list_all(given, options, screen)


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
    return int(text) if text in ("16", "24") else text.lower()
