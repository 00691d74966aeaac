"""A recipe: everything that makes a training run. :mod:`unbraid.train.recipe_file` reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from unbraid.data.augment import Ranges
from unbraid.data.choosing import Mixing
from unbraid.data.clips import ClipMixing
from unbraid.data.plan import unable

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class NetSection(_Section):
    """What is trained.

    name: of the registry. config: what differs from the config class's defaults.
    start (``from`` in the file): begin with these weights instead of fresh ones: a model's name ("htdemucs"), a
    checkpoint, a file that ``unbraid.train.export`` wrote, or the folder of a run; then no name is needed, and config
    holds what is to differ from theirs. member: which checkpoint of a bag, from 0.
    """

    name: str | None = None
    config: dict[str, Any] = {}
    start: str | None = Field(default=None, alias="from")
    member: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.name is None and self.start is None:
            raise ValueError("give the name of a net, or from, the weights to begin with")
        return self


class DataSection(_Section):
    """Where songs are and how pieces are cut from them.

    root: a folder with train/ and valid/. valid_root: where valid/ is, if elsewhere. piece_s: length of a piece in
    seconds; or hops: its length in hops of the net's STFT. late_piece_s, late_hops: of the pieces in the final decay,
    where the net learns to use a longer context. rescan_s: how often new songs are looked for.
    stems: stems that are sums of others, such as ``accompaniment = ["drums", "bass", "other"]``.
    """

    root: Path
    valid_root: Path | None = None
    hops: Count = 131
    late_hops: Count | None = None
    piece_s: Positive | None = None
    late_piece_s: Positive | None = None
    rescan_s: Positive = 300
    stems: dict[str, tuple[str, ...]] = {}
    mixing: Mixing = Mixing()
    augment: Ranges = Ranges()


class AskingSection(_Section):
    """How a net that is asked (AudioSep) learns; see :mod:`unbraid.train.asked_data`.

    text_share: of batches that are asked with words; the others with the sound itself. clap: checkpoint of CLAP or of
    AudioSep, which makes queries of both and stays as it is; None for the package's own table of words, which needs
    ``net.config.embedding = 96`` and knows no sounds. tokenizer: folder with that of RoBERTa, if not beside it.
    """

    text_share: Share = 1.0
    clap: Path | None = None
    tokenizer: Path | None = None
    mixing: ClipMixing = ClipMixing()

    @model_validator(mode="after")
    def _heard(self) -> Self:
        if self.text_share < 1 and self.clap is None:
            raise ValueError("to ask with sounds (text_share under 1) takes clap, the checkpoint of CLAP")
        return self


class WordsSection(_Section):
    """How the net "compact-words" learns words beside stems; see :mod:`unbraid.train.words_task`.

    queries: about each of ``optim.batch`` stretches of labelled songs. weight: of their loss beside that of the stems.
    every: which tokens the head learns from, the first of so many. guest: with ``run.resident``, the chance of a rare
    sound from another song in an example, and of a second. start: a run of ``unbraid.train.query`` whose head
    is begun with.
    """

    queries: Count = 8
    weight: Positive = 0.3
    every: Count = 2
    guest: Share = 0.25
    start: Path | None = None


class SvdSection(_Section):
    """The penalty of :mod:`unbraid.train.svd`; none if ``penalty`` is zero."""

    penalty: NotNegative = 0.0
    min_size_mb: NotNegative = 0.1
    dim: Count = 1
    iterations: Annotated[int, Field(ge=0)] = 2
    transposed: bool = True


class LossSection(_Section):
    """What is made small.

    name: "masks" (unbraid.train.loss), "magnitude" (magnitude_loss), "l1" or "mse" (wave_loss); "auto" is what the
    kind of net asks for. floor, ratio, compressed, shares, loudness: of "masks". stems: how much each counts,
    1 if it is not named; not in shares, which are of all stems at once.
    """

    name: Literal["auto", "masks", "magnitude", "l1", "mse"] = "auto"
    floor: Positive = 1e-3
    ratio: NotNegative = 1.0
    compressed: NotNegative = 0.3
    shares: NotNegative = 0.0
    loudness: NotNegative = 0.35
    stems: dict[str, NotNegative] = {}
    svd: SvdSection = SvdSection()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.ratio or self.compressed or self.shares):
            raise ValueError("ratio, compressed and shares are all 0, so nothing would be learnt; one must be above")
        return self


class GroupSection(_Section):
    """Weights whose names begin with ``match`` have a rate and a decay of their own."""

    match: str
    lr: Positive | None = None
    weight_decay: NotNegative | None = None


class OptimSection(_Section):
    """Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019).

    warmup: steps over which the rate rises. clip: norm that gradients are clipped to; 0 for none. batch: examples of
    each process in a step, which are learnt from in ``accumulate`` turns, for want of memory.
    ema: decay of the average that is validated and exported; 0 for none, see also :class:`AverageSection`.
    """

    name: Literal["adamw", "adam"] = "adamw"
    lr: Positive = 1.5e-3
    betas: tuple[Decay, Decay] = (0.9, 0.99)
    eps: Positive = 1e-8
    amsgrad: bool = False
    weight_decay: NotNegative = 0.01
    groups: tuple[GroupSection, ...] = ()
    warmup: Annotated[int, Field(ge=0)] = 300
    clip: NotNegative = 1.0
    ema: Share = 0.999
    batch: Count = 3
    accumulate: Count = 1

    @model_validator(mode="after")
    def _even(self) -> Self:
        if self.batch % self.accumulate:
            raise ValueError(f"a batch of {self.batch} cannot be halved into {self.accumulate} equal turns")
        return self


class AverageSection(_Section):
    """Decays of averages of weights, after every batch and after every epoch; the best by held-out SDR is kept."""

    batches: tuple[Decay, ...] = ()
    epochs: tuple[Decay, ...] = ()


class ScheduleSection(_Section):
    """The run ends after ``budget_s`` seconds of training, ``steps`` steps or ``epochs`` epochs, whichever is given
    and comes first; or once ``patience`` validations in a row found nothing better.

    epoch_steps: how many steps are called an epoch; songs are drawn at random, so it has no other meaning.
    The rate is constant, then falls linearly to zero over the last ``decay`` of the run (Hägele et al. 2024): a run may
    be extended from the checkpoint before its decay, and nothing but the end has to be known in advance. With
    ``cycle_steps`` it falls as a cosine from ``lr`` to ``lr_low`` again and again.
    stairs: pairs of a step and the share of the rate that holds before it, in rising order.
    """

    budget_s: Positive | None = None
    steps: Count | None = None
    epochs: Count | None = None
    epoch_steps: Count | None = None
    patience: Count | None = None
    decay: Share = 0.15
    cycle_steps: Count | None = None
    lr_low: NotNegative = 0.0
    stairs: tuple[tuple[Count, Share], ...] = ()

    @model_validator(mode="after")
    def _epoch(self) -> Self:
        if self.epochs is not None and self.epoch_steps is None:
            raise ValueError("epochs are counted in epoch_steps; give that, too")
        return self


class RunSection(_Section):
    """processes: each with a device of its own, or ``threads`` threads of the CPU, and its own batch; gradients are
    averaged. Under torchrun, its number of processes and machines holds instead.

    readers: processes beside each of these that draw its batches ahead; 0 for none. A GPU wants most of the cores.
    resident: the songs lie in the device's memory, which cuts and mixes its own examples; the readers then draw plans
    (unbraid.data.plan), with fewer kinds of changes, and no device waits for them.
    valid_s, valid_epochs: how often is validated, by the clock or, if given, by epochs.
    valid_songs: how many are validated on, one piece of ``valid_piece_s`` each.
    clock: what the recipe's seconds are of, all that pass or those that the process computes in, which tell runs on a
    busy machine apart fairly. tensorboard: also write curves for it.
    """

    seed: int = 0
    processes: Count = 1
    threads: Count = 1
    readers: Annotated[int, Field(ge=0)] = 0
    resident: bool = False
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Precision = "32-true"
    clock: Literal["wall", "cpu"] = "wall"
    checkpoint_s: Positive = 300
    valid_s: Positive = 900
    valid_epochs: Count | None = None
    valid_songs: Count = 12
    valid_piece_s: Positive = 10
    log_steps: Count = 20
    tensorboard: bool = False


class Recipe(_Section):
    """One training run."""

    net: NetSection
    data: DataSection
    asking: AskingSection = AskingSection()
    words: WordsSection = WordsSection()
    loss: LossSection = LossSection()
    optim: OptimSection = OptimSection()
    average: AverageSection = AverageSection()
    schedule: ScheduleSection
    run: RunSection = RunSection()

    @model_validator(mode="after")
    def _epochs(self) -> Self:
        if (self.average.epochs or self.run.valid_epochs) and self.schedule.epoch_steps is None:
            raise ValueError("average.epochs and run.valid_epochs need schedule.epoch_steps")
        return self

    @model_validator(mode="after")
    def _readers(self) -> Self:
        if self.run.readers and self.asking.clap is not None:
            raise ValueError("run.readers would each load asking.clap, which makes the queries; leave run.readers out")
        return self

    @model_validator(mode="after")
    def _resident(self) -> Self:
        wrong = unable(self.data.mixing, self.data.augment) if self.run.resident else None
        if wrong is not None:
            raise ValueError(wrong)
        return self

    def raw(self) -> dict[str, Any]:
        """The recipe as JSON values, which :func:`unbraid.train.recipe_file.parse` reads again."""
        return self.model_dump(mode="json", by_alias=True)
