"""How far each tiny recipe comes in a few minutes: ``python -m bench.tiny_recipes STUDIO OUT [--cpu-s 180] [NAME]...``.

Each ``recipes/*-tiny.toml`` is trained on the same 20 songs of ``STUDIO/train`` for that many seconds of its process's
own time, so that other work on the machine matters little, and measured on songs of ``STUDIO/valid`` through the engine
before, now and then, and after. ``OUT`` gets the runs, ``tiny-recipes.md`` with the figures, and ``tiny-recipes.png``
with the curves. A recipe that goes on from another one's run takes it from there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECIPES = Path(__file__).parent.parent / "recipes"
FIRST = ("compact-tiny", "hdemucs-v3-tiny", "htdemucs-v4-tiny")
"""Those that others go on from."""
SONGS = 20
"""To learn from, and to measure on."""


@dataclass(frozen=True)
class Curve:
    """Held-out SDR of one recipe: (CPU seconds, step, dB), first before any step; hours of music heard."""

    name: str
    points: list[tuple[float, int, float]]
    hours: float
    weights: int

    @property
    def gain(self) -> float:
        """What the whole training brought, in dB."""
        return self.points[-1][2] - self.points[0][2]


def chosen(studio: Path, folder: Path, count: int = SONGS) -> Path:
    """A folder with links to the first ``count`` songs of either split: of four stems to learn from, of three or more
    to measure on."""
    from unbraid.data.tracks import scan
    from unbraid.train.validate import measurable

    for split in ("train", "valid"):
        (folder / split).mkdir(parents=True)
        whole = measurable(scan(studio, split, lambda _: None))
        if split == "train":
            whole = [song for song in whole if len(song.targets()) == 4]
        for song in whole[:count]:
            (folder / split / song.folder.name).symlink_to(song.folder.resolve())
    return folder


def learn(name: str, root: Path, runs: Path, cpu_s: float) -> None:
    """Train one recipe into ``runs/name``; the figure from before the first step goes into the log, too."""
    from unbraid.train.loop import train
    from unbraid.train.material import figures, held_out
    from unbraid.train.recipe_file import read_recipe
    from unbraid.train.start import build

    changes = [f"data.root={root}", f"schedule.budget_s={cpu_s}", f"run.valid_s={cpu_s / 6}", "data.rescan_s=1e9"]
    recipe = read_recipe(RECIPES / f"{name}.toml", changes)
    changes.append(f"run.valid_songs={max(SONGS, recipe.run.valid_songs)}")
    recipe = read_recipe(RECIPES / f"{name}.toml", changes)
    if recipe.net.start is not None and recipe.net.start.startswith("runs/"):
        start = runs / Path(recipe.net.start).name
        recipe = read_recipe(RECIPES / f"{name}.toml", [*changes, f"net.from={start}"])
    net = build(recipe)
    before = figures(recipe, net, held_out(recipe, net))
    train(recipe, runs / name)
    weights = sum(weight.numel() for weight in net.parameters())
    (runs / name / "before.json").write_text(json.dumps({"sdr_db": before, "weights": weights}))


def read(run: Path) -> Curve:
    """The curve of a finished run."""
    before = json.loads((run / "before.json").read_text())
    lines: list[dict[str, Any]] = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    valid = [line for line in lines if line["event"] == "valid"]
    points = [(0.0, 0, before["sdr_db"]["mean"])]
    points += [(line["seconds"], line["step"], line["sdr_db"]["mean"]) for line in valid]
    return Curve(run.name, points, valid[-1]["audio_h"], before["weights"])


def table(curves: list[Curve], cpu_s: float) -> str:
    """The figures in Markdown."""
    lines = [
        f"Held-out SDR in dB (mean over stems of the median over {SONGS} songs) after {cpu_s:.0f} s of one CPU core:",
        "",
        "Of `audiosep-tiny`, the improvement over mixtures of two sounds (median).",
        "",
        "| recipe | weights | steps | music heard | before | after | rise |",
        "|---|---|---|---|---|---|---|",
    ]
    for curve in sorted(curves, key=lambda each: -each.gain):
        _, step, last = curve.points[-1]
        heard = f"{60 * curve.hours:.0f} min"
        lines.append(
            f"| {curve.name} | {curve.weights / 1e6:.2f} M | {step} | {heard} | {curve.points[0][2]:.2f} "
            f"| {last:.2f} | {curve.gain:+.2f} |"
        )
    return "\n".join(lines) + "\n"


def picture(curves: list[Curve], path: Path) -> None:
    """The curves, SDR over CPU seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for curve in curves:
        axes.plot([point[0] for point in curve.points], [point[2] for point in curve.points], "o-", label=curve.name)
    axes.set_xlabel("training, in seconds of one CPU core")
    axes.set_ylabel("held-out SDR in dB, mean over stems")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studio", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", help="recipes, such as unet-spleeter-tiny; all if none is named")
    parser.add_argument("--cpu-s", type=float, default=180.0)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        with tempfile.TemporaryDirectory() as folder:
            learn(options.names[0], chosen(options.studio, Path(folder) / "songs"), options.out, options.cpu_s)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.names or sorted(path.stem for path in RECIPES.glob("*-tiny.toml"))
    for name in sorted(names, key=lambda each: each not in FIRST):
        if not (options.out / name / "before.json").exists():
            # A process of its own, so that its time is the recipe's alone.
            command = [sys.executable, "-m", "bench.tiny_recipes", options.studio, options.out, name, "--one"]
            subprocess.run([*map(str, command), "--cpu-s", str(options.cpu_s)], check=True)
        print(table([read(options.out / name)], options.cpu_s).splitlines()[-1], flush=True)
    curves = [read(options.out / name) for name in names]
    (options.out / "tiny-recipes.md").write_text(table(curves, options.cpu_s))
    picture(curves, options.out / "tiny-recipes.png")


if __name__ == "__main__":
    main()
