"""How well words are answered: a table for each sound, over songs whose parts are known.

    python -m bench.words MODEL ROOT [--split valid] [--songs 20] [--seconds 12] [--json FILE]

MODEL is a name or a graph; ROOT a folder of songs with labelled parts (``unbraid studio``), of which those with rare
sounds are taken first. For each song a piece from its middle is taken apart once and asked for every sound that it has,
by its name and by held-out words, of its stem and of the mix, and for some that it lacks. Figures: SDR,
10 log10(|target|^2 / |target - answer|^2) in dB over the piece, median over songs: of the better of silence (0 dB) and
the best-scaled mix, of the answers, and of the ideal ratio mask. Sounds below -30 dB of the mix are left out. The last
lines are means over sounds, and how well presence tells present from absent (the area under the ROC curve).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unbraid.api import Model, load
from unbraid.api.asking import Question
from unbraid.api.join import vector
from unbraid.api.way import Way
from unbraid.data.tracks import read_part, scan
from unbraid.engine.source import ArraySource
from unbraid.engine.store import ArrayStore
from unbraid.query.sounds import home, sounds
from unbraid.signal import Samples
from unbraid.train.query_data import Labelled, labelled
from unbraid.transform.stft import Stft

COLUMNS = ("bound", "name", "paraphrase", "mix", "irm")
_QUIET = 1e-3
_ABSENT = 8


def sdr(target: Samples, answer: Samples) -> float:
    error = float(np.square(target - answer, dtype=np.float64).sum())
    return 10 * float(np.log10(np.square(target, dtype=np.float64).sum() / max(error, 1e-12)))


def bound(target: Samples, mix: Samples) -> float:
    """The better of silence and the best-scaled mix."""
    scale = float((target * mix).sum(dtype=np.float64) / np.square(mix, dtype=np.float64).sum())
    return max(0.0, sdr(target, np.float32(scale) * mix))


def ratio_mask(target: Samples, mix: Samples) -> Samples:
    """What a mask |target| / (|target| + |rest|) on the STFT makes of the mix."""
    transform = Stft(4096, 1024)
    one, rest = transform.forward(target), transform.forward(mix - target)
    mask = np.abs(one) / (np.abs(one) + np.abs(rest) + 1e-12)
    answer: Samples = transform.inverse((one + rest) * mask, mix.shape[-1])
    return answer


def piece(song: Labelled, seconds: float) -> tuple[Samples, dict[str, Samples]]:
    """The mix, and every sound that is loud enough, of the middle of a song."""
    rate, samples = song.song.rate, song.song.samples
    length = min(samples, round(seconds * rate))
    waves = {part.path: read_part(part, (samples - length) // 2, length) for part, _ in song.parts}
    mix = np.sum(list(waves.values()), axis=0, dtype=np.float32)
    targets = {
        name: np.sum([waves[part.path] for part in song.parts_of(name)], axis=0, dtype=np.float32)
        for name in song.present
    }
    floor = _QUIET * float(np.square(mix).sum())
    return mix, {name: each for name, each in targets.items() if float(np.square(each).sum()) > floor}


def questions(model: Model, song: Labelled, names: list[str], seed: int) -> dict[str, Question]:
    """Everything that is asked of a song, by "kind name"."""
    rng = np.random.default_rng(seed)
    asked = {}
    for name in names:
        stem = home(sounds()[name], model.spec.stems)
        held = sounds()[name].held_out
        asked[f"name {name}"] = Question("", name, stem)
        asked[f"mix {name}"] = Question("", name, None)
        asked[f"paraphrase {name}"] = Question("", held[rng.integers(len(held))], stem)
    lacking = [name for name, sound in sounds().items() if sound.whole is not None and song.absent(name)]
    for name in rng.choice(lacking, min(_ABSENT, len(lacking)), replace=False).tolist():
        asked[f"absent {name}"] = Question("", name, home(sounds()[name], model.spec.stems))
    return asked


def chosen(songs: Sequence[Labelled], count: int) -> list[Labelled]:
    """``count`` of ``songs``: for each sound, the rarest first, one that has it, then others in their order.

    Which songs they are depends on their labels alone. So a sound that one song in a hundred has is in the table.
    """
    # A song of one or two parts leaves nothing to take apart.
    able = [song for song in songs if len(song.parts) > 2]
    counts = Counter(name for song in able for name in song.present)
    taken: list[Labelled] = []
    for name in sorted(counts, key=lambda name: (counts[name], name)):
        if len(taken) < count and not any(name in song.present for song in taken):
            taken.append(next(song for song in able if name in song.present))
    others = [song for song in able if song not in taken]
    return sorted([*taken, *others[: count - len(taken)]], key=able.index)


def judge(model: Model, song: Labelled, seconds: float, seed: int, rows: dict[str, dict[str, list[float]]]) -> None:
    """Add a song's figures to ``rows``: sound -> column -> values; presence under "presence" and "absence"."""
    mix, targets = piece(song, seconds)
    asked = questions(model, song, sorted(targets), seed)
    queries = {key: vector(model, each, within=True) for key, each in asked.items()}
    taken = model.into(
        ArraySource(mix), song.song.rate, (), lambda _, channels: ArrayStore(channels, mix.shape[1]), Way(), queries
    )
    energy = float(np.square(mix).sum())
    for key in asked:
        kind, _, name = key.partition(" ")
        answer = taken.sources[key].read(0, mix.shape[1])
        if kind == "absent":
            rows[name]["absence"].append(taken.presence[key])
            level = max(float(np.square(answer).sum()) / energy, 1e-12)
            rows[name]["absent level"].append(10 * float(np.log10(level)))
            continue
        rows[name][kind].append(sdr(targets[name], answer))
        if kind == "name":
            rows[name]["presence"].append(taken.presence[key])
            rows[name]["bound"].append(bound(targets[name], mix))
            rows[name]["irm"].append(sdr(targets[name], ratio_mask(targets[name], mix)))


