"""The training loop, top to bottom.

Each process draws its own batches; :mod:`unbraid.train.workers` starts the processes and averages their gradients.
All that is random in a step follows from (seed, process, step), so a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from unbraid.data.tracks import Song
from unbraid.errors import UnbraidError, UsageError
from unbraid.train import checkpoint, schedule
from unbraid.train.ema import Averages
from unbraid.train.log import Log, Mute, Watcher
from unbraid.train.material import AnySampler, arrays, figures, held_out, sampler_for, songs_for
from unbraid.train.optimizer import optimizer_for, set_rate
from unbraid.train.pieces import rate_of
from unbraid.train.reading import Reading, reading
from unbraid.train.recipe import Recipe
from unbraid.train.resident import bank_for, resident
from unbraid.train.start import build, description, rebuilt
from unbraid.train.tasks import pieces_for, task_for
from unbraid.train.validate import OVER_SONGS
from unbraid.train.workers import Workers

_KEPT = 2  # checkpoints beside the best and the one before the decay
_MEASURED = 32  # examples from which a net's input constants are taken
_NO_RANK = 1 << 31  # in the place of a process's number in a seed
_STRIKES = 3  # steps in a row whose loss is not finite, before the run stops


class TrainingError(UnbraidError):
    """A run that cannot go on."""


def train(recipe: Recipe, run: Path, resume: bool = False, watcher: Watcher | None = None) -> checkpoint.Progress:
    """Train until the schedule's end; ``run`` holds checkpoints, log and the best net. Returns where it ended.

    watcher: hears of every event in the log, and of "progress" after every step, in the first process.
    """
    workers = Workers(recipe.run)
    loop = Loop(workers, recipe, run, resume, watcher)
    progress = loop.run()
    workers.close()
    return progress


class Loop:
    """One process's share of a run."""

    def __init__(self, workers: Workers, recipe: Recipe, run: Path, resume: bool, watcher: Watcher | None) -> None:
        self._workers, self._recipe, self._run = workers, recipe, run
        newest = self._newest(resume)
        begun = newest is not None and recipe.net.start is not None
        net = rebuilt(checkpoint.read_state(newest)) if newest is not None and begun else build(recipe)
        self._net = net.to(workers.device)
        self._optimizer = optimizer_for(self._net, recipe.optim, fused=not workers.scaled)
        self._bank = bank_for(self._net, workers.device) if recipe.run.resident else None
        self._averages = Averages(self._net, recipe.optim.ema, recipe.average.batches, recipe.average.epochs)
        self._progress = checkpoint.Progress()
        tensorboard = recipe.run.tensorboard
        self._log = Log(run / "log.jsonl", watcher=watcher, tensorboard=tensorboard) if workers.first else Mute()
        self._start(newest)
        # After the weights are in place: the wrapper sends those of the first process to all.
        task = self._new_task()
        self._reading = self._new_reading()
        if self._progress.step == 0 and recipe.net.start is None:
            self._fit_input(task)
        self._task, self._stepper = workers.setup(task, self._optimizer)
        self._net.train()
        self._strikes, self._validated = 0, -1
        self._recent: list[dict[str, float]] = []

    def run(self) -> checkpoint.Progress:
        """Step until the end; between steps look whether something is due."""
        progress, plan = self._progress, self._recipe.schedule
        clock = time.process_time if self._recipe.run.clock == "cpu" else time.monotonic
        while (share := schedule.done(plan, progress.step, progress.seconds, progress.stale)) < 1:
            if schedule.decaying(plan, share) and not progress.decaying:
                self._enter_decay()
            began, before = clock(), progress.seconds
            terms = self._step(share)
            # All processes must agree on the clock, since the rate and what is due follow from it.
            took = torch.tensor(clock() - began)
            progress.seconds += self._workers.means({"seconds": took})["seconds"]
            self._report(terms, share)
            if schedule.ends_epoch(plan, progress.step):
                self._averages.after_epoch(self._net)
            self._do_what_is_due(before)
        self._validate()
        self._save(self._run / f"step-{progress.step:07d}")
        self._log.tell("end", step=progress.step, best_sdr_db=progress.best_sdr_db)
        return progress

    def _do_what_is_due(self, before: float) -> None:
        """What the clock asks for, by multiples of the run's own, so that resuming often does not put it off."""
        run, seconds = self._recipe.run, self._progress.seconds
        if seconds // run.checkpoint_s > before // run.checkpoint_s:
            self._save(self._run / f"step-{self._progress.step:07d}")
        if run.valid_epochs is not None:
            due = schedule.ends_epoch(self._recipe.schedule, self._progress.step, run.valid_epochs)
        else:
            due = seconds // run.valid_s > before // run.valid_s
        if due:
            self._validate()
        rescan_s = self._recipe.data.rescan_s
        if seconds // rescan_s > before // rescan_s and self._rescan():
            self._reading = self._new_reading()

    def _step(self, share: float) -> dict[str, float]:
        recipe, progress, workers = self._recipe, self._progress, self._workers
        batch = self._reading.batch(progress.step)
        key = [recipe.run.seed, workers.rank, progress.step]
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
        set_rate(self._optimizer, schedule.rate(recipe.optim, recipe.schedule, progress.step, share))
        terms = self._learn(batch)
        norm = workers.clip(self._task, self._stepper, recipe.optim.clip)
        values = workers.means({**terms, "norm": norm})
        # A scaled loss may overflow in its gradients; the stepper then skips the step and lowers the scale.
        if np.isfinite(values["loss"]) and (workers.scaled or np.isfinite(values["norm"])):
            self._stepper.step()
            self._averages.after_batch(self._net)
            self._strikes = 0
        else:
            workers.skip()
            self._strike(batch)
        self._stepper.zero_grad()
        progress.step += 1
        progress.audio_s += recipe.optim.batch * self._piece_s * workers.count
        return values

    def _learn(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Gradients of the batch, in as many turns as the recipe says; returns the mean terms of the loss."""
        turns = self._recipe.optim.accumulate
        fields = self._workers.on_device(batch.values())
        size = len(fields[0]) // turns
        means: dict[str, Tensor] = {}
        for turn in range(turns):
            part = [field[turn * size : (turn + 1) * size] for field in fields]
            with self._workers.unsynchronised(self._task, enabled=turn + 1 < turns):
                terms: dict[str, Tensor] = self._task(*part)
                self._workers.backward(terms["loss"] / turns)
            means = {name: value.detach() / turns + means.get(name, 0) for name, value in terms.items()}
        return means

    def _strike(self, batch: dict[str, Tensor]) -> None:
        """A loss that is not finite: the step is skipped and its batch kept; too many in a row end the run."""
        self._strikes += 1
        path = self._run / f"bad-batch-{self._workers.rank}.safetensors"
        save_file(batch, path)
        self._log("bad batch", step=self._progress.step, kept=path.name)
        if self._strikes >= _STRIKES:
            raise TrainingError(f"{_STRIKES} losses in a row were not finite; the last batch is in {path}")

    def _newest(self, resume: bool) -> Path | None:
        newest = checkpoint.newest(self._run)
        if newest is not None and not resume:
            raise UsageError(f"{self._run} holds a run already; resume it, or give another folder")
        return newest

    def _start(self, newest: Path | None) -> None:
        state: dict[str, Any] = {}
        if newest is not None:
            self._progress, state = checkpoint.load(newest, self._net, self._averages, self._optimizer)
        self._workers.set_precision_state(state.get("precision", {}))
        self._songs = self._scan()
        if newest is not None:
            # What the sampler drew from at the time; newer songs join at the next scan.
            held = set(self._progress.songs)
            self._songs = [song for song in self._songs if song.id in held]
        self._progress.songs = [song.id for song in self._songs]
        self._log("start", step=self._progress.step, songs=len(self._songs), recipe=self._recipe.raw())

    def _new_reading(self) -> Reading:
        recipe, workers = self._recipe, self._workers
        rate = rate_of(self._songs)
        length = pieces_for(recipe, self._net, rate, self._progress.decaying).length
        self._piece_s = length / rate
        if self._bank is not None:
            self._songs = self._bank.take(self._songs)
            self._resident.length = length
        sampler = self._sampler()
        key, pinned = (recipe.run.seed, workers.rank), workers.device.type == "cuda"
        return reading(sampler, key, recipe.optim.batch, recipe.run.readers, pinned)

    def _sampler(self) -> AnySampler:
        places = None if self._bank is None else self._bank.places
        return sampler_for(self._recipe, self._net, self._songs, self._progress.decaying, places)

    def _new_task(self) -> nn.Module:
        """The net and its loss, in front of which the songs are mixed if they lie on the device."""
        recipe, rate = self._recipe, rate_of(self._songs)
        task = task_for(recipe, self._net, rate)
        if self._bank is None:
            return task
        self._resident = resident(task, self._bank, pieces_for(recipe, self._net, rate, late=False).length)
        return self._resident

    def _fit_input(self, task: nn.Module) -> None:
        """Fit what a net knows of its input from the start, from examples that no step will see again."""
        measure = getattr(task, "measure", None)
        if measure is not None:
            batch = arrays(self._sampler().batch([self._recipe.run.seed, _NO_RANK, 0], _MEASURED))
            needed = ("wave", "curve") if self._bank is None else batch
            measure(*self._workers.on_device(torch.from_numpy(batch[name]) for name in needed))

    def _enter_decay(self) -> None:
        """Keep the state from which the run can be extended, then change to the late pieces."""
        self._save(self._run / "before-decay")
        self._progress.decaying = True
        self._reading = self._new_reading()

    def _scan(self) -> list[Song]:
        """The songs on disk, as the first process finds (and prepares) them; a broken one is logged and left out."""
        found = []
        if self._workers.first:
            found = songs_for(self._recipe, self._net, lambda error: self._log("broken song", what=str(error)))
        return self._workers.broadcast(found)

    def _rescan(self) -> bool:
        """Take in songs that are new on disk or made anew, the same in all processes; False if there are none."""
        before, self._songs = self._songs, self._scan()
        changed = self._songs != before or (self._bank is not None and not self._bank.holds(self._songs))
        if not self._workers.broadcast(changed):  # each looks at the disk in a moment of its own
            return False
        self._progress.songs = names = [song.id for song in self._songs]
        hours = round(sum(song.seconds for song in self._songs) / 3600, 3)
        self._log("rescan", step=self._progress.step, songs=len(names), hours=hours)
        return True

    def _report(self, terms: dict[str, float], share: float) -> None:
        """Log the mean of the last steps; one batch alone says little."""
        progress = self._progress
        self._recent.append(terms)
        self._log.tell("progress", step=progress.step, share=share, seconds=progress.seconds)
        if progress.step % self._recipe.run.log_steps == 0:
            rounded = {name: round(float(np.mean([past[name] for past in self._recent])), 4) for name in terms}
            self._recent.clear()
            lr = self._optimizer.param_groups[0]["lr"]
            self._log("step", step=progress.step, seconds=round(progress.seconds, 1), lr=round(lr, 7), **rounded)

    def _validate(self) -> None:
        """The first process measures every average and keeps the best yet; the others wait."""
        if self._validated == self._progress.step:
            return
        self._validated = self._progress.step
        if self._workers.first:
            self._measure()
        # The end of the run may follow from it.
        self._progress.stale = self._workers.broadcast(self._progress.stale)

    def _measure(self) -> None:
        progress, songs = self._progress, held_out(self._recipe, self._net)
        if ([song.id for song in songs], OVER_SONGS) != (progress.valid_songs, progress.best_is):
            # Figures over other songs, or told otherwise, cannot be compared.
            progress.valid_songs, progress.best_sdr_db = [song.id for song in songs], None
            progress.best_is, progress.stale = OVER_SONGS, 0
        found: dict[str, dict[str, float]] = {}
        for name in self._averages.candidates():
            with self._averages.applied(name, self._net):
                found[name] = figures(self._recipe, self._net, songs)
        best = max(found, key=lambda name: found[name].get("mean", -np.inf))
        rounded = {name: round(value, 3) for name, value in found[best].items()}
        means = {name: round(each["mean"], 3) for name, each in found.items() if "mean" in each}
        facts = {"of": best, "means": means} if len(found) > 1 else {}
        seconds, audio_h = round(progress.seconds), round(progress.audio_s / 3600, 3)
        self._log(
            "valid", step=progress.step, seconds=seconds, audio_h=audio_h, songs=len(songs), sdr_db=rounded, **facts
        )
        mean = found[best].get("mean")
        if mean is not None and (progress.best_sdr_db is None or mean > progress.best_sdr_db):
            progress.best_sdr_db, progress.best_of, progress.stale = mean, best, 0
            self._save(self._run / "best")
        else:
            progress.stale += 1

    def _save(self, folder: Path) -> None:
        if not self._workers.first:
            return
        precision = self._workers.precision_state()
        facts = {"net": description(self._net), "recipe": self._recipe.raw(), "precision": precision}
        checkpoint.save(folder, self._net, self._averages, self._optimizer, self._progress, facts)
        checkpoint.prune(self._run, _KEPT)
