"""The JSON that lies beside a graph and says what it is; read strictly, since a graph may come from anywhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from unbraid.engine.plan import check_overlap
from unbraid.errors import ModelError
from unbraid.runtime.packed import Packed
from unbraid.spec import Normalize, Spec
from unbraid.transform.pooling import Pooling
from unbraid.transform.stft import Pad, Stft, Window

Front = Literal["wave", "stft", "both"]
Answer = Literal["wave", "mask", "spectrum", "both"]

FORMAT = 1
LAYOUT = "frames"
"""What graphs that answer with masks have first, before frequencies."""
_LARGEST_SEGMENT_S = 3600


@dataclass(frozen=True)
class GraphFacts:
    """What the runtime must know of a graph.

    spec: what the engine sees.
    front: which inputs the graph has: ``mix[batch, channel, time]``, ``stft[batch, channel, 2, freq, frame]``
        (real and imaginary part), or both.
    answer: "wave": ``wave[batch, stem, channel, time]``. "mask": ``mask[batch, stem, channel, frame, row]``, real,
        to be multiplied with the mix's STFT as ``pooling`` says, unless ``spatial``; such a graph has frames first in
        ``stft``, too, ``[batch, channel, 2, frame, freq]``, and its JSON tells it from those of earlier versions.
        "spectrum": ``spectrum[batch, stem, channel, 2, freq, frame]``, whose inverse is the stems.
        "both": ``wave`` and such a ``spectrum``, whose inverse is added to it.
    pooled: which frequencies a mask's rows stand for; None for one each.
    sums_to_mix: whether the masks of all stems sum to one everywhere, so that the last stem is what the others leave.
    spatial: whether masks of both channels are taken together (:mod:`unbraid.transform.spatial`).
    packed: how a graph of MDX-Net is wired to ``stft`` and ``spectrum``.
    graph: the path of the ONNX file. sha256: of its bytes.
    card: everything else in the JSON (training data, figures, licence), for the screen.
    """

    spec: Spec
    front: Front
    answer: Answer
    graph: Path
    sha256: str
    stft: Stft | None = None
    pooled: Pooling | None = None
    sums_to_mix: bool = False
    spatial: bool = False
    packed: Packed | None = None
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def pooling(self) -> Pooling:
        """Which frequencies a row of a mask stands for: one each, if the JSON does not say otherwise."""
        assert self.stft is not None, "only those that answer with masks have any"
        return self.pooled or Pooling(((self.stft.freqs, 1),))


def read_facts(path: Path) -> GraphFacts:
    """The facts in ``path``, a JSON file beside its graph.

    Raises ModelError naming the file and the first thing that is wrong.
    """
    try:
        raw = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path}: this file with the graph's facts is missing") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: is not a JSON file that can be read ({error})") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise ModelError(f'{path}: does not say "format": {FORMAT}, the one this version of unbraid reads')
    return _Reader(path, raw).facts()


class _Reader:
    """Takes known keys out of a JSON object, each with the type it must have."""

    def __init__(self, path: Path, raw: dict[str, Any]) -> None:
        self._path, self._raw = path, dict(raw)
        self._raw.pop("format")

    def facts(self) -> GraphFacts:
        name, graph = self._take("name", str), self._take("graph", str)
        if Path(graph).name != graph:
            raise self._wrong("graph", graph, "a file name in the same folder")
        rate = self._take("rate", int)
        segment = self._take("segment", int)
        lengths = self._take_lengths(segment)
        spec = Spec(
            name=name,
            rate=rate,
            channels=self._take("channels", int),
            stems=tuple(self._take_names("stems")),
            segment=lengths["segment"] if lengths else segment,
            fixed_length=not lengths,
            shortest=lengths.get("first", 0),
            multiple=lengths.get("step", 1),
            normalize=self._take_one("normalize", get_args(Normalize)),
            scale_equivariant=self._take("scale_equivariant", bool),
            silence_exact=self._take("silence_exact", bool, default=False),
            embedding=self._take("embedding", int, default=None),
            overlap=check_overlap(self._take("overlap", float, default=0.25)),
            balanced=self._take("balanced", bool, default=False),
        )
        if spec.segment > _LARGEST_SEGMENT_S * rate:
            raise self._wrong("segment", spec.segment, f"at most {_LARGEST_SEGMENT_S} s of samples")
        front, answer = self._take_one("front", get_args(Front)), self._take_one("answer", get_args(Answer))
        stft = self._take_stft() if front != "wave" or answer != "wave" else None
        if answer == "mask":
            self._check_layout()
        if stft is not None and answer == "mask" and stft.pad != "zeros":
            raise self._wrong("stft", stft.pad, 'padded by "zeros" for a graph that answers with masks')
        pooled = self._take_pooling(stft) if stft is not None and answer == "mask" else None
        sums = answer == "mask" and self._take("sums_to_mix", bool, default=False)
        spatial = answer == "mask" and self._take("spatial", bool, default=False)
        if spatial and (spec.channels != 2 or not sums):
            raise self._wrong("spatial", spatial, "false where masks are not of two channels or do not sum to one")
        sha256 = self._take("sha256", str)
        place = self._path.parent / graph
        return GraphFacts(spec, front, answer, place, sha256, stft, pooled, sums, spatial, card=self._raw)

    def _take(self, key: str, kind: type, **default: Any) -> Any:
        value = self._raw.pop(key, default.get("default"))
        if value is None and "default" in default:
            return None if default["default"] is None else default["default"]
        if type(value) is not kind:
            raise self._wrong(key, value, f"a value of type {kind.__name__}")
        return value

    def _take_one(self, key: str, allowed: tuple[str, ...]) -> Any:
        value = self._take(key, str)
        if value not in allowed:
            raise self._wrong(key, value, f"one of {', '.join(allowed)}")
        return value

    def _take_names(self, key: str) -> list[str]:
        names = self._take(key, list)
        # Stem names become file names.
        if not names or not all(isinstance(n, str) and n.replace("_", "a").isalnum() and len(n) < 40 for n in names):
            raise self._wrong(key, names, "a list of names made of letters, digits and _")
        return list(names)

    def _take_lengths(self, given: int) -> dict[str, int]:
        """Of a graph for any length: ``segment`` to answer for, and the lengths ``first + k * step`` it may be given.

        Empty for a graph of one length.
        """
        raw = self._take("lengths", dict, default=None)
        if raw is None:
            return {}
        sizes = raw.get("segment"), raw.get("first"), raw.get("step")
        if not all(type(size) is int and 0 < size <= given for size in sizes):
            raise self._wrong("lengths", raw, f"segment, first and step, each of 1 to {given} samples")
        return dict(zip(("segment", "first", "step"), sizes, strict=True))

    def _take_stft(self) -> Stft:
        raw = self._take("stft", dict)
        n_fft, hop, pad, window = (raw.get(key) for key in ("n_fft", "hop", "pad", "window"))
        sizes = type(n_fft) is int and type(hop) is int and hop > 0 and 2 * hop <= n_fft <= 1 << 20
        if not sizes or pad not in get_args(Pad) or window not in get_args(Window):
            raise self._wrong(
                "stft", raw, "n_fft, hop (at most half of it), window hann or ones, pad zeros, reflect or demucs"
            )
        return Stft(n_fft, hop, pad, window)

    def _check_layout(self) -> None:
        """The shapes of an earlier version's graph would be refused in the middle of a song, or fit by accident."""
        if self._raw.pop("layout", None) != LAYOUT:
            raise ModelError(
                f'{self._path}: does not say "layout": "{LAYOUT}"; the graph is of an earlier version of unbraid, '
                "whose masks had frequencies first: export it again (python -m unbraid.train.export); a compact net of "
                "that time must be trained again"
            )

    def _take_pooling(self, stft: Stft) -> Pooling | None:
        raw = self._take("pooled", list, default=None)
        if raw is None:
            return None
        pairs = [each for each in raw if isinstance(each, list) and [type(size) for size in each] == [int, int]]
        sizes = raw and len(pairs) == len(raw) and all(0 < size <= stft.n_fft for pair in pairs for size in pair)
        pooling = Pooling(tuple((rows, pool) for rows, pool in pairs)) if sizes else None
        if pooling is None or not pooling.fits(stft.freqs):
            raise self._wrong("pooled", raw, f"pairs of rows and frequencies of each, for {stft.freqs} frequencies")
        return pooling

    def _wrong(self, key: str, value: object, allowed: str) -> ModelError:
        return ModelError(f"{self._path}: {key} is {value!r}; it must be {allowed}")


def read_graph(facts: GraphFacts) -> bytes:
    """The bytes of the graph, checked against the sum in its facts before anything parses them."""
    try:
        data = facts.graph.read_bytes()
    except OSError as error:
        raise ModelError(f"{facts.graph}: cannot be read ({error.strerror})") from error
    found = hashlib.sha256(data).hexdigest()
    if found != facts.sha256:
        raise ModelError(
            f"{facts.graph}: has SHA-256 {found[:12]}..., its JSON says {facts.sha256[:12]}...; fetch it again"
        )
    return data
