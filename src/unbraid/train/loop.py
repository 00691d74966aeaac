"""The training loop, top to bottom; the only file that knows Lightning Fabric.

Each process draws its own batches and computes on one thread: on a CPU two such processes are twice as fast as one,
while one process of two threads waits at the barriers of the LSTM layers. Fabric starts them (or torchrun has) and
averages their gradients.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from safetensors.torch import save_file
from torch import Tensor

from unbraid.data.sample import Batch, Sampler
from unbraid.data.tracks import Song, scan
from unbraid.errors import UnbraidError, UsageError
from unbraid.nets.compact import Compact
from unbraid.nets.registry import classes
from unbraid.train import checkpoint, schedule
from unbraid.train.ema import Ema
from unbraid.train.log import Log
from unbraid.train.loss import MaskTask
from unbraid.train.recipe import Recipe
from unbraid.train.validate import measurable, validate

_KEPT = 2  # checkpoints beside the best and the one before the decay
_STRIKES = 3  # steps in a row whose loss is not finite, before the run stops


class TrainingError(UnbraidError):
    """A run that cannot go on."""


def train(recipe: Recipe, run: Path, resume: bool = False) -> checkpoint.Progress:
    """Train until the schedule's end; ``run`` holds checkpoints, log and the best net. Returns where it ended."""
    torch.set_num_threads(1)
    several = DDPStrategy(process_group_backend="gloo")
    strategy = several if recipe.run.processes > 1 else "auto"
    fabric = Fabric(accelerator="cpu", devices=recipe.run.processes, strategy=strategy)
    fabric.launch()
    return Loop(fabric, recipe, run, resume).run()


def build(recipe: Recipe) -> Compact:
    """The recipe's net with fresh weights from its seed."""
    torch.manual_seed(recipe.run.seed)
    config, net = classes(recipe.net.name)
    built = net(config(**recipe.net.config))
    if not isinstance(built, Compact):
        raise UsageError(f"net {recipe.net.name!r} has no training task yet")
    return built


