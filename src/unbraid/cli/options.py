"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Overlap = Annotated[float | None, typer.Option(help="Of chunks, 0 to 0.95.  [default: the model's]")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Runtime = Annotated[str, typer.Option(help="auto, onnx, openvino or torch.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
