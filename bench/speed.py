"""Speed: the bundled model and HTDemucs, whole processes on a 60 s song.

HTDemucs at full size with random weights, saved by demucs itself: `demucs` against `unbraid -m FILE` on the same
file, and both against the bundled model. The first run of each does not count: it exports graphs.
"""

from __future__ import annotations

import shutil
import sys
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.memory import long_song
from bench.process import cost, paired

ROUNDS = 3
SIGNATURE = "5eed0000"


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
        song, repository = folder / "song.wav", folder / "models"
        repository.mkdir()
        long_song(song, 1)
        checkpoint = random_htdemucs(repository)
        ours = [program, "separate", song, "--force", "-o", folder / "ours"]
        theirs = [sys.executable, "-m", "demucs", "--repo", repository, "-n", SIGNATURE, "-d", "cpu", "--shifts", "0"]
        commands = {
            "unbraid, bundled model": ours,
            "unbraid, HTDemucs, default runtime": [*ours, "-m", checkpoint],
            "demucs 4.1.0, HTDemucs": [*theirs, "-o", folder / "theirs", song],
        }
        for command in commands.values():
            cost(command)
        costs = paired(commands, ROUNDS)
    peer = costs["demucs 4.1.0, HTDemucs"]
    rows = ["| command | wall, s | times real time | faster than demucs | peak, MiB |", "|---|---|---|---|---|"]
    for name, each in costs.items():
        faster = f"{peer.wall_s / each.wall_s:.2f}"
        rows.append(f"| {name} | {each.wall_s:.1f} | {60 / each.wall_s:.1f} | {faster} | {each.peak_mib:.0f} |")
    return "\n".join(rows)
