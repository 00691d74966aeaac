"""The learning rate over a run, and where the run ends."""

from __future__ import annotations

from unbraid.train.recipe import OptimSection, ScheduleSection


def done(schedule: ScheduleSection, step: int, seconds: float) -> float:
    """How much of the run is behind it, 0 to 1, by steps or by the clock, whichever is further."""
    shares = [0.0]
    if schedule.steps is not None:
        shares.append(step / schedule.steps)
    if schedule.budget_s is not None:
        shares.append(seconds / schedule.budget_s)
    return min(1.0, max(shares))


def decaying(schedule: ScheduleSection, share: float) -> bool:
    """Whether the final decay has begun."""
    return share > 1 - schedule.decay


def rate(optim: OptimSection, schedule: ScheduleSection, step: int, share: float) -> float:
    """Learning rate of step ``step`` (from 0): warm-up, constant, then linearly to zero at ``share`` 1."""
    warm = min(1.0, (step + 1) / (optim.warmup + 1))
    falling = min(1.0, (1 - share) / schedule.decay) if schedule.decay > 0 else 1.0
    return optim.lr * warm * falling
