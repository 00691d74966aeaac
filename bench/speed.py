"""Speed: HTDemucs by unbraid and by demucs on a 60 s song, the bundled model on one of 180 s.

HTDemucs at full size with random weights, saved by demucs itself: `demucs` against `unbraid -m FILE` on the same file,
whole processes in turn, each with its defaults on the CPU (shifts 0 for both). The last columns compare with demucs.
On a processor with AVX-512 both nets are run a second time as on one with AVX2, which is what most have.
"""

from __future__ import annotations

import shutil
import sys
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.memory import long_song
from bench.process import Cost, paired

ROUNDS = 3
MINUTES = {"unbraid, bundled model": 3, "unbraid, HTDemucs": 1, "demucs 4.1.0, HTDemucs": 1}
SIGNATURE = "5eed0000"
AVX2 = ("ONEDNN_MAX_CPU_ISA=AVX2", "ATEN_CPU_CAPABILITY=avx2", "MKL_ENABLE_INSTRUCTIONS=AVX2")


def random_htdemucs(folder: Path) -> Path:
    """A file as demucs distributes them, with random weights, in a folder that demucs takes for a repository."""
    import torch
    from demucs.htdemucs import HTDemucs
    from demucs.states import get_state, save_with_checksum

    torch.manual_seed(0)
    model = HTDemucs(["drums", "bass", "other", "vocals"], bottom_channels=512, segment=Fraction(39, 5))
    args, kwargs = model._init_args_kwargs
    state = get_state(model, None, half=True)
    package = {"klass": HTDemucs, "args": args, "kwargs": kwargs, "state": state, "training_args": {}}
    save_with_checksum(package, folder / f"{SIGNATURE}.th")
    (saved,) = folder.glob(f"{SIGNATURE}-*.th")
    return saved


def report() -> str:
    program = shutil.which("unbraid")
    assert program, "install unbraid first"
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        song, long, repository = folder / "song.wav", folder / "long.wav", folder / "models"
        repository.mkdir()
        long_song(song, MINUTES["unbraid, HTDemucs"])
        long_song(long, MINUTES["unbraid, bundled model"])
        checkpoint = random_htdemucs(repository)
        ours: list[str | Path] = [program, "separate", "--force", "-o", folder / "ours"]
        theirs = [sys.executable, "-m", "demucs", "--repo", repository, "-n", SIGNATURE, "-d", "cpu", "--shifts", "0"]
        nets = {
            "unbraid, HTDemucs": [*ours, "-m", checkpoint, song],
            "demucs 4.1.0, HTDemucs": [*theirs, "-o", folder / "theirs", song],
        }
        tables = [paired({**nets, "unbraid, bundled model": [*ours, long]}, ROUNDS)]
        if torch_capability() == "AVX512":
            tables.append(paired({name: ["env", *AVX2, *command] for name, command in nets.items()}, ROUNDS))
    return "\n\nAs on a processor with AVX2 alone:\n\n".join(map(_table, tables))


def torch_capability() -> str:
    import torch

    return str(torch.backends.cpu.get_cpu_capability())


def _table(costs: dict[str, Cost]) -> str:
    peer = costs["demucs 4.1.0, HTDemucs"]
    rows = ["| command | wall, s | times real time | faster | peak, MiB | of its peak |", "|---|---|---|---|---|---|"]
    for name, each in costs.items():
        faster = MINUTES[name] * peer.wall_s / each.wall_s
        peak = f"{each.peak_mib:.0f} | {each.peak_mib / peer.peak_mib:.2f}"
        rows.append(f"| {name} | {each.wall_s:.1f} | {60 * MINUTES[name] / each.wall_s:.1f} | {faster:.2f} | {peak} |")
    return "\n".join(rows)
