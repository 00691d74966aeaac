"""A trained net as one ONNX graph with a JSON of facts beside it: what the torch-free runtimes read.

Of a net that answers with masks the graph holds the part from spectrum to masks, its weights stored small
(:mod:`unbraid.train.storing`). Of other nets the graph is that of :mod:`unbraid.zoo.export`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from unbraid.errors import ModelError, UnbraidError
from unbraid.nets.compact import Compact
from unbraid.runtime import onnx as onnx_runtime
from unbraid.runtime.facts import LAYOUT, read_facts
from unbraid.spec import Spec
from unbraid.train import checkpoint
from unbraid.train.graphs import OPEN, ratio_db
from unbraid.train.recipe_file import parse
from unbraid.train.start import Net, rebuilt, registered_name, save_weights
from unbraid.train.storing import rounded, stored
from unbraid.zoo.export import export as export_waves

PARITY_DB = 80.0
"""The graph must agree with torch to this ratio of signal to difference."""

_OPSET = 17  # the first with LayerNormalization


class _Masks(nn.Module):
    """What is exported: the net from spectrum to masks, as the forward of a module."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, stft: Tensor) -> Tensor:
        return _masks(self.net, stft)


def _masks(net: Net, stft: Tensor) -> Tensor:
    """As the graph holds them: ``stft[batch, channel, 2, frame, freq]`` to ``[batch, stem, channel, frame, row]``.

    Pooled, where neighbouring frequencies have one mask; a net without pooled masks has frequencies first.
    """
    if hasattr(net, "pooled_masks"):
        pooled: Tensor = net.pooled_masks(stft)
        return pooled
    masks: Tensor = net.masks(stft.transpose(-1, -2))
    return masks.transpose(-1, -2)


def export(net: Net, folder: Path, name: str, facts: Mapping[str, Any]) -> float:
    """Write ``{name}.onnx`` and ``{name}.json`` into ``folder``; return the agreement with torch in dB.

    ``facts`` is what the JSON says beyond the graph's own (training, figures, licence).
    Raises ModelError if graph and net agree to less than PARITY_DB.
    """
    if not hasattr(net, "masks"):
        return _export_waves(net, folder, name, facts)
    small = rounded(net)
    spec: Spec = small.spec(name)
    frames = 1 + spec.segment // small.config.hop
    noise = torch.randn(
        1, spec.channels, 2, frames, small.config.n_fft // 2 + 1, generator=torch.Generator().manual_seed(0)
    )
    folder.mkdir(parents=True, exist_ok=True)
    path, partial = folder / f"{name}.onnx", folder / f".{name}.partial.onnx"
    _trace(small, noise, partial)
    onnx.save(stored(onnx.load(partial)), partial)
    agreement = _agreement_db(small, partial, noise)
    if agreement < PARITY_DB:
        partial.unlink()
        raise ModelError(f"the graph of {name} agrees with torch to {agreement:.0f} dB; it must to {PARITY_DB:.0f} dB")
    partial.replace(path)
    known = _facts(small, spec, hashlib.sha256(path.read_bytes()).hexdigest())
    (folder / f"{name}.json").write_text(json.dumps({**known, **facts}, indent=1) + "\n", "utf-8")
    return agreement


def _trace(net: Net, example: Tensor, path: Path) -> None:
    # Of other nets than the compact one nobody asked yet for pieces of any length.
    axes = OPEN if isinstance(net, Compact) else {0: "batch"}
    with warnings.catch_warnings():
        # The newer exporter unrolls LSTM layers; the older one writes them as one node each and warns of its age.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Masks(net).eval(),  # or the exporter would leave the net in the mode of this wrapper
            (example,),
            str(path),
            input_names=["stft"],
            output_names=["mask"],
            dynamic_axes={"stft": axes, "mask": axes},
            opset_version=_OPSET,
            dynamo=False,
        )


