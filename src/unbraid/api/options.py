"""What a user may ask of a separation, checked once, before any work is done."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from unbraid.audio.formats import BITRATE_LIMITS_KBPS, BITRATES_KBPS, Format
from unbraid.engine.finish import Depth, Gain
from unbraid.engine.plan import check_overlap
from unbraid.errors import UsageError
from unbraid.runtime.pick import Runtime
from unbraid.zoo.bundled import NAME
from unbraid.zoo.checkpoint import Device

OutputFormat = Format | Literal["stem.mp4"]
FORMATS = (*get_args(Format), "stem.mp4")
LOSSLESS = ("wav", "flac")
TEMPLATE = "{model}/{track}/{stem}.{ext}"


@dataclass(frozen=True)
class Options:
    """Everything that decides what comes out.

    stems: the wanted ones; empty for all. two_stems: one stem and its complement instead.
    ask, without: sounds in words, each a file more. ask_like: clips with a sound to look for. rest: what is left of the
    mix without the asked sounds.
    start_s, stop_s: the part of the song to take apart, in seconds. overlap: None for the model's own.
    depth: of WAV and FLAC; lossy formats have none. bitrate_kbps: of these, None for a generous one.
    """

    model: str = NAME
    stems: tuple[str, ...] = ()
    two_stems: str | None = None
    ask: tuple[str, ...] = ()
    ask_like: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    rest: bool = False
    start_s: float = 0.0
    stop_s: float | None = None
    format: OutputFormat = "wav"
    depth: Depth = 24
    bitrate_kbps: int | None = None
    gain: Gain = "common"
    residual: bool = False
    plot: bool = False
    overlap: float | None = None
    shifts: int = 0
    seed: int = 0
    device: Device = "auto"
    runtime: Runtime = "auto"
    offline: bool = False
    template: str = TEMPLATE

    def __post_init__(self) -> None:
        self._check_one("format", FORMATS)
        self._check_one("depth", get_args(Depth))
        self._check_one("gain", get_args(Gain))
        self._check_one("device", get_args(Device))
        self._check_one("runtime", get_args(Runtime))
        if self.overlap is not None:
            check_overlap(self.overlap)
        if not 0 <= self.shifts <= 100:
            raise UsageError(f"shifts is {self.shifts}; give 0 to 100 (more than 10 hardly helps)")
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}; give 0 or more")
        if self.start_s < 0 or (self.stop_s is not None and self.stop_s <= self.start_s):
            raise UsageError(
                f"from {self.start_s} s to {self.stop_s} s is no part of a song; --to must come after --from"
            )
        if self.two_stems and self.stems:
            raise UsageError("two_stems gives one stem and its complement; it cannot be combined with stems")
        if self.format == "flac" and self.depth == "float32":
            raise UsageError("FLAC holds 16 or 24 bit; use --format wav for float32")
        if self.bitrate_kbps is not None:
            self._check_bitrate(self.bitrate_kbps)
        ending = self.template.rpartition("}")[2].lower().removeprefix(".")
        if ending in (*FORMATS, "mp4") and ending != self.format:
            raise UsageError(
                f"the file name template {self.template!r} ends in .{ending}, and the format is {self.format}; "
                "end it in .{ext}"
            )
        if self.rest and not (self.ask or self.ask_like):
            raise UsageError("--rest is the mix without the asked sounds; give --ask with the sounds to take out")
        more = self.stems or self.two_stems or self.residual or self.asks
        if self.format == "stem.mp4" and more:
            raise UsageError(
                "a stem.mp4 holds the mix and all four stems; leave out stems, two-stems, residual and asked sounds"
            )

    def _check_one(self, name: str, allowed: tuple[Any, ...]) -> None:
        value = getattr(self, name)
        if value not in allowed:
            raise UsageError(f"{name} is {value!r}; it must be one of {', '.join(map(str, allowed))}")

    def _check_bitrate(self, kbps: int) -> None:
        if self.format not in BITRATES_KBPS:
            raise UsageError(f"{self.format} has no bit rate to choose; --bitrate is for {', '.join(BITRATES_KBPS)}")
        lowest, highest = BITRATE_LIMITS_KBPS[self.format]
        if not lowest <= kbps <= highest:
            raise UsageError(f"bitrate is {kbps} kbit/s; give {lowest} to {highest} for {self.format}")

    @property
    def asks(self) -> bool:
        """Whether anything is asked beyond fixed stems."""
        return bool(self.ask or self.ask_like or self.without)

    @property
    def grid(self) -> Depth | None:
        """The depth that samples are rounded to before they are written; None for float32 and lossy formats."""
        return self.depth if self.format in LOSSLESS and self.depth != "float32" else None

    @property
    def headroom(self) -> Depth | None:
        """What decides whether a common gain is needed: see ``engine.finish.common_gain``."""
        return self.depth if self.format in LOSSLESS else None

    def as_json(self) -> dict[str, Any]:
        """Everything that changes the output, for the manifest."""
        hidden = {"offline"} | ({"bitrate_kbps"} if self.bitrate_kbps is None else set())
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in hidden}