class Loop:
    """One process's share of a run."""

    def __init__(self, fabric: Fabric, recipe: Recipe, run: Path, resume: bool) -> None:
        self._fabric, self._recipe, self._run = fabric, recipe, run
        self._net = build(recipe)
        optim = recipe.optim
        self._optimizer = torch.optim.AdamW(
            self._net.parameters(), optim.lr, betas=optim.betas, weight_decay=optim.weight_decay, fused=True
        )
        self._ema = Ema(self._net, optim.ema)
        self._progress = checkpoint.Progress()
        self._log = Log(run / "log.jsonl") if fabric.is_global_zero else _mute
        self._start(resume)
        # After the weights are in place: the wrapper sends rank 0's to all.
        self._task, self._stepper = fabric.setup(MaskTask(self._net, recipe.loss), self._optimizer)
        self._strikes = 0
        self._recent: list[dict[str, float]] = []

    def run(self) -> checkpoint.Progress:
        """Step until the end; between steps look whether something is due."""
        progress, run = self._progress, self._recipe.run
        due = {"checkpoint": run.checkpoint_s, "valid": run.valid_s, "rescan": self._recipe.data.rescan_s}
        sampler = self._sampler()
        while (share := schedule.done(self._recipe.schedule, progress.step, progress.seconds)) < 1:
            if schedule.decaying(self._recipe.schedule, share) and not progress.decaying:
                sampler = self._enter_decay()
            began, before = time.monotonic(), progress.seconds
            terms = self._step(sampler, share)
            # All processes must agree on the clock, since the rate and what is due follow from it.
            progress.seconds += self._means({"seconds": torch.tensor(time.monotonic() - began)})["seconds"]
            self._report(terms)
            # Multiples of the run's own clock, so that resuming often does not put them off.
            for event in [name for name, every in due.items() if progress.seconds // every > before // every]:
                if event == "checkpoint":
                    self._save(self._run / f"step-{progress.step:07d}")
                elif event == "valid":
                    self._validate()
                elif self._rescan():
                    sampler = self._sampler()
        self._validate()
        self._save(self._run / f"step-{progress.step:07d}")
        return progress

    def _step(self, sampler: Sampler, share: float) -> dict[str, float]:
        recipe, progress = self._recipe, self._progress
        batch = sampler.batch([recipe.run.seed, self._fabric.global_rank, progress.step], recipe.optim.batch)
        for group in self._optimizer.param_groups:
            group["lr"] = schedule.rate(recipe.optim, recipe.schedule, progress.step, share)
        terms: dict[str, Tensor] = self._task(*(torch.from_numpy(values) for values in _fields(batch)))
        self._fabric.backward(terms["loss"])
        norm = self._fabric.clip_gradients(
            self._task, self._stepper, max_norm=recipe.optim.clip, error_if_nonfinite=False
        )
        assert norm is not None
        values = self._means({**terms, "norm": norm})
        if np.isfinite(values["loss"] + values["norm"]):
            self._stepper.step()
            self._ema.update(self._net)
            self._strikes = 0
        else:
            self._strike(batch)
        self._stepper.zero_grad()
        progress.step += 1
        progress.audio_s += batch.wave.shape[0] * batch.wave.shape[-1] / self._net.config.rate * self._fabric.world_size
        return values

    def _strike(self, batch: Batch) -> None:
        """A loss that is not finite: the step is skipped and its batch kept; too many in a row end the run."""
        self._strikes += 1
        path = self._run / f"bad-batch-{self._fabric.global_rank}.safetensors"
        names = ("wave", "curve", "members", "weight")
        save_file(dict(zip(names, (torch.from_numpy(v) for v in _fields(batch)), strict=True)), path)
        self._log("bad batch", step=self._progress.step, kept=path.name)
        if self._strikes >= _STRIKES:
            raise TrainingError(f"{_STRIKES} losses in a row were not finite; the last batch is in {path}")

    def _start(self, resume: bool) -> None:
        newest = checkpoint.newest(self._run)
        if newest is not None and not resume:
            raise UsageError(f"{self._run} holds a run already; resume it, or give another folder")
        if newest is not None:
            self._progress = checkpoint.load(newest, self._net, self._ema, self._optimizer)
        self._songs = self._fabric.broadcast(self._scan())
        if newest is not None:
            # What the sampler drew from at the time; newer songs join at the next scan.
            held = set(self._progress.songs)
            self._songs = [song for song in self._songs if song.id in held]
        self._progress.songs = [song.id for song in self._songs]
        self._log(
            "start", step=self._progress.step, songs=len(self._songs), recipe=self._recipe.model_dump(mode="json")
        )

    def _sampler(self) -> Sampler:
        data, config = self._recipe.data, self._net.config
        late = self._progress.decaying and data.late_hops is not None
        hops = data.late_hops if late and data.late_hops is not None else data.hops
        hz = np.arange(config.n_fft // 2 + 1, dtype=np.float32) * np.float32(config.rate / config.n_fft)
        return Sampler(self._songs, config.stems, hops * config.hop, hz, data.mixing, data.augment)

    def _enter_decay(self) -> Sampler:
        """Keep the state from which the run can be extended, then change to the late pieces."""
        self._save(self._run / "before-decay")
        self._progress.decaying = True
        return self._sampler()

    def _scan(self) -> list[Song]:
        """The songs on disk; a broken one is logged and left out."""
        return scan(self._recipe.data.root, "train", lambda error: self._log("broken song", what=str(error)))

    def _rescan(self) -> bool:
        """Take in songs that are new on disk; the same for all processes."""
        self._songs = self._fabric.broadcast(self._scan())
        names = [song.id for song in self._songs]
        if names == self._progress.songs:
            return False
        self._progress.songs = names
        hours = round(sum(song.seconds for song in self._songs) / 3600, 3)
        self._log("rescan", step=self._progress.step, songs=len(names), hours=hours)
        return True

    def _report(self, terms: dict[str, float]) -> None:
        """Log the mean of the last steps; one batch alone says little."""
        progress = self._progress
        self._recent.append(terms)
        if progress.step % self._recipe.run.log_steps == 0:
            rounded = {name: round(float(np.mean([past[name] for past in self._recent])), 4) for name in terms}
            self._recent.clear()
            lr = self._optimizer.param_groups[0]["lr"]
            self._log("step", step=progress.step, seconds=round(progress.seconds, 1), lr=round(lr, 7), **rounded)

    def _validate(self) -> None:
        """Rank 0 measures the averaged net and keeps it if it is the best; the others wait."""
        progress, run = self._progress, self._recipe.run
        if self._fabric.is_global_zero:
            data = self._recipe.data
            songs = measurable(scan(data.valid_root or data.root, "valid", lambda _: None))[: run.valid_songs]
            if [song.id for song in songs] != progress.valid_songs:
                # Figures over other songs cannot be compared.
                progress.valid_songs, progress.best_sdr_db = [song.id for song in songs], None
            with self._ema.applied(self._net):
                figures = validate(self._net, songs, self._net.config.stems, run.valid_piece_s)
            rounded = {name: round(value, 3) for name, value in figures.items()}
            seconds, audio_h = round(progress.seconds), round(progress.audio_s / 3600, 3)
            self._log("valid", step=progress.step, seconds=seconds, audio_h=audio_h, songs=len(songs), sdr_db=rounded)
            mean = figures.get("mean")
            if mean is not None and (progress.best_sdr_db is None or mean > progress.best_sdr_db):
                progress.best_sdr_db = mean
                self._save(self._run / "best")
        self._fabric.barrier()

    def _save(self, folder: Path) -> None:
        if self._fabric.is_global_zero:
            recipe: dict[str, Any] = self._recipe.model_dump(mode="json")
            checkpoint.save(folder, self._net, self._ema, self._optimizer, self._progress, recipe)
            checkpoint.prune(self._run, _KEPT)

    def _means(self, values: dict[str, Tensor]) -> dict[str, float]:
        """Each value's mean over all processes."""
        stacked = torch.stack([value.detach().double() for value in values.values()])
        if self._fabric.world_size > 1:
            reduced = self._fabric.all_reduce(stacked, reduce_op="mean")
            assert isinstance(reduced, Tensor)
            stacked = reduced
        return dict(zip(values, stacked.tolist(), strict=True))


def _fields(batch: Batch) -> tuple[Any, ...]:
    return batch.wave, batch.curve, batch.members, batch.weight


def _mute(event: str, **values: Any) -> None:
    """The log of every process but the first."""