def _agreement_db(net: Net, path: Path, stft: Tensor) -> float:
    """Energy of torch's masks over the energy of the graph's difference, for two examples, long and short."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    both, agreements = torch.cat([stft, stft.flip(-2)]), []
    shortest = 1 + net.spec("").shortest // net.config.hop
    for frames in {stft.shape[-2], shortest} if isinstance(net, Compact) else {stft.shape[-2]}:
        given = both[..., :frames, :].contiguous()
        with torch.no_grad():
            ours = _masks(net, given).numpy()
        agreements.append(ratio_db(ours, session.run(["mask"], {"stft": given.numpy()})[0]))
    return min(agreements)


def _facts(net: Net, spec: Spec, sha256: str) -> dict[str, Any]:
    return {
        "format": 1,
        "name": spec.name,
        "graph": f"{spec.name}.onnx",
        "sha256": sha256,
        "rate": spec.rate,
        "channels": spec.channels,
        "stems": list(spec.stems),
        "segment": spec.segment,
        **({"lengths": _lengths(spec)} if isinstance(net, Compact) else {}),
        "front": "stft",
        "answer": "mask",
        "layout": LAYOUT,
        "stft": {"n_fft": net.config.n_fft, "hop": net.config.hop, "window": "hann", "pad": "zeros"},
        **({"pooled": _pooled(net)} if hasattr(net, "pooled_masks") else {}),
        "sums_to_mix": isinstance(net, Compact),
        "spatial": isinstance(net, Compact),
        "scale_equivariant": spec.scale_equivariant,
        "silence_exact": spec.silence_exact,
        "normalize": spec.normalize,
        "overlap": spec.overlap,
        "balanced": spec.balanced,
        "embedding": spec.embedding,
    }


def _lengths(spec: Spec) -> dict[str, int]:
    """What it may be given, as :mod:`unbraid.runtime.facts` reads it."""
    return {"segment": spec.segment, "first": spec.shortest, "step": spec.multiple}


def _pooled(net: Net) -> list[list[int]]:
    """Rows of a mask, and how many frequencies each stands for, from the bottom up."""
    alike = groupby(net.layout.groups, key=lambda group: group.pool)
    return [[sum(group.pooled for group in groups), pool] for pool, groups in alike]


def _export_waves(net: Net, folder: Path, name: str, facts: Mapping[str, Any]) -> float:
    """As :func:`export`, of a net without masks."""
    spec: Spec = net.spec(name)
    path = export_waves(net, spec, folder, {"overlap": spec.overlap, **facts})
    separator = onnx_runtime.load(read_facts(path))
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(1, spec.channels, separator.spec.segment, generator=generator)
    with torch.no_grad():
        ours = net.eval()(mix).numpy()
    agreement = ratio_db(ours, separator(mix.numpy()).stems)
    if agreement < PARITY_DB:
        path.unlink()
        path.with_suffix(".onnx").unlink()
        raise ModelError(f"the graph of {name} agrees with torch to {agreement:.0f} dB; it must to {PARITY_DB:.0f} dB")
    return agreement


def export_run(run: Path, folder: Path, which: str = "best", licence: str = "see the model card") -> float:
    """Export the weights of a run's best checkpoint by held-out SDR, or of its "newest".

    Beside graph and JSON lies ``{name}.safetensors``, the same weights in float32, which ``net.from`` takes. Of a net
    that is asked that file is the model: no graph can hold it, and it agrees with itself to infinity.
    """
    source = run / "best" if which == "best" else checkpoint.newest(run)
    if source is None or not (source / "state.json").is_file():
        raise ModelError(f"{run}: has no {which} checkpoint")
    state = checkpoint.read_state(source)
    recipe, progress = parse(state["recipe"]), state["progress"]
    net = rebuilt(state)
    name = recipe.net.name or registered_name(net)
    checkpoint.fill(net, checkpoint.read_weights(source))
    training = {key: progress[key] for key in ("step", "seconds", "audio_s")} | {"songs": len(progress["songs"])}
    figures = {"valid_mean_sdr_db": progress["best_sdr_db"]} if which == "best" else {}
    folder.mkdir(parents=True, exist_ok=True)
    agreement, notes = math.inf, {"licence": licence, "training": json.dumps(training)}
    if net.spec(name).stems:
        agreement = export(net, folder, name, {"training": training, "figures": figures, "licence": licence})
    else:
        notes["words"] = "table" if recipe.asking.clap is None else "clap"
    save_weights(net, folder / f"{name}.safetensors", notes)
    return agreement


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m unbraid.train.export", description="Export a run's net.")
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--which", choices=("best", "newest"), default="best")
    parser.add_argument("--licence", default="see the model card")
    options = parser.parse_args(arguments)
    try:
        agreement = export_run(options.run, options.out, options.which, options.licence)
    except UnbraidError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    told = "weights" if math.isinf(agreement) else f"graph and weights; it agrees with torch to {agreement:.0f} dB"
    sys.stderr.write(f"{options.out}: {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
