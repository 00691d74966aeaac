"""A net as a graph for the runtimes without torch: an ONNX file and the JSON with its facts.

The graph has fixed shapes, so the position embeddings and everything else that depends on them alone become constants.
Transforms stay outside: of Hybrid Demucs only the core between STFT and inverse is in the graph.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unbraid.errors import MissingExtra, ModelError, OutputError
from unbraid.nets.blocks.hybrid_unet import HybridUNet
from unbraid.nets.blocks.spectrogram import analyse
from unbraid.runtime.facts import FORMAT
from unbraid.spec import Spec

_OPSET = 17


def export(net: nn.Module, spec: Spec, folder: Path, card: dict[str, Any] | None = None) -> Path:
    """Write ``net`` as ``folder/NAME.onnx`` and ``folder/NAME.json``; returns the path of the JSON.

    Neither file is there before it is complete, and the JSON comes last. card: further facts for the JSON. Raises
    ModelError if the net cannot be exported, OutputError if the folder cannot be written.
    """
    net = net.cpu().eval()
    length = spec.valid_length(spec.segment)
    if isinstance(net, HybridUNet):
        _check_exportable(net, spec)
        module: nn.Module = _Core(net)
        mix = torch.zeros(1, spec.channels, length)
        inputs: tuple[Tensor, ...] = (mix, analyse(mix, net.hybrid.n_fft))
        names, outputs, front = ["mix", "stft"], ["wave", "spectrum"], "both"
    else:
        module, inputs = net, (torch.zeros(1, spec.channels, length),)
        names, outputs, front = ["mix"], ["wave"], "wave"
    facts: dict[str, Any] = {
        "format": FORMAT,
        "name": spec.name,
        "graph": f"{spec.name}.onnx",
        "rate": spec.rate,
        "channels": spec.channels,
        "stems": list(spec.stems),
        "segment": length,
        "front": front,
        "answer": front,
        "normalize": spec.normalize,
        "scale_equivariant": spec.scale_equivariant,
        "silence_exact": spec.silence_exact,
        **(card or {}),
    }
    if isinstance(net, HybridUNet):
        n_fft = net.hybrid.n_fft
        facts["stft"] = {"n_fft": n_fft, "hop": n_fft // 4, "window": "hann", "pad": "demucs", "normalized": True}
    return _write(folder, facts, lambda path: _trace(module, inputs, names, outputs, path))


class _Core(nn.Module):
    """The part of a hybrid net between the transforms."""

    def __init__(self, net: HybridUNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, mix: Tensor, stft: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.core(mix, stft)


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
        partial_graph.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)
    return path


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _trace(module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], outputs: list[str], path: Path) -> None:
    with warnings.catch_warnings(), torch.inference_mode():
        # The newer exporter takes a minute where the older one takes seconds, and unrolls LSTM layers step by step;
        # the older one warns of its age, and of shapes becoming constants, which is what is wanted here.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                module,
                inputs,
                str(path),
                input_names=names,
                output_names=outputs,
                opset_version=_OPSET,
                dynamo=False,
            )
        except ImportError as error:
            raise MissingExtra("exporting a graph needs onnx; pip install 'unbraid[torch]'") from error
