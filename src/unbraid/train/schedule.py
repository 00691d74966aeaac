"""The learning rate over a run, and where the run ends."""

from __future__ import annotations

import math

from unbraid.train.recipe import OptimSection, ScheduleSection


def done(schedule: ScheduleSection, step: int, seconds: float, stale: int = 0) -> float:
    """How much of the run is behind it, 0 to 1, by steps, epochs or the clock, whichever is further.

    stale: validations in a row that found nothing better.
    """
    shares = [0.0]
    if schedule.steps is not None:
        shares.append(step / schedule.steps)
    if schedule.epochs is not None and schedule.epoch_steps is not None:
        shares.append(step / (schedule.epochs * schedule.epoch_steps))
    if schedule.budget_s is not None:
        shares.append(seconds / schedule.budget_s)
    if schedule.patience is not None and stale >= schedule.patience:
        shares.append(1.0)
    return min(1.0, max(shares))


def decaying(schedule: ScheduleSection, share: float) -> bool:
    """Whether the final decay has begun."""
    return share > 1 - schedule.decay


def rate(optim: OptimSection, schedule: ScheduleSection, step: int, share: float) -> float:
    """Learning rate of step ``step``, from 0: warm-up, constant, cosines or stairs; to zero linearly at ``share`` 1."""
    warm = min(1.0, (step + 1) / (optim.warmup + 1))
    falling = min(1.0, (1 - share) / schedule.decay) if schedule.decay > 0 else 1.0
    top = optim.lr
    if schedule.cycle_steps is not None:
        turn = math.pi * (step % schedule.cycle_steps) / schedule.cycle_steps
        top = schedule.lr_low + (optim.lr - schedule.lr_low) * (1 + math.cos(turn)) / 2
    stair = next((held for end, held in schedule.stairs if step < end), 1.0)
    return top * warm * falling * stair


def ends_epoch(schedule: ScheduleSection, step: int, every: int = 1) -> bool:
    """Whether ``every`` epochs end with the step that ``step`` counts last."""
    return schedule.epoch_steps is not None and step % (schedule.epoch_steps * every) == 0
