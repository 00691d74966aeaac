"""Songs without stems: what they add to training, over three seeds.

    python -m bench.unlabeled STUDIO OUT [--known 12] [--unknown 30] [--cpu-s 100]

After Défossez et al. 2019. A made set for each seed: songs whose stems are known, and mixtures of others, in which the
bass pauses in the middle third, as it does where songs break down. A detector learns from the known songs, finds the
stretches without bass (how many seconds, and how many of them rightly, is printed), and compact-tiny is trained with
and without them for the same time of one CPU core. Measured on the bass of held-out songs, in dB of SDR.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unbraid.data.tracks import Song, read_part, scan
from unbraid.data.tracks.write import write_wav
from unbraid.data.unlabeled.detector import learn
from unbraid.data.unlabeled.excerpts import find_excerpts
from unbraid.data.unlabeled.settings import Settings
from unbraid.data.unlabeled.write import write_excerpts
from unbraid.train.loop import train
from unbraid.train.recipe_file import read_recipe

RECIPE = Path(__file__).parent.parent / "recipes" / "compact-tiny.toml"
STEMS = ("vocals", "drums", "bass", "other")


def make(studio: Path, folder: Path, known: int, unknown: int, seed: int) -> dict[str, float]:
    """``folder/without`` and ``folder/with``, each with train/ and valid/; seconds found, right ones, and all."""
    rng = np.random.default_rng(seed)
    whole = [song for song in scan(studio, "train", lambda _: None) if len(song.targets()) == len(STEMS)]
    drawn = [whole[index] for index in rng.permutation(len(whole))[: known + unknown]]
    pauses = mixtures(drawn[known:], folder / "mixtures")
    settings = Settings(stems=("bass",), precision=0.9)
    excerpts = find_excerpts(folder / "mixtures", learn(drawn[:known], settings, rng), settings)
    for name in ("without", "with"):
        for split, songs in (("train", drawn[:known]), ("valid", scan(studio, "valid", lambda _: None))):
            (folder / name / split).mkdir(parents=True)
            for song in songs:
                (folder / name / split / song.folder.name).symlink_to(song.folder.resolve())
    write_excerpts(excerpts, folder / "with", STEMS)
    right = [min(each.end_s, pauses[each.file][1]) - max(each.start_s, pauses[each.file][0]) for each in excerpts]
    return {
        "found_s": sum(each.end_s - each.start_s for each in excerpts),
        "right_s": sum(max(0.0, each) for each in right),
        "paused_s": sum(last - first for first, last in pauses.values()),
    }


def mixtures(songs: Sequence[Song], folder: Path) -> dict[str, tuple[float, float]]:
    """Write each song's mixture with its bass silent in the middle third; file -> where, in seconds."""
    folder.mkdir(parents=True)
    pauses = {}
    for song in songs:
        first, last = song.samples // 3, song.samples * 2 // 3
        mixture = np.zeros((2, song.samples), np.float32)
        for part in song.parts:
            wave = read_part(part, 0, song.samples)
            if "bass" in part.stems:
                wave[:, first:last] = 0
            mixture += wave
        path = folder / f"{song.folder.name}.wav"
        write_wav(path, mixture, song.rate)
        pauses[str(path.absolute())] = (first / song.rate, last / song.rate)
    return pauses


def learn_one(root: Path, run: Path, weak: float, seed: int, cpu_s: float) -> None:
    """Train on ``root`` and leave the held-out figures in ``run/sdr.json``."""
    changes = [f"data.root={root}", f"data.mixing.weak={weak}", f"run.seed={seed}", f"schedule.budget_s={cpu_s}"]
    changes += [f"run.valid_s={cpu_s}", "run.valid_songs=24", "data.rescan_s=1e9"]
    train(read_recipe(RECIPE, changes), run)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    last = [line for line in lines if line["event"] == "valid"][-1]
    (run / "sdr.json").write_text(json.dumps({"step": last["step"], **last["sdr_db"]}))


def one(options: argparse.Namespace, seed: int) -> dict[str, dict[str, float]]:
    """What was made and both figures of a seed; what is there already is not done again."""
    folder = options.out / f"seed-{seed}"
    made = folder / "made.json"
    if not made.exists():
        facts = make(options.studio, folder / "songs", options.known, options.unknown, seed)
        made.write_text(json.dumps(facts))
    rows = {"made": json.loads(made.read_text())}
    for name, weak in (("without", 0.0), ("with", options.weak)):
        run = folder / name
        if not (run / "sdr.json").exists():
            # A process of its own, so that its time is the training's alone.
            given: Sequence[object] = ["--one", run, folder / "songs" / name, weak, seed, options.cpu_s]
            subprocess.run([sys.executable, "-m", "bench.unlabeled", *map(str, given)], check=True)
        rows[name] = json.loads((run / "sdr.json").read_text())
    return rows


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        run, root, weak, seed, cpu_s = sys.argv[2:]
        learn_one(Path(root), Path(run), float(weak), int(seed), float(cpu_s))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studio", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--known", type=int, default=12)
    parser.add_argument("--unknown", type=int, default=30)
    parser.add_argument("--weak", type=float, default=0.5, help="share of examples built on songs without stems")
    parser.add_argument("--cpu-s", type=float, default=100.0)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print("| seed | without bass, found, s | rightly | bass SDR, without | with | gain | gain, mean of stems |")
    print("|---|---|---|---|---|---|---|")
    gains = []
    for seed in range(options.seeds):
        rows = one(options, seed)
        made, without, added = rows["made"], rows["without"], rows["with"]
        gains.append(added["bass"] - without["bass"])
        found, share = made["found_s"], made["right_s"] / max(made["found_s"], 1e-9)
        mean = added["mean"] - without["mean"]
        print(
            f"| {seed} | {found:.0f} of {made['paused_s']:.0f} | {share:.0%} | {without['bass']:.2f} "
            f"| {added['bass']:.2f} | {gains[-1]:+.2f} | {mean:+.2f} |",
            flush=True,
        )
    print(f"\nMean gain of the bass: {np.mean(gains):+.2f} dB.")


if __name__ == "__main__":
    main()
