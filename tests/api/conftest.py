"""A toy model and short songs, so that these tests are about everything around the net."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.runtime.graphs import write_graph
from unbraid.api import Model, load
from unbraid.signal import Samples


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The graph of a model with stems ``vocals`` (a quarter of the mix) and ``rest`` (three quarters)."""
    folder = tmp_path / "model"
    folder.mkdir()
    return write_graph(folder, "mask").with_suffix(".onnx")


@pytest.fixture
def toy_model(toy: Path) -> Model:
    return load(toy)


def noise(seconds: float, rate: int = 44100, channels: int = 2, level: float = 0.1, seed: int = 0) -> Samples:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal((channels, round(seconds * rate)))).astype(np.float32)


def write_song(path: Path, samples: Samples, rate: int = 44100, subtype: str = "PCM_24") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.T, rate, subtype=subtype)
    return path


def read_back(path: Path) -> tuple[Samples, int]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples.T), rate
