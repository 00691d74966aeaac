"""Training of the head that answers words, on a trunk that stays as it is.

    python -m unbraid.train.query RUN OUT [--set key=value]...

RUN is a run of ``unbraid train`` with the compact net (its ``best`` checkpoint is taken) or a checkpoint's folder; OUT
becomes the head's own run, which goes on where it stopped if it is there already. One process, one thread.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unbraid.data.tracks import scan
from unbraid.errors import ModelError, UnbraidError
from unbraid.nets.compact import Compact
from unbraid.nets.query_head import QueryConfig, QueryHead
from unbraid.query.encoder import TableEncoder
from unbraid.train import checkpoint
from unbraid.train.checkpoint import Progress
from unbraid.train.ema import Averages
from unbraid.train.query_data import Asking, QuerySampler, Questions
from unbraid.train.query_loss import QueryTask
from unbraid.train.query_settings import Settings, settings
from unbraid.train.start import rebuilt


def load_trunk(run: Path) -> tuple[Compact, str]:
    """The compact net of a run, frozen, and the SHA-256 of the file that its weights came from. Raises ModelError."""
    folder = run / "best" if (run / "best" / "state.json").is_file() else run
    if not (folder / "state.json").is_file():
        raise ModelError(f"{run}: is neither a run with a best checkpoint nor a checkpoint")
    net = rebuilt(checkpoint.read_state(folder))
    if not isinstance(net, Compact):
        raise ModelError(f"{run}: holds a {type(net).__name__}; only the compact net has tokens for words")
    checkpoint.fill(net, checkpoint.read_weights(folder))
    digest = hashlib.sha256((folder / checkpoint.TENSORS).read_bytes()).hexdigest()
    return net.eval().requires_grad_(False), digest


def begin(head: QueryHead, run: Path) -> None:
    """Fill what makes ``head``'s masks from the newest checkpoint of another head's run. Raises ModelError."""
    newest = checkpoint.newest(run)
    if newest is None:
        raise ModelError(f"{run}: has no checkpoint of a head to begin with")
    held = checkpoint.read_weights(newest)
    own = {name: value for name, value in head.state_dict().items() if not name.startswith("listener.")}
    for name, value in own.items():
        if name not in held or held[name].shape != value.shape:
            raise ModelError(f"{run}: its head has no {name} of shape {tuple(value.shape)}; it is of another size")
    checkpoint.fill(head, head.state_dict() | {name: held[name] for name in own})


class Run:
    """A head in training, in the folder ``out``."""

    def __init__(self, trunk: Compact, digest: str, out: Path, given: Settings) -> None:
        torch.manual_seed(given.seed)
        encoder = TableEncoder()
        config = QueryConfig(words=encoder.size)
        self.head = QueryHead(config, trunk.config)
        self.task = QueryTask(trunk, self.head, given)
        self.optimizer = torch.optim.AdamW(self.head.parameters(), given.rate, weight_decay=given.weight_decay)
        self.averages = Averages(self.head, given.ema, (), ())
        self.progress, self._given, self._out = Progress(), given, out
        self._facts = {"query": asdict(config), "trunk": digest, "settings": asdict(given)}
        newest = checkpoint.newest(out)
        if newest is None and given.start:
            begin(self.head, Path(given.start))
        if newest is not None:
            self.progress, state = checkpoint.load(newest, self.head, self.averages, self.optimizer)
            if state["trunk"] != digest:
                raise ModelError(f"{out}: was trained on another trunk; give another folder")
        stems, hop = trunk.config.stems, trunk.config.hop
        self._songs = {split: scan(Path(given.root), split) for split in ("train", "valid")}
        self._train = QuerySampler(self._songs["train"], stems, given.hops, hop, encoder, Asking())
        held = self._songs["valid"]
        plain = Asking(drop_part=0, gain_db=0, guest=0)
        self._valid = QuerySampler(held, stems, given.hops, hop, encoder, plain) if held else None
        self._piece_s = given.hops * hop / trunk.config.rate

    def train(self) -> None:
        """To the end of the budget; a checkpoint now and then, and at the end."""
        with ThreadPoolExecutor(1) as reader:
            self._train_from(reader)
        self.save()

    def _train_from(self, reader: ThreadPoolExecutor) -> None:
        given, last = self._given, time.monotonic()
        saved, coming = last, reader.submit(self._draw, self.progress.step)
        while self.progress.seconds < given.budget_s and self.progress.step < given.steps:
            # The next batch is read while this one is learned from: reading takes half as long as learning.
            drawn, coming = coming.result(), reader.submit(self._draw, self.progress.step + 1)
            terms = self.step(drawn)
            now = time.monotonic()
            self.progress.seconds += now - last
            last = now
            if self.progress.step % given.log_steps == 0:
                self._log({"step": self.progress.step, "seconds": round(self.progress.seconds), **terms})
            if now - saved > given.checkpoint_s:
                self.save()
                saved = last = time.monotonic()

    def _draw(self, step: int) -> Questions:
        return self._train.batch((self._given.seed, 0, step), self._given.batch, self._given.queries)

    def step(self, drawn: Questions) -> dict[str, float]:
        """One batch."""
        given, progress = self._given, self.progress
        done = min(progress.seconds / given.budget_s, 1.0)
        rate = given.rate * min(1.0, (progress.step + 1) / given.warmup) * (1 + math.cos(math.pi * done)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        terms = self.task(drawn)
        self.optimizer.zero_grad()
        terms["loss"].backward()
        nn.utils.clip_grad_norm_(self.head.parameters(), given.clip)
        self.optimizer.step()
        self.averages.after_batch(self.head)
        progress.step += 1
        progress.audio_s += given.batch * self._piece_s
        return {name: round(value.item(), 4) for name, value in terms.items()}

    def save(self) -> None:
        """Validate and write a checkpoint."""
        if self._valid is not None and self.averages.candidates():
            with self.averages.applied("ema", self.head), torch.no_grad():
                rows = [self.task(self._valid.batch((1, index), 2, 4)) for index in range(self._given.valid_batches)]
            means = {name: round(sum(row[name].item() for row in rows) / len(rows), 4) for name in rows[0]}
            self._log({"valid": self.progress.step, **means})
        folder = self._out / f"step-{self.progress.step:07d}"
        checkpoint.save(folder, self.head, self.averages, self.optimizer, self.progress, self._facts)
        checkpoint.prune(self._out, 2)

    def _log(self, line: dict[str, Any]) -> None:
        self._out.mkdir(parents=True, exist_ok=True)
        with (self._out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m unbraid.train.query", description="Train the head for words.")
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        trunk, digest = load_trunk(options.run)
        Run(trunk, digest, options.out, settings(options.changes)).train()
    except UnbraidError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
