"""A net as a graph for the runtimes without torch: an ONNX file and the JSON with its facts.

A net that always works at one length becomes a graph of fixed shapes, in which position embeddings and everything else
that depends on shapes alone are constants. The others become graphs for inputs of any length.
Transforms stay outside: of nets that have one, only the core between STFT and inverse is in the graph.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unbraid.errors import MissingExtra, ModelError, OutputError
from unbraid.nets.blocks.hybrid_unet import HybridUNet
from unbraid.nets.blocks.spectrogram import analyse
from unbraid.nets.mdx23c import MDX23C
from unbraid.nets.roformer import Roformer
from unbraid.nets.scnet import SCNet
from unbraid.runtime.facts import FORMAT
from unbraid.spec import Spec

_OPSET = 17
_EXAMPLE_STEPS = 256
"""Length of the example that a net of any length is traced with, in steps of its deepest layer.

Longer than a frame of any LSTM: what is traced with a single frame takes one for all that there can be.
"""

_AXES = {
    "mix": ("batch", "channel", "time"),
    "stft": ("batch", "channel", "part", "freq", "frame"),
    "wave": ("batch", "stem", "channel", "time"),
    "spectrum": ("batch", "stem", "channel", "part", "freq", "frame"),
}
_OPEN = ("batch", "time", "frame")


class _Plan(NamedTuple):
    """What is traced: a module, an example of its inputs, and the names of its inputs and outputs."""

    module: nn.Module
    example: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def export(net: nn.Module, spec: Spec, folder: Path, card: dict[str, Any] | None = None) -> Path:
    """Write ``net`` as ``folder/NAME.onnx`` and ``folder/NAME.json``; returns the path of the JSON.

    Neither file is there before it is complete, and the JSON comes last. card: further facts for the JSON. Raises
    ModelError if the net cannot be exported, OutputError if the folder cannot be written.
    """
    net = net.cpu().eval()
    length = spec.segment
    if not spec.fixed_length:
        length = spec.valid_length(_EXAMPLE_STEPS * int(getattr(net, "samples_a_step", 1 << 6)))
    mix = torch.zeros(1, spec.channels, length)
    plan = _Plan(net, (mix,), ("mix",), ("wave",))
    front, answer, facts = "wave", "wave", dict(card or {})
    if isinstance(net, HybridUNet):
        _check_exportable(net, spec)
        n_fft = net.hybrid.n_fft
        plan = _Plan(_Core(net), (mix, analyse(mix, n_fft)), ("mix", "stft"), ("wave", "spectrum"))
        front = answer = "both"
        facts["stft"] = {"n_fft": n_fft, "hop": n_fft // 4, "window": "hann", "pad": "demucs", "normalized": True}
    if isinstance(net, Roformer | MDX23C | SCNet):
        n_fft, hop = net.config.n_fft, net.config.hop
        stft = torch.zeros(1, spec.channels, 2, n_fft // 2 + 1, 1 + length // hop)
        plan = _Plan(_Between(net), (stft,), ("stft",), ("spectrum",))
        front, answer = "stft", "spectrum"
        window = "ones" if isinstance(net, SCNet) else "hann"
        facts["stft"] = {"n_fft": n_fft, "hop": hop, "window": window, "pad": "reflect"}
    facts |= {
        "format": FORMAT,
        "name": spec.name,
        "graph": f"{spec.name}.onnx",
        "rate": spec.rate,
        "channels": spec.channels,
        "stems": list(spec.stems),
        "segment": spec.valid_length(spec.segment),
        "front": front,
        "answer": answer,
        "normalize": spec.normalize,
        "scale_equivariant": spec.scale_equivariant,
        "silence_exact": spec.silence_exact,
    }
    if not spec.fixed_length:
        facts["lengths"] = _lengths(spec)
    open_axes = () if spec.fixed_length else _OPEN
    return _write(folder, facts, lambda path: _trace(plan, open_axes, path))


def _lengths(spec: Spec) -> dict[str, int]:
    """What a graph for any length may be given: ``first``, ``first + step``, ``first + 2 * step`` ... samples.

    ``segment`` is what the net is to answer for at once; beside it, as if the graph were one of fixed shape, stands the
    next length that it may be given.
    """
    first = spec.valid_length(1)
    return {"segment": spec.segment, "first": first, "step": spec.valid_length(first + 1) - first}


class _Core(nn.Module):
    """The part of a hybrid net between the transforms."""

    def __init__(self, net: HybridUNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, mix: Tensor, stft: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.core(mix, stft)


class _Between(nn.Module):
    """The part between the transforms of a net that answers with spectra."""

    def __init__(self, net: Roformer | MDX23C | SCNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, stft: Tensor) -> Tensor:
        return self.net.core(stft)


def _check_exportable(net: HybridUNet, spec: Spec) -> None:
    if net.hybrid.legacy_padding:
        raise ModelError(f"model {spec.name!r} pads its STFT as no graph can say; use --runtime torch")
    if net.hybrid.wiener_iterations:
        raise ModelError(f"model {spec.name!r} ends in a Wiener filter, which no graph has; use --runtime torch")


def _write(folder: Path, facts: dict[str, Any], trace: Callable[[Path], None]) -> Path:
    """Graph and JSON under temporary names, then under their own."""
    graph, path = folder / facts["graph"], folder / f"{facts['name']}.json"
    partial_graph, partial = _partial(graph), _partial(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trace(partial_graph)
        facts["sha256"] = hashlib.sha256(partial_graph.read_bytes()).hexdigest()
        partial.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
        partial_graph.replace(graph)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{folder}: the graph cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # where a folder could not be made there is nothing to remove
            partial_graph.unlink(missing_ok=True)
            partial.unlink(missing_ok=True)
    return path


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _trace(plan: _Plan, open_axes: tuple[str, ...], path: Path) -> None:
    axes = {
        name: {index: axis for index, axis in enumerate(_AXES[name]) if axis in open_axes}
        for name in (*plan.inputs, *plan.outputs)
    }
    with warnings.catch_warnings(), torch.inference_mode():
        # The newer exporter takes a minute where the older one takes seconds, and unrolls LSTM layers step by step;
        # the older one warns of its age, and of every shape that it takes for a constant.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                plan.module,
                plan.example,
                str(path),
                input_names=plan.inputs,
                output_names=plan.outputs,
                dynamic_axes=axes if open_axes else None,
                opset_version=_OPSET,
                dynamo=False,
            )
        except ImportError as error:
            raise MissingExtra("exporting a graph needs onnx; pip install 'unbraid[torch]'") from error
