from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from unbraid.errors import MissingExtra
from unbraid.train.log import Log, numbers


def test_events_are_appended_and_told(tmp_path: Path) -> None:
    heard: list[str] = []
    for step in (1, 2):
        log = Log(tmp_path / "run" / "log.jsonl", watcher=lambda event, _: heard.append(event))
        log("step", step=step, loss=0.5)
        log.tell("progress", step=step)
    written = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [(line["event"], line["step"]) for line in written] == [("step", 1), ("step", 2)]
    assert heard == ["step", "progress"] * 2


def test_numbers_are_found_by_their_path() -> None:
    values = {"step": 3, "sdr_db": {"bass": 1.5, "mean": 2}, "of": "net", "new": True}
    assert numbers("valid", values) == [("valid/sdr_db/bass", 1.5), ("valid/sdr_db/mean", 2.0)]


def test_curves_without_tensorboard_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtra, match=r"unbraid\[tensorboard\]"):
        Log(tmp_path / "log.jsonl", tensorboard=True)


def test_curves_are_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    Log(tmp_path / "log.jsonl", tensorboard=True)("step", step=1, loss=0.5)
    assert list((tmp_path / "tensorboard").iterdir())
