"""``unbraid doctor``: is everything here that a separation needs, and how fast is this machine?"""

from __future__ import annotations

import typer

_PARTS = {
    "numpy": "",
    "onnxruntime": "",
    "av": "",
    "soundfile": "",
    "soxr": "",
    "openvino": "openvino",
    "torch": "torch",
    "matplotlib": "plot",
    "starlette": "web",
    "ray": "cluster",
    "lightning_fabric": "train",
}


def command() -> int:
    """Check the installation and time the bundled model on ten seconds of noise."""
    import platform

    from unbraid import __version__
    from unbraid.engine.cores import cores

    typer.echo(f"unbraid {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    typer.echo(f"cores this process may use: {cores()}")
    for module, extra in _PARTS.items():
        _part(module, extra)
    _devices()
    return _self_test()


def _part(module: str, extra: str) -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version(module.replace("_", "-"))
    except PackageNotFoundError:
        found = f"not installed (pip install 'unbraid[{extra}]')" if extra else "MISSING"
    typer.echo(f"  {module:18} {found}")


def _devices() -> None:
    """Which accelerators torch sees; nothing if torch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return
    import torch

    seen = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        seen.append("Apple GPU (mps)")
    typer.echo(f"accelerators: {', '.join(seen) or 'none'}")


def _self_test() -> int:
    import time

    import numpy as np

    from unbraid.api import load
    from unbraid.errors import UnbraidError

    rate, length_s = 44100, 10
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, length_s * rate)).astype(np.float32)
    try:
        model = load()
        began = time.perf_counter()
        stems = model.separate(noise, rate)
        took = time.perf_counter() - began
    except UnbraidError as error:
        typer.echo(f"bundled model: FAILED: {error}")
        return 1
    error_db = 20 * np.log10(np.abs(sum(stems.values()) - noise).max() / np.abs(noise).max() + 1e-12)
    typer.echo(f"bundled model: {length_s / took:.0f} x real time; stems add up to the mix within {error_db:.0f} dB")
    return 0