def area(present: list[float], absent: list[float]) -> float:
    """The chance that a present sound has the higher presence of the two."""
    one, other = np.array(present)[:, None], np.array(absent)[None]
    return float((one > other).mean() + (one == other).mean() / 2)


def table(rows: dict[str, dict[str, list[float]]]) -> list[str]:
    """Markdown, one sound a line."""
    lines = ["| sound | songs | better of silence and mix | asked of its stem | paraphrase | asked of the mix | IRM |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    medians = []
    for name in sorted(name for name, row in rows.items() if row["name"]):
        row = [float(np.median(rows[name][column])) for column in COLUMNS]
        medians.append(row)
        lines.append(f"| {name} | {len(rows[name]['name'])} | " + " | ".join(f"{value:.1f}" for value in row) + " |")
    means = np.mean(medians, axis=0)
    lines.append(f"| mean of {len(medians)} | | " + " | ".join(f"{value:.2f}" for value in means) + " |")
    present = [value for row in rows.values() for value in row["presence"]]
    absent = [value for row in rows.values() for value in row["absence"]]
    levels = [value for row in rows.values() for value in row["absent level"]]
    lines.append("")
    lines.append(f"Gain over the better of silence and mix: {means[1] - means[0]:.2f} dB; ")
    lines.append(f"stem against mix: {means[1] - means[3]:.2f} dB; paraphrases: {means[2] - means[1]:.2f} dB; ")
    lines.append(
        f"presence: area under the curve {area(present, absent):.3f} ({len(present)} present, {len(absent)} absent); "
    )
    lines.append(f"absent sounds: median level {np.median(levels):.1f} dB of the mix.")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("root", type=Path)
    parser.add_argument("--split", default="valid")
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = load(options.model)
    rows: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    songs = chosen(labelled(scan(options.root, options.split)), options.songs)
    for seed, song in enumerate(songs):
        judge(model, song, options.seconds, seed, rows)
    print("\n".join(table(rows)))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
